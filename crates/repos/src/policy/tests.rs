use insta::assert_snapshot;
use jiff::civil::date;

use super::*;

const WHOLE: &str = r#"
[defaults]
include = ["templates"]
rules_off = ["workflow_disabled"]
severity = { bypass_actors = "high" }
[defaults.protection]
required_reviews = 2
status_checks = ["ci", { context = "build", app = 15368 }]
allowed_bypass_actors = ["team:platform"]
[defaults.dependabot]
nested = "every"
ignored_ecosystems = ["docker"]
[defaults.workflows]
ignored = ["nightly-*.yml"]
fallback_repository = "deepfoundai/ops"
labels = ["ci"]

[[overrides]]
repositories = ["legacy-*", "other/*"]
protection = { required_reviews = 0, dismiss_stale_reviews = false }
severity = { force_push = "critical" }

[[overrides]]
repositories = ["legacy-api"]
protection.required_reviews = 1
workflows.fallback_repository = "deepfoundai/legacy"

[[exemptions]]
repositories = ["legacy-*"]
rule = "required_reviews"
owner = "ada"
reason = "the repository is replaced in March"
until = 2027-03-31
"#;

fn problems(text: &str) -> Vec<String> {
    let errors = Policy::from_toml(text).unwrap_err();
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_later_override_wins_and_leaves_the_rest() {
    let policy = Policy::from_toml(WHOLE).unwrap();
    let of = |name: &str| policy.settings("deepfoundai", name);

    let plain = of("web");
    assert_eq!(plain.protection.required_reviews, 2);
    assert_eq!(plain.protection.status_checks.len(), 2);
    assert_eq!(plain.protection.status_checks[1].app, Some(15368));
    assert_eq!(plain.severity(Rule::BypassActors), Severity::High);
    assert_eq!(plain.severity(Rule::ForcePush), Severity::High);
    assert!(plain.include.contains(&RepositoryFlag::Template));
    assert!(plain.rules_off.contains(&Rule::WorkflowDisabled));
    assert_eq!(plain.dependabot.nested, Nested::Every);
    assert!(plain.workflows.ignores(".github/workflows/nightly-load.yml"));
    assert!(!plain.workflows.ignores(".github/workflows/ci.yml"));

    let old = of("Legacy-Web");
    assert_eq!(old.protection.required_reviews, 0);
    assert!(!old.protection.dismiss_stale_reviews);
    assert_eq!(
        old.protection.status_checks.len(),
        2,
        "what the override does not name stays"
    );
    assert_eq!(old.severity(Rule::ForcePush), Severity::Critical);
    assert_eq!(old.severity(Rule::BypassActors), Severity::High);

    let api = of("legacy-api");
    assert_eq!(api.protection.required_reviews, 1);
    assert!(
        !api.protection.dismiss_stale_reviews,
        "the first override holds where the second says nothing"
    );
    assert_eq!(api.workflows.fallback_repository.as_deref(), Some("deepfoundai/legacy"));
}

#[test]
fn an_exemption_holds_through_its_last_day() {
    let policy = Policy::from_toml(WHOLE).unwrap();
    let exemption = &policy.exemptions[0];
    assert!(exemption.covers("deepfoundai", "legacy-web"));
    assert!(!exemption.covers("deepfoundai", "web"));
    assert!(!exemption.expired(date(2027, 3, 31)));
    assert!(exemption.expired(date(2027, 4, 1)));
    let as_text = Policy::from_toml(&WHOLE.replace("2027-03-31", "\"2027-03-31\"")).unwrap();
    assert_eq!(as_text, policy);
}

#[test]
fn an_empty_policy_has_the_defaults() {
    let policy = Policy::from_toml("").unwrap();
    assert_eq!(policy, Policy::default());
    let settings = policy.settings("o", "r");
    assert_eq!(settings, PolicySettings::default());
    assert_eq!(settings.dependabot.ignored_paths.len(), IGNORED_PATHS.len());
    assert!(settings.include.is_empty());
}

#[test]
fn everything_wrong_is_told_at_once() {
    let said = problems(
        r#"
colour = "red"
[defaults]
include = ["forks", "gists"]
severity = { force_pushes = "high", deletion = "awful" }
[defaults.protection]
required_review = 2
required_reviews = 9
dismiss_stale_reviews = "yes"
status_checks = [{ context = "ci", ap = 1 }]
[defaults.dependabot]
ignored_ecosystems = ["doker"]
ignored_paths = ["a***b"]
[defaults.workflows]
fallback_repository = "ops"
[[overrides]]
protection.allow_deletion = 1
[[exemptions]]
repositories = ["*"]
rule = "exemption_expired"
reason = " "
until = "soon"
"#,
    );
    assert_snapshot!(said.join("\n"), @r#"
    defaults.protection.dismiss_stale_reviews: invalid type: string "yes", expected a boolean
    defaults.protection.status_checks.0: a check is written as its name, or as { context = "ci", app = 15368 }
    overrides.0.protection.allow_deletion: invalid type: integer `1`, expected a boolean
    colour: there is no such key
    defaults.protection.required_review: there is no such key; did you mean `required_reviews`?
    defaults.include: `gists` is no kind that can be included; write forks, mirrors, templates or archived
    defaults.severity.deletion: `awful` is no severity; write low, medium, high or critical
    defaults.severity.force_pushes: `force_pushes` is no rule; did you mean `force_push`?
    defaults.protection.required_reviews: 9 is out of range; GitHub takes 0 to 6
    defaults.dependabot.ignored_ecosystems: Dependabot has no package-ecosystem `doker`; did you mean `docker`?
    defaults.dependabot.ignored_paths: the pattern `a***b` cannot be read: Pattern syntax error near position 3: wildcards are either regular `*` or recursive `**`
    defaults.workflows.fallback_repository: `ops` is no repository; write it as `owner/name`
    overrides.0.repositories: names no repository; write patterns such as ["legacy-*"]
    exemptions.0.rule: an expired exemption cannot be exempted; renew it or remove it
    exemptions.0.owner: an exemption needs its owner
    exemptions.0.reason: an exemption needs its reason
    exemptions.0.until: an exemption needs its last day, such as 2027-03-31
    "#);
    assert_eq!(said.len(), 17, "{said:#?}");
    assert!(problems("[defaults").iter().any(|line| line.contains("not TOML")));
    assert!(problems("[[exemptions]]").len() >= 5);
}

#[test]
fn the_documentation_shows_the_defaults_and_every_rule() {
    let text = include_str!("../../../../docs/REPOS.md");
    let toml = text
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let policy = Policy::from_toml(toml).unwrap();
    assert_eq!(policy.settings("o", "some-repository"), PolicySettings::default());
    assert_eq!(policy.settings("o", "legacy-api").protection.required_reviews, 0);
    assert_eq!(policy.exemptions.len(), 1);
    for rule in Rule::ALL {
        let row = format!("| `{rule}` | {} |", rule.severity());
        assert!(text.contains(&row), "{row}");
        assert!(text.contains(rule.source()), "{rule}");
    }
}

#[test]
fn breaches_are_told_as_the_policy_says() {
    let policy = |text: &str| Policy::from_toml(text).unwrap();
    let of = |policy: &Policy, name: &str, rule| policy.settings("acme", name).tell.rule(rule);
    let plain = policy("");
    assert!(!plain.wants_issues());
    assert_eq!(of(&plain, "web", Rule::ForcePush), BreachReport::Event);
    let all =
        policy("defaults.tell = 'issue'\n[[overrides]]\nrepositories = ['legacy-*']\ntell = { deletion = 'event' }\n");
    assert!(all.wants_issues());
    assert_eq!(of(&all, "web", Rule::Deletion), BreachReport::Issue);
    assert_eq!(of(&all, "legacy-a", Rule::Deletion), BreachReport::Event);
    assert_eq!(of(&all, "legacy-a", Rule::ForcePush), BreachReport::Issue);
    let some = policy(
        "defaults.tell = { force_push = 'issue' }\ndefaults.issues = { labels = ['policy'], fallback_repository = 'acme/ops' }\n\
         [[overrides]]\nrepositories = ['web']\ntell = 'event'\n",
    );
    assert!(some.wants_issues());
    assert_eq!(of(&some, "api", Rule::ForcePush), BreachReport::Issue);
    assert_eq!(of(&some, "api", Rule::Deletion), BreachReport::Event);
    assert_eq!(
        of(&some, "web", Rule::ForcePush),
        BreachReport::Event,
        "the later wins, by rule too"
    );
    let settings = some.settings("acme", "web");
    assert!(!settings.tell.wants_issue());
    assert_eq!(settings.issues.fallback_repository.as_deref(), Some("acme/ops"));

    let problems = |text: &str| Policy::from_toml(text).unwrap_err().to_string();
    for (text, says) in [
        (
            "defaults.tell = 'mail'",
            "`mail` is no way to tell of breaches; write event or issue",
        ),
        ("defaults.tell = { force_pus = 'issue' }", "did you mean `force_push`?"),
        (
            "defaults.tell = { force_push = 'mail' }",
            "defaults.tell.force_push: `mail` is no way",
        ),
        ("defaults.tell = 3", "by rule as"),
        (
            "defaults.issues.fallback_repository = 'ops'",
            "write it as `owner/name`",
        ),
        ("defaults.issues.label = []", "did you mean `labels`?"),
    ] {
        assert!(problems(text).contains(says), "{}", problems(text));
    }
}

#[test]
fn presets_and_names_say_which_rules_are_looked_at() {
    let looks = |text: &str, rule: Rule| Policy::from_toml(text).unwrap().settings("o", "web").looks_at(rule);
    assert!(looks("", Rule::SecretScanning) && !looks("", Rule::Webhooks));
    assert!(looks("defaults.rules = 'strict'", Rule::Webhooks));
    assert!(looks("defaults.rules_on = ['webhooks']", Rule::Webhooks));
    assert!(!looks(
        "defaults.rules = 'strict'\ndefaults.rules_off = ['webhooks']",
        Rule::Webhooks
    ));
    assert!(!looks("defaults.rules = 'strict'", Rule::RequiredWorkflows));
    assert!(looks(
        "defaults.workflows.required = ['ci.yml']",
        Rule::RequiredWorkflows
    ));
    let own = "[[overrides]]\nrepositories = ['web']\nrules = 'strict'";
    assert!(looks(own, Rule::Webhooks));
    let both = problems("defaults.rules_on = ['webhooks']\ndefaults.rules_off = ['webhooks']");
    assert_eq!(both, ["defaults.rules_on: `webhooks` is in rules_off too"]);
    assert!(problems("defaults.rules = 'all'")[0].contains("`baseline` or `strict`"));
    assert!(problems("defaults.actions.trustde = []")[0].contains("trusted"));
}

#[test]
fn a_rule_that_somebody_names_is_looked_at() {
    let text = "defaults.rules_off = ['force_push']\n[[overrides]]\nrepositories = ['lab']\nrules_off = ['webhooks']";
    let mut policy = Policy::from_toml(text).unwrap();
    policy.look_at(&[Rule::Webhooks, Rule::ForcePush]);
    let web = policy.settings("o", "web");
    assert!(web.looks_at(Rule::Webhooks) && web.looks_at(Rule::ForcePush) && !web.looks_at(Rule::DeployKeys));
    assert!(!policy.settings("o", "lab").looks_at(Rule::Webhooks));
    assert!(policy.may_look_at(Rule::Webhooks));
}

#[test]
fn what_no_repository_is_held_to_is_not_read_for() {
    let may = |text: &str, rule: Rule| Policy::from_toml(text).unwrap().may_look_at(rule);
    assert!(may("", Rule::SecretScanning) && !may("", Rule::Webhooks));
    assert!(!may("defaults.rules_off = ['secret_scanning']", Rule::SecretScanning));
    let back = "defaults.rules_off = ['secret_scanning']\n[[overrides]]\nrepositories = ['web']\nrules_off = []";
    assert!(may(back, Rule::SecretScanning));
    let one = "[[overrides]]\nrepositories = ['web']\nrules_on = ['webhooks']";
    assert!(may(one, Rule::Webhooks) && !may(one, Rule::DeployKeys));
    assert!(!may("defaults.rules = 'strict'", Rule::RequiredWorkflows));
    assert!(may("defaults.workflows.required = ['ci.yml']", Rule::RequiredWorkflows));
}
