mod branch;
mod dependencies;
mod posture;
mod properties;

use jiff::civil::date;

use super::*;
use crate::report::FileStanding;
use crate::rules::Severity;
use crate::samples::*;
use crate::snapshot::*;

const TODAY: Date = date(2026, 11, 24);

fn run(repository: &Repository) -> RepositoryReport {
    check(repository, &Policy::default(), TODAY)
}

fn under(policy: &str, repository: &Repository) -> RepositoryReport {
    check(repository, &Policy::from_toml(policy).unwrap(), TODAY)
}

fn finding(report: &RepositoryReport, rule: Rule) -> &Finding {
    report.findings.iter().find(|finding| finding.rule == rule).unwrap()
}

fn verdict(report: &RepositoryReport, rule: Rule) -> Verdict {
    finding(report, rule).verdict
}

fn failing(report: &RepositoryReport) -> Vec<Rule> {
    report
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .map(|finding| finding.rule)
        .collect()
}

fn strict_ruleset() -> Vec<RulesetRule> {
    vec![
        RulesetRule::PullRequest(reviews(1)),
        RulesetRule::RequiredStatusChecks(StatusChecks {
            strict: false,
            checks: vec![required("ci", Some(15368))],
        }),
        RulesetRule::NonFastForward,
        RulesetRule::Deletion,
    ]
}

#[test]
fn a_repository_that_meets_the_policy_passes_every_rule() {
    let report = run(&repository());
    let settings = PolicySettings::default();
    let looked_at = |rule: &Rule| settings.looks_at(*rule) && rule.is_about_repositories();
    assert_eq!(
        report.findings.len(),
        Rule::ALL.iter().filter(|rule| looked_at(rule)).count()
    );
    for finding in &report.findings {
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
        assert!(finding.evidence.ends_with('.') && finding.fix.is_empty());
    }
    assert_eq!(report.protection.verdict, Standing::Protected);
    assert_eq!(report.protection.reviews_required, Some(1));
    assert_eq!(report.protection.required_checks, ["ci"]);
    assert_eq!(report.dependabot.file, Some(FileStanding::Present));
}

#[test]
fn an_unprotected_branch_says_what_to_do() {
    let report = run(&unprotected());
    assert_eq!(
        failing(&report),
        [
            Rule::BranchProtection,
            Rule::RequiredReviews,
            Rule::RequiredStatusChecks,
            Rule::ForcePush,
            Rule::Deletion
        ]
    );
    assert_eq!(report.protection.verdict, Standing::Unprotected);
    assert_eq!(report.protection.reviews_required, Some(0));
    for finding in &report.findings {
        assert_eq!(finding.fix.is_empty(), finding.verdict != Verdict::Fail, "{finding:?}");
    }
}

#[test]
fn case_01_an_empty_repository_is_not_applicable() {
    let mut empty = repository();
    empty.default_branch = None;
    for with_trait in [false, true] {
        if with_trait {
            empty.traits.insert(RepositoryFlag::Empty);
        }
        let report = run(&empty);
        assert_eq!(report.skipped, Some(Skipped::Empty));
        assert_eq!(report.protection.verdict, Standing::NotApplicable);
        assert!(report.findings.is_empty());
        assert_eq!(report.default_branch, None);
    }
}

#[test]
fn case_02_archived_disabled_and_locked_are_skipped_and_never_written_to() {
    for (kind, why) in [
        (RepositoryFlag::Archived, Skipped::Archived),
        (RepositoryFlag::Disabled, Skipped::Disabled),
        (RepositoryFlag::Locked, Skipped::Locked),
    ] {
        let mut repository = unprotected();
        assert!(writable(&repository));
        repository.traits.insert(kind);
        assert_eq!(run(&repository).skipped, Some(why));
        assert!(!writable(&repository));
    }
    let mut archived = unprotected();
    archived.traits.insert(RepositoryFlag::Archived);
    let report = under("defaults.include = ['archived']", &archived);
    assert_eq!(report.skipped, None);
    assert!(!writable(&archived), "checked, but still never written to");
}

#[test]
fn case_03_forks_mirrors_and_templates_as_the_policy_says() {
    for (kind, word, why) in [
        (RepositoryFlag::Fork, "forks", Skipped::Fork),
        (RepositoryFlag::Mirror, "mirrors", Skipped::Mirror),
        (RepositoryFlag::Template, "templates", Skipped::Template),
    ] {
        let mut repository = repository();
        repository.traits.insert(kind);
        assert_eq!(run(&repository).skipped, Some(why));
        let included = under(&format!("defaults.include = ['{word}']"), &repository);
        assert_eq!(included.skipped, None);
        assert!(!included.findings.is_empty());
    }
    let mut fork = repository();
    fork.workflows = Fact::Known(vec![workflow(WorkflowState::DisabledFork)]);
    assert_eq!(verdict(&run(&fork), Rule::WorkflowDisabled), Verdict::Pass);
}

fn workflow(state: WorkflowState) -> Workflow {
    Workflow {
        id: WorkflowId(9),
        path: ".github/workflows/ci.yml".to_owned(),
        name: "CI".to_owned(),
        state,
        runs: Fact::Known(Vec::new()),
    }
}

