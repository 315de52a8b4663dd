//! Saved plans, and secrets that are set from the control plane's.

use std::time::Duration;

use cc_devops_fake_github::Fault;
use serde_json::{Value, json};

use super::harness;
use crate::process::Run;

#[test]
fn a_repository_that_cannot_be_looked_at_hides_no_other() {
    let harness = harness();
    harness.github.change(|model| {
        model.repo("acme/zoo", |_| ());
    });
    // Named ones are read one by one: the first is looked at and written, and then comes the second.
    let lost = Fault::Status(401, "Bad credentials");
    harness.github.fault("POST /graphql OneWantedSettings", 2, lost);
    let policy = "[defaults.settings]\ntopics = [\"new\"]\n";
    let applied = harness.with(policy, &["apply", "--yes", "--json"]).exits(1).json();
    let of = |name: &str| {
        let all = applied["applied"].as_array().unwrap();
        let own: Vec<&Value> = all.iter().filter(|each| each["repository"] == name).collect();
        assert_eq!(own.len(), 1, "{applied}");
        own[0].clone()
    };
    assert_eq!(
        (&of("acme/api")["done"], &of("acme/zoo")["done"]),
        (&json!(true), &json!(true))
    );
    let web = of("acme/web");
    assert_eq!(web["done"], false);
    let said = web["outcome"].as_str().unwrap();
    assert!(said.starts_with("it could not be looked at: "), "{said}");
    for (name, written) in [("acme/api", true), ("acme/web", false), ("acme/zoo", true)] {
        harness.of(name, |of| {
            assert_eq!(of.settings.topics.contains(&"new".to_owned()), written, "{name}");
        });
    }
}

#[test]
fn a_saved_plan_is_carried_out_as_it_is_or_refused() {
    let harness = harness();
    let policy = "[defaults.settings]\nvariables = { REGION = \"eu\", STAGE = \"test\" }\ntopics = [\"new\"]\n";
    let file = harness.place.path().join("plan.json");
    let path = file.to_str().unwrap();
    harness.with(policy, &["plan", "--out", path]).exits(1);
    let text = std::fs::read_to_string(&file).unwrap();
    let saved: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&saved["version"], &saved["made_by"], &saved["owner"]),
        (&json!(1), &json!("linus"), &json!("acme"))
    );
    assert_eq!(saved["sha256"].as_str().unwrap().len(), 64);
    let asked = harness.github.requests().len();
    let taken = harness.with(policy, &["plan", "--out", path]).exits(2);
    assert!(taken.stderr.contains("name a new file"), "{taken}");
    assert_eq!(harness.github.requests().len(), asked, "nothing is read in vain");
    let wanted = harness.place.write("wanted.toml", policy);
    let unread = [
        "repos",
        "plan",
        "--out",
        "new.json",
        "--policy",
        wanted.to_str().unwrap(),
    ];
    harness.run_as("ghp_wrong", &unread).exits(3);
    let mut left = std::fs::read_dir(harness.place.path()).unwrap();
    assert!(!left.any(|each| each.unwrap().file_name().to_string_lossy().starts_with("new.json")));

    let edited = harness.place.write("edited.json", &text.replace("\"eu\"", "\"us\""));
    let refused = harness
        .run(&["repos", "apply", edited.to_str().unwrap(), "--yes"])
        .exits(2);
    assert!(refused.stderr.contains("it was changed since it was made"), "{refused}");
    let refused = harness
        .run(&["repos", "apply", path, "--owner", "other", "--yes"])
        .exits(2);
    assert!(
        refused.stderr.contains("it is for the repositories of acme"),
        "{refused}"
    );
    let refused = harness.run(&["repos", "apply", path, "web", "--yes"]).exits(2);
    assert!(refused.stderr.contains("name nothing else"), "{refused}");
    harness.run(&["repos", "apply", "nowhere.json", "--yes"]).exits(2);
    assert_eq!(harness.writes(), 0);

    // What moved since is refused, and the rest is carried out.
    harness.edit("acme/web", |of| {
        drop(of.settings.variables.insert("STAGE".to_owned(), "other".to_owned()));
    });
    let moved = harness
        .run(&["repos", "apply", path, "--yes", "--json"])
        .exits(1)
        .json();
    let failed: Vec<&Value> = moved["applied"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|each| each["done"] == false)
        .collect();
    assert_eq!(failed.len(), 1, "{moved}");
    assert!(
        failed[0]["outcome"]
            .as_str()
            .unwrap()
            .contains("variables/STAGE of acme/web"),
        "{moved}"
    );
    harness.of("acme/web", |of| {
        assert_eq!(of.settings.variables["STAGE"], "other");
        assert_eq!(of.settings.variables["REGION"], "eu");
        assert!(of.settings.topics.contains(&"new".to_owned()));
    });
    // What is so already is left as it is.
    harness.edit("acme/web", |of| {
        drop(of.settings.variables.insert("STAGE".to_owned(), "test".to_owned()));
    });
    let writes = harness.writes();
    harness.run(&["repos", "apply", path, "--yes"]).exits(0);
    assert_eq!(harness.writes(), writes);

    // Another repository by that name, and one that is archived by now.
    harness.github.change(|model| {
        model.remove("acme/web");
        model.repo("acme/web", |_| ());
        model.edit("acme/api", |of| of.archived = true);
    });
    let other = harness
        .run(&["repos", "apply", path, "--yes", "--json"])
        .exits(1)
        .json();
    let outcomes: Vec<&str> = other["applied"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["outcome"].as_str().unwrap())
        .collect();
    assert!(
        outcomes
            .iter()
            .any(|words| words.contains("another repository has this name now")),
        "{other}"
    );
    assert!(outcomes.iter().any(|words| words.contains("archived")), "{other}");
    assert_eq!(harness.writes(), writes);
}

