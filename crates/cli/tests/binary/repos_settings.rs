//! Settings as code against the fake GitHub: `repos export`, `repos plan`, `repos apply`.

use cc_devops_fake_github::{Access, Branches, Environment, Model, Repository, Ruleset};
use serde_json::{Value, json};

use crate::github_harness::Harness;
use crate::process::Run;

mod saved;

const WANTED: &str = r##"
[defaults.settings]
topics = ["payments"]
teams = { platform = "admin" }
collaborators = { grace = "maintain", ada = "read" }
variables = { REGION = "eu" }
[defaults.settings.general]
allow_merge_commit = false
squash_merge_commit_title = "PR_TITLE"
description = "Ours"
[defaults.settings.labels]
BUG = { color = "ff0000" }
chore = { color = "#eeeeee", description = "No feature" }
[defaults.settings.actions]
allowed_actions = "selected"
patterns_allowed = ["acme/*"]
can_approve_pull_request_reviews = true
[defaults.settings.environments.production]
wait_timer = 30
reviewers = ["team:platform", "user:ada"]
branches = ["main"]
tags = ["v*"]
[defaults.settings.rulesets.baseline]
bypass = { "team:platform" = "pull_request", "role:admin" = "always", "user:ada" = "always", deploy-key = "always" }
[defaults.settings.rulesets.baseline.rules]
deletion = true
pull_request = { required_approving_review_count = 1 }
required_status_checks = { required_status_checks = [{ context = "ci" }] }
"##;

/// Three repositories of an organisation, one of them archived, with settings of their own.
fn harness() -> Harness {
    let mut model = Model::at(1_795_348_800);
    model.org("acme");
    let platform = model.team("acme", "platform");
    model.team("acme", "ops");
    model.stranger("ada");
    model.repo("acme/web", |of| {
        of.settings.topics = vec!["rust".to_owned(), "web".to_owned()];
        of.settings.teams.insert("ops".to_owned(), "push".to_owned());
        of.settings
            .variables
            .insert("STAGE".to_owned(), "live \"x\"".to_owned());
        of.description = Some("It's the\nshop".to_owned());
        let mut production = Environment::new("Production");
        production.reviewers = vec![("Team".to_owned(), "ops".to_owned())];
        production.branches = Branches::Patterns(vec![(1, "release/*".to_owned(), "branch".to_owned())]);
        of.settings.environments = vec![production, Environment::new("it.staging/eu")];
    });
    let ruleset = Ruleset::new("main is protected")
        .pull_request(2)
        .checks(&[("ci", Some(15368))]);
    model.ruleset(
        "acme/web",
        ruleset.bypass("Team", Some(platform)).bypass("RepositoryRole", Some(5)),
    );
    model.repo("acme/api", |of| {
        of.settings
            .options
            .insert("delete_branch_on_merge".to_owned(), json!(true));
    });
    model.repo("acme/old", |of| of.archived = true);
    Harness::on(model)
}

impl Harness {
    /// A command with this text as the policy.
    fn with(&self, policy: &str, arguments: &[&str]) -> Run {
        let file = self.place.write("wanted.toml", policy);
        self.run(&[&["repos"], arguments, &["--policy", file.to_str().unwrap()]].concat())
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Repository)) {
        self.github.change(|model| model.edit(name, change));
    }

    fn of<T>(&self, name: &str, read: impl FnOnce(&Repository) -> T) -> T {
        self.github.read(|model| read(model.get(name)))
    }

    /// How many requests changed something.
    fn writes(&self) -> usize {
        let seen = self.github.requests();
        let write = |key: &str| !key.starts_with("GET ") && !key.contains("/graphql");
        seen.iter().filter(|seen| write(&seen.key)).count()
    }
}

/// What a plan changes: `repository section/item`.
fn places(plan: &Value) -> Vec<String> {
    let plans = plan["plans"].as_array().unwrap();
    let changes = plans.iter().flat_map(|plan| {
        let name = plan["repository"].as_str().unwrap();
        plan["changes"].as_array().unwrap().iter().map(move |change| {
            let section = change["section"].as_str().unwrap();
            match change["item"].as_str() {
                Some(item) => format!("{name} {section}/{item}"),
                None => format!("{name} {section}"),
            }
        })
    });
    changes.collect()
}

