//! The contract of the webhook subscriptions: every event to everyone who wants it, at least once.

mod endpoints;

use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::{Consumer, Outcome, Settled};
use cc_devops_outbox::webhooks::{Delivery, Places, Subscription, SubscriptionId, longest_waits};
use cc_devops_requests::ports::Ports;

use super::refused;
use crate::outbox;
use crate::sample::{self, AGENT, OTHER_AGENT, after, agent_name};

/// Webhooks keep what they promise: events published after the subscription are queued for it,
/// leased to one sender at a time, retried, buried and replayed.
pub async fn webhooks(fresh: impl AsyncFn() -> Ports) {
    subscriptions_come_and_go(&fresh().await).await;
    an_event_goes_to_everyone_who_wants_it(&fresh().await).await;
    an_event_is_queued_once(&fresh().await).await;
    a_delivery_is_leased(&fresh().await).await;
    two_senders_never_take_the_same(&fresh().await).await;
    what_a_dead_process_delivered_can_be_taken_over(&fresh().await).await;
    a_failed_delivery_comes_again(&fresh().await).await;
    a_buried_delivery_can_be_replayed(&fresh().await).await;
    dead_letters_come_in_pages(&fresh().await).await;
    nothing_is_left_of_what_was_unsubscribed(&fresh().await).await;
    endpoints::endpoints_take_turns(&fresh().await).await;
    endpoints::a_failing_endpoint_has_one_place(&fresh().await).await;
    endpoints::those_that_do_not_answer_leave_room_for_one_that_does(&fresh().await).await;
    endpoints::what_others_have_under_way_takes_no_place_of_ones_own(&fresh().await).await;
    endpoints::an_endpoint_that_only_fails_is_switched_off(&fresh().await).await;
    endpoints::acts_are_on_record_with_what_they_change(&fresh().await).await;
}

fn added() -> AuditEntry {
    sample::audit_entry(actions::WEBHOOK_ADDED, 1)
}

fn removed() -> AuditEntry {
    sample::audit_entry(actions::WEBHOOK_REMOVED, 50)
}

fn replayed(seconds: i64) -> AuditEntry {
    sample::audit_entry(actions::DEAD_LETTERS_REPLAYED, seconds)
}

fn subscription(id: &str, agent: Option<&str>, seconds: i64) -> Subscription {
    Subscription {
        id: SubscriptionId(id.to_owned()),
        url: format!("https://example.com/hooks/{id}?a=1&b=2"),
        agent: agent.map(agent_name),
        created_at: after(seconds),
    }
}

async fn subscribe(ports: &Ports, id: &str, agent: Option<&str>) -> Subscription {
    let subscription = subscription(id, agent, 0);
    let secret = SecretValue::new(format!("whsec_{id}"));
    ports
        .webhooks
        .subscribe(&subscription, &secret, &added())
        .await
        .unwrap();
    subscription
}

async fn publish(ports: &Ports, number: i64, agent: &str) {
    outbox::publish(ports, &[(number, agent)], 1).await;
}

async fn claim(ports: &Ports, seconds: i64) -> Vec<Delivery> {
    ports
        .webhooks
        .claim_deliveries(after(seconds), after(seconds + 30), 10, &Places::of_each(100))
        .await
        .unwrap()
}

/// Which subscription is told which event.
fn told(deliveries: &[Delivery]) -> Vec<(&str, &str)> {
    deliveries
        .iter()
        .map(|delivery| (delivery.subscription.id.0.as_str(), delivery.event.body.key()))
        .collect()
}

async fn subscriptions_come_and_go(ports: &Ports) {
    assert!(
        ports.webhooks.subscriptions().await.unwrap().is_empty(),
        "there are none at first"
    );
    let (one, two) = (subscription("one", None, 1), subscription("two", Some(AGENT), 2));
    for subscription in [&one, &two] {
        let secret = SecretValue::new("whsec_x".to_owned());
        ports.webhooks.subscribe(subscription, &secret, &added()).await.unwrap();
    }
    let all = ports.webhooks.subscriptions().await.unwrap();
    assert_eq!(all, [one.clone(), two.clone()], "oldest first, as they were given");
    ports.webhooks.unsubscribe(&one.id, &removed()).await.unwrap();
    assert_eq!(ports.webhooks.subscriptions().await.unwrap(), [two], "the other stays");
    refused(
        ports.webhooks.unsubscribe(&one.id, &removed()).await,
        PortErrorKind::NotFound,
        "unsubscribing twice",
    );
}

