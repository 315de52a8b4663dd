//! `repos` and `workflows` against the fake GitHub, from an empty start.

use cc_devops_fake_github::{Fault, Model, Protection, TOKEN};
use serde_json::{Value, json};

use crate::github_harness::Harness;

/// Three repositories, one of them archived, and two workflows, one of which fails.
fn harness() -> Harness {
    let mut model = Model::at(1_795_348_800);
    model.repo("acme/web", |of| of.vulnerability_alerts = true);
    model.protect("acme/web", Protection::of("main").reviews(1));
    model.repo("acme/api", |_| ());
    model.repo("acme/old", |of| of.archived = true);
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(ci, "failure", |_| ());
    let lint = model.workflow("acme/api", ".github/workflows/lint.yml");
    model.run(lint, "success", |_| ());
    Harness::on(model)
}

/// The kinds of the changes of an audit.
fn kinds(audit: &Value) -> Vec<&str> {
    let changes = audit["changes"].as_array().unwrap();
    changes.iter().map(|change| change["kind"].as_str().unwrap()).collect()
}

#[test]
fn a_second_audit_and_a_second_look_at_workflows_change_nothing() {
    let harness = harness();
    let first = harness.run(&["repos", "audit", "--json"]).exits(1).json();
    assert_eq!((&first["owner"], &first["complete"]), (&json!("acme"), &json!(true)));
    assert!(kinds(&first).iter().all(|kind| *kind == "new"), "{first}");
    let named = |name: &str| {
        let all = first["repositories"].as_array().unwrap();
        all.iter().find(|each| each["name"] == name).unwrap().clone()
    };
    assert_eq!(named("web")["protection"]["verdict"], "protected");
    assert_eq!(named("web")["protection"]["reviews_required"], 1);
    assert_eq!(named("api")["protection"]["verdict"], "unprotected");
    assert_eq!(named("api")["dependabot"]["file"], "missing");
    assert_eq!(named("api")["dependabot"]["alerts"], false);
    assert_eq!(named("old")["skipped"], "archived");
    let second = harness.run(&["repos", "audit", "--json"]).exits(1).json();
    assert!(kinds(&second).iter().all(|kind| *kind == "still"), "{second}");
    assert_eq!(kinds(&second).len(), kinds(&first).len());
    assert!(
        second["requests"].as_u64() < first["requests"].as_u64(),
        "the workflows are known"
    );

    let looked = harness.run(&["workflows", "check", "--json"]).exits(1).json();
    assert_eq!(looked["summary"]["issues"], json!({"issue_created": 1}));
    assert_eq!(looked["workflows"][0]["action_taken"], "issue_created");
    let again = harness.run(&["workflows", "check", "--json"]).exits(1).json();
    assert_eq!(again["summary"]["issues"], json!({}));
    assert_eq!(again["workflows"][0]["action_taken"], Value::Null);
    assert_eq!(harness.github.read(|model| model.get("acme/web").issues().len()), 1);
}

#[test]
fn one_workflow_is_told_as_one() {
    let harness = harness();
    let told = harness.run(&["workflows", "check", "--dry-run"]).exits(1);
    let headline = "3 repositories of acme: 1 workflow fails, 1 works, 0 say nothing\n";
    assert!(told.stdout.starts_with(headline), "{told}");
}

