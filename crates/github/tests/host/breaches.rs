//! Issues about breaches on the fake: the daily audit keeps one for each repository that the policy wants told so.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_fake_github::{Access, Model, Protection, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::health::Mode;
use cc_devops_repos::auditing::{AuditSettings, Auditor};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{CodeHost, RepositoryStore};
use cc_devops_testkit::{Memory, outbox, sample};
use jiff::SignedDuration;
use serde_json::Value;

use crate::harness::{Harness, NOW, given, settings};

const ISSUES: &str = "defaults.tell = { vulnerability_alerts = 'issue', security_updates = 'issue' }\n\
                      defaults.issues.labels = ['policy']\n";

fn auditor(harness: &Harness, memory: &Memory, credential: &str, policy: &str, mode: Mode) -> Auditor {
    let store: Arc<dyn RepositoryStore> = Arc::new(memory.clone());
    let github = GitHub::new(
        given(credential),
        "acme",
        settings(harness.fake.url()),
        Arc::clone(&store),
    );
    let host: Arc<dyn CodeHost> = Arc::new(github);
    let settings = AuditSettings {
        owner: "acme".to_owned(),
        policy: Arc::new(Policy::from_toml(policy).unwrap()),
        reader: sample::agent_name(sample::OTHER_AGENT),
        mode,
    };
    Auditor::new(host, store, memory.ports(), settings)
}

/// A day's audit; then a day passes.
async fn audit(harness: &Harness, policy: &str) {
    let auditor = auditor(harness, &harness.memory, TOKEN, policy, Mode::Normal);
    auditor.daily().await.unwrap().unwrap();
    tomorrow(harness);
}

fn tomorrow(harness: &Harness) {
    harness.memory.clock().advance(SignedDuration::from_hours(24));
    harness.fake.change(|model| model.advance(Duration::from_hours(24)));
}

/// `acme/web` without Dependabot's alerts and updates, and protected by nothing.
async fn harness() -> Harness {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    Harness::of(model).await
}

/// The issues of a repository: number, whether it is open, and its body.
fn issues(harness: &Harness, repository: &str) -> Vec<(u64, bool, String)> {
    harness.fake.read(|model| {
        let issues = model.get(repository).issues();
        issues
            .into_iter()
            .map(|issue| (issue.number, issue.open, issue.body.clone().unwrap_or_default()))
            .collect()
    })
}

fn standing(harness: &Harness) -> Vec<(u64, bool)> {
    issues(harness, "acme/web")
        .into_iter()
        .map(|(number, open, _)| (number, open))
        .collect()
}

fn set(harness: &Harness, alerts: bool, updates: bool) {
    harness.fake.change(|model| {
        model.edit("acme/web", |web| {
            web.vulnerability_alerts = alerts;
            web.security_fixes = updates;
        });
    });
}

