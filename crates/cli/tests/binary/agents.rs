//! Agents and their tokens, changed while the server runs.

use std::fs;

use serde_json::json;

use crate::process::{Place, Run, put_secret};

fn send_as(place: &Place, agent: &str, id: &str, token_file: &str) -> Run {
    let name = format!("/contentcraft/{}/key", agent.to_lowercase());
    let event = place.write(&format!("{id}.json"), &put_secret(agent, id, &name, "v"));
    place.run(&[
        "send",
        event.to_str().unwrap(),
        "--wait",
        "30",
        "--token-file",
        token_file,
        "--json",
    ])
}

#[test]
fn a_token_works_from_its_making_to_its_end() {
    let place = Place::new();
    let _server = place.serve();
    let added = place.run(&["agents", "add", "Orchestrator", "--json"]).exits(0).json();
    let token = added["token"].as_str().unwrap();
    assert_eq!(added["agent"], "Orchestrator");
    place.write("first", token);
    assert_eq!(
        send_as(&place, "Orchestrator", "r1", "first").exits(0).json()["status"],
        "success"
    );

    let rotated = place
        .run(&["agents", "rotate", "Orchestrator", "--json"])
        .exits(0)
        .json();
    place.write("second", rotated["token"].as_str().unwrap());
    let old = send_as(&place, "Orchestrator", "r2", "first").exits(4);
    assert!(old.stderr.contains("token"), "{old}");
    send_as(&place, "Orchestrator", "r3", "second").exits(0);

    let kept = place
        .run(&["agents", "rotate", "Orchestrator", "--keep-old-for", "600", "--json"])
        .exits(0)
        .json();
    place.write("third", kept["token"].as_str().unwrap());
    send_as(&place, "Orchestrator", "r4", "second").exits(0);
    send_as(&place, "Orchestrator", "r5", "third").exits(0);

    place.run(&["agents", "revoke", "Orchestrator"]).exits(0);
    send_as(&place, "Orchestrator", "r6", "second").exits(4);
    send_as(&place, "Orchestrator", "r7", "third").exits(4);
    let listed = place.run(&["agents", "list", "--json"]).exits(0).json();
    let states: Vec<_> = listed["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (&a["name"], &a["state"]))
        .collect();
    assert!(
        states.contains(&(&json!("Orchestrator"), &json!("revoked"))),
        "{states:?}"
    );

    let actions = place
        .run(&["audit", "list", "--agent", "Orchestrator", "--json"])
        .exits(0)
        .json();
    let actions: Vec<_> = actions["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "agent.revoked",
            "putSecret",
            "putSecret",
            "agent.token_rotated",
            "putSecret",
            "agent.token_rotated",
            "putSecret",
            "agent.added"
        ]
    );
}

#[test]
fn names_that_could_pass_for_another_are_refused() {
    let place = Place::new();
    let _server = place.serve();
    place.run(&["agents", "add", "FooBar"]).exits(0);
    place.run(&["agents", "add", "foo-bar"]).exits(1);
    place.run(&["agents", "add", "9lives"]).exits(2);
    place
        .run(&["agents", "add", "Other", "--secret-prefix", "/elsewhere/x/"])
        .exits(2);
    place.run(&["agents", "rotate", "Nobody"]).exits(1);
}

#[test]
fn the_admins_own_token_is_replaced_where_it_is_kept() {
    let place = Place::new();
    let _server = place.serve();
    let file = place.data().join("admin.token");
    let before = fs::read_to_string(&file).unwrap();
    place.run(&["agents", "rotate", "admin"]).exits(0);
    assert_ne!(fs::read_to_string(&file).unwrap(), before);
    place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);
}

#[test]
fn an_agent_acts_for_itself_alone_and_the_admin_for_any() {
    let place = Place::new();
    let _server = place.serve();
    let (own, _) = place.add_agent("Alpha");
    place.add_agent("Beta");

    let event = place.write(
        "beta.json",
        &put_secret("Beta", "as-beta", "/contentcraft/beta/key", "v"),
    );
    let event = event.to_str().unwrap();
    let spoofed = place
        .run(&["send", event, "--wait", "30", "--token-file", &own, "--json"])
        .exits(1)
        .json();
    assert_eq!(spoofed["reason"], "security_violation");

    let foreign = place.write(
        "foreign.json",
        &put_secret("Alpha", "foreign", "/contentcraft/beta/key", "v"),
    );
    let foreign = foreign.to_str().unwrap();
    let denied = place
        .run(&["send", foreign, "--wait", "30", "--token-file", &own, "--json"])
        .exits(1)
        .json();
    assert_eq!(denied["reason"], "security_violation");

    let asked = place
        .run_with(
            &["put-secret", "/contentcraft/beta/key", "--agent", "Beta", "--json"],
            "v",
        )
        .exits(0);
    assert_eq!(asked.json()["requestedBy"], "Beta");
}

