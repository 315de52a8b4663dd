//! The configuration, help and exit codes as the binary tells them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::process::Place;

#[test]
fn config_check_tells_every_error_at_once() {
    let place = Place::new();
    let none = place.run(&["config", "check"]).exits(2);
    assert!(
        none.stderr.contains("no configuration file to check"),
        "{}",
        none.stderr
    );
    place.configure("mode = \"maintenance\"\n");
    place.run(&["config", "check"]).exits(0);
    place.configure("mode = \"sleepy\"\n[server]\nlisen = \"x\"\nin_flight = 0\n[fleet]\nperiod = 1\n");
    let checked = place.run(&["config", "check", "--json"]).exits(1).json();
    let mut paths: Vec<_> = checked["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["path"].as_str().unwrap().to_owned())
        .collect();
    paths.sort();
    assert_eq!(paths, ["fleet.period", "mode", "server.in_flight", "server.lisen"]);
    let text = place.run(&["config", "check"]).exits(1).stdout;
    assert!(text.contains("did you mean `listen`?"), "{text}");

    // Nothing starts with it.
    place.run(&["serve"]).exits(1);
    place.run(&["--config", "nowhere.toml", "config", "check"]).exits(2);
}

#[test]
fn config_check_loads_certificate_and_key_as_a_start_does() {
    let place = Place::new();
    place.configure("[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    let told = |start| {
        let checked = place.run(&["config", "check", "--json"]).exits(1).json();
        place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(start);
        let problems = checked["problems"].as_array().unwrap().iter();
        let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
        let told = problems.map(|problem| (text(problem, "path"), text(problem, "message")));
        told.unzip::<_, _, Vec<_>, Vec<_>>()
    };
    assert_eq!(told(1).0, ["server.tls_cert", "server.tls_key"], "they are not there");

    let issue = || rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (made, other) = (issue(), issue());
    place.write("cert.pem", &made.cert.pem());
    let key = place.write("key.pem", &other.signing_key.serialize_pem());
    assert_eq!(told(3).0, ["server.tls_cert"], "the key is another's");

    place.write("key.pem", &made.signing_key.serialize_pem());
    place.run(&["config", "check"]).exits(0);
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let (paths, messages) = told(3);
    assert_eq!(paths, ["server.tls_key"]);
    assert!(messages[0].contains("chmod o-rwx,g-w"), "{messages:?}");
}

#[test]
fn config_check_reads_the_policies_too() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("rules")).unwrap();
    place.write(
        "rules/mine.cedar",
        "permit (principal, action == Action::\"fly\", resource);",
    );
    place.configure("[policy]\ndir = \"rules\"\n");
    let checked = place.run(&["config", "check", "--json"]).exits(1).json();
    assert_eq!(checked["problems"][0]["path"], "mine.cedar:1");
}

#[test]
fn a_policy_that_names_nothing_that_exists_is_refused_everywhere_it_is_read() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("rules")).unwrap();
    let all = place.run(&["policy", "show"]).exits(0).stdout;
    place.write("rules/all.cedar", &all);
    place.write(
        "rules/freeze.cedar",
        "forbid (principal, action == Action::\"deployLambda\", resource)\nwhen { context.stage == Stage::\"Prod\" };",
    );
    place.configure("[policy]\ndir = \"rules\"\n");
    let said = "freeze.cedar:2: Stage::\"Prod\": there is no such stage; use one of: dev, prod; did you mean \
                Stage::\"prod\"?";
    let checked = place.run(&["config", "check"]).exits(1);
    assert!(checked.stdout.contains(said), "{checked}");
    for words in [
        &["policy", "check"][..],
        &["policy", "check", "--policies", "rules"],
        &["serve"],
    ] {
        let refused = place.run(words).exits(1);
        assert!(refused.stderr.contains(said), "{refused}");
    }
}

#[test]
fn a_policy_on_an_agent_whose_name_another_has_is_refused_where_the_agents_are_known() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("rules")).unwrap();
    let all = place.run(&["policy", "show"]).exits(0).stdout;
    place.write("rules/all.cedar", &all);
    let server = place.serve();
    place.add_agent("Billing");
    drop(server);
    place.write(
        "rules/no.cedar",
        "forbid (principal == Agent::\"billing\", action, resource);",
    );
    place.configure("[policy]\ndir = \"rules\"\n");
    let said = "did you mean Agent::\"Billing\"?";
    for words in [&["policy", "check"][..], &["serve"]] {
        let refused = place.run(words).exits(1);
        assert!(
            refused.stderr.contains("no.cedar:1") && refused.stderr.contains(said),
            "{refused}"
        );
    }
}

