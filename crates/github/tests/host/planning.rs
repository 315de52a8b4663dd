//! What a plan says beside what it would change: what is not known, and who could not go on.

use std::sync::Arc;

use cc_devops_fake_github::{Access, Model, Permission, Protection, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::fixing::{Fixer, Plans, Wanted};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::RepositoryStore;
use cc_devops_repos::rules::Rule;
use jiff::civil::date;

use crate::harness::{Harness, NOW, given, settings};

const DEPENDABOT: &str = "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      \
                          interval: daily\n";

fn fixer(harness: &Harness, token: &str) -> Fixer {
    let store: Arc<dyn RepositoryStore> = Arc::new(harness.memory.clone());
    let policy = Policy::from_toml("defaults.protection.require_status_checks = false").unwrap();
    let github = GitHub::new(given(token), "acme", settings(harness.fake.url()), store).held_against(policy.clone());
    Fixer::new(Arc::new(github), "acme", Arc::new(policy), harness.memory.ports())
}

async fn planned(harness: &Harness, token: &str, wanted: &Wanted) -> Plans {
    let fixer = fixer(harness, token);
    fixer.plan(wanted, date(2026, 11, 24), &mut |_, _| ()).await.unwrap()
}

/// `acme/web`, which nothing protects and where both of Dependabot's switches are off; and `acme/fine`.
async fn harness() -> Harness {
    let mut model = Model::at(NOW);
    model.org("acme");
    for name in ["acme/web", "acme/fine"] {
        model.repo(name, |of| {
            of.vulnerability_alerts = name == "acme/fine";
            of.security_fixes = name == "acme/fine";
        });
        model.commit(name, "main", ".github/dependabot.yml", DEPENDABOT);
        model.commit(name, "main", "Cargo.toml", "");
    }
    let mut rule = Protection::of("main").reviews(1).enforce_admins();
    rule.reviews.as_mut().unwrap().dismiss_stale = true;
    model.protect("acme/fine", rule);
    Harness::of(model).await
}

#[tokio::test]
async fn both_switches_go_on_at_once_and_stay_as_they_are_then() {
    let harness = harness().await;
    let wanted = Wanted {
        rules: [Rule::SecurityUpdates].into(),
        ..Wanted::default()
    };
    // The updates alone are wanted, and need the alerts.
    let plans = planned(&harness, TOKEN, &wanted).await;
    let kinds: Vec<&ChangeKind> = plans.plans[0].changes.iter().map(|change| &change.kind).collect();
    assert_eq!(
        kinds,
        [&ChangeKind::SwitchOnAlerts, &ChangeKind::SwitchOnSecurityUpdates]
    );
    assert_eq!(plans.would_change(), 1);
    let fixer = fixer(&harness, TOKEN);
    let author = fixer.author(&Actor::Operator, &[]).await.unwrap();
    let applied = fixer
        .apply(&plans.plans[0], &author, &WorkHandle::default())
        .await
        .unwrap();
    assert!(applied.iter().all(|applied| applied.done), "{applied:?}");
    assert_eq!(planned(&harness, TOKEN, &wanted).await, Plans::default());
}

#[tokio::test]
async fn who_could_not_be_approved_by_anybody_is_warned_of() {
    let harness = harness().await;
    let warnings = async |people: &[(&str, Permission)]| -> Vec<String> {
        harness.fake.change(|model| {
            model.edit("acme/web", |of| {
                of.people = people.iter().map(|(login, may)| ((*login).to_owned(), *may)).collect();
            });
        });
        let plans = planned(&harness, TOKEN, &Wanted::default()).await;
        let web = plans.plans.iter().find(|plan| plan.repository == "acme/web").unwrap();
        web.changes.iter().flat_map(|change| change.warnings.clone()).collect()
    };
    let alone = warnings(&[
        ("ada", Permission::Admin),
        ("bob", Permission::Read),
        ("cy", Permission::Triage),
    ])
    .await;
    assert_eq!(alone.len(), 1, "of the ruleset, and not of the switches: {alone:?}");
    assert!(alone[0].contains("only `ada` may write"), "{alone:?}");
    let two = warnings(&[("ada", Permission::Admin), ("bob", Permission::Write)]).await;
    assert_eq!(two, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_token_may_not_see_is_said_and_with_which_permission_it_would() {
    let harness = harness().await;
    harness
        .fake
        .token("reader", Access::classic("reader", Permission::Read));
    for names in [Vec::new(), vec!["fine".to_owned()]] {
        let wanted = Wanted {
            names,
            ..Wanted::default()
        };
        let plans = planned(&harness, "reader", &wanted).await;
        let fine = plans.plans.iter().find(|plan| plan.repository == "acme/fine").unwrap();
        assert_eq!(fine.changes, []);
        for rule in [Rule::BranchProtection, Rule::RequiredReviews, Rule::VulnerabilityAlerts] {
            let unknown = fine.unknown.iter().find(|unknown| unknown.rule == rule).unwrap();
            assert_eq!(
                unknown.fix,
                "Give the credential the permission `Administration: read`."
            );
        }
    }
    // An administrator's plan has nothing to say of it.
    let plans = planned(&harness, TOKEN, &Wanted::default()).await;
    let fine = plans.plans.iter().find(|plan| plan.repository == "acme/fine");
    let unknown = fine.into_iter().flat_map(|plan| &plan.unknown);
    assert_eq!(
        unknown.filter(|unknown| unknown.fix.contains("Administration")).count(),
        0,
        "{fine:?}"
    );
}
