use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::samples::{repository, unprotected, with_branch};
use crate::snapshot::{Fact, Gap, RepositoryFlag};

fn day(number: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_000 + number))
}

/// A scan of these repositories on that day.
fn scan(repositories: &[Repository], before: &State, number: i64) -> Audit {
    let policy = Policy::default();
    let mut scan = Scan::new("deepfoundai", Scope::Owner, &policy, day(number));
    for repository in repositories {
        scan.add(repository);
    }
    scan.finish(before)
}

fn kinds(audit: &Audit) -> Vec<(&str, Rule, ChangeKind)> {
    audit
        .report
        .changes
        .iter()
        .map(|change| (change.repository.as_str(), change.rule, change.kind))
        .collect()
}

fn without_alerts() -> Repository {
    let mut repository = repository();
    repository.vulnerability_alerts = Fact::Known(false);
    repository
}

#[test]
fn a_breach_is_new_then_still_there_then_fixed() {
    let first = scan(&[without_alerts()], &State::default(), 1);
    assert_eq!(kinds(&first), [("web", Rule::VulnerabilityAlerts, ChangeKind::New)]);
    let second = scan(&[without_alerts()], &first.state, 2);
    assert_eq!(kinds(&second), [("web", Rule::VulnerabilityAlerts, ChangeKind::Still)]);
    assert_eq!(second.report.changes[0].since, day(1));
    let third = scan(&[repository()], &second.state, 3);
    assert_eq!(kinds(&third), [("web", Rule::VulnerabilityAlerts, ChangeKind::Fixed)]);
    assert_eq!(third.report.changes[0].since, day(1));
    assert!(third.state.repositories.is_empty());
    assert_eq!(third.state.last_complete, Some(day(3)));
    assert_eq!(kinds(&scan(&[repository()], &third.state, 4)), []);
}

#[test]
fn case_29_an_incomplete_scan_fixes_nothing() {
    let first = scan(&[without_alerts()], &State::default(), 1);
    let policy = Policy::default();
    let broken = |how: &dyn Fn(&mut Scan<'_>)| {
        let mut scan = Scan::new("deepfoundai", Scope::Owner, &policy, day(2));
        how(&mut scan);
        scan.finish(&first.state)
    };
    for audit in [
        broken(&|scan| scan.broke_off("the rate limit is used up")),
        broken(&|scan| scan.missing("web", "502")),
        broken(&|scan| {
            scan.add(&repository());
            scan.missing("api", "502");
        }),
        broken(&|scan| {
            let mut unread = repository();
            unread.files = Fact::Unknown(Gap::NotRead("a partial error".to_owned()));
            scan.add(&unread);
        }),
    ] {
        assert!(!audit.report.complete);
        assert_eq!(
            kinds(&audit),
            [("web", Rule::VulnerabilityAlerts, ChangeKind::Unconfirmed)]
        );
        assert_eq!(audit.state.repositories, first.state.repositories);
        assert_eq!(audit.state.last_complete, Some(day(1)));
        assert!(!audit.report.gaps.is_empty());
    }
    let found = broken(&|scan| {
        scan.add(&unprotected());
        scan.missing("api", "502");
    });
    assert_eq!(found.report.missing, ["api"]);
    assert!(
        kinds(&found).contains(&("web", Rule::BranchProtection, ChangeKind::New)),
        "what it saw, it saw"
    );
}

#[test]
fn case_15_what_becomes_unknown_is_neither_fixed_nor_new() {
    let first = scan(&[unprotected()], &State::default(), 1);
    let blind = with_branch(|branch| {
        branch.classic = Fact::Unknown(Gap::Permission("Administration: read".to_owned()));
    });
    let second = scan(std::slice::from_ref(&blind), &first.state, 2);
    assert!(second.report.complete, "a permission that lacks does not break a scan");
    assert_eq!(second.report.changes.len(), first.report.changes.len());
    assert!(
        second
            .report
            .changes
            .iter()
            .all(|change| change.kind == ChangeKind::Unconfirmed)
    );
    assert_eq!(second.state.repositories, first.state.repositories);
    assert_eq!(kinds(&scan(&[blind], &State::default(), 3)), []);
}

