mod secrets;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::saved::{SavedPlan, SavedPlanError, SettingsPlan};
use super::*;
use crate::policy::Policy;
use crate::snapshot::Gap;

const WHOLE: &str = r##"
[defaults.settings.general]
allow_merge_commit = false
delete_branch_on_merge = true
squash_merge_commit_title = "PR_TITLE"
[defaults.settings.topics]
names = ["payments"]
[defaults.settings.labels]
bug = { color = "#D73A4A" }
[defaults.settings.labels."good first issue"]
color = "7057ff"
description = "Good for newcomers"
[defaults.settings]
teams = { platform = "push" }
collaborators = { ada = "admin" }
variables = { REGION = "eu-central-1" }
secrets = { NPM_TOKEN = "/contentcraft/github/npm" }
[defaults.settings.actions]
allowed_actions = "selected"
patterns_allowed = ["acme/*"]
default_workflow_permissions = "read"
[defaults.settings.environments.production]
wait_timer = 30
reviewers = ["team:platform", "user:ada"]
branches = ["main"]
[defaults.settings.rulesets."main is protected"]
bypass = { "role:admin" = "pull_request" }
[defaults.settings.rulesets."main is protected".rules]
deletion = true
pull_request = { required_approving_review_count = 1 }
required_status_checks = { required_status_checks = [{ context = "ci" }] }

[[overrides]]
repositories = ["legacy-*"]
settings.general.allow_merge_commit = true
settings.labels.bug.description = "Broken"
settings.labels.exact = true
settings.topics = ["legacy"]
"##;

fn wanted(text: &str, name: &str) -> Wanted {
    Policy::from_toml(text).unwrap().settings("acme", name).wanted
}

fn items(of: Value) -> Items {
    serde_json::from_value(of).unwrap()
}

/// A repository whose settings are these, by section.
fn facts(sections: Value) -> SettingsFacts {
    let sections: BTreeMap<Section, Items> = serde_json::from_value(sections).unwrap();
    SettingsFacts {
        id: RepositoryId(7),
        owner: "acme".to_owned(),
        name: "web".to_owned(),
        traits: BTreeSet::new(),
        sections: sections
            .into_iter()
            .map(|(section, of)| (section, Fact::Known(of)))
            .collect(),
    }
}

fn drifted(text: &str, sections: Value) -> Drift {
    drift(&wanted(text, "web"), &facts(sections), KnownSecrets::default())
}

fn one(text: &str, sections: Value) -> SettingChange {
    let drift = drifted(text, sections);
    assert!(drift.unknown.is_empty(), "{drift:?}");
    assert_eq!(drift.changes.len(), 1, "{drift:?}");
    drift.changes.into_iter().next().unwrap()
}

#[test]
fn the_later_table_wins_key_by_key_and_lists_are_one_value() {
    let web = wanted(WHOLE, "web");
    let old = wanted(WHOLE, "legacy-api");
    assert_eq!(web.sections[&Section::General].items["allow_merge_commit"], false);
    assert_eq!(old.sections[&Section::General].items["allow_merge_commit"], true);
    assert_eq!(old.sections[&Section::General].items["delete_branch_on_merge"], true);
    assert_eq!(web.sections[&Section::Labels].items["bug"], json!({"color": "d73a4a"}));
    assert_eq!(
        old.sections[&Section::Labels].items["bug"],
        json!({"color": "d73a4a", "description": "Broken"})
    );
    assert!(old.sections[&Section::Labels].exact && !web.sections[&Section::Labels].exact);
    assert_eq!(old.sections[&Section::Topics].items, items(json!({"legacy": true})));
    assert_eq!(
        web.sections[&Section::Teams].items["platform"],
        "write",
        "one word for push"
    );
    assert_eq!(web.needs()[&Section::Labels].as_ref().unwrap().len(), 2);
    assert_eq!(old.needs()[&Section::Labels], None, "an exact section needs all");
    assert!(wanted("", "web").is_empty());
}