async fn an_event_goes_to_everyone_who_wants_it(ports: &Ports) {
    publish(ports, 1, AGENT).await;
    let all = subscribe(ports, "all", None).await;
    subscribe(ports, "own", Some(AGENT)).await;
    publish(ports, 2, AGENT).await;
    publish(ports, 3, OTHER_AGENT).await;
    let deliveries = claim(ports, 10).await;
    let mut told = told(&deliveries);
    told.sort_unstable();
    assert_eq!(
        told,
        [("all", "event-2"), ("all", "event-3"), ("own", "event-2")],
        "only what was published after the subscription, and only its agent's"
    );
    let delivery = deliveries
        .iter()
        .find(|delivery| delivery.subscription.id == all.id)
        .unwrap();
    assert_eq!(delivery.subscription, all, "a delivery knows where it goes");
    assert_eq!(delivery.secret.expose(), "whsec_all", "and what to sign with");
    assert_eq!(delivery.attempt, 1, "it is the first attempt");
    assert_eq!(
        delivery.event,
        outbox::published(2, AGENT, 1),
        "it tells what was published, oldest first"
    );
    assert!(!delivery.message_id.is_empty(), "it has an id for its receiver");
}

async fn an_event_is_queued_once(ports: &Ports) {
    subscribe(ports, "one", None).await;
    let settled = |id| Settled {
        id,
        consumer: Consumer::Webhooks,
        outcome: Outcome::Done,
    };
    let conclusion = sample::success(&sample::head("event-1"), 1);
    ports.ledger.refuse(&agent_name(AGENT), &conclusion).await.unwrap();
    let due = ports.outbox.due(&[Consumer::Webhooks], after(1), 10).await.unwrap();
    let event = (due[0].id, outbox::event(&due[0]));
    ports.webhooks.queue(&[event], after(1)).await.unwrap();
    ports.webhooks.queue(&[event], after(2)).await.unwrap();
    ports.outbox.settle(after(3), &[settled(event.0)]).await.unwrap();
    assert_eq!(claim(ports, 10).await.len(), 1, "however often it comes");
}

async fn a_delivery_is_leased(ports: &Ports) {
    subscribe(ports, "one", None).await;
    publish(ports, 1, AGENT).await;
    publish(ports, 2, AGENT).await;
    let first = ports
        .webhooks
        .claim_deliveries(after(10), after(40), 1, &Places::of_each(100))
        .await
        .unwrap();
    assert_eq!(
        told(&first),
        [("one", "event-1")],
        "the oldest first, and no more than asked for"
    );
    let second = claim(ports, 10).await;
    assert_eq!(told(&second), [("one", "event-2")], "what is leased is left alone");
    assert!(claim(ports, 39).await.is_empty(), "until the lease ends");
    let again = claim(ports, 41).await;
    assert_eq!(
        told(&again),
        [("one", "event-1"), ("one", "event-2")],
        "then it comes again"
    );
    assert_eq!(
        again[0].message_id, first[0].message_id,
        "with the same id for its receiver"
    );
    assert_ne!(again[0].message_id, again[1].message_id, "two messages have two ids");
    for delivery in &again {
        ports.webhooks.delivered(delivery).await.unwrap();
    }
    assert!(claim(ports, 100_000).await.is_empty(), "what arrived is gone");
}

async fn two_senders_never_take_the_same(ports: &Ports) {
    subscribe(ports, "one", None).await;
    for number in 1..=8 {
        publish(ports, number, AGENT).await;
    }
    let (one, two) = tokio::join!(claim(ports, 10), claim(ports, 10));
    let mut all: Vec<i64> = one.iter().chain(&two).map(|delivery| delivery.id).collect();
    assert_eq!(all.len(), 8, "every delivery is taken");
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 8, "by one of them");
}

/// Where others deliver too, nothing is taken over, and leases end by themselves.
async fn what_a_dead_process_delivered_can_be_taken_over(ports: &Ports) {
    // Its clock was an hour ahead.
    const AHEAD: i64 = 3_600;
    subscribe(ports, "one", None).await;
    for number in 1..=4 {
        publish(ports, number, AGENT).await;
    }
    let first = claim(ports, AHEAD).await;
    assert_eq!(first.len(), 4);
    ports
        .webhooks
        .retry_at(&first[3], after(AHEAD), after(AHEAD + 5), "connection refused")
        .await
        .unwrap();
    ports.webhooks.delivered(&first[2]).await.unwrap();
    outbox::publish(ports, &[(5, AGENT)], AHEAD).await;
    let taken = ports.webhooks.take_over(after(10)).await.unwrap();
    if taken == 0 {
        assert!(
            claim(ports, 10).await.is_empty(),
            "leases stand where nobody knows that their holder is dead"
        );
        return;
    }
    assert_eq!(taken, 2, "what was under way");
    let again = claim(ports, 10).await;
    let mut keys: Vec<(&str, u32)> = again
        .iter()
        .map(|delivery| (delivery.event.body.key(), delivery.attempt))
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [("event-1", 1), ("event-2", 1), ("event-5", 1)],
        "is due at once and was no attempt, and what is new does not wait for the wrong clock either"
    );
    let (_, wait) = longest_waits().find(|(attempts, _)| *attempts == 1).unwrap();
    let retried = claim(ports, 10 + wait.as_secs()).await;
    assert_eq!(
        (told(&retried), retried[0].attempt),
        (vec![("one", "event-4")], 2),
        "what failed waits as after a failure just now"
    );
    for delivery in again.iter().chain(&retried) {
        ports.webhooks.delivered(delivery).await.unwrap();
    }
    assert_eq!(
        ports.webhooks.take_over(after(100)).await.unwrap(),
        0,
        "nothing is left"
    );
}