#[test]
fn the_control_planes_own_secrets_are_closed_to_agents_by_name_by_prefix_and_by_policy() {
    let place = Place::new();
    place.configure("[policy]\nset = \"whole-namespace\"\n[stripe]\nkey_secret = \"pay/key\"\n");
    let _server = place.serve();
    for words in [
        &["agents", "add", "GitHub"][..],
        &["agents", "add", "Pay"],
        &["agents", "add", "DevOpsAutomation"],
        &["agents", "add", "Alpha", "--secret-prefix", "/contentcraft/github/"],
    ] {
        let refused = place.run(words).exits(2);
        assert!(refused.stderr.contains("control plane"), "{refused}");
    }
    // Nothing of Stripe's is kept under that name here.
    let (own, _) = place.add_agent("Stripe");
    for (id, secret, reason) in [
        ("r1", "/contentcraft/github/token", "security_violation"),
        ("r2", "/contentcraft/pay/key", "security_violation"),
        ("r3", "/contentcraft/github/other", ""),
    ] {
        let event = place.write("event.json", &put_secret("Stripe", id, secret, "v"));
        let words = [
            "send",
            event.to_str().unwrap(),
            "--wait",
            "30",
            "--token-file",
            &own,
            "--json",
        ];
        let answer = place.run(&words).exits(i32::from(!reason.is_empty())).json();
        assert_eq!(answer["reason"].as_str().unwrap_or_default(), reason, "{answer}");
    }
    let denied = place
        .run(&["audit", "list", "--status", "error", "--json"])
        .exits(0)
        .stdout;
    assert!(
        denied.contains("/contentcraft/pay/key") && denied.contains("security_violation"),
        "{denied}"
    );
    place
        .run_with(&["put-secret", "/contentcraft/pay/key", "--wait", "30"], "v")
        .exits(0);
    place
        .run(&["policy", "check", "Stripe", "readSecret", "/contentcraft/pay/key"])
        .exits(4);
}

#[test]
fn policies_answer_who_may_do_what() {
    let place = Place::new();
    let ask = |words: &[&str]| place.run(&[&["policy", "check"], words].concat());
    place.run(&["policy", "check"]).exits(0);
    let allowed = ask(&["Alpha", "putSecret", "/contentcraft/alpha/key", "--json"])
        .exits(0)
        .json();
    assert_eq!(allowed["decision"], "allow");
    assert_eq!(allowed["policies"], json!(["agent-own-secrets"]));
    let denied = ask(&["Alpha", "putSecret", "/contentcraft/beta/key"]).exits(4);
    assert!(denied.stdout.contains("no policy allows it"), "{denied}");
    ask(&["Alpha", "putSecret", "/contentcraft/beta/key", "--admin"]).exits(0);
    ask(&["Alpha", "deployLambda", "cc-agent-alpha", "--stage", "prod"]).exits(0);
    ask(&["Alpha", "deployLambda", "cc-agent-alpha", "--stage", "qa"]).exits(2);
    ask(&["Alpha", "dance", "x"]).exits(2);
    ask(&["Alpha", "putSecret"]).exits(2);

    // What the data folder knows of an agent counts.
    let server = place.serve();
    place
        .run(&["agents", "add", "Alpha", "--stack", "cc-shared-api"])
        .exits(0);
    ask(&["Alpha", "deployLambda", "cc-shared-api"]).exits(0);
    ask(&["Gamma", "deployLambda", "cc-shared-api"]).exits(4);
    drop(server);

    let folder = place.path().join("policies");
    fs::create_dir(&folder).unwrap();
    ask(&["--policies", "policies"]).exits(2);
    let shown = place.run(&["policy", "show", "--set", "whole-namespace"]).exits(0);
    fs::write(folder.join("mine.cedar"), shown.stdout).unwrap();
    ask(&["--policies", "policies", "Alpha", "putSecret", "/contentcraft/beta/key"]).exits(0);
    fs::write(
        folder.join("bad.cedar"),
        "permit (principal, action == Action::\"fly\", resource);",
    )
    .unwrap();
    let invalid = ask(&["--policies", "policies"]).exits(1);
    assert!(invalid.stderr.contains("bad.cedar"), "{invalid}");
}

#[test]
fn a_slack_user_is_one_operators_and_is_shown() {
    let place = Place::new();
    let _server = place.serve();
    place
        .run(&["agents", "add", "Ana", "--admin", "--slack-user", "U024BE7LH"])
        .exits(0);
    place.run(&["agents", "add", "Bob", "--admin"]).exits(0);
    place.run(&["agents", "add", "Writer"]).exits(0);
    let user = |name: &str| {
        let listed = place.run(&["agents", "list", "--json"]).exits(0).json();
        let agents = listed["agents"].as_array().unwrap().clone();
        let agent = agents.into_iter().find(|agent| agent["name"] == name).unwrap();
        agent["slackUser"].clone()
    };
    assert_eq!((user("Ana"), user("Bob")), (json!("U024BE7LH"), json!(null)));
    let table = place.run(&["agents", "list"]).exits(0).stdout;
    assert!(table.contains("admin, U024BE7LH"), "{table}");

    let taken = place
        .run(&["agents", "set", "Bob", "--slack-user", "U024BE7LH"])
        .exits(1);
    assert!(taken.stderr.contains("is Ana"), "{taken}");
    let no_operator = place
        .run(&["agents", "set", "Writer", "--slack-user", "U024BE7LJ"])
        .exits(2);
    assert!(no_operator.stderr.contains("no operator"), "{no_operator}");
    place.run(&["agents", "set", "Bob", "--slack-user", "@bob"]).exits(2);
    place
        .run(&["agents", "add", "Reader", "--slack-user", "U024BE7LJ"])
        .exits(2);

    let set = place
        .run(&["agents", "set", "Ana", "--slack-user", "U024BE7LK", "--json"])
        .exits(0)
        .json();
    assert_eq!(set["slackUser"], "U024BE7LK");
    place
        .run(&["agents", "set", "Bob", "--slack-user", "U024BE7LH"])
        .exits(0);
    place.run(&["agents", "set", "Ana", "--slack-user", ""]).exits(0);
    assert_eq!((user("Ana"), user("Bob")), (json!(null), json!("U024BE7LH")));
    let rows = place
        .run(&["audit", "list", "--agent", "Ana", "--json"])
        .exits(0)
        .json();
    let rows = rows["rows"].as_array().unwrap().iter();
    let set = rows.filter(|row| row["action"] == "agent.slack_user_set").count();
    assert_eq!(set, 3);
}
