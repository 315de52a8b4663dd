//! Deploys whose plans are looked at, approved, denied and compared, as a person types it.

use std::fs;

use serde_json::json;

use crate::process::{Place, Run, Server, until};

/// A stack that writes its plan from a file, and keeps what it was approved with.
const SHOP: &str = "[stacks.shop]\n\
    plan_command = [\"/bin/sh\", \"-c\", \"cat plan.json > $CC_DEVOPS_PLAN_FILE\"]\n\
    command = [\"/bin/sh\", \"-c\", \"cat $CC_DEVOPS_PLAN_FILE > ran\"]\n\
    env = [\"PATH\"]\n";

/// What names a plan that nobody made.
const NO_PLAN: &str = "plan-000000000000000000000000";

/// A plan that takes a table's data.
fn lossy(name: &str) -> String {
    json!({"changes": [
        {"path": name, "action": "Modify", "resourceType": "AWS::DynamoDB::Table", "replacement": "yes",
         "policyAction": "ReplaceAndDelete", "properties": [
            {"path": "/KeySchema", "before": "id", "after": "pk"}, {"path": "/Password", "before": "hunter2", "after": "hunter3"},
         ]},
        {"path": "role", "action": "Add", "resourceType": "AWS::IAM::Role"},
    ]})
    .to_string()
}

/// A place whose stack plans to lose data, and its server.
fn harness() -> (Place, Server) {
    let place = Place::new();
    place.configure(SHOP);
    place.write("plan.json", &lossy("orders"));
    let server = place.serve();
    (place, server)
}

fn ask(place: &Place, id: &str) -> Run {
    place
        .run(&["deploy", "shop", "--stage", "dev", "--request-id", id])
        .exits(0)
}

/// The plan of a request, once it waits: its name and its digest.
fn waiting(place: &Place, id: &str) -> (String, String) {
    until("no plan waits", || {
        let listed = place
            .run(&["deploys", "list", "--state", "waiting", "--json"])
            .exits(0)
            .json();
        let plans = listed["deploys"].as_array().unwrap();
        let plan = plans.iter().find(|plan| plan["requestId"] == id)?;
        let word = |name: &str| plan[name].as_str().unwrap().to_owned();
        Some((word("plan"), word("digest")))
    })
}

