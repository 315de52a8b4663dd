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
use cc_devops_testkit::{sample, telling};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::house::{House, NOW, given, settings};

fn auditor(house: &House, credential: &str) -> Auditor {
    let ports = house.memory.ports();
    let store = Arc::clone(&ports.repositories);
    let github = GitHub::new(
        given(credential),
        "acme",
        settings(house.fake.url()),
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
async fn house() -> House {
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
    House::of(model).await
}

async fn daily(house: &House) -> bool {
    auditor(house, TOKEN).daily().await.unwrap().unwrap().complete
}

fn tomorrow(house: &House) {
    house.memory.clock().advance(SignedDuration::from_hours(24));
    house.fake.change(|model| model.advance(Duration::from_hours(24)));
}

/// The alerts so far: their titles and texts.
fn alerts(house: &House) -> Vec<String> {
    let alerts = house.memory.alerts().into_iter();
    alerts.map(|alert| format!("{}\n{}", alert.title, alert.text)).collect()
}

/// The keys of what is open.
fn open(house: &House) -> Vec<String> {
    let open = house.memory.open_conditions().into_iter();
    open.map(|condition| condition.key).collect()
}

/// The details of the events so far.
async fn events(house: &House) -> Vec<Value> {
    let waiting = telling::waiting(&house.memory.ports(), 10_000_000).await;
    let detail = |body: &cc_devops_kernel::events::EventBody| {
        assert_eq!(body.detail_type(), "repos.audit.completed");
        serde_json::from_str(&body.detail().unwrap()).unwrap()
    };
    waiting
        .iter()
        .map(|entry| detail(&telling::event(entry).body))
        .collect()
}

fn alerts_of(house: &House, on: bool) {
    house
        .fake
        .change(|model| model.edit("acme/web", |web| web.vulnerability_alerts = on));
}

#[tokio::test]
async fn what_is_new_is_told_once_and_what_is_fixed_is_over() {
    let house = house().await;
    assert!(daily(&house).await);
    let told = alerts(&house);
    assert_eq!(events(&house).await[0]["new_count"], told.len(), "each breach is one");
    assert!(
        told.iter().any(|alert| alert.starts_with("acme/web (high): ")),
        "{told:?}"
    );
    let before = open(&house);

    tomorrow(&house);
    house.fake.change(|model| model.rename_repo("acme/web", "acme/site"));
    assert!(daily(&house).await);
    assert_eq!(alerts(&house), told, "a new name is no news");
    assert_eq!(open(&house), before);

    tomorrow(&house);
    house
        .fake
        .change(|model| model.edit("acme/site", |site| site.vulnerability_alerts = true));
    assert!(daily(&house).await);
    assert_eq!(alerts(&house), told);
    let mut rest = before;
    rest.retain(|key| !key.ends_with("/vulnerability_alerts"));
    assert_eq!(open(&house), rest, "what is put right is over");
    let events = events(&house).await;
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
    let house = house().await;
    alerts_of(&house, true);
    daily(&house).await;
    let before = alerts(&house).len();

    alerts_of(&house, false);
    tomorrow(&house);
    let ask = Ask {
        keep: true,
        ..Ask::default()
    };
    auditor(&house, TOKEN).audit(&ask, &mut |_, _| ()).await.unwrap();
    assert_eq!(alerts(&house).len(), before, "who asked sees it");
    house.memory.clock().advance(SignedDuration::from_hours(1));
    daily(&house).await;
    assert_eq!(alerts(&house).len(), before + 1);
    tomorrow(&house);
    daily(&house).await;
    assert_eq!(alerts(&house).len(), before + 1);
}

#[tokio::test]
async fn what_an_incomplete_scan_does_not_confirm_is_told_if_nobody_was() {
    let house = house().await;
    let ask = Ask {
        keep: true,
        ..Ask::default()
    };
    auditor(&house, TOKEN).audit(&ask, &mut |_, _| ()).await.unwrap();
    tomorrow(&house);
    house.first_lacks(&["hasVulnerabilityAlertsEnabled"], "Something broke");
    assert!(!daily(&house).await);
    let told = alerts(&house);
    assert_eq!(events(&house).await[0]["new_count"], told.len());
    assert!(!told.is_empty());
    tomorrow(&house);
    assert!(daily(&house).await);
    assert_eq!(alerts(&house), told);
}

#[tokio::test]
async fn people_hear_of_a_failure_once_until_an_audit_is_made_and_not_where_nothing_was_set_up() {
    let house = house().await;
    let wrong = auditor(&house, "ghp_wrong");
    for _ in 0..2 {
        let error = wrong.daily().await.unwrap_err();
        assert!(
            matches!(&error, AuditError::Port(port) if port.kind == PortErrorKind::Key),
            "{error:?}"
        );
    }
    assert_eq!(alerts(&house).len(), 1);
    assert!(
        alerts(&house)[0].starts_with("Repositories of acme could not be audited\nThe daily audit failed: "),
        "{:?}",
        alerts(&house)
    );
    tomorrow(&house);
    wrong.daily().await.unwrap_err();
    assert_eq!(alerts(&house).len(), 1, "it is open still");
    assert_eq!(open(&house), ["hygiene/acme"]);
    assert!(daily(&house).await);
    assert!(!open(&house).contains(&"hygiene/acme".to_owned()), "an audit was made");
    wrong.daily().await.unwrap_err();
    assert_eq!(open(&house)[0], "hygiene/acme", "the next failure is told again");
}