#[test]
fn policies_are_asked_of_plans_too() {
    let place = Place::new();
    for (question, code) in [
        (&["Billing", "applyPlan", "cc-agent-billing", "--stage", "prod"][..], 0),
        (&["Billing", "approvePlan", "cc-agent-billing"], 4),
        (&["Ana", "approvePlan", "cc-agent-billing", "--admin"], 0),
        (&["Billing", "createStack", "cc-agent-billing"], 4),
        (&["Ana", "overrideFreeze", "cc-agent-billing", "--admin"], 0),
        (&["Billing", "readDeploys", "cc-agent-billing"], 0),
        (&["Billing", "readDeploys", "*"], 4),
        (&["Billing", "carryApproval", "cc-agent-billing", "--stage", "prod"], 4),
        (&["Ana", "applyPlan", "cc-agent-devops-automation", "--admin"], 4),
        (&["Billing", "readDeploys", "*", "--requester", "Ana"], 2),
    ] {
        place.run(&[&["policy", "check"][..], question].concat()).exits(code);
    }

    // Policies that do not speak of plans have the shipped rules; those that do have their own alone.
    std::fs::create_dir(place.path().join("rules")).unwrap();
    place.write("rules/mine.cedar", "permit (principal is Admin, action, resource);");
    place.configure("[policy]\ndir = \"rules\"\n");
    let shown = place.run(&["policy", "show", "--json"]).exits(0).json();
    let files: Vec<_> = shown["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["file"])
        .collect();
    assert_eq!(
        files,
        ["mine.cedar", "plans.cedar (shipped)", "observers.cedar (shipped)"]
    );
    let plan = ["policy", "check", "Ana", "applyPlan", "shop", "--admin", "--json"];
    assert_eq!(
        place.run(&plan).exits(0).json()["policies"],
        json!(["plan-loses-nothing"])
    );
    place.write(
        "rules/mine.cedar",
        "permit (principal is Admin, action, resource);\n\
         @id(\"not-mine\") permit (principal, action == Action::\"approvePlan\", resource)\n\
         when { principal.name != context.requester };\n\
         @id(\"asked\") permit (principal, action == Action::\"applyPlan\", resource) when { context.approvals > 0 };",
    );
    place.run(&plan).exits(4);
    let shown = place.run(&["policy", "show", "--json"]).exits(0).json();
    let files = shown["policies"].as_array().unwrap().iter().map(|one| &one["file"]);
    assert_eq!(files.collect::<Vec<_>>(), ["mine.cedar", "observers.cedar (shipped)"]);
    let approve = ["policy", "check", "Bo", "approvePlan", "shop", "--requester"];
    place.run(&[&approve[..], &["Ana"]].concat()).exits(0);
    place.run(&[&approve[..], &["Bo"]].concat()).exits(4);
}

#[test]
fn config_show_tells_what_is_in_force() {
    let place = Place::new();
    place.configure("[fleet]\nheartbeat_period_seconds = 60\n");
    let mut command = place.command(&["config", "show", "--json"]);
    let output = command
        .env("CC_DEVOPS__SERVER__LISTEN", "127.0.0.1:9")
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["fleet"]["heartbeat_period_seconds"], 60);
    assert_eq!(shown["server"]["listen"], "127.0.0.1:9");
    assert_eq!(shown["installation"]["stages"], json!(["dev", "prod"]));
    // What is shown can be read again.
    let text = place.run(&["config", "show"]).exits(0).stdout;
    place.configure(&text);
    assert_eq!(place.run(&["config", "show"]).exits(0).stdout, text);
}

#[test]
fn help_tells_the_exit_codes_and_every_command_its_examples() {
    let place = Place::new();
    let help = place.run(&["--help"]).exits(0).stdout;
    for part in ["Exit codes:", "  4  denied", "--data-dir", "CC_DEVOPS_DATA_DIR"] {
        assert!(help.contains(part), "{part} is missing:\n{help}");
    }
    for words in [
        &["serve"][..],
        &["send"],
        &["put-secret"],
        &["deploy"],
        &["deploys", "list"],
        &["deploys", "review"],
        &["deploys", "show"],
        &["deploys", "approve"],
        &["deploys", "deny"],
        &["deploys", "history"],
        &["deploys", "diff"],
        &["deploys", "promote"],
        &["deploys", "rollback"],
        &["deploys", "freeze"],
        &["deploys", "freeze", "override"],
        &["requests", "list"],
        &["agents", "add"],
        &["secrets", "rotate-key"],
        &["audit", "verify"],
        &["policy", "check"],
        &["revenue", "compute"],
        &["revenue", "explain"],
        &["config", "check"],
        &["health"],
        &["backup"],
        &["completions"],
    ] {
        let help = place.run(&[words, &["--help"]].concat()).exits(0).stdout;
        assert!(help.contains("Example"), "{words:?}:\n{help}");
    }
    place.run(&[]).exits(2);
    place.run(&["dance"]).exits(2);
    place.run(&["health", "--colour"]).exits(2);
}

#[test]
fn completions_are_made_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).exits(0).stdout;
        assert!(script.contains("rotate-key"), "{shell}");
    }
}

#[test]
fn errors_are_json_where_programs_read() {
    let place = Place::new();
    let run = place.run(&["health", "--json"]).exits(6);
    let error: serde_json::Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert_eq!(error["exitCode"], 6);
    assert!(run.stdout.is_empty());
    // What it repeats moves nothing on the terminal.
    let named = "nowhere-\u{202e}.toml";
    let run = place.run(&["--config", named, "config", "check", "--json"]).exits(2);
    assert!(!run.stderr.contains('\u{202e}'), "{run}");
    let error: serde_json::Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert!(error["error"].as_str().unwrap().contains(named), "{run}");
}
