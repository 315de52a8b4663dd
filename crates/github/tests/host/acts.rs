//! What is changed at GitHub is on record, before and after, whatever happens in between.

use std::sync::Arc;

use cc_devops_fake_github::{Access, Model, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_kernel::acts::{ActError, Actor, Author};
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::work::WorkHandle;
use cc_devops_policy::{Policy as Policies, PolicySet};
use cc_devops_repos::fix::Plan;
use cc_devops_repos::fixing::{Fixer, Wanted};
use cc_devops_repos::monitoring::{Ask, Monitor, MonitoringSettings};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{CodeHost, RepositoryStore};
use cc_devops_repos::rules::Rule;
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::crash::{CrashPoint, CrashPoints, Moment};
use cc_devops_testkit::sample;
use jiff::civil::date;

use crate::harness::{Harness, NOW, given, settings};

fn host(harness: &Harness, credential: &str) -> Arc<dyn CodeHost> {
    let store: Arc<dyn RepositoryStore> = Arc::new(harness.memory.clone());
    Arc::new(GitHub::new(
        given(credential),
        "acme",
        settings(harness.fake.url()),
        store,
    ))
}

fn fixer(harness: &Harness, ports: &Ports) -> Fixer {
    Fixer::new(host(harness, TOKEN), "acme", Arc::new(Policy::default()), ports)
}

fn monitor(harness: &Harness, ports: &Ports) -> Monitor {
    let settings = MonitoringSettings {
        owner: "acme".to_owned(),
        policy: Arc::new(Policy::default()),
        mode: Mode::Normal,
    };
    Monitor::new(host(harness, TOKEN), ports, settings)
}

/// `acme/web`, which lacks Dependabot's alerts, and whose workflow failed.
async fn harness() -> Harness {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(ci, "failure", |_| ());
    Harness::of(model).await
}

/// What is on record, oldest first.
async fn trail(harness: &Harness) -> Vec<AuditEntry> {
    let audit = harness.memory.ports().audit;
    let mut rows = audit.list(&AuditFilter::default(), None, 100).await.unwrap().items;
    rows.reverse();
    rows.into_iter().map(|row| row.entry).collect()
}

async fn plan(harness: &Harness) -> Plan {
    let wanted = Wanted {
        rules: [Rule::VulnerabilityAlerts].into(),
        ..Wanted::default()
    };
    let fixer = fixer(harness, &harness.memory.ports());
    let plans = fixer.plan(&wanted, date(2026, 11, 24), &mut |_, _| ()).await.unwrap();
    plans.plans.into_iter().next().unwrap()
}

async fn operator(fixer: &Fixer) -> Author {
    fixer.author(&Actor::Operator, &[]).await.unwrap()
}

#[tokio::test]
async fn a_change_is_on_record_before_it_is_made_and_after() {
    let harness = harness().await;
    let (plan, fixer) = (plan(&harness).await, fixer(&harness, &harness.memory.ports()));
    let author = operator(&fixer).await;
    let applied = fixer.apply(&plan, &author, &WorkHandle::default()).await.unwrap();
    assert!(applied.iter().all(|applied| applied.done), "{applied:?}");
    let trail = trail(&harness).await;
    let said: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(said, [actions::REPOSITORY_CHANGE_BEGUN, actions::REPOSITORY_CHANGED]);
    for entry in &trail {
        assert_eq!(entry.resource.as_deref(), Some("acme/web"));
        assert_eq!(entry.detail["change"], "switch_on_alerts");
        assert_eq!(entry.detail["rules"][0], "vulnerability_alerts");
        assert_eq!(entry.detail["by"], "operator");
    }
}

#[tokio::test]
async fn a_change_that_was_refused_is_on_record_as_such() {
    let harness = harness().await;
    let plan = plan(&harness).await;
    harness
        .fake
        .token("weak", Access::fine_grained("ops").without("administration"));
    let ports = harness.memory.ports();
    let weak = Fixer::new(host(&harness, "weak"), "acme", Arc::new(Policy::default()), &ports);
    let author = operator(&weak).await;
    let applied = weak.apply(&plan, &author, &WorkHandle::default()).await.unwrap();
    assert!(applied.iter().all(|applied| !applied.done), "{applied:?}");
    let last = trail(&harness).await.pop().unwrap();
    assert_eq!((last.status, last.reason), (Status::Error, Some(Reason::ApiError)));
    assert_eq!(last.detail["error"], applied.first().unwrap().outcome);
}

#[tokio::test]
async fn an_agent_puts_right_what_the_policies_let_it() {
    let harness = harness().await;
    let fixer = fixer(&harness, &harness.memory.ports());
    let policies = Policies::shipped(PolicySet::default(), &sample::installation(), vocabulary());
    let agent = sample::agent(sample::AGENT).agent;
    for names in [vec![], vec!["web".to_owned()]] {
        let denied = fixer
            .author(&Actor::Agent(&agent, &policies, Door::Api), &names)
            .await
            .unwrap_err();
        assert!(
            matches!(&denied, ActError::Refused(failure) if failure.reason == Reason::SecurityViolation),
            "{denied}"
        );
    }
    let denied = trail(&harness).await;
    assert_eq!(denied.len(), 2, "an attempt is on record: {denied:?}");
    let own = "permit (principal, action == Action::\"fixRepositories\", resource == Repository::\"web\");";
    let own = Policies::parse(
        &[("own".to_owned(), own.to_owned())],
        &sample::installation(),
        vocabulary(),
    )
    .unwrap();
    let names = ["web".to_owned(), "api".to_owned()];
    let actor = Actor::Agent(&agent, &own, Door::Api);
    fixer.author(&actor, &names[..1]).await.unwrap();
    fixer.author(&actor, &names).await.unwrap_err();
}

#[tokio::test]
async fn no_change_is_made_that_the_trail_does_not_know_of() {
    for moment in Moment::ALL {
        let mut crashes = 0;
        for call in 0.. {
            let harness = harness().await;
            let plan = plan(&harness).await;
            let points = CrashPoints::at(CrashPoint { call, moment });
            let mortal = fixer(&harness, &points.wrap(&harness.memory.ports()));
            let author = operator(&mortal).await;
            let applied = mortal.apply(&plan, &author, &WorkHandle::default()).await.unwrap();
            if !points.crashed() {
                break;
            }
            crashes += 1;
            assert!(applied.iter().any(|applied| !applied.done), "{applied:?}");
            let changed = harness.fake.read(|model| model.get("acme/web").vulnerability_alerts);
            let trail = trail(&harness).await;
            let begun = trail
                .iter()
                .any(|entry| entry.action == actions::REPOSITORY_CHANGE_BEGUN);
            assert!(begun || !changed, "{moment:?} call {call}: {trail:?}");
            // Done again, it is right and its end on record.
            let whole = fixer(&harness, &harness.memory.ports());
            whole.apply(&plan, &author, &WorkHandle::default()).await.unwrap();
            assert!(harness.fake.read(|model| model.get("acme/web").vulnerability_alerts));
            let last = self::trail(&harness).await.pop().unwrap();
            assert_eq!(
                (last.action.as_str(), last.status),
                (actions::REPOSITORY_CHANGED, Status::Success)
            );
        }
        assert!(crashes >= 2, "{crashes}");
    }
}

#[tokio::test]
async fn the_issues_of_the_daily_look_are_on_record() {
    let harness = harness().await;
    let monitor = monitor(&harness, &harness.memory.ports());
    monitor
        .check(&Ask::default(), &WorkHandle::default(), &mut |_, _| ())
        .await
        .unwrap();
    harness.fake.change(|model| {
        model.advance(std::time::Duration::from_mins(1));
        let run = model.get("acme/web").runs().first().unwrap().id();
        model.rerun(run, "success");
    });
    monitor
        .check(&Ask::default(), &WorkHandle::default(), &mut |_, _| ())
        .await
        .unwrap();
    let trail = trail(&harness).await;
    let said: Vec<_> = trail
        .iter()
        .map(|entry| (entry.action.as_str(), entry.resource.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        said,
        [
            (actions::ISSUE_BEGUN, "acme/web"),
            (actions::ISSUE_CREATED, "acme/web#1"),
            (actions::ISSUE_BEGUN, "acme/web#1"),
            (actions::ISSUE_CLOSED, "acme/web#1"),
        ]
    );
    assert!(trail.iter().all(|entry| entry.detail["by"] == "schedule"), "{trail:?}");
    assert_eq!(trail.last().unwrap().detail["reason"], "completed");
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_look_leaves_one_issue_and_none_that_is_not_on_record() {
    for moment in Moment::ALL {
        let mut crashes = 0;
        for call in 0.. {
            let harness = harness().await;
            let points = CrashPoints::at(CrashPoint { call, moment });
            let mortal = monitor(&harness, &points.wrap(&harness.memory.ports()));
            let looked = mortal
                .check(&Ask::default(), &WorkHandle::default(), &mut |_, _| ())
                .await;
            if !points.crashed() {
                looked.unwrap();
                break;
            }
            crashes += 1;
            let written = harness.fake.read(|model| model.get("acme/web").issues().len());
            let begun = trail(&harness).await;
            let begun = begun
                .iter()
                .filter(|entry| entry.action == actions::ISSUE_BEGUN)
                .count();
            assert!(
                written <= begun,
                "{moment:?} call {call}: {written} written, {begun} on record"
            );
            let whole = monitor(&harness, &harness.memory.ports());
            whole
                .check(&Ask::default(), &WorkHandle::default(), &mut |_, _| ())
                .await
                .unwrap();
            let issues = harness.fake.read(|model| model.get("acme/web").issues().len());
            assert_eq!(issues, 1, "{moment:?} call {call}");
        }
        assert!(crashes >= 4, "{crashes}");
    }
}
