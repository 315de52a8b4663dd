//! Webhooks: who is told, what was given up, and giving it back.

use cc_devops_kernel::events::{EventBody, OutgoingEvent};
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId};
use cc_devops_testkit::sample;
use jiff::SignedDuration;

use crate::harness::{As, Browser, Harness};
use crate::records::acts;

const HOOK: &str = "https://receiver.example.com/in?token=canary";

/// The page of the only webhook.
async fn only_one(browser: &Browser<'_>) -> String {
    let page = browser.get("/ui/webhooks").await.page();
    let (_, behind) = page.split_once("href=\"/ui/webhooks/wh_").expect("there is one");
    let (id, _) = behind.split_once('"').unwrap();
    format!("/ui/webhooks/wh_{id}")
}

/// A control plane with a webhook of which two deliveries were given up.
async fn with_dead_letters() -> (Harness, Subscription) {
    let harness = Harness::new().await;
    let ports = harness.control.ports();
    let now = ports.clock.now();
    let subscription = Subscription {
        id: SubscriptionId("wh_1".to_owned()),
        url: HOOK.to_owned(),
        agent: None,
        created_at: now,
    };
    let secret = cc_devops_outbox::webhooks::signing_secret([1; 32]);
    ports
        .webhooks
        .subscribe(&subscription, &secret, &sample::act("webhook.added", "Operator"))
        .await
        .unwrap();
    let event = OutgoingEvent {
        agent: sample::agent_name("Operator"),
        body: EventBody::Announcement(sample::announcement("news")),
    };
    ports.webhooks.queue(&[(1, &event), (2, &event)], now).await.unwrap();
    let until = now + SignedDuration::from_secs(60);
    let places = Places::of_each(10);
    for _ in 0..2 {
        for delivery in ports.webhooks.claim_deliveries(now, until, 10, &places).await.unwrap() {
            ports.webhooks.bury(&delivery, now, "answered <500>").await.unwrap();
        }
    }
    (harness, subscription)
}

#[tokio::test]
async fn a_webhook_is_added_its_secret_is_shown_once_and_its_path_never() {
    let harness = Harness::new().await;
    let observer = harness.sign_in(As::Observer).await;
    let page = observer.get("/ui/webhooks").await.page();
    assert!(
        page.contains("Nobody is told by webhooks") && !page.contains("Add a webhook"),
        "{page}"
    );
    assert_eq!(observer.post("/ui/webhooks/add", &[("url", HOOK)]).await.status, 403);
    assert_eq!(
        acts(&harness, "webhook"),
        [("webhook.added".to_owned(), "dashboard".to_owned(), false)]
    );
    let admin = harness.sign_in(As::Admin).await;
    for wrong in [
        "",
        "ftp://x",
        "http://receiver.example.com",
        "https://u:p@receiver.example.com",
    ] {
        assert_eq!(
            admin.post("/ui/webhooks/add", &[("url", wrong)]).await.status,
            422,
            "{wrong}"
        );
    }
    let added = admin.post("/ui/webhooks/add", &[("url", HOOK), ("agent", "")]).await;
    assert_eq!(added.header("cache-control"), "no-store");
    let added = added.page();
    assert!(added.contains("whsec_") && !added.contains("canary"), "{added}");
    assert_eq!(acts(&harness, "webhook").len(), 2);
    let one = only_one(&admin).await;
    for path in ["/ui/webhooks", &one, &format!("{one}/remove")] {
        let page = admin.get(path).await.page();
        assert!(
            page.contains("https://receiver.example.com") && !page.contains("canary") && !page.contains("whsec_"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn dead_letters_are_seen_and_delivered_again() {
    let (harness, _) = with_dead_letters().await;
    let admin = harness.sign_in(As::Admin).await;
    let one = only_one(&admin).await;
    let page = admin.get(&one).await.page();
    assert!(
        page.contains("answered &lt;500&gt;") && !page.contains("No dead letters"),
        "{page}"
    );
    let observer = harness.sign_in(As::Observer).await;
    assert!(!observer.get(&one).await.page().contains("/replay"));
    assert_eq!(observer.get(&format!("{one}/replay")).await.status, 403);
    assert_eq!(observer.post(&format!("{one}/replay"), &[]).await.status, 403);
    let asked = admin.get(&format!("{one}/replay")).await.page();
    assert!(asked.contains("again, from the first attempt on"), "{asked}");
    let replayed = admin.post(&format!("{one}/replay"), &[]).await;
    assert_eq!(replayed.leads_to(), format!("{one}?did=replayed"));
    assert!(admin.get(&one).await.page().contains("No dead letters"));
    let row = |done| ("webhook.dead_letters_replayed".to_owned(), "dashboard".to_owned(), done);
    assert_eq!(acts(&harness, "webhook.dead"), [row(false), row(true)]);
}

#[tokio::test]
async fn a_webhook_is_removed_after_it_was_asked() {
    let (harness, subscription) = with_dead_letters().await;
    let admin = harness.sign_in(As::Admin).await;
    let one = format!("/ui/webhooks/{}", subscription.id.0);
    let asked = admin.get(&format!("{one}/remove")).await.page();
    assert!(asked.contains("gone for good"), "{asked}");
    assert_eq!(admin.get(&one).await.status, 200, "looking removes nothing");
    let before = harness.rows().len();
    assert_eq!(
        admin.post(&format!("{one}/remove"), &[]).await.leads_to(),
        "/ui/webhooks?did=webhook-removed"
    );
    assert_eq!(harness.rows().len(), before + 1);
    assert_eq!(admin.get(&one).await.status, 404);
    for act in ["enable", "replay", "remove"] {
        assert_eq!(admin.post(&format!("{one}/{act}"), &[]).await.status, 404, "{act}");
    }
}

#[tokio::test]
async fn what_the_outbox_set_aside_is_given_back() {
    let harness = Harness::new().await;
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get("/ui/webhooks").await.page();
    assert!(page.contains("up to date"), "{page}");
    assert!(
        admin
            .get("/ui/webhooks/outbox/people")
            .await
            .page()
            .contains("Nothing was set aside")
    );
    assert_eq!(admin.get("/ui/webhooks/outbox/nobody").await.status, 404);
    let observer = harness.sign_in(As::Observer).await;
    assert_eq!(
        observer.post("/ui/webhooks/outbox/people/replay", &[]).await.status,
        403
    );
    assert!(
        admin
            .get("/ui/webhooks/outbox/people/replay")
            .await
            .page()
            .contains("Give it back")
    );
    let given = admin.post("/ui/webhooks/outbox/people/replay", &[]).await;
    assert_eq!(given.leads_to(), "/ui/webhooks/outbox/people?did=given-back");
    let on_record = acts(&harness, "outbox.");
    let row = |done| ("outbox.given_back".to_owned(), "dashboard".to_owned(), done);
    assert_eq!(on_record, [row(false), row(true)]);
}