#[test]
fn a_plan_is_shown_and_approved_by_its_whole_digest_alone() {
    let (place, server) = harness();
    ask(&place, "r1");
    let (plan, digest) = waiting(&place, "r1");

    let token = fs::read_to_string(place.data().join("admin.token")).unwrap();
    let (status, request) = server.get("/v1/requests/r1", Some(token.trim()));
    assert_eq!(status, 200);
    for part in [
        "\"waitingFor\":\"approval\"",
        &format!("\"plan\":\"{plan}\""),
        "\"expiresAt\":",
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
    let request = place.run(&["requests", "show", "r1", "--json"]).exits(0).json();
    assert_eq!(request["waitingFor"], "approval", "{request}");
    assert_eq!(request["plan"], plan.as_str(), "{request}");

    let shown = place.run(&["deploys", "show", &plan]).exits(0);
    for part in [
        "orders",
        "shop-dev",
        &digest,
        &format!("cc-devops deploys approve {plan} --digest {digest}"),
    ] {
        assert!(shown.stdout.contains(part), "{part} in {shown}");
    }
    let document = place.run(&["deploys", "show", &plan, "--json"]).exits(0).json();
    assert_eq!(document["changes"][0]["lost"], true, "{document}");
    let markdown = place.run(&["deploys", "show", &plan, "--markdown"]).exits(0);
    assert!(markdown.stdout.contains("orders"), "{markdown}");
    for run in [&shown, &markdown] {
        assert!(!run.to_string().contains("hunter"), "{run}");
    }
    assert!(!document.to_string().contains("hunter"), "{document}");

    // Nothing but the whole digest of this plan is an approval.
    let untold = place.run(&["deploys", "approve", &plan]).exits(2);
    assert!(untold.stderr.contains(&format!("deploys show {plan}")), "{untold}");
    place
        .run(&["deploys", "approve", &plan, "--digest", &digest[..12]])
        .exits(2);
    let other = place
        .run(&["deploys", "approve", &plan, "--digest", &"0".repeat(64)])
        .exits(1);
    assert!(other.stderr.contains(&digest), "{other}");
    assert!(!place.path().join("ran").exists());

    let approved = place.run(&[
        "deploys",
        "approve",
        &plan,
        "--digest",
        &digest,
        "--comment",
        "backup is made",
    ]);
    assert!(approved.exits(0).stdout.contains("is approved"));
    let ended = place.completed("r1");
    assert_eq!(ended["status"], "success", "{ended}");
    assert_eq!(ended["approval"]["state"], "approved", "{ended}");
    assert_eq!(ended["approval"]["approvers"], json!(["admin"]), "{ended}");
    assert_eq!(fs::read_to_string(place.path().join("ran")).unwrap(), lossy("orders"));

    let late = place.run(&["deploys", "deny", &plan, "--reason", "no"]).exits(1);
    assert!(late.stderr.contains("already"), "{late}");
    let history = place.run(&["deploys", "history", "shop-dev", "--json"]).exits(0).json();
    assert_eq!(history["deploys"][0]["plan"], plan.as_str(), "{history}");
    assert_eq!(history["deploys"][0]["approvers"], json!(["admin"]), "{history}");
    let drawn = place.run(&["deploys", "history", "shop-dev"]).exits(0);
    assert!(
        drawn.stdout.contains('\u{2588}') && drawn.stdout.contains(&digest[..12]),
        "{drawn}"
    );
    let listed = place.run(&["deploys", "list"]).exits(0);
    assert!(
        listed.stdout.contains("applied") && listed.stdout.contains("loses data"),
        "{listed}"
    );
}

#[test]
fn a_deploy_that_is_waited_for_says_what_to_type_and_fails_where_it_is_denied() {
    let (place, _server) = harness();
    let asked = place
        .run(&["deploy", "shop", "--stage", "dev", "--request-id", "r1", "--wait", "3"])
        .exits(1);
    let (plan, digest) = waiting(&place, "r1");
    let typed = format!("cc-devops deploys approve {plan} --digest {digest}");
    assert!(asked.stderr.contains(&typed), "{asked}");
    let again = [
        "deploy",
        "shop",
        "--stage",
        "dev",
        "--request-id",
        "r1",
        "--wait",
        "1",
        "--json",
    ];
    let still = place.run(&again).exits(1).json();
    assert_eq!(
        (&still["status"], &still["waitingFor"], &still["plan"], &still["digest"]),
        (&json!("accepted"), &json!("approval"), &json!(plan), &json!(digest))
    );

    place.run(&["deploys", "deny", &plan]).exits(2);
    let denied = place
        .run(&["deploys", "deny", &plan, "--reason", "not before the backup"])
        .exits(0);
    assert!(denied.stdout.contains("is denied"), "{denied}");
    let ended = place.completed("r1");
    assert_eq!(ended["reason"], "security_violation", "{ended}");
    assert_eq!(ended["approval"]["state"], "denied", "{ended}");
    assert!(
        ended["error"].as_str().unwrap().contains("not before the backup"),
        "{ended}"
    );
    place
        .run(&["deploy", "shop", "--stage", "dev", "--request-id", "r1", "--wait", "60"])
        .exits(1);
    let late = place.run(&["deploys", "approve", &plan, "--digest", &digest]).exits(1);
    assert!(
        late.stderr.contains("denied") && late.stderr.contains("by admin"),
        "{late}"
    );
    assert!(!place.path().join("ran").exists());
}

#[test]
fn two_plans_are_compared_and_the_older_one_is_superseded() {
    let (place, _server) = harness();
    ask(&place, "r1");
    let (first, digest) = waiting(&place, "r1");
    place.write("plan.json", &lossy("customers"));
    ask(&place, "r2");
    let (second, _) = waiting(&place, "r2");
    let compared = place.run(&["deploys", "diff", &first, &second]).exits(0);
    for (mark, name) in [("<", "orders"), (">", "customers")] {
        let told = |line: &str| line.starts_with(mark) && line.contains(name);
        assert!(compared.stdout.lines().any(told), "{mark} {name} in {compared}");
    }
    let document = place
        .run(&["deploys", "diff", &first, &second, "--json"])
        .exits(0)
        .json();
    assert_eq!(document["same"], false, "{document}");
    // What was seen of the one is no approval of the other.
    let other = place
        .run(&["deploys", "approve", &second, "--digest", &digest])
        .exits(1);
    assert!(other.stderr.contains("good for one digest"), "{other}");
    let late = place.run(&["deploys", "approve", &first, "--digest", &digest]).exits(1);
    assert!(late.stderr.contains("superseded"), "{late}");
    let ended = place.completed("r1");
    assert_eq!(
        (&ended["reason"], &ended["approval"]["state"]),
        (&json!("stack_in_progress"), &json!("superseded"))
    );
}

#[test]
fn a_plan_alone_changes_nothing() {
    let (place, _server) = harness();
    let shown = [
        "deploy",
        "shop",
        "--stage",
        "dev",
        "--request-id",
        "r1",
        "--plan-only",
        "--wait",
        "60",
    ];
    let planned = place.run(&shown).exits(0);
    assert!(planned.stdout.contains("is planned"), "{planned}");
    assert!(!place.path().join("ran").exists());
    let listed = place
        .run(&["deploys", "list", "--state", "shown", "--stack", "shop", "--json"])
        .exits(0)
        .json();
    assert_eq!(listed["deploys"][0]["requestId"], "r1", "{listed}");
    let none = place
        .run(&["deploys", "list", "--stack", "shop-prod", "--json"])
        .exits(0)
        .json();
    assert_eq!(none["deploys"], json!([]), "{none}");
}

#[test]
fn what_no_plan_is_called_is_a_wrong_command_line_and_what_is_not_there_is_said() {
    let (place, _server) = harness();
    for wrong in [
        vec!["show", "plan-1"],
        vec!["diff", NO_PLAN, "x"],
        vec!["list", "--state", "done"],
    ] {
        place.run(&[vec!["deploys"], wrong].concat()).exits(2);
    }
    let missing = place.run(&["deploys", "show", NO_PLAN]).exits(1);
    assert!(missing.stderr.contains("there is no such plan"), "{missing}");
    let nothing = place.run(&["deploys", "list"]).exits(0);
    assert_eq!(nothing.stdout, "no deploys\n");
    let nothing = place.run(&["deploys", "history", "shop-dev"]).exits(0);
    assert!(nothing.stdout.contains("nothing is on record"), "{nothing}");
}

#[test]
fn a_freeze_holds_an_approved_plan_until_somebody_overrides_it() {
    let place = Place::new();
    // Each day a window of two days opens: it never closes.
    place.configure(&format!(
        "[[deploys.freezes]]\nname = \"always\"\nkind = \"deny\"\ncron = \"0 0 * * *\"\nduration = \"2d\"\n\
         stages = [\"prod\"]\nreason = \"a fair\"\n\
         [[deploys.freezes]]\nname = \"nobody\"\nkind = \"deny\"\ncron = \"0 0 * * *\"\nduration = \"2d\"\n\
         stacks = [\"no-*\"]\n{SHOP}"
    ));
    place.write("plan.json", &lossy("orders"));
    let _server = place.serve();
    let none = place.run(&["deploys", "freeze"]).exits(0);
    for part in [
        "always freezes every stack on prod now",
        "nobody freezes no-* on every stage now",
        "a fair",
        "\u{2588}",
    ] {
        assert!(none.stdout.contains(part), "{part} in {none}");
    }
    let listed = place.run(&["deploys", "freeze", "list", "--json"]).exits(0).json();
    assert_eq!(listed["windows"][0]["name"], "always", "{listed}");

    place
        .run(&["deploy", "shop", "--stage", "prod", "--request-id", "r1"])
        .exits(0);
    let (plan, _) = waiting(&place, "r1");
    place.run(&["deploys", "freeze", "override", &plan]).exits(2);
    let reason = ["deploys", "freeze", "override", &plan, "--reason", "the shop is down"];
    let overridden = place.run(&reason).exits(0);
    assert!(
        overridden.stdout.contains("it needs its approvals all the same"),
        "{overridden}"
    );
    let shown = place.run(&["deploys", "show", &plan]).exits(0);
    assert!(shown.stdout.contains("the shop is down"), "{shown}");
    assert!(!place.path().join("ran").exists());
}