#[test]
fn case_25_a_workflow_that_fell_asleep_is_a_finding() {
    let mut repository = repository();
    repository.workflows = Fact::Known(vec![workflow(WorkflowState::DisabledInactivity)]);
    assert_eq!(failing(&run(&repository)), [Rule::WorkflowDisabled]);
    let ignoring = under("defaults.workflows.ignored = ['ci.yml']", &repository);
    assert_eq!(failing(&ignoring), []);
    repository.workflows = Fact::Known(vec![workflow(WorkflowState::DisabledManually)]);
    assert_eq!(failing(&run(&repository)), [], "a person meant it");
}

#[test]
fn exemptions_hold_until_their_day_and_then_are_findings() {
    let policy = |until: &str| {
        format!(
            "[[exemptions]]\nrepositories = ['w*']\nrule = 'deletion'\nowner = 'ada'\nreason = 'replaced soon'\nuntil = {until}\n"
        )
    };
    let lax = with_branch(|branch| {
        let mut lax = classic();
        lax.switches.insert(ClassicSwitch::AllowDeletions);
        branch.classic = Fact::Known(Some(lax));
    });
    let report = under(&policy("2026-11-24"), &lax);
    assert_eq!(failing(&report), []);
    let exempt = finding(&report, Rule::Deletion);
    assert_eq!(exempt.verdict, Verdict::Exempt);
    assert!(exempt.evidence.contains("until 2026-11-24 by ada: replaced soon"));
    let report = under(&policy("2026-11-23"), &lax);
    assert_eq!(failing(&report), [Rule::Deletion, Rule::ExemptionExpired]);
    let kept = under(&policy("2026-11-23"), &repository());
    assert_eq!(
        failing(&kept),
        [Rule::ExemptionExpired],
        "even where nothing is left to exempt"
    );
    let blind = with_branch(|branch| branch.classic = Fact::Unknown(no_admin()));
    assert_eq!(
        verdict(&under(&policy("2026-12-31"), &blind), Rule::Deletion),
        Verdict::Unknown,
        "an exemption does not make known what is not"
    );
}

#[test]
fn the_policy_sets_severities_and_switches_rules_off() {
    let report = under(
        "[defaults]\nrules_off = ['deletion']\nseverity = { force_push = 'critical' }",
        &repository(),
    );
    assert!(report.findings.iter().all(|finding| finding.rule != Rule::Deletion));
    assert_eq!(finding(&report, Rule::ForcePush).severity, Severity::Critical);
}

#[test]
fn the_json_is_as_it_was_promised() {
    let json = serde_json::to_value(run(&repository())).unwrap();
    assert_eq!(json["name"], "web");
    assert_eq!(json["skipped"], Value::Null);
    assert_eq!(json["protection"]["verdict"], "protected");
    assert_eq!(json["protection"]["reviews_required"], 1);
    assert_eq!(json["dependabot"]["file"], "present");
    assert_eq!(json["dependabot"]["alerts"], true);
    assert_eq!(json["findings"][0]["rule"], "branch_protection");
    assert_eq!(json["findings"][0]["verdict"], "pass");
    assert!(json["findings"][0].get("fix").is_none());
}

/// The policy of these tests with a setting that it names.
fn of_settings(drift: Option<crate::settings::Drift>) -> SharedFinding {
    let policy = Policy::from_toml("[defaults.settings]\ntopics = [\"payments\"]").unwrap();
    let repository = Repository {
        settings: drift,
        ..repository()
    };
    let report = check(&repository, &policy, date(2026, 11, 24));
    let finding = report
        .findings
        .into_iter()
        .find(|finding| finding.rule == Rule::SettingsDrift);
    finding.unwrap()
}

#[test]
fn the_settings_of_an_archived_repository_are_left_alone() {
    use crate::settings::{Drift, UnknownSetting};
    let policy = Policy::from_toml("[defaults]\ninclude = [\"archived\"]\nsettings.topics = [\"payments\"]").unwrap();
    let unread = UnknownSetting {
        setting: "topics".to_owned(),
        why: "it was not read".to_owned(),
    };
    let mut archived = Repository {
        settings: Some(Drift {
            changes: Vec::new(),
            unknown: vec![unread],
        }),
        ..repository()
    };
    archived.traits.insert(RepositoryFlag::Archived);
    let report = check(&archived, &policy, TODAY);
    let drift = finding(&report, Rule::SettingsDrift);
    assert_eq!(drift.verdict, Verdict::NotApplicable);
    assert_eq!(drift.evidence, "Its settings are left alone: it is archived.");
}

#[test]
fn settings_that_drifted_fail_and_those_that_could_not_be_compared_are_unknown() {
    use crate::settings::{Drift, Section, SettingChange, UnknownSetting};
    assert_eq!(of_settings(None).verdict, Verdict::Unknown);
    assert_eq!(of_settings(Some(Drift::default())).verdict, Verdict::Pass);
    let change = SettingChange {
        section: Section::Topics,
        item: None,
        before: serde_json::json!([]),
        after: serde_json::json!(["payments"]),
    };
    let unknown = UnknownSetting {
        setting: "teams".to_owned(),
        why: "the credential lacks the permission `Administration: read`".to_owned(),
    };
    let drift = Drift {
        changes: vec![change],
        unknown: vec![unknown],
    };
    let failed = of_settings(Some(drift.clone()));
    assert_eq!(failed.verdict, Verdict::Fail);
    assert!(
        failed.evidence.contains("topics") && failed.fix.contains("repos apply web"),
        "{failed:?}"
    );
    let unknown = of_settings(Some(Drift {
        changes: Vec::new(),
        ..drift
    }));
    assert_eq!(unknown.verdict, Verdict::Unknown);
    assert!(unknown.evidence.contains("`Administration: read`"), "{unknown:?}");
}
