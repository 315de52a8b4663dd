//! Alerts: what is open first, taking it on, silencing it, and who is told of what.

use std::sync::Arc;

use cc_devops_alerts::{AlertPolicy, Condition, ConditionChange, ConditionKind, Conditions, Severity};
use cc_devops_dashboard::Dashboard;
use cc_devops_kernel::ports::RecordKind;
use cc_devops_testkit::Memory;

use crate::harness::{As, Harness};
use crate::records::{Unreadable, acts};

async fn note(harness: &Harness, changes: &[ConditionChange]) {
    let ports = harness.control.ports();
    let policy = Arc::new(AlertPolicy::plain(vec!["log".to_owned()]));
    let conditions = Conditions::new(Arc::clone(&ports.state), policy);
    conditions.note(changes, ports.clock.now()).await.unwrap();
}

async fn open(harness: &Harness, key: &str, kind: ConditionKind, severity: Severity, title: &str) {
    let since = harness.control.ports().clock.now();
    let condition = Condition::new(key, (kind, severity), since, title.to_owned(), "what to do".to_owned());
    note(harness, &[condition.opened()]).await;
}

#[tokio::test]
async fn nothing_is_open_and_the_channels_are_shown() {
    let harness = Harness::new().await;
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get("/ui/alerts").await.page();
    for said in ["Nothing is open", "No alerts that are over", "works"] {
        assert!(page.contains(said), "{said} in {page}");
    }
    assert!(
        admin
            .get("/ui/alerts/silences")
            .await
            .page()
            .contains("Nothing is silenced")
    );
    assert_eq!(admin.get("/ui/alerts/alert?key=nothing").await.status, 404);
    assert_eq!(admin.get("/ui/alerts?kind=x").await.status, 422);
}

#[tokio::test]
async fn what_matters_most_comes_first_and_is_escaped() {
    let harness = Harness::new().await;
    open(
        &harness,
        "hygiene/web",
        ConditionKind::Hygiene,
        Severity::Info,
        "a rule <is> broken",
    )
    .await;
    open(
        &harness,
        "agent/Writer",
        ConditionKind::Agent,
        Severity::Critical,
        "Writer is down \u{202e}",
    )
    .await;
    open(
        &harness,
        "deploy/<script>&x",
        ConditionKind::Deploy,
        Severity::Warning,
        "the deploy failed",
    )
    .await;
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get("/ui/alerts").await.page();
    let places =
        ["Writer is down", "the deploy failed", "a rule &lt;is&gt; broken"].map(|title| page.find(title).expect(title));
    assert!(places.is_sorted(), "{places:?}");
    assert!(page.contains("docs/RUNBOOK-ALERTS.md#agent"));
    assert!(!page.contains("<is>") && !page.contains('\u{202e}') && !page.contains("<script>&"));
    let (before, _) = page.split_once("\">the deploy failed").unwrap();
    let (_, address) = before.rsplit_once("href=\"").unwrap();
    let one = admin.get(&address.replace("&amp;", "&")).await.page();
    for part in [
        "deploy/&lt;script&gt;&amp;x",
        "what to do",
        "docs/RUNBOOK-ALERTS.md#deploy",
        "the only route",
    ] {
        assert!(one.contains(part), "{part} in {one}");
    }
}