#[test]
fn the_command_that_a_plan_names_makes_that_plan_so() {
    let harness = harness();
    let policy = "[defaults.settings]\ntopics = [\"new\"]\n";
    let has = |name: &str| harness.of(name, |of| of.settings.topics.contains(&"new".to_owned()));
    // Nothing but the command line says whose repositories they are.
    harness
        .place
        .configure(&format!("[github]\napi_url = \"{}\"\n", harness.github.url()));
    let run = |planned: &Run| {
        let (_, command) = planned
            .stdout
            .trim()
            .rsplit_once("make it so with: cc-devops ")
            .unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        harness.run(&[&words[..], &["--yes"]].concat()).exits(0);
    };
    run(&harness.with(policy, &["plan", "api", "--owner", "acme"]).exits(1));
    assert_eq!((has("acme/api"), has("acme/web")), (true, false));
    let saved = harness.place.path().join("plan.json");
    let saved = saved.to_str().unwrap();
    run(&harness
        .with(policy, &["plan", "--owner", "acme", "--out", saved])
        .exits(1));
    assert!(has("acme/web"));

    let asked = harness.github.requests().len();
    let refused = harness.with(policy, &["plan", "--out", "plan.txt"]).exits(2);
    assert!(refused.stderr.contains("ends in .json"), "{refused}");
    assert_eq!(harness.github.requests().len(), asked);
}

#[test]
fn a_secret_is_set_from_the_vault_and_its_value_is_seen_nowhere() {
    const VALUE: &str = "npm_very_secret_value";
    let harness = harness();
    let server = harness.place.serve();
    let put = |value: &str| {
        harness
            .place
            .run_with(&["put-secret", "/contentcraft/github/npm"], value)
            .exits(0);
    };
    let policy = "[defaults.settings.secrets]\nNPM_TOKEN = \"/contentcraft/github/npm\"\n";
    let nothing = harness.with(policy, &["plan", "web"]).exits(3);
    assert!(
        nothing
            .stdout
            .contains("the control plane has no secret /contentcraft/github/npm"),
        "{nothing}"
    );
    put(VALUE);
    let file = harness.place.path().join("plan.json");
    let path = file.to_str().unwrap();
    let planned = harness.with(policy, &["plan", "web", "--out", path]).exits(1);
    let applied = harness.run(&["repos", "apply", path, "--yes"]).exits(0);
    assert_eq!(
        harness
            .of("acme/web", |of| of.secret("NPM_TOKEN").map(<[u8]>::to_vec))
            .unwrap(),
        VALUE.as_bytes()
    );
    let again = harness.with(policy, &["plan", "web"]).exits(0);
    for seen in [
        &planned.to_string(),
        &applied.to_string(),
        &again.to_string(),
        &std::fs::read_to_string(&file).unwrap(),
    ] {
        assert!(!seen.contains(VALUE), "{seen}");
    }

    // By hand at GitHub, and anew in the vault.
    harness.github.change(|model| {
        model.advance(Duration::from_mins(1));
        let now = model.seconds();
        model.edit("acme/web", |of| {
            of.settings.secret_times.insert("NPM_TOKEN".to_owned(), now);
        });
    });
    harness.with(policy, &["plan", "web"]).exits(1);
    harness.with(policy, &["apply", "web", "--yes"]).exits(0);
    harness.with(policy, &["plan", "web"]).exits(0);
    put("another value");
    harness
        .with(
            policy,
            &[
                "plan",
                "web",
                "--out",
                harness.place.path().join("later.json").to_str().unwrap(),
            ],
        )
        .exits(1);
    put("and another");
    let late = harness
        .run(&[
            "repos",
            "apply",
            harness.place.path().join("later.json").to_str().unwrap(),
            "--yes",
        ])
        .exits(1);
    assert!(late.stdout.contains("has another version"), "{late}");
    harness.with(policy, &["apply", "web", "--yes"]).exits(0);
    assert_eq!(
        harness
            .of("acme/web", |of| of.secret("NPM_TOKEN").map(<[u8]>::to_vec))
            .unwrap(),
        b"and another"
    );
    server.stop();
}
