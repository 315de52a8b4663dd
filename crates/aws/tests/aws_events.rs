//! The event log, the webhooks and the schedule with several processes at once, and on a bad line.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod house;
mod line;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::{Backend, SETTLED};
use cc_devops_core::ports::PortErrorKind;
use cc_devops_core::requests::record::{Cursor, OutboxEntry};
use cc_devops_core::schedule::Job;
use cc_devops_core::secret::SecretValue;
use cc_devops_core::webhooks::{Delivery, Subscription, SubscriptionId};
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, AGENT, after};
use line::{Fault, Line};

const NOTHING: Duration = Duration::ZERO;

fn events(numbers: std::ops::Range<i64>) -> Vec<OutboxEntry> {
    numbers.map(|number| sample::outbox_entry(number, AGENT)).collect()
}

async fn publish(backend: &Backend, events: &[OutboxEntry]) {
    let results = backend.bus().publish(events, after(1)).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// The ids in the log, in its order.
async fn logged(backend: &Backend) -> Vec<String> {
    let log = backend.events(NOTHING).after(Cursor(0), None, 100_000).await.unwrap();
    assert!(log.is_sorted_by(|one, next| one.cursor < next.cursor), "places grow");
    log.into_iter()
        .map(|logged| logged.event.body.key().to_owned())
        .collect()
}

async fn subscribe(backend: &Backend, id: &str) -> Subscription {
    let subscription = Subscription {
        id: SubscriptionId(id.to_owned()),
        url: format!("https://example.com/{id}"),
        agent: None,
        created_at: after(0),
    };
    let secret = SecretValue::new(format!("whsec_{id}"));
    backend
        .webhooks(NOTHING)
        .subscribe(&subscription, &secret)
        .await
        .unwrap();
    subscription
}

async fn claim(backend: &Backend, seconds: i64, limit: usize) -> Vec<Delivery> {
    let webhooks = backend.webhooks(NOTHING);
    let (now, until) = (after(seconds), after(seconds + 30));
    webhooks.claim_deliveries(now, until, limit).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_several_processes_publish_at_once_nothing_is_lost() {
    const PROCESSES: i64 = 4;
    const EACH: i64 = 120;
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    let publishers = (0..PROCESSES).map(|process| {
        let other = house::on(peer.url(), backend.resources());
        tokio::spawn(async move {
            let first = process * EACH;
            for number in (first..first + EACH).step_by(40) {
                publish(&other, &events(number..number + 40)).await;
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.unwrap();
    }
    let seen: BTreeSet<String> = logged(&backend).await.into_iter().collect();
    assert_eq!(i64::try_from(seen.len()).unwrap(), PROCESSES * EACH);
}

#[tokio::test]
async fn an_event_whose_place_is_taken_stands_at_another() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    let line = Line::default();
    let process = line.to(&backend, 2);
    line.fails(1, "PutItem", &Fault::refused(400, "ConditionalCheckFailedException"));
    publish(&process, &events(1..2)).await;
    let places: Vec<_> = line
        .calls("PutItem")
        .iter()
        .map(|call| call["Item"]["SK"].clone())
        .collect();
    assert_eq!(places.len(), 2);
    assert_ne!(places[0], places[1]);

    line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["None", "ConditionalCheckFailed"]),
    );
    publish(&process, &events(2..4)).await;
    line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["TransactionConflict", "None"]),
    );
    publish(&process, &events(4..6)).await;
    assert_eq!(
        logged(&backend).await,
        ["event-1", "event-2", "event-3", "event-4", "event-5"]
    );
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_not_lost_itself() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    let line = Line::default();
    let process = line.to(&backend, 2);
    line.fails(1, "PutItem", &Fault::LostAnswer);
    publish(&process, &events(1..2)).await;
    let seen: BTreeSet<String> = logged(&backend).await.into_iter().collect();
    assert_eq!(seen.len(), 1, "it may stand there twice");
}

#[tokio::test]
async fn readers_stay_behind_the_present() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    publish(&backend, &events(1..2)).await;
    let log = backend.events(SETTLED);
    assert!(log.after(Cursor(0), None, 10).await.unwrap().is_empty());
    assert_eq!(log.newest().await.unwrap(), Cursor(0));
    assert_eq!(logged(&backend).await, ["event-1"], "it is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_senders_make_and_take_each_delivery_once() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    subscribe(&backend, "one").await;
    subscribe(&backend, "two").await;
    publish(&backend, &events(0..120)).await;
    let senders = (0..4).map(|_| {
        let other = house::on(peer.url(), backend.resources());
        tokio::spawn(async move { claim(&other, 10, 300).await })
    });
    let mut taken = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        taken.extend(sender.await.unwrap());
    }
    // What one sender made while another looked is taken with the next look.
    taken.extend(claim(&backend, 10, 300).await);
    let ids: BTreeSet<i64> = taken.iter().map(|delivery| delivery.id).collect();
    assert_eq!((taken.len(), ids.len()), (240, 240));
    let told: BTreeSet<(&str, &str)> = taken
        .iter()
        .map(|delivery| (delivery.subscription.id.0.as_str(), delivery.event.body.key()))
        .collect();
    assert_eq!(told.len(), 240, "every event to both, once");
}