/// What the newest event says of issues.
async fn told(harness: &Harness) -> Value {
    let waiting = outbox::waiting(&harness.memory.ports(), 10_000_000).await;
    let newest = outbox::event(waiting.last().unwrap()).body.detail().unwrap();
    serde_json::from_str::<Value>(&newest)
        .unwrap()
        .get("issues")
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn the_report_counts_what_the_issues_take_too() {
    let harness = harness().await;
    let auditor = auditor(&harness, &harness.memory, TOKEN, ISSUES, Mode::Normal);
    let report = auditor.daily().await.unwrap().unwrap();
    let reads = |seen: &cc_devops_fake_github::Seen| seen.key.starts_with("GET ") || seen.key.contains("graphql");
    let read = harness.fake.requests().iter().filter(|seen| reads(seen)).count();
    assert_eq!(report.requests, read as u64);
}

#[tokio::test]
async fn one_issue_lives_as_long_as_the_breaches() {
    let harness = harness().await;
    audit(&harness, ISSUES).await;
    assert_eq!(standing(&harness), [(1, true)]);
    let body = issues(&harness, "acme/web").remove(0).2;
    assert!(
        body.contains("`vulnerability_alerts`") && body.contains("`security_updates`"),
        "{body}"
    );
    assert!(!body.contains("force_push"), "the policy wants two rules told so");
    harness.fake.read(|model| {
        assert_eq!(model.get("acme/web").issue(1).unwrap().labels, ["policy"]);
    });
    assert_eq!(told(&harness).await["created"], 1);

    let writes = |harness: &Harness| harness.fake.count("PATCH ") + harness.fake.count("POST /repos");
    let before = writes(&harness);
    audit(&harness, ISSUES).await;
    assert_eq!(writes(&harness), before, "nothing has changed");

    set(&harness, true, false);
    audit(&harness, ISSUES).await;
    let body = issues(&harness, "acme/web").remove(0).2;
    assert!(
        !body.contains("`vulnerability_alerts`") && body.contains("`security_updates`"),
        "{body}"
    );

    set(&harness, true, true);
    audit(&harness, ISSUES).await;
    assert_eq!(standing(&harness), [(1, false)]);
    assert_eq!(told(&harness).await["closed"], 1);
    harness.fake.read(|model| {
        let issue = model.get("acme/web").issue(1).unwrap();
        assert!(issue.comments[0].body.contains("put right"), "{issue:?}");
    });
    set(&harness, false, false);
    audit(&harness, ISSUES).await;
    assert_eq!(standing(&harness), [(1, false), (2, true)]);

    let trail = harness.memory.ports().audit;
    let rows = trail.list(&AuditFilter::default(), None, 100).await.unwrap().items;
    for (action, times) in [
        (actions::ISSUE_CREATED, 2),
        (actions::ISSUE_UPDATED, 1),
        (actions::ISSUE_CLOSED, 1),
        (actions::ISSUE_BEGUN, 4),
    ] {
        let of: Vec<_> = rows.iter().filter(|row| row.entry.action == action).collect();
        assert_eq!(of.len(), times, "{action}");
        assert!(of.iter().all(|row| row.entry.detail["about"] == "breaches"), "{of:?}");
    }
}

#[tokio::test]
async fn without_the_policys_word_nothing_is_written() {
    let harness = harness().await;
    audit(&harness, "").await;
    assert!(standing(&harness).is_empty());
    assert_eq!(told(&harness).await, Value::Null);
    audit(&harness, ISSUES).await;
    audit(&harness, "[[overrides]]\nrepositories = ['web']\ntell = 'event'\n").await;
    assert_eq!(standing(&harness), [(1, false)], "an issue that is not wanted any more");
}

#[tokio::test]
async fn what_a_person_closed_stays_closed() {
    let harness = harness().await;
    set(&harness, false, true);
    // GitHub counts them as off while alerts are.
    let alerts = "defaults.tell = { vulnerability_alerts = 'issue', force_push = 'issue' }\n";
    harness
        .fake
        .change(|model| model.protect("acme/web", Protection::of("main").reviews(1)));
    audit(&harness, alerts).await;
    harness
        .fake
        .change(|model| model.close_issue("acme/web", 1, "not_planned", "ada"));
    audit(&harness, alerts).await;
    assert_eq!(standing(&harness), [(1, false)]);
    // Another breach is another matter.
    harness.fake.change(|model| model.unprotect("acme/web", "main"));
    audit(&harness, alerts).await;
    assert_eq!(standing(&harness), [(1, false), (2, true)]);
    let body = issues(&harness, "acme/web").remove(1).2;
    assert!(
        body.contains("`force_push`") && !body.contains("`vulnerability_alerts`"),
        "{body}"
    );
}

#[tokio::test]
async fn an_incomplete_scan_and_maintenance_write_nothing() {
    let harness = harness().await;
    harness.first_lacks(&["hasVulnerabilityAlertsEnabled"], "Something broke");
    let report = auditor(&harness, &harness.memory, TOKEN, ISSUES, Mode::Normal)
        .daily()
        .await;
    assert!(!report.unwrap().unwrap().complete);
    assert!(standing(&harness).is_empty());
    assert_eq!(told(&harness).await["why"], "the scan was not complete");
    tomorrow(&harness);
    let resting = auditor(&harness, &harness.memory, TOKEN, ISSUES, Mode::Maintenance);
    resting.daily().await.unwrap();
    assert!(standing(&harness).is_empty());
    assert_eq!(told(&harness).await["withheld"], 1);
    tomorrow(&harness);
    harness.memory.maintenance(true).await;
    audit(&harness, ISSUES).await;
    assert!(standing(&harness).is_empty(), "the store's counts too");
    harness.memory.maintenance(false).await;
    tomorrow(&harness);
    audit(&harness, ISSUES).await;
    assert_eq!(standing(&harness), [(1, true)]);
}

#[tokio::test]
async fn two_audits_at_once_leave_one_issue() {
    let harness = harness().await;
    // What was written a moment ago no search finds.
    harness.fake.search_lag(3_600);
    let (one, other) = (Memory::new(), Memory::new());
    let first = auditor(&harness, &one, TOKEN, ISSUES, Mode::Normal);
    let second = auditor(&harness, &other, TOKEN, ISSUES, Mode::Normal);
    let (a, b) = tokio::join!(first.daily(), second.daily());
    assert!(a.is_ok() && b.is_ok());
    let open = standing(&harness).into_iter().filter(|(_, open)| *open).count();
    assert_eq!(open, 1, "{:?}", standing(&harness));
}

#[tokio::test]
async fn issues_go_elsewhere_where_they_are_disabled_and_one_who_may_not_write_says_so() {
    let harness = harness().await;
    harness.fake.change(|model| {
        model.edit("acme/web", |web| web.issues_enabled = false);
        model.repo("acme/ops", |ops| {
            ops.vulnerability_alerts = true;
            ops.security_fixes = true;
        });
    });
    audit(&harness, ISSUES).await;
    assert!(issues(&harness, "acme/ops").is_empty());
    let policy = format!("{ISSUES}defaults.issues.fallback_repository = 'acme/ops'\n");
    harness
        .fake
        .token("weak", Access::fine_grained("ops").without("issues"));
    auditor(&harness, &harness.memory, "weak", &policy, Mode::Normal)
        .daily()
        .await
        .unwrap();
    tomorrow(&harness);
    assert_eq!(told(&harness).await["failed"], 1);
    audit(&harness, &policy).await;
    audit(&harness, &policy).await;
    assert_eq!(issues(&harness, "acme/ops").len(), 1);
}