#[test]
fn everything_wrong_with_settings_is_told_at_once() {
    let errors = Policy::from_toml(
        r#"
[defaults.settings]
visibility = "public"
label = {}
labels = { bug = "red", Bug = { color = "red" }, odd = { colour = "d73a4a" } }
topics = ["Payments", 7]
teams = { platform = 1 }
variables = { GITHUB_X = "a", REGION = true }
secrets = { NPM_TOKEN = "npm" }
[defaults.settings.general]
private = true
exact = true
allow_merge_commit = "no"
merge_commit_title = "title"
[defaults.settings.actions]
allowed_actions = "all"
patterns_allowed = ["a/*"]
[defaults.settings.environments.production]
wait_timer = -1
reviewers = ["ada"]
branches = "any"
tags = ["v*"]
[defaults.settings.rulesets.main]
bypass = { admin = "always", deploy-key = "never" }
rules = { deletions = true, update = false }
[[overrides]]
repositories = ["web"]
settings.general.archived = true
"#,
    )
    .unwrap_err();
    let told: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert_snapshot!(told.join("\n"));
}

#[test]
fn what_stands_is_merged_with_and_nothing_is_taken_away() {
    let text = "[defaults.settings]\ntopics = [\"payments\"]\nteams = { Platform = \"write\" }\n";
    let change = one(
        text,
        json!({"topics": {"rust": true}, "teams": {"platform": "write", "ops": "admin"}}),
    );
    assert_eq!((change.section, &change.item), (Section::Topics, &None));
    assert_eq!(change.after, json!(["rust", "payments"]));

    let label = one(
        "[defaults.settings.labels]\nbug = { color = \"d73a4a\" }",
        json!({"labels": {"Bug": {"color": "ffffff", "description": "kept"}, "other": {"color": "000000", "description": ""}}}),
    );
    assert_eq!(label.item.as_deref(), Some("Bug"), "the name that it has");
    assert_eq!(label.after, json!({"color": "d73a4a", "description": "kept"}));

    let environment = one(
        "[defaults.settings.environments.production]\nreviewers = [\"user:ada\"]\nbranches = [\"main\"]",
        json!({"environments": {"production": {
            "wait_timer": 5, "prevent_self_review": true, "reviewers": ["team:ops"], "branches": ["release/*"], "tags": [],
        }}}),
    );
    assert_eq!(
        environment.after,
        json!({
            "wait_timer": 5, "prevent_self_review": true, "reviewers": ["team:ops", "user:ada"],
            "branches": ["release/*", "main"], "tags": [],
        })
    );
}

#[test]
fn an_exact_section_takes_away_what_it_does_not_name() {
    let text = "[defaults.settings]\ntopics = { names = [\"payments\"], exact = true }\n\
                labels = { exact = true, bug = { color = \"d73a4a\" } }";
    let drift = drifted(
        text,
        json!({"topics": {"rust": true}, "labels": {
            "bug": {"color": "d73a4a", "description": ""}, "wontfix": {"color": "ffffff", "description": ""},
        }}),
    );
    let seen: Vec<(String, &Value)> = drift
        .changes
        .iter()
        .map(|change| (change.place(), &change.after))
        .collect();
    assert_eq!(
        seen,
        [
            ("topics".to_owned(), &json!(["payments"])),
            ("labels/wontfix".to_owned(), &Value::Null)
        ]
    );
    assert_eq!(drift.changes[1].before, json!({"color": "ffffff", "description": ""}));
}

#[test]
fn an_exact_ruleset_names_all_its_rules_and_who_may_bypass_it() {
    let standing = json!({"rulesets": {"main": {
        "target": "branch", "enforcement": "active", "include": ["~DEFAULT_BRANCH", "refs/heads/x"], "exclude": [],
        "bypass": {"role:admin": "always", "team:ops": "always"},
        "rules": {"deletion": true, "creation": true},
    }}});
    let text = "[defaults.settings.rulesets.main]\ninclude = [\"~DEFAULT_BRANCH\"]\nbypass = { \"team:ops\" = \"always\" }\n\
                rules = { deletion = true }\n";
    assert!(drifted(text, standing.clone()).is_empty(), "merging, it is so already");
    let exact = one(&format!("{text}[defaults.settings.rulesets]\nexact = true\n"), standing);
    assert_eq!(exact.after["include"], json!(["~DEFAULT_BRANCH"]));
    assert_eq!(exact.after["bypass"], json!({"team:ops": "always"}));
    assert_eq!(exact.after["rules"], json!({"deletion": true}));
    assert_eq!(exact.after["enforcement"], "active");
}