#[tokio::test]
async fn an_alert_is_taken_on_and_that_is_on_record_once() {
    let harness = Harness::new().await;
    open(
        &harness,
        "agent/Writer",
        ConditionKind::Agent,
        Severity::Critical,
        "Writer is down",
    )
    .await;
    let form = [("key", "agent/Writer"), ("reason", "I look at it")];
    let observer = harness.sign_in(As::Observer).await;
    let page = observer.get("/ui/alerts/alert?key=agent%2FWriter").await.page();
    assert!(!page.contains("Acknowledge<"), "{page}");
    assert_eq!(observer.post("/ui/alerts/acknowledge", &form).await.status, 403);
    assert_eq!(
        acts(&harness, "alert"),
        [("alert.acknowledged".to_owned(), "dashboard".to_owned(), false)]
    );
    let admin = harness.sign_in(As::Admin).await;
    let taken = admin.post("/ui/alerts/acknowledge", &form).await;
    assert_eq!(taken.leads_to(), "/ui/alerts/alert?key=agent%2FWriter&did=acknowledged");
    let page = admin.get(taken.leads_to()).await.page();
    for part in ["You take care of this alert", "I look at it", "acknowledged"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert_eq!(acts(&harness, "alert").len(), 2);
    let unknown = admin.post("/ui/alerts/acknowledge", &[("key", "agent/Nobody")]).await;
    assert_eq!(unknown.status, 409, "{}", unknown.text);
    let now = harness.control.ports().clock.now();
    let over = ConditionChange::Resolved {
        key: "agent/Writer".to_owned(),
        at: now,
        title: "Writer is back".to_owned(),
    };
    note(&harness, &[over]).await;
    assert_eq!(
        admin.post("/ui/alerts/acknowledge", &form).await.status,
        409,
        "it is over"
    );
    let page = admin.get("/ui/alerts?kind=agent").await.page();
    assert!(page.contains("Writer is back"), "{page}");
    assert!(!admin.get("/ui/alerts?kind=deploy").await.page().contains("Writer"));
}

#[tokio::test]
async fn a_silence_is_made_from_an_alert_and_ended() {
    let harness = Harness::new().await;
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get("/ui/alerts/silences?key=agent%2FWriter").await.page();
    assert!(page.contains("value=\"agent/Writer\""), "{page}");
    let made = [
        ("key", "agent/Writer"),
        ("labels", "team=web, tier=1"),
        ("lasts", "2h"),
        ("reason", "new <disks>"),
    ];
    for wrong in [
        vec![("severity", "critcal"), ("lasts", "2h"), ("reason", "x")],
        vec![("kind", "agnet"), ("lasts", "2h"), ("reason", "x")],
        vec![("labels", "team"), ("lasts", "2h"), ("reason", "x")],
        vec![("key", "a"), ("lasts", "soon"), ("reason", "x")],
        vec![("key", "a"), ("lasts", "2h"), ("reason", " ")],
        vec![("lasts", "2h"), ("reason", "x")],
    ] {
        let refused = admin.post("/ui/alerts/silence", &wrong).await;
        assert_eq!(refused.status, 422, "{wrong:?}: {}", refused.text);
    }
    assert_eq!(acts(&harness, "alert"), []);
    let observer = harness.sign_in(As::Observer).await;
    assert!(
        !observer
            .get("/ui/alerts/silences")
            .await
            .page()
            .contains("/ui/alerts/silence\"")
    );
    assert_eq!(observer.post("/ui/alerts/silence", &made).await.status, 403);
    assert_eq!(
        admin.post("/ui/alerts/silence", &made).await.leads_to(),
        "/ui/alerts/silences?did=silenced"
    );
    let listed = admin.get("/ui/alerts/silences").await.page();
    for part in ["key=agent/Writer", "team=web", "new &lt;disks&gt;"] {
        assert!(listed.contains(part), "{part} in {listed}");
    }
    let (_, behind) = listed.split_once("name=\"id\" value=\"").unwrap();
    let (id, _) = behind.split_once('"').unwrap();
    assert_eq!(observer.post("/ui/alerts/unsilence", &[("id", id)]).await.status, 403);
    admin.post("/ui/alerts/unsilence", &[("id", id)]).await.leads_to();
    assert_eq!(
        admin.post("/ui/alerts/unsilence", &[("id", id)]).await.status,
        409,
        "it is over"
    );
    let on_record = acts(&harness, "alert.");
    assert_eq!(on_record.len(), 4, "{on_record:?}");
    assert!(on_record.iter().all(|(_, via, _)| via == "dashboard"));
}

#[tokio::test]
async fn who_is_told_of_what_is_explained() {
    let harness = Harness::new().await;
    let observer = harness.sign_in(As::Observer).await;
    let page = observer.get("/ui/alerts/routes").await.page();
    assert!(page.contains("the only route") && page.contains("everything"), "{page}");
    let asked = observer
        .get("/ui/alerts/routes?kind=deploy&severity=critical&agent=&stage=&key=")
        .await
        .page();
    assert!(asked.contains("it matches everything"), "{asked}");
}

#[tokio::test]
async fn a_store_that_fails_is_said() {
    let change = |ports: &mut cc_devops_requests::ports::Ports| {
        let store = Arc::clone(&ports.state);
        ports.state = Arc::new(Unreadable {
            store,
            kind: RecordKind::Alert,
        });
    };
    let harness = Harness::around(Memory::new(), change, Dashboard::default()).await;
    let admin = harness.sign_in(As::Admin).await;
    for path in ["/ui/alerts", "/ui/alerts/alert?key=agent%2FWriter"] {
        assert_eq!(admin.get(path).await.status, 503, "{path}");
    }
}