#[test]
fn what_is_fixed_is_known_the_next_time() {
    let harness = harness();
    harness.run(&["repos", "audit", "--json"]).exits(1);
    let plan = harness
        .run(&["repos", "fix", "api", "--rule", "vulnerability_alerts"])
        .exits(0);
    assert!(
        plan.stdout.contains("+on") && plan.stdout.contains("Nothing was changed"),
        "{}",
        plan.stdout
    );
    assert!(!harness.github.read(|model| model.get("acme/api").vulnerability_alerts));
    let applied = harness
        .run(&["repos", "fix", "api", "--rule", "vulnerability_alerts", "--apply"])
        .exits(0);
    assert!(
        applied.stdout.contains("done: Dependabot alerts are on."),
        "{}",
        applied.stdout
    );
    let trail = harness.run(&["audit", "list", "--json"]).exits(0).json();
    let rows = trail["rows"].as_array().unwrap();
    let said: Vec<_> = rows.iter().map(|row| (&row["action"], &row["resource"])).collect();
    let web = json!("acme/api");
    assert_eq!(
        said,
        [
            (&json!("repository.changed"), &web),
            (&json!("repository.change_begun"), &web)
        ],
        "newest first"
    );
    assert_eq!(
        (&rows[0]["detail"]["change"], &rows[0]["detail"]["by"]),
        (&json!("switch_on_alerts"), &json!("operator"))
    );
    let audit = harness.run(&["repos", "audit", "--json"]).exits(1).json();
    let changes = audit["changes"].as_array().unwrap();
    let fixed: Vec<&Value> = changes.iter().filter(|change| change["kind"] == "fixed").collect();
    assert_eq!(fixed.len(), 1, "{audit}");
    assert_eq!(
        (&fixed[0]["repository"], &fixed[0]["rule"]),
        (&json!("api"), &json!("vulnerability_alerts"))
    );
}

#[test]
fn an_audit_has_its_formats_its_filters_and_its_exit_codes() {
    let harness = harness();
    let table = harness.run(&["repos", "audit"]).exits(1);
    assert!(
        table.stdout.contains("3 repositories of acme, 2 looked at"),
        "{}",
        table.stdout
    );
    let sarif = harness
        .run(&["repos", "audit", "--format", "sarif", "--fail-on", "never"])
        .exits(0)
        .json();
    assert_eq!(sarif["version"], "2.1.0");
    let markdown = harness
        .run(&["repos", "audit", "--format", "markdown", "--fail-on", "critical"])
        .exits(0);
    assert!(markdown.stdout.starts_with("# Repositories of acme"));
    let page = harness.place.data().join("repos.html");
    let file = page.to_str().unwrap();
    harness
        .run(&[
            "repos",
            "audit",
            "--format",
            "html",
            "--output",
            file,
            "--fail-on",
            "never",
        ])
        .exits(0);
    assert!(std::fs::read_to_string(&page).unwrap().starts_with("<!DOCTYPE html>"));
    for (format, key) in [("json", "repositories"), ("sarif", "runs")] {
        let file = harness.place.path().join(format);
        let name = file.to_str().unwrap();
        let arguments = [
            "repos",
            "audit",
            "--format",
            format,
            "--output",
            name,
            "--fail-on",
            "never",
        ];
        let run = harness.run(&arguments).exits(0);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(run.stdout.is_empty() && text.ends_with("}\n"), "{run}{text}");
        assert!(serde_json::from_str::<Value>(&text).unwrap()[key].is_array(), "{text}");
    }
    let one = harness
        .run(&[
            "repos",
            "audit",
            "--json",
            "--repo",
            "acme/web",
            "--rule",
            "branch_protection",
        ])
        .exits(0)
        .json();
    assert_eq!(one["repositories"][0]["findings"].as_array().unwrap().len(), 1);
    let explained = harness.run(&["repos", "explain", "web"]).exits(0);
    assert!(explained.stdout.contains("branch_protection") && explained.stdout.contains("pass"));
}

#[test]
fn bad_input_has_its_own_message() {
    let harness = harness();
    let wrong = harness.run_as("ghp_wrong", &["repos", "audit"]).exits(3);
    assert!(wrong.stderr.contains("does not accept the token"), "{}", wrong.stderr);
    let none = harness.run_as("", &["workflows", "check"]).exits(3);
    assert!(none.stderr.contains("/contentcraft/github/token"), "{}", none.stderr);
    let nobody = harness.run(&["repos", "audit", "--owner", "nobody"]).exits(3);
    assert!(nobody.stderr.contains("no owner `nobody`"), "{}", nobody.stderr);
    let nothing = harness.run(&["repos", "explain", "nothing"]).exits(2);
    assert!(nothing.stderr.contains("acme/nothing"), "{}", nothing.stderr);
    let rule = harness.run(&["repos", "audit", "--rule", "tidy"]).exits(2);
    assert!(
        rule.stderr.contains("the rules are: branch_protection"),
        "{}",
        rule.stderr
    );
    std::fs::create_dir_all(harness.place.data()).unwrap();
    let file = harness.place.data().join("policy.toml");
    std::fs::write(&file, "[defaults]\nincluded = []\n").unwrap();
    let policy = harness
        .run(&["repos", "audit", "--policy", file.to_str().unwrap()])
        .exits(2);
    assert!(policy.stderr.contains("included"), "{}", policy.stderr);
}