#[test]
fn a_new_ruleset_says_all_that_github_demands() {
    let change = one(
        "[defaults.settings.rulesets.main.rules]\npull_request = { required_approving_review_count = 1 }\ndeletion = true",
        json!({"rulesets": {}}),
    );
    assert_snapshot!(change.diff());
}

#[test]
fn a_check_that_is_required_already_is_not_added_again() {
    let text = "[defaults.settings.rulesets.main.rules.required_status_checks]\n\
                required_status_checks = [{ context = \"ci\" }, { context = \"lint\" }]";
    let change = one(
        text,
        json!({"rulesets": {"main": {"target": "branch", "bypass": null, "rules": {"required_status_checks": {
            "required_status_checks": [{"context": "ci", "integration_id": 15368}],
            "strict_required_status_checks_policy": true,
        }}}}}),
    );
    assert_eq!(
        change.after["rules"]["required_status_checks"],
        json!({
            "required_status_checks": [{"context": "ci", "integration_id": 15368}, {"context": "lint"}],
            "strict_required_status_checks_policy": true,
        })
    );
}

#[test]
fn what_is_hidden_or_unread_is_unknown_and_nothing_is_proposed_for_it() {
    let mut of = facts(json!({
        "rulesets": {"main": {"enforcement": "disabled", "bypass": null}},
        "general": {"allow_merge_commit": null, "has_wiki": true},
    }));
    let gap = Gap::Permission("Administration: read".to_owned());
    of.sections.insert(Section::Teams, Fact::Unknown(gap));
    let text = "[defaults.settings]\nteams = { ops = \"admin\" }\n\
                general = { allow_merge_commit = false, has_wiki = false }\ntopics = [\"a\"]\n\
                [defaults.settings.rulesets.main]\nenforcement = \"active\"\nbypass = { deploy-key = \"always\" }";
    let drift = drift(&wanted(text, "web"), &of, KnownSecrets::default());
    assert_eq!(drift.changes.len(), 1);
    assert_eq!(drift.changes[0].after, json!({"has_wiki": false}));
    let unknown: Vec<&str> = drift.unknown.iter().map(|unknown| unknown.setting.as_str()).collect();
    assert_eq!(
        unknown,
        ["general/allow_merge_commit", "topics", "teams", "rulesets/main"]
    );
    assert!(drift.unknown[2].why.contains("`Administration: read`"), "{drift:?}");
}

/// Two repositories with something of everything.
fn estate() -> [SettingsFacts; 2] {
    let ruleset = json!({
        "target": "branch", "enforcement": "active", "include": ["~DEFAULT_BRANCH"], "exclude": [],
        "bypass": {"team:ops": "always"},
        "rules": {"deletion": true, "required_status_checks": {
            "required_status_checks": [{"context": "ci", "integration_id": 15368}],
            "strict_required_status_checks_policy": true,
        }},
    });
    let of = |more: Value| {
        let mut whole = json!({
            "general": {"allow_merge_commit": false, "description": "It's \"one\" of\nmany"},
            "labels": {"bug": {"color": "d73a4a", "description": ""}, "exact": {"color": "ffffff", "description": "\\"}},
            "teams": {"ops": "admin"}, "collaborators": {}, "variables": {"REGION": "eu"},
            "actions": {"enabled": true, "allowed_actions": "selected", "patterns_allowed": ["acme/*", "b/*"]},
            "rulesets": {"main is protected": ruleset},
            "environments": {"prod.eu": {"wait_timer": 0, "prevent_self_review": false, "reviewers": ["user:ada"],
                "branches": ["main"], "tags": []}},
            "topics": {"rust": true}, "secrets": {"NPM_TOKEN": {"updated_at": "2026-11-24T00:00:00Z"}},
        });
        for (section, of) in more.as_object().unwrap() {
            whole[section] = of.clone();
        }
        facts(whole)
    };
    let web = of(json!({"topics": {"rust": true, "web": true}, "general": {
        "allow_merge_commit": true, "description": "It's \"one\" of\nmany",
    }}));
    let api = SettingsFacts {
        id: RepositoryId(8),
        name: "api".to_owned(),
        ..of(json!({}))
    };
    [api, web]
}