async fn a_failed_delivery_comes_again(ports: &Ports) {
    subscribe(ports, "one", None).await;
    publish(ports, 1, AGENT).await;
    let first = claim(ports, 10).await.remove(0);
    ports
        .webhooks
        .retry_at(&first, after(11), after(100), "connection refused")
        .await
        .unwrap();
    assert!(
        claim(ports, 99).await.is_empty(),
        "not before its time, although the lease has ended"
    );
    let second = claim(ports, 101).await.remove(0);
    assert_eq!(second.attempt, 2, "it is the second attempt");
    assert_eq!(
        (&second.message_id, &second.event),
        (&first.message_id, &first.event),
        "at the same message"
    );
    ports
        .webhooks
        .retry_at(&second, after(101), after(102), "status 500")
        .await
        .unwrap();
    assert_eq!(claim(ports, 103).await.remove(0).attempt, 3, "attempts add up");
}

async fn a_buried_delivery_can_be_replayed(ports: &Ports) {
    let (one, two) = (subscribe(ports, "one", None).await, subscribe(ports, "two", None).await);
    publish(ports, 1, AGENT).await;
    for delivery in claim(ports, 10).await {
        ports
            .webhooks
            .retry_at(&delivery, after(11), after(20), "status 500")
            .await
            .unwrap();
    }
    let deliveries = claim(ports, 21).await;
    for delivery in &deliveries {
        ports.webhooks.bury(delivery, after(22), "status 410").await.unwrap();
    }
    assert!(
        claim(ports, 100_000).await.is_empty(),
        "what was buried is not delivered"
    );

    let letters = ports.webhooks.dead_letters(&one.id, None, 10).await.unwrap();
    assert_eq!(
        (letters.items.len(), letters.next),
        (1, None),
        "each subscription has its own dead letters"
    );
    let (letter, buried) = (
        &letters.items[0],
        deliveries.iter().find(|d| d.subscription.id == one.id).unwrap(),
    );
    assert_eq!(
        (&letter.message_id, &letter.event),
        (&buried.message_id, &buried.event),
        "it is the message"
    );
    assert_eq!(
        (letter.attempts, letter.error.as_str()),
        (2, "status 410"),
        "with what went wrong"
    );
    assert_eq!(letter.buried_at, after(22), "and when it was given up");

    assert_eq!(
        ports.webhooks.replay(&one.id, &replayed(200)).await.unwrap(),
        1,
        "one is replayed"
    );
    assert_eq!(
        ports.webhooks.replay(&one.id, &replayed(200)).await.unwrap(),
        0,
        "it is no dead letter any more"
    );
    assert!(
        ports
            .webhooks
            .dead_letters(&one.id, None, 10)
            .await
            .unwrap()
            .items
            .is_empty(),
        "the list says so"
    );
    let others = ports.webhooks.dead_letters(&two.id, None, 10).await.unwrap();
    assert_eq!(others.items.len(), 1, "the other's dead letter stays");
    let again = claim(ports, 201).await;
    assert_eq!(told(&again), [("one", "event-1")], "it is delivered again");
    assert_eq!(again[0].attempt, 1, "from attempt one");
    assert_eq!(
        again[0].message_id, letter.message_id,
        "with the same id for its receiver"
    );
}

async fn dead_letters_come_in_pages(ports: &Ports) {
    let one = subscribe(ports, "one", None).await;
    for number in 1..=5 {
        publish(ports, number, AGENT).await;
    }
    for delivery in claim(ports, 10).await {
        ports.webhooks.bury(&delivery, after(11), "status 410").await.unwrap();
    }
    let (mut seen, mut place) = (Vec::new(), None);
    loop {
        let page = ports.webhooks.dead_letters(&one.id, place, 2).await.unwrap();
        assert!(page.items.len() <= 2, "no more than asked for");
        seen.extend(page.items.iter().map(|letter| letter.event.body.key().to_owned()));
        place = page.next;
        if place.is_none() || seen.len() > 100 {
            break;
        }
    }
    assert_eq!(
        seen,
        ["event-1", "event-2", "event-3", "event-4", "event-5"],
        "each once, oldest first"
    );
    assert_eq!(
        ports.webhooks.replay(&one.id, &replayed(20)).await.unwrap(),
        5,
        "all are replayed"
    );
}

async fn nothing_is_left_of_what_was_unsubscribed(ports: &Ports) {
    let one = subscribe(ports, "one", None).await;
    publish(ports, 1, AGENT).await;
    let buried = claim(ports, 10).await.remove(0);
    ports.webhooks.bury(&buried, after(11), "status 410").await.unwrap();
    publish(ports, 2, AGENT).await;
    ports.webhooks.unsubscribe(&one.id, &removed()).await.unwrap();
    assert!(claim(ports, 100).await.is_empty(), "nothing waits for it");
    publish(ports, 3, AGENT).await;
    subscribe(ports, "two", None).await;
    assert!(claim(ports, 100).await.is_empty(), "and its successor inherits nothing");
}