#[test]
fn what_is_exported_is_planned_empty_and_a_change_by_hand_is_found_and_put_right_once() {
    let harness = harness();
    let file = harness.place.path().join("repos.toml");
    let file = file.to_str().unwrap();
    let exported = harness
        .run(&["repos", "export", "acme", "--out", file, "--json"])
        .exits(0)
        .json();
    assert_eq!(exported["repositories"], 2, "{exported}");
    assert!(
        exported["leftOut"][0].as_str().unwrap().contains("archived"),
        "{exported}"
    );
    let asked = harness.github.requests().len();
    let refused = harness.run(&["repos", "export", "--out", file]).exits(2);
    assert!(refused.stderr.contains("name a new file"), "{refused}");
    harness
        .run(&["repos", "export", "--out", "nowhere/repos.toml"])
        .exits(3);
    assert_eq!(harness.github.requests().len(), asked, "nothing is read in vain");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        text.contains("[defaults.settings.general]\n") && text.contains("repositories = [\"web\"]"),
        "{text}"
    );
    assert_eq!(harness.run(&["repos", "export"]).exits(0).stdout.trim(), text.trim());

    let plan = ["repos", "plan", "--policy", file];
    let empty = harness.run(&[&plan[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(
        (&empty["changes"], &empty["compared"]),
        (&json!(0), &json!(2)),
        "{empty}"
    );
    assert!(
        harness
            .run(&plan)
            .exits(0)
            .stdout
            .contains("Every setting is as the policy names it, in 2 repositories.")
    );

    harness.edit("acme/api", |of| {
        of.settings
            .options
            .insert("allow_merge_commit".to_owned(), json!(false));
    });
    let drifted = harness.run(&plan).exits(1);
    for words in [
        "acme/api\n--- a/general\n",
        "-  \"allow_merge_commit\": false",
        "1 change in 1 of 2 repositories",
    ] {
        assert!(drifted.stdout.contains(words), "{words}: {drifted}");
    }
    let apply = ["repos", "apply", "--policy", file];
    let asks = harness.run(&apply).exits(2);
    assert!(
        asks.stderr.contains("Make 1 change in 1 repository?") && asks.stderr.contains("--yes"),
        "{asks}"
    );
    assert_eq!(harness.writes(), 0);
    let applied = harness.run(&[&apply[..], &["--yes"]].concat()).exits(0);
    assert!(applied.stdout.contains("done: general is set."), "{applied}");
    assert_eq!(
        harness.of("acme/api", |of| of.settings.options["allow_merge_commit"].clone()),
        json!(true)
    );
    assert_eq!(harness.writes(), 1);
    let second = harness.run(&[&apply[..], &["--yes"]].concat()).exits(0);
    assert!(second.stdout.contains("There is nothing to do."), "{second}");
    assert_eq!(harness.writes(), 1);

    let trail = harness.run(&["audit", "list", "--json"]).exits(0).json();
    let rows = trail["rows"].as_array().unwrap();
    let of = |action: &str| rows.iter().find(|row| row["action"] == action).unwrap();
    for action in ["repository.change_begun", "repository.changed"] {
        let row = of(action);
        assert_eq!(
            (&row["resource"], &row["detail"]["setting"]),
            (&json!("acme/api"), &json!("general")),
            "{row}"
        );
    }
}

#[test]
fn every_section_is_made_as_it_is_wanted_and_what_is_not_named_stays() {
    let harness = harness();
    let planned = harness.with(WANTED, &["plan", "web", "--json"]).exits(1).json();
    assert_eq!(
        places(&planned),
        [
            "acme/web general",
            "acme/web topics",
            "acme/web labels/bug",
            "acme/web labels/chore",
            "acme/web teams/platform",
            "acme/web collaborators/ada",
            "acme/web collaborators/grace",
            "acme/web environments/Production",
            "acme/web actions",
            "acme/web rulesets/baseline",
            "acme/web variables/REGION",
        ]
    );
    let applied = harness
        .with(WANTED, &["apply", "acme/web", "--yes", "--json"])
        .exits(0)
        .json();
    assert_eq!(applied["applied"].as_array().unwrap().len(), 11, "{applied}");
    assert_eq!(
        harness.with(WANTED, &["plan", "web", "--json"]).exits(0).json()["changes"],
        0
    );
    harness.of("acme/web", |of| {
        assert_eq!(of.settings.topics, ["rust", "web", "payments"]);
        assert_eq!(of.settings.teams["ops"], "push");
        assert_eq!(of.settings.teams["platform"], "admin");
        assert_eq!(of.settings.invitations[0].login, "ada");
        assert_eq!(of.settings.variables["STAGE"], "live \"x\"");
        assert_eq!(of.settings.options["squash_merge_commit_message"], "COMMIT_MESSAGES");
        assert_eq!(of.settings.actions.patterns, ["acme/*"]);
        let bug = of.labels().iter().find(|label| label.name == "bug").unwrap();
        assert_eq!(
            (bug.color.as_str(), bug.description.as_deref()),
            ("ff0000", Some("Something isn't working"))
        );
        let production = of
            .settings
            .environments
            .iter()
            .find(|each| each.name == "Production")
            .unwrap();
        assert_eq!(production.reviewers.len(), 3);
        let Branches::Patterns(patterns) = &production.branches else {
            panic!("{production:?}")
        };
        let patterns: Vec<&str> = patterns.iter().map(|(_, name, _)| name.as_str()).collect();
        assert_eq!(patterns, ["release/*", "main", "v*"]);
        let ruleset = of.rulesets().iter().find(|each| each.name == "baseline").unwrap();
        assert_eq!((ruleset.bypass.len(), ruleset.rules.len()), (4, 3));
        assert_eq!(of.rulesets().len(), 2);
    });
}

#[test]
fn an_exact_section_takes_away_what_it_does_not_name() {
    let harness = harness();
    let exact = "[defaults.settings]\ntopics = { names = [\"rust\"], exact = true }\n\
                 teams = { exact = true, platform = \"read\" }\nlabels = { exact = true, bug = { color = \"d73a4a\" } }\n\
                 variables = { exact = true }\nenvironments = { exact = true, production = { branches = [\"main\"] } }\n\
                 rulesets = { exact = true }\ncollaborators = { exact = true, ops = \"admin\" }\n";
    let merging = exact.replace("exact = true", "exact = false");
    let careful = harness.with(&merging, &["plan", "web", "--json"]).exits(1).json();
    let after = careful["plans"][0]["changes"].as_array().unwrap();
    assert!(
        after.iter().all(|change| !change["after"].is_null()),
        "nothing is taken away: {careful}"
    );
    harness.with(exact, &["apply", "web", "--yes"]).exits(0);
    harness.with(exact, &["plan", "web"]).exits(0);
    harness.of("acme/web", |of| {
        assert_eq!(of.settings.topics, ["rust"]);
        assert_eq!(of.settings.teams.keys().collect::<Vec<_>>(), ["platform"]);
        assert_eq!(of.labels().len(), 1);
        assert!(of.settings.variables.is_empty() && of.rulesets().is_empty());
        assert_eq!(of.settings.environments.len(), 1);
        assert_eq!(of.people.keys().collect::<Vec<_>>(), ["ops"]);
    });
}

#[test]
fn what_may_not_be_seen_is_said_and_nothing_is_proposed_for_it() {
    let harness = harness();
    harness.github.token(
        "ghp_blind",
        Access::fine_grained("ops")
            .without("administration")
            .without("variables"),
    );
    let file = harness.place.write("wanted.toml", WANTED);
    let file = file.to_str().unwrap();
    let plan = harness
        .run_as("ghp_blind", &["repos", "plan", "web", "--policy", file, "--json"])
        .exits(1)
        .json();
    let unknown: Vec<&str> = plan["plans"][0]["unknown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["setting"].as_str().unwrap())
        .collect();
    for section in ["teams", "collaborators", "actions", "variables"] {
        assert!(unknown.contains(&section), "{section}: {plan}");
        assert!(
            !places(&plan).iter().any(|place| place.contains(section)),
            "{section}: {plan}"
        );
    }
    assert!(
        plan["plans"][0]["unknown"][0]["why"]
            .as_str()
            .unwrap()
            .contains("`Administration: read`"),
        "{plan}"
    );
    let only = "[defaults.settings]\nteams = { platform = \"admin\" }\n";
    let file = harness.place.write("teams.toml", only);
    let text = harness
        .run_as("ghp_blind", &["repos", "plan", "--policy", file.to_str().unwrap()])
        .exits(3);
    assert!(
        text.stdout.contains("not compared: teams:") && !text.stdout.contains("Every setting"),
        "{text}"
    );
    let arguments = ["repos", "apply", "--yes", "--policy", file.to_str().unwrap()];
    let applied = harness.run_as("ghp_blind", &arguments).exits(3);
    assert!(
        applied.stdout.contains("not compared: teams:") && !applied.stdout.contains("nothing to do"),
        "{applied}"
    );
}

#[test]
fn the_audit_reports_what_has_drifted() {
    let harness = harness();
    let policy = "[defaults.settings.general]\ndelete_branch_on_merge = true\n";
    let verdicts = |audit: &Value| -> Vec<(String, String)> {
        let of = |repository: &Value| {
            let findings = repository["findings"].as_array().unwrap();
            let finding = findings.iter().find(|each| each["rule"] == "settings_drift")?;
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            Some((text(&repository["name"]), text(&finding["verdict"])))
        };
        audit["repositories"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(of)
            .collect()
    };
    let pair = |name: &str, verdict: &str| (name.to_owned(), verdict.to_owned());
    let audit = |policy: &str| {
        let run = harness.with(policy, &["audit", "--fail-on", "never", "--json", "--dry-run"]);
        let mut seen = verdicts(&run.exits(0).json());
        seen.sort();
        seen
    };
    assert_eq!(audit(policy), [pair("api", "pass"), pair("web", "fail")]);
    harness.with(policy, &["apply", "--yes"]).exits(0);
    assert_eq!(audit(policy), [pair("api", "pass"), pair("web", "pass")]);
    assert!(
        audit("").is_empty(),
        "a policy that names no settings has no finding of them"
    );
    let one = harness
        .with(policy, &["audit", "--repo", "web", "--fail-on", "never", "--json"])
        .exits(0)
        .json();
    assert_eq!(verdicts(&one), [pair("web", "pass")]);
}

#[test]
fn without_a_data_folder_what_a_secret_was_set_from_is_not_known() {
    let harness = harness();
    let policy = "[defaults.settings.secrets]\nNPM_TOKEN = \"/contentcraft/github/npm\"\n";
    let _server = harness.place.serve();
    let put = ["put-secret", "/contentcraft/github/npm"];
    harness.place.run_with(&put, "a value").exits(0);
    harness.with(policy, &["apply", "web", "--yes"]).exits(0);
    harness.with(policy, &["plan", "web"]).exits(0);
    let kept = harness.place.path();
    std::fs::rename(kept.join("data"), kept.join("elsewhere")).unwrap();
    let plan = harness.with(policy, &["plan", "web", "--json"]).exits(3).json();
    assert!(places(&plan).is_empty(), "{plan}");
    let why = plan["plans"][0]["unknown"][0]["why"].as_str().unwrap();
    assert!(why.contains("nothing is kept here"), "{plan}");
    let of_web = ["audit", "--repo", "web", "--json", "--dry-run", "--fail-on", "never"];
    let audit = harness.with(policy, &of_web).json();
    let findings = audit["repositories"][0]["findings"].as_array().unwrap();
    let drift = findings.iter().find(|each| each["rule"] == "settings_drift").unwrap();
    assert_eq!(drift["verdict"], "unknown", "{drift}");
    // One that is not there is known not to be.
    let plan = harness.with(policy, &["plan", "api", "--json"]).exits(1).json();
    assert_eq!(places(&plan), ["acme/api secrets/NPM_TOKEN"]);
}

#[test]
fn wrong_use_is_refused_before_anything_is_read() {
    let harness = harness();
    let policy = "[defaults.settings]\ntopics = [\"a\"]\n";
    for arguments in [&["plan", "other/web"][..], &["apply", "web", "other/web", "--yes"]] {
        let refused = harness.with(policy, arguments).exits(2);
        assert!(
            refused.stderr.contains("other/web is a repository of other"),
            "{refused}"
        );
    }
    let refused = harness
        .run(&["repos", "export", "acme", "--repo", "other/web"])
        .exits(2);
    assert!(refused.stderr.contains("other/web"), "{refused}");
    let none = harness.with("", &["plan"]).exits(2);
    assert!(none.stderr.contains("repos export"), "{none}");
    assert!(harness.github.requests().is_empty());
    let typo = harness.with("[defaults.settings.general]\nallow_squash = true\n", &["plan"]);
    assert!(
        typo.code != 0 && typo.stderr.contains("did you mean `allow_squash_merge`?"),
        "{typo}"
    );
}