#[test]
fn what_is_exported_is_what_is_so_that_nothing_has_drifted() {
    let estate = estate();
    for all in [true, false] {
        let exported = export(&estate, &[("old".to_owned(), "it is archived".to_owned())], all);
        if all {
            assert_snapshot!(exported.toml);
        }
        let policy = Policy::from_toml(&exported.toml).unwrap();
        for of in &estate {
            let wanted = policy.settings("acme", &of.name).wanted;
            assert_eq!(
                drift(&wanted, of, KnownSecrets::default()),
                Drift::default(),
                "{}",
                exported.toml
            );
            assert!(wanted.sections.len() >= 8, "{}", exported.toml);
        }
    }
}

#[test]
fn a_saved_plan_is_carried_out_as_it_was_made_or_not_at_all() {
    let drift = drifted("[defaults.settings]\ntopics = [\"payments\"]", json!({"topics": {}}));
    let plan = SettingsPlan {
        id: RepositoryId(7),
        repository: "acme/web".to_owned(),
        drift,
    };
    let at = "2026-11-26T07:00:00Z".parse().unwrap();
    let saved = SavedPlan::new("acme", "https://api.github.com/", vec![plan], at, "ada");
    let text = serde_json::to_string_pretty(&saved).unwrap();
    let read = |text: &str, owner: &str, server: &str| SavedPlan::read(text, owner, server);
    assert_eq!(read(&text, "Acme", "https://api.github.com").unwrap(), saved);
    let edited = text.replace("payments", "payment");
    assert_eq!(
        read(&edited, "acme", "https://api.github.com"),
        Err(SavedPlanError::Edited)
    );
    let later = text.replace("\"version\": 1", "\"version\": 2");
    assert_eq!(
        read(&later, "acme", "https://api.github.com"),
        Err(SavedPlanError::Version(2))
    );
    assert!(matches!(
        read(&text, "other", "https://api.github.com"),
        Err(SavedPlanError::OtherOwner(..))
    ));
    assert!(matches!(
        read(&text, "acme", "https://ghe.example/api/v3"),
        Err(SavedPlanError::OtherServer(..))
    ));
    for nothing in ["", "{}", "[1]", "{\"kind\": \"x\", \"version\": 1}"] {
        assert!(
            matches!(read(nothing, "acme", "x"), Err(SavedPlanError::NoPlan(_))),
            "{nothing}"
        );
    }
}

#[test]
fn what_is_never_written_to_is_left_alone() {
    let usual = Policy::default().settings("acme", "web");
    for kind in [
        RepositoryFlag::Archived,
        RepositoryFlag::Disabled,
        RepositoryFlag::Locked,
        RepositoryFlag::Fork,
        RepositoryFlag::Mirror,
        RepositoryFlag::Template,
    ] {
        assert!(left_alone(&[kind].into(), &usual).is_some(), "{kind:?}");
    }
    assert_eq!(left_alone(&[RepositoryFlag::Empty].into(), &usual), None);
    let all = Policy::from_toml("[defaults]\ninclude = [\"forks\", \"archived\"]").unwrap();
    let all = all.settings("acme", "web");
    assert_eq!(left_alone(&[RepositoryFlag::Fork].into(), &all), None);
    assert!(left_alone(&[RepositoryFlag::Archived].into(), &all).is_some());
}

#[test]
fn the_documentation_shows_every_section_and_an_example_that_is_a_policy() {
    let text = include_str!("../../../../docs/REPOS.md");
    let (_, settings) = text.split_once("\n## Settings as code\n").unwrap();
    let example = settings
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let policy = Policy::from_toml(example).unwrap();
    let sections: BTreeSet<Section> = Section::ALL.into();
    assert_eq!(policy.wanted_sections(), sections);
    assert_eq!(policy.wanted_secrets(), BTreeSet::from(["/contentcraft/github/npm"]));
    assert!(policy.settings("acme", "legacy-web").wanted.sections[&Section::Labels].exact);
    for section in Section::ALL {
        let begin = format!("| `{section}` ([GitHub]({})) |", section.source());
        let end = format!("| {} | {} |", section.to_read(), section.to_write());
        let row = settings.lines().find(|line| line.starts_with(&begin));
        assert!(row.is_some_and(|row| row.ends_with(&end)), "{begin} ... {end}");
        for (key, _) in values::keys(section).unwrap_or_default() {
            assert!(settings.contains(key), "{section}: {key}");
        }
    }
}
