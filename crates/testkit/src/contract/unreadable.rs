//! A row that cannot be read holds up no other, wherever it stands.

use async_trait::async_trait;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::{Consumer, Outcome};
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId};
use cc_devops_requests::ports::Ports;

use super::ledger::{end, leave};
use crate::outbox::{self, settle, waiting};
use crate::sample::{self, AGENT, after, agent_name, request_id};

/// How a test damages what a backend has stored.
#[async_trait]
pub trait Damage {
    /// Makes every stored event with this key unreadable, wherever a copy of it is.
    async fn event(&self, key: &str);

    /// Makes a stored request that is open unreadable for whoever would take it.
    async fn request(&self, id: &RequestId);
}

/// What cannot be read is set aside and said; everything else goes on.
pub async fn unreadable<D: Damage>(fresh: impl AsyncFn() -> (Ports, D)) {
    let (ports, damage) = fresh().await;
    an_unreadable_event_comes_as_one(&ports, &damage).await;
    let (ports, damage) = fresh().await;
    readers_pass_an_unreadable_event(&ports, &damage).await;
    let (ports, damage) = fresh().await;
    an_unreadable_delivery_holds_up_no_other(&ports, &damage).await;
    let (ports, damage) = fresh().await;
    an_unreadable_request_holds_up_no_other(&ports, &damage).await;
    let (ports, damage) = fresh().await;
    a_queue_passes_an_unreadable_completion(&ports, &damage).await;
}

async fn an_unreadable_event_comes_as_one(ports: &Ports, damage: &impl Damage) {
    for id in ["r1", "r2", "r3"] {
        let request = sample::request(id);
        end(&*ports.ledger, &request, &sample::success(&request.head, 2)).await;
    }
    damage.event("r2").await;
    let due = waiting(ports, 100).await;
    let readable: Vec<bool> = due.iter().map(|entry| entry.event.is_ok()).collect();
    assert_eq!(readable, [true, false, true], "in its place, among the others");

    let error = due[1].event.clone().unwrap_err();
    settle(ports, due[1].id, Consumer::People, Outcome::SetAside { error }, 10).await;
    let aside = ports.outbox.set_aside(Consumer::People, None, 10).await.unwrap();
    assert_eq!(aside.items.len(), 1, "it can be set aside");
    assert!(aside.items[0].event.is_err(), "and be looked at there");
    let standing = ports.outbox.standing(after(100)).await.unwrap();
    let people = standing.iter().find(|one| one.consumer == Consumer::People).unwrap();
    assert_eq!((people.waiting, people.set_aside), (2, 1), "it is counted");
}

async fn readers_pass_an_unreadable_event(ports: &Ports, damage: &impl Damage) {
    let events: Vec<(i64, &str)> = (1..=5).map(|number| (number, AGENT)).collect();
    outbox::publish(ports, &events, 3).await;
    for number in [1, 2, 4] {
        damage.event(&format!("event-{number}")).await;
    }
    let mut seen = Vec::new();
    let mut cursor = Cursor(0);
    // Two in a row are damaged: a page that held nothing else must not look like the end.
    loop {
        let page = ports.events.after(cursor, None, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        seen.extend(page.iter().map(|logged| logged.event.body.key().to_owned()));
    }
    assert_eq!(seen, ["event-3", "event-5"]);
}

async fn an_unreadable_delivery_holds_up_no_other(ports: &Ports, damage: &impl Damage) {
    let subscription = Subscription {
        id: SubscriptionId("one".to_owned()),
        url: "https://example.com/hook".to_owned(),
        agent: None,
        created_at: after(0),
    };
    let secret = SecretValue::new("whsec_one".to_owned());
    let added = sample::audit_entry("webhook.added", 1);
    ports.webhooks.subscribe(&subscription, &secret, &added).await.unwrap();
    outbox::publish(ports, &[(1, AGENT), (2, AGENT)], 3).await;
    damage.event("event-1").await;
    let claimed = ports
        .webhooks
        .claim_deliveries(after(10), after(40), 10, &Places::of_each(10))
        .await
        .unwrap();
    let told: Vec<&str> = claimed.iter().map(|delivery| delivery.event.body.key()).collect();
    assert_eq!(told, ["event-2"], "the other is delivered");
    ports.webhooks.delivered(&claimed[0]).await.unwrap();
    let later = ports
        .webhooks
        .claim_deliveries(after(100_000), after(100_060), 10, &Places::of_each(10))
        .await
        .unwrap();
    assert!(later.is_empty(), "and the damaged one is not tried again and again");
    ports
        .webhooks
        .dead_letters(&subscription.id, None, 10)
        .await
        .expect("dead letters can be looked at all the same");
    let statuses = ports.webhooks.statuses().await.unwrap();
    assert_eq!(statuses[0].dead_letters, 1, "and the damaged one counts among them");
}

/// Where there are queues of completions.
async fn a_queue_passes_an_unreadable_completion(ports: &Ports, damage: &impl Damage) {
    let Some(queues) = &ports.completion_queues else { return };
    let agent = agent_name(AGENT);
    let receive = async |seconds: i64, limit: usize| {
        let received = queues.receive(&agent, after(seconds), after(seconds + 30), limit).await;
        let received = received.expect("what can be read is handed out");
        received
            .into_iter()
            .map(|one| (one.completed.request_id, one.place))
            .collect::<Vec<_>>()
    };
    let ids = |received: &[(String, Cursor)]| received.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let events: Vec<(i64, &str)> = (1..=6).map(|number| (number, AGENT)).collect();
    outbox::publish(ports, &events, 1).await;
    let log = async || {
        ports
            .events
            .after(Cursor(0), Some(&agent), 10)
            .await
            .expect("after")
            .len()
    };
    assert_eq!(log().await, 6);

    // Never handed out: two in a row are damaged, and a page that held nothing else must not look like the end.
    for number in [1, 2, 4] {
        damage.event(&format!("event-{number}")).await;
    }
    let first = receive(2, 1).await;
    assert_eq!(ids(&first), ["event-3"]);
    let rest = receive(2, 10).await;
    assert_eq!(ids(&rest), ["event-5", "event-6"]);

    // Handed out before: it does not come again, and takes nobody's place.
    damage.event("event-3").await;
    damage.event("event-5").await;
    let again = receive(32, 1).await;
    assert_eq!(ids(&again), ["event-6"]);
    queues.delete(&agent, &[again[0].1]).await.expect("delete");
    let next = queues.next(&agent, after(100)).await.expect("next");
    assert_eq!(next, None, "nobody waits for what cannot be read");
    assert_eq!(log().await, 1, "no other is gone from the log");
}

async fn an_unreadable_request_holds_up_no_other(ports: &Ports, damage: &impl Damage) {
    for id in ["r1", "r2"] {
        leave(&*ports.ledger, &sample::request(id)).await;
    }
    damage.request(&request_id("r1")).await;
    let claimed = ports.ledger.claim_due(after(10), after(70), 10).await.unwrap();
    let ids: Vec<&str> = claimed.iter().map(|request| request.head.id.as_str()).collect();
    assert_eq!(ids, ["r2"], "the other is carried out");
    let backlog = ports.ledger.backlog().await.unwrap();
    assert_eq!(
        backlog.received + backlog.executing,
        2,
        "the damaged one still counts as open"
    );
    assert_eq!(backlog.oldest_open, Some(after(0)), "and shows by its age");
}