#[test]
fn case_30_a_renamed_repository_keeps_its_breaches() {
    let first = scan(&[without_alerts()], &State::default(), 1);
    let mut renamed = without_alerts();
    renamed.name = "website".to_owned();
    let second = scan(&[renamed.clone()], &first.state, 2);
    assert_eq!(
        kinds(&second),
        [("website", Rule::VulnerabilityAlerts, ChangeKind::Still)]
    );
    assert_eq!(second.report.changes[0].since, day(1));
    // Another repository takes the old name.
    let mut heir = without_alerts();
    heir.id = RepositoryId(43);
    let third = scan(&[renamed.clone(), heir], &second.state, 3);
    assert_eq!(
        kinds(&third),
        [
            ("web", Rule::VulnerabilityAlerts, ChangeKind::New),
            ("website", Rule::VulnerabilityAlerts, ChangeKind::Still)
        ]
    );
    // Listed under both names, because it was renamed between two pages.
    let twice = scan(&[without_alerts(), renamed], &second.state, 4);
    assert_eq!(twice.report.repositories.len(), 1);
}

#[test]
fn case_30_ten_thousand_repositories() {
    let many: Vec<Repository> = (0..10_000)
        .map(|id| Repository {
            id: RepositoryId(id),
            name: format!("r{id}"),
            ..if id % 2 == 0 { repository() } else { without_alerts() }
        })
        .collect();
    let audit = scan(&many, &State::default(), 1);
    assert_eq!(audit.report.summary.repositories, 10_000);
    assert_eq!(audit.report.changes.len(), 5_000);
    assert_eq!(audit.state.repositories.len(), 5_000, "only what is open is kept");
}

#[test]
fn a_breach_that_nobody_demands_any_more_lapses() {
    let first = scan(&[without_alerts()], &State::default(), 1);
    let mut archived = without_alerts();
    archived.traits.insert(RepositoryFlag::Archived);
    for audit in [scan(&[archived], &first.state, 2), scan(&[], &first.state, 2)] {
        assert_eq!(kinds(&audit), [("web", Rule::VulnerabilityAlerts, ChangeKind::Lapsed)]);
        assert!(audit.state.repositories.is_empty());
    }
    let exempting = Policy::from_toml(
        "[[exemptions]]\nrepositories = ['web']\nrule = 'vulnerability_alerts'\nowner = 'ada'\nreason = 'noisy'\nuntil = 2999-01-01",
    )
    .unwrap();
    let mut second = Scan::new("deepfoundai", Scope::Owner, &exempting, day(2));
    second.add(&without_alerts());
    assert_eq!(
        kinds(&second.finish(&first.state)),
        [("web", Rule::VulnerabilityAlerts, ChangeKind::Lapsed)]
    );
}

#[test]
fn a_scan_of_one_repository_says_nothing_of_others() {
    let mut other = without_alerts();
    other.id = RepositoryId(43);
    other.name = "api".to_owned();
    let first = scan(&[without_alerts(), other], &State::default(), 1);
    let policy = Policy::default();
    let mut one = Scan::new("deepfoundai", Scope::Named, &policy, day(2));
    one.add(&repository());
    let audit = one.finish(&first.state);
    assert_eq!(kinds(&audit), [("web", Rule::VulnerabilityAlerts, ChangeKind::Fixed)]);
    assert_eq!(
        audit.state.repositories.keys().copied().collect::<Vec<_>>(),
        [RepositoryId(43)]
    );
    assert_eq!(audit.state.last_complete, Some(day(1)));
}

#[test]
fn the_json_has_what_was_promised() {
    let policy = Policy::default();
    let mut scan = Scan::new("deepfoundai", Scope::Owner, &policy, day(1));
    scan.spent(20, 19);
    scan.spent(1, 2);
    scan.add(&unprotected());
    scan.missing("api", "502");
    let json = serde_json::to_value(scan.finish(&State::default()).report).unwrap();
    assert_eq!(json["owner"], "deepfoundai");
    assert_eq!(json["complete"], false);
    assert_eq!(json["missing"], serde_json::json!(["api"]));
    assert_eq!((&json["requests"], &json["points"]), (&21.into(), &21.into()));
    assert_eq!(json["repositories"][0]["protection"]["verdict"], "unprotected");
    assert_eq!(json["summary"]["protection"]["unprotected"], 1);
    assert_eq!(json["summary"]["breaches"]["high"], 3);
    assert_eq!(json["changes"][0]["kind"], "new");
}

