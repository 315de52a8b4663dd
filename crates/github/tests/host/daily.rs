//! The daily audit on the fake: what people are told, and how often.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_fake_github::{Model, Protection, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_repos::auditing::{Ask, AuditError, AuditSettings, Auditor};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::CodeHost;
use cc_devops_testkit::{outbox, sample};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Harness, NOW, given, settings};

fn auditor(harness: &Harness, credential: &str) -> Auditor {
    let ports = harness.memory.ports();
    let store = Arc::clone(&ports.repositories);
    let github = GitHub::new(
        given(credential),
        "acme",
        settings(harness.fake.url()),
        Arc::clone(&store),
    );
    let host: Arc<dyn CodeHost> = Arc::new(github);
    let settings = AuditSettings {
        owner: "acme".to_owned(),
        policy: Arc::new(Policy::default()),
        reader: sample::agent_name(sample::OTHER_AGENT),
        mode: Mode::Normal,
    };
    Auditor::new(host, store, ports, settings)
}

/// `acme/web`, which lacks Dependabot's alerts alone.
async fn harness() -> Harness {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |web| web.security_fixes = true);
    let protection = Protection::of("main").reviews(1);
    model.protect("acme/web", protection);
    model.commit(
        "acme/web",
        "main",
        ".github/dependabot.yml",
        "version: 2\nupdates: []\n",
    );
    Harness::of(model).await
}

async fn daily(harness: &Harness) -> bool {
    auditor(harness, TOKEN).daily().await.unwrap().unwrap().complete
}

fn tomorrow(harness: &Harness) {
    harness.memory.clock().advance(SignedDuration::from_hours(24));
    harness.fake.change(|model| model.advance(Duration::from_hours(24)));
}

/// The alerts so far: their titles and texts.
fn alerts(harness: &Harness) -> Vec<String> {
    let alerts = harness.memory.alerts().into_iter();
    alerts.map(|alert| format!("{}\n{}", alert.title, alert.text)).collect()
}

/// The keys of what is open.
fn open(harness: &Harness) -> Vec<String> {
    let open = harness.memory.open_conditions().into_iter();
    open.map(|condition| condition.key).collect()
}

/// The details of the events so far.
async fn events(harness: &Harness) -> Vec<Value> {
    let waiting = outbox::waiting(&harness.memory.ports(), 10_000_000).await;
    let detail = |body: &cc_devops_kernel::events::EventBody| {
        assert_eq!(body.detail_type(), "repos.audit.completed");
        serde_json::from_str(&body.detail().unwrap()).unwrap()
    };
    waiting.iter().map(|entry| detail(&outbox::event(entry).body)).collect()
}

fn alerts_of(harness: &Harness, on: bool) {
    harness
        .fake
        .change(|model| model.edit("acme/web", |web| web.vulnerability_alerts = on));
}

#[tokio::test]
async fn what_is_new_is_told_once_and_what_is_fixed_is_over() {
    let harness = harness().await;
    assert!(daily(&harness).await);
    let told = alerts(&harness);
    assert_eq!(events(&harness).await[0]["new_count"], told.len(), "each breach is one");
    assert!(
        told.iter().any(|alert| alert.starts_with("acme/web (high): ")),
        "{told:?}"
    );
    let before = open(&harness);

    tomorrow(&harness);
    harness.fake.change(|model| model.rename_repo("acme/web", "acme/site"));
    assert!(daily(&harness).await);
    assert_eq!(alerts(&harness), told, "a new name is no news");
    assert_eq!(open(&harness), before);

    tomorrow(&harness);
    harness
        .fake
        .change(|model| model.edit("acme/site", |site| site.vulnerability_alerts = true));
    assert!(daily(&harness).await);
    assert_eq!(alerts(&harness), told);
    let mut rest = before;
    rest.retain(|key| !key.ends_with("/vulnerability_alerts"));
    assert_eq!(open(&harness), rest, "what is put right is over");
    let events = events(&harness).await;
    let counts: Vec<Value> = events
        .iter()
        .map(|event| json!([event["new_count"], event["fixed_count"]]))
        .collect();
    assert_eq!(counts[1..], [json!([0, 0]), json!([0, 1])]);
    assert_eq!(events[2]["fixed"][0]["repository"], "site");
    assert_eq!(events[2]["fixed"][0]["rule"], "vulnerability_alerts");
}

#[tokio::test]
async fn what_somebodys_own_audit_saw_first_is_told_all_the_same() {
    let harness = harness().await;
    alerts_of(&harness, true);
    daily(&harness).await;
    let before = alerts(&harness).len();

    alerts_of(&harness, false);
    tomorrow(&harness);
    let ask = Ask {
        keep: true,
        ..Ask::default()
    };
    auditor(&harness, TOKEN).audit(&ask, &mut |_, _| ()).await.unwrap();
    assert_eq!(alerts(&harness).len(), before, "who asked sees it");
    harness.memory.clock().advance(SignedDuration::from_hours(1));
    daily(&harness).await;
    assert_eq!(alerts(&harness).len(), before + 1);
    tomorrow(&harness);
    daily(&harness).await;
    assert_eq!(alerts(&harness).len(), before + 1);
}

#[tokio::test]
async fn what_an_incomplete_scan_does_not_confirm_is_told_if_nobody_was() {
    let harness = harness().await;
    let ask = Ask {
        keep: true,
        ..Ask::default()
    };
    auditor(&harness, TOKEN).audit(&ask, &mut |_, _| ()).await.unwrap();
    tomorrow(&harness);
    harness.first_lacks(&["hasVulnerabilityAlertsEnabled"], "Something broke");
    assert!(!daily(&harness).await);
    let told = alerts(&harness);
    assert_eq!(events(&harness).await[0]["new_count"], told.len());
    assert!(!told.is_empty());
    tomorrow(&harness);
    assert!(daily(&harness).await);
    assert_eq!(alerts(&harness), told);
}

#[tokio::test]
async fn people_hear_of_a_failure_once_until_an_audit_is_made_and_not_where_nothing_was_set_up() {
    let harness = harness().await;
    let wrong = auditor(&harness, "ghp_wrong");
    for _ in 0..2 {
        let error = wrong.daily().await.unwrap_err();
        assert!(
            matches!(&error, AuditError::Port(port) if port.kind == PortErrorKind::Key),
            "{error:?}"
        );
    }
    assert_eq!(alerts(&harness).len(), 1);
    assert!(
        alerts(&harness)[0].starts_with("Repositories of acme could not be audited\nThe daily audit failed: "),
        "{:?}",
        alerts(&harness)
    );
    tomorrow(&harness);
    wrong.daily().await.unwrap_err();
    assert_eq!(alerts(&harness).len(), 1, "it is open still");
    assert_eq!(open(&harness), ["hygiene/acme"]);
    assert!(daily(&harness).await);
    assert!(
        !open(&harness).contains(&"hygiene/acme".to_owned()),
        "an audit was made"
    );
    wrong.daily().await.unwrap_err();
    assert_eq!(open(&harness)[0], "hygiene/acme", "the next failure is told again");
}