#[test]
fn a_server_takes_the_configured_secret_alone_and_a_command_says_what_it_takes() {
    let harness = harness();
    let check = |id: &str| {
        let event = json!({
            "source": "agent.Hygiene",
            "detail-type": "devops.request",
            "detail": {
                "requestId": id, "action": "github_repo_check", "requestedBy": "Hygiene",
                "params": {"repository": "web"},
            },
        });
        let event = harness.place.write(&format!("{id}.json"), &event.to_string());
        let arguments = ["send", event.to_str().unwrap(), "--wait", "60", "--json"];
        harness.place.run(&arguments)
    };
    let server = harness
        .place
        .serve_with(&[("GITHUB_TOKEN", TOKEN), ("STRIPE_API_KEY", "rk_ambient")]);
    let refused = check("r1").exits(1);
    assert!(refused.stdout.contains("/contentcraft/github/token"), "{refused}");
    let log = std::fs::read_to_string(harness.place.log()).unwrap();
    for variable in ["GITHUB_TOKEN", "STRIPE_API_KEY"] {
        assert!(
            log.contains(&format!("{variable} is in the environment and is not used")),
            "{log}"
        );
    }
    assert!(!log.contains("rk_ambient") && !log.contains(TOKEN), "{log}");
    harness
        .place
        .run_with(&["put-secret", "/contentcraft/github/token"], TOKEN)
        .exits(0);
    assert_eq!(check("r2").exits(0).json()["status"], "success");
    server.stop();

    let said = harness.run(&["repos", "audit"]).exits(1);
    assert!(
        said.stderr
            .contains("GITHUB_TOKEN of the environment is used, not the secret /contentcraft/github/token"),
        "{said}"
    );
    let kept = harness.place.run(&["repos", "audit"]).exits(1);
    assert!(!kept.stderr.contains("GITHUB_TOKEN"), "{kept}");
}

#[test]
fn what_is_sent_to_the_function_by_name_is_answered_here_as_there() {
    let harness = harness();
    let server = harness.place.serve();
    harness
        .place
        .run_with(&["put-secret", "/contentcraft/github/token"], TOKEN)
        .exits(0);
    let send = |payload: Value| {
        let file = harness.place.write("task.json", &payload.to_string());
        harness.place.run(&["send", file.to_str().unwrap(), "--json"])
    };
    let body = |answer: &Value| serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap();
    let checked = send(json!({"task_type": "github_repo_check", "repository": "web"}))
        .exits(0)
        .json();
    assert_eq!(checked["statusCode"], 200);
    let checked = body(&checked);
    let performed = checked["checks_performed"].as_array().unwrap();
    for check in ["branch_protection", "dependabot_config"] {
        assert!(performed.contains(&json!(check)), "{checked}");
    }
    let watched = send(json!({"task_type": "workflow_monitor", "repository": "web", "workflow": "ci.yml"}))
        .exits(0)
        .json();
    assert_eq!(body(&watched)["action_taken"], "issue_created", "{watched}");
    let refused = send(json!({"task_type": "github_repo_check", "repository": 7}))
        .exits(1)
        .json();
    assert_eq!(refused["statusCode"], 500);
    assert!(
        body(&refused)["error"].as_str().unwrap().contains("repository"),
        "{refused}"
    );
    server.stop();
}