#[test]
fn what_is_kept_survives_being_stored() {
    let state = scan(&[unprotected(), without_alerts()], &State::default(), 1).state;
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
}

/// A repository whose rules stand as the numbers say: 0 passes, 1 fails, 2 is unknown.
fn standing(alerts: u8, updates: u8) -> Repository {
    let gap = || Gap::Permission("Administration: read".to_owned());
    let mut repository = repository();
    repository.vulnerability_alerts = match alerts {
        0 => Fact::Known(true),
        1 => Fact::Known(false),
        _ => Fact::Unknown(gap()),
    };
    repository.security_updates = match updates {
        0 => Fact::Known(crate::snapshot::SecurityUpdates::On),
        1 => Fact::Known(crate::snapshot::SecurityUpdates::Off),
        _ => Fact::Unknown(gap()),
    };
    repository
}

proptest! {
    /// Every breach that is reported as new is open until a complete scan ends it.
    #[test]
    fn breaches_are_opened_and_ended_in_turn(scans in prop::collection::vec((0..3_u8, 0..3_u8, any::<bool>()), 0..12)) {
        let policy = Policy::default();
        let mut state = State::default();
        let mut open: BTreeSet<Rule> = BTreeSet::new();
        for (number, (alerts, updates, complete)) in (1..).zip(scans) {
            let mut scan = Scan::new("deepfoundai", Scope::Owner, &policy, day(number));
            scan.add(&standing(alerts, updates));
            if !complete {
                scan.broke_off("cut");
            }
            let audit = scan.finish(&state);
            for change in &audit.report.changes {
                match change.kind {
                    ChangeKind::New => prop_assert!(open.insert(change.rule)),
                    ChangeKind::Fixed | ChangeKind::Lapsed => {
                        prop_assert!(complete);
                        prop_assert!(open.remove(&change.rule));
                    }
                    ChangeKind::Still | ChangeKind::Unconfirmed => prop_assert!(open.contains(&change.rule)),
                }
            }
            state = audit.state;
            let kept: BTreeSet<Rule> = state.repositories.values().flat_map(|r| r.breaches.keys().copied()).collect();
            prop_assert_eq!(&kept, &open);
        }
    }
}

fn organization(two_factor: bool) -> Organization {
    Organization {
        login: "deepfoundai".to_owned(),
        two_factor_required: Some(crate::snapshot::Observed::known(two_factor)),
        webhooks: None,
    }
}

#[test]
fn the_organisation_is_told_beside_its_repositories() {
    let policy = Policy::default();
    let scan = |two_factor: Option<bool>, before: &State, number| {
        let mut scan = Scan::new("deepfoundai", Scope::Owner, &policy, day(number));
        if let Some(two_factor) = two_factor {
            scan.organization(&organization(two_factor));
        }
        scan.add(&repository());
        scan.finish(before)
    };
    let first = scan(Some(false), &State::default(), 1);
    let json = serde_json::to_value(&first.report).unwrap();
    assert_eq!(json["organization"]["login"], "deepfoundai");
    assert_eq!(json["organization"]["findings"][0]["rule"], "two_factor_required");
    assert_eq!(json["organization"].as_object().unwrap().len(), 2);
    assert_eq!(json["repositories"].as_array().unwrap().len(), 1);
    assert_eq!(first.report.summary.repositories, 1);
    assert_eq!(first.report.summary.breaches[&Severity::High], 1);
    assert_eq!(
        (
            first.report.changes[0].kind,
            first.report.changes[0].repository.as_str()
        ),
        (ChangeKind::New, "deepfoundai")
    );
    let again = scan(Some(false), &first.state, 2);
    assert_eq!(again.report.changes[0].kind, ChangeKind::Still);
    let fixed = scan(Some(true), &again.state, 3);
    assert_eq!(fixed.report.changes[0].kind, ChangeKind::Fixed);
    assert!(fixed.state.repositories.is_empty());
    let person = scan(None, &State::default(), 1);
    let json = serde_json::to_value(&person.report).unwrap();
    assert!(json.get("organization").is_none());
}