#[tokio::test]
async fn a_sender_that_dies_uses_up_an_attempt() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    subscribe(&backend, "one").await;
    publish(&backend, &events(1..2)).await;
    assert_eq!(claim(&backend, 10, 10).await[0].attempt, 1);
    assert_eq!(
        claim(&backend, 100, 10).await[0].attempt,
        2,
        "the lease has ended and nobody said how it went"
    );
}

/// Changes an attribute of the one item with these keys.
async fn change(backend: &Backend, keys: (&str, &str), name: &str, value: AttributeValue) {
    let call = backend.clients().dynamodb().update_item();
    let call = call.table_name(&backend.resources().ledger_table);
    let call = call
        .key("PK", AttributeValue::S(keys.0.to_owned()))
        .key("SK", AttributeValue::S(keys.1.to_owned()))
        .update_expression("SET #name = :value")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":value", value);
    call.send().await.unwrap();
}

#[tokio::test]
async fn a_damaged_subscription_does_not_hold_up_the_others() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    subscribe(&backend, "bad").await;
    subscribe(&backend, "good").await;
    publish(&backend, &events(1..3)).await;
    let secret = AttributeValue::B(b"not sealed by us".to_vec().into());
    change(&backend, ("WEBHOOKS", "SUB#bad"), "secret", secret).await;
    let taken = claim(&backend, 10, 10).await;
    let told: Vec<&str> = taken
        .iter()
        .map(|delivery| delivery.subscription.id.0.as_str())
        .collect();
    assert_eq!(told, ["good", "good"]);
}

#[tokio::test]
async fn what_cannot_be_made_now_is_made_later() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    let line = Line::default();
    let process = line.to(&backend, 1);
    subscribe(&backend, "one").await;
    subscribe(&backend, "two").await;
    publish(&backend, &events(1..2)).await;
    line.fails(1, "TransactWriteItems", &Fault::refused(500, "InternalServerError"));
    assert_eq!(claim(&process, 10, 10).await.len(), 1, "the other subscription's");
    assert_eq!(claim(&process, 10, 10).await.len(), 1);

    publish(&backend, &events(2..3)).await;
    let taken = Fault::cancelled(&["None", "ConditionalCheckFailed"]);
    line.fails(1, "TransactWriteItems", &taken);
    assert_eq!(
        claim(&process, 10, 10).await.len(),
        2,
        "a place that is taken is only another place"
    );
}

#[tokio::test]
async fn a_subscription_is_added_once_and_told_so_even_if_the_answer_was_lost() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    let line = Line::default();
    let process = line.to(&backend, 2);
    line.fails(1, "PutItem", &Fault::LostAnswer);
    let subscription = subscribe(&process, "one").await;
    let secret = SecretValue::new("whsec_one".to_owned());
    let again = backend.webhooks(NOTHING).subscribe(&subscription, &secret).await;
    assert_eq!(again.unwrap_err().kind, PortErrorKind::Exists);
}

async fn due_times(peer: &Peer) -> (Backend, Line, Backend) {
    let backend = house::backend(peer).await;
    let line = Line::default();
    let process = line.to(&backend, 2);
    (backend, line, process)
}

#[tokio::test]
async fn a_job_is_done_even_if_the_answer_that_it_is_ours_was_lost() {
    let peer = peers::ministack().await;
    let (backend, line, process) = due_times(&peer).await;
    let job = Job::Heartbeat;
    line.fails(1, "PutItem", &Fault::LostAnswer);
    assert_eq!(process.schedule().due(job, after(300)).await.unwrap(), after(300));
    line.fails(1, "UpdateItem", &Fault::LostAnswer);
    assert!(process.schedule().advance(job, after(300), after(600)).await.unwrap());
    let second = backend.schedule().advance(job, after(300), after(600)).await;
    assert!(!second.unwrap(), "and by nobody else");
}