/// The lines of the script of a step of a workflow.
fn script(workflow: &str, step: &str) -> String {
    let (_, behind) = workflow.split_once(&format!("- name: {step}\n")).unwrap();
    let (_, lines) = behind.split_once("run: |\n").unwrap();
    let within = lines.lines().take_while(|line| line.starts_with("          "));
    within.map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_for_ci_writes_a_summary_and_a_file_for_code_scanning() {
    let harness = harness();
    let workflow = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/github-actions/repositories.yml"
    ));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("repos.toml"),
        "[defaults.protection]\nrequired_reviews = 1\n",
    )
    .unwrap();
    let summary = folder.path().join("summary.md");
    let own = std::path::Path::new(env!("CARGO_BIN_EXE_cc-devops")).parent().unwrap();
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap());
    let ended = std::process::Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", &script(workflow, "Audit")])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("GITHUB_TOKEN", TOKEN)
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("CC_DEVOPS__GITHUB__OWNER", "acme")
        .env("CC_DEVOPS__GITHUB__API_URL", harness.github.url())
        .env("CC_DEVOPS_DATA_DIR", folder.path().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "a breach is high: {said}");
    let summary = std::fs::read_to_string(&summary).unwrap();
    assert!(summary.starts_with("# Repositories of acme"), "{summary}");
    let log: Value = serde_json::from_slice(&std::fs::read(folder.path().join("repos.sarif")).unwrap()).unwrap();
    assert!(!log["runs"][0]["results"].as_array().unwrap().is_empty(), "{log}");
}

#[test]
fn another_owners_repository_and_no_owner_are_refused_before_anything_is_asked() {
    let harness = harness();
    for arguments in [
        &["repos", "audit", "--repo", "web", "--repo", "other/web"][..],
        &["repos", "explain", "other/web"],
        &["repos", "fix", "web", "other/web", "--apply"],
        &["workflows", "check", "--repo", "other/web"],
        &["repos", "fix", "acme/web", "--owner", "other", "--apply"],
    ] {
        let refused = harness.run(arguments).exits(2);
        assert!(refused.stderr.contains("other"), "{refused}");
    }
    harness
        .place
        .configure(&format!("[github]\napi_url = \"{}\"\n", harness.github.url()));
    for arguments in [
        &["repos", "audit"][..],
        &["repos", "explain", "acme/web"],
        &["workflows", "check"],
    ] {
        let refused = harness.run(arguments).exits(2);
        assert!(
            refused.stderr.contains("--owner") && refused.stderr.contains("github.owner"),
            "{refused}"
        );
    }
    assert_eq!(harness.github.requests(), []);
    assert!(!harness.place.data().exists(), "nothing was made");
}

#[test]
fn what_only_shows_leaves_no_folder_behind() {
    let harness = harness();
    for arguments in [
        &["repos", "explain", "web"][..],
        &["repos", "audit", "--dry-run", "--fail-on", "never"],
        &["repos", "fix", "web"],
        &["workflows", "check", "--dry-run"],
    ] {
        let shown = harness.run(arguments);
        assert!(shown.code < 2, "{shown}");
        assert!(!shown.stderr.contains("kept"), "{shown}");
        assert!(!harness.place.data().exists(), "{arguments:?}");
    }
    let none = harness.run_as("", &["repos", "audit"]).exits(3);
    assert!(none.stderr.contains("GITHUB_TOKEN"), "{none}");
    assert!(!harness.place.data().exists());
}

#[test]
fn a_fix_that_could_not_read_everything_ends_as_one_that_did_not_look() {
    let harness = harness();
    let first = [
        json!("repositoryOwner"),
        json!("repositories"),
        json!("nodes"),
        json!(0),
    ];
    harness.github.fault(
        "POST /graphql Settings",
        0,
        Fault::Partial("Something broke", first.to_vec()),
    );
    let fixed = harness.run(&["repos", "fix", "--json"]).exits(3);
    let plans: Value = serde_json::from_str(&fixed.stdout).unwrap();
    assert!(!plans["missing"].as_array().unwrap().is_empty(), "{plans}");
}
