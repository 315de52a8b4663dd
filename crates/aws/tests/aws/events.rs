//! The event log, the webhooks and the schedule with several processes at once, and on a bad line.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::schedule::Job;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Consumer;
use cc_devops_outbox::webhooks::{Delivery, Places, Subscription, SubscriptionId};
use cc_devops_requests::record::RequestState;
use cc_devops_testkit::outbox::{self, keys, published};
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, AGENT, after, agent_name, request_id};
use serde_json::json;

use crate::harness;
use crate::line::{Fault, Line};

/// Puts the events of these numbers into the log, one after the other.
async fn publish(backend: &Backend, numbers: std::ops::Range<i64>) {
    for number in numbers {
        let conclusion = sample::success(&sample::head(&format!("event-{number}")), 1);
        backend.ledger().refuse(&agent_name(AGENT), &conclusion).await.unwrap();
    }
}

/// Queues the events that wait for the webhooks, and settles that.
async fn queue(backend: &Backend) {
    let outbox = backend.outbox();
    let due = outbox.due(&[Consumer::Webhooks], after(1_000), 1_000).await.unwrap();
    let events: Vec<_> = due
        .iter()
        .map(|entry| (entry.id, &**entry.event.as_ref().unwrap()))
        .collect();
    backend.webhooks().queue(&events, after(1)).await.unwrap();
}

/// The ids in the log, in its order.
async fn logged(backend: &Backend) -> Vec<String> {
    let log = backend.events().after(Cursor(0), None, 100_000).await.unwrap();
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
    let added = sample::audit_entry("webhook.added", 1);
    backend
        .webhooks()
        .subscribe(&subscription, &secret, &added)
        .await
        .unwrap();
    subscription
}

async fn claim(backend: &Backend, seconds: i64, limit: usize) -> Vec<Delivery> {
    let webhooks = backend.webhooks();
    let (now, until) = (after(seconds), after(seconds + 30));
    let places = Places::of_each(300);
    webhooks.claim_deliveries(now, until, limit, &places).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_of_what_several_processes_write_meanwhile() {
    const PROCESSES: i64 = 4;
    const EACH: i64 = 60;
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let writers = (0..PROCESSES).map(|process| {
        let other = harness::on(peer.url(), backend.resources());
        tokio::spawn(async move {
            let first = process * EACH;
            publish(&other, first..first + EACH).await;
        })
    });
    let writers: Vec<_> = writers.collect();
    let log = backend.events();
    let (mut seen, mut cursor) = (BTreeSet::new(), Cursor(0));
    while i64::try_from(seen.len()).unwrap() < PROCESSES * EACH {
        let page = log.after(cursor, None, 7).await.unwrap();
        let ended = page.is_empty() && writers.iter().all(tokio::task::JoinHandle::is_finished);
        for event in page {
            assert_eq!(
                event.cursor.0,
                cursor.0.max(4_000_000_000_000_000) + 1,
                "no place is passed"
            );
            cursor = event.cursor;
            assert!(seen.insert(event.event.body.key().to_owned()), "each once");
        }
        assert!(
            !ended || i64::try_from(seen.len()).unwrap() == PROCESSES * EACH,
            "{} seen",
            seen.len()
        );
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(log.newest().await.unwrap(), cursor);
}

#[tokio::test]
async fn a_writer_that_stopped_holds_up_no_reader_for_long_and_its_event_is_not_passed() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let line = Line::default();
    let slow = line.to(&backend, 1);
    publish(&backend, 1..2).await;
    // It has its place, and stops before it writes there.
    line.fails(1, "TransactWriteItems", &Fault::refused(400, "ThrottlingException"));
    let conclusion = sample::success(&sample::head("event-9"), 1);
    let stopped = slow.ledger().refuse(&agent_name(AGENT), &conclusion).await;
    assert!(stopped.is_err());
    let late = line.calls("TransactWriteItems").remove(0);
    publish(&backend, 2..3).await;

    let log = backend.events();
    let first = log.after(Cursor(0), None, 10).await.unwrap();
    assert_eq!(first.len(), 1, "what is behind the empty place is not shown yet");
    let second = log.after(first[0].cursor, None, 10).await.unwrap();
    assert_eq!(second[0].event.body.key(), "event-2", "then the place is closed");

    // The writer wakes up. What it was about to write is refused, for that place is behind every reader.
    let put = late["TransactItems"].as_array().unwrap().iter();
    let put = put
        .map(|write| &write["Put"]["Item"])
        .find(|item| item["event"].is_object())
        .unwrap();
    let text = |name: &str| AttributeValue::S(put[name]["S"].as_str().unwrap().to_owned());
    let call = backend.clients().dynamodb().put_item();
    let call = call
        .table_name(&backend.resources().ledger_table)
        .item("PK", text("PK"))
        .item("SK", text("SK"))
        .condition_expression("attribute_not_exists(PK)");
    assert!(call.send().await.is_err());
    slow.ledger().refuse(&agent_name(AGENT), &conclusion).await.unwrap();
    assert_eq!(logged(&backend).await, ["event-1", "event-2", "event-9"]);
}

#[tokio::test]
async fn an_event_whose_place_was_closed_takes_another() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let line = Line::default();
    let process = line.to(&backend, 2);
    line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["None", "ConditionalCheckFailed"]),
    );
    publish(&process, 1..2).await;
    line.fails(1, "PutItem", &Fault::refused(400, "ConditionalCheckFailedException"));
    let news = sample::announcement("news");
    process.ledger().announce(&agent_name(AGENT), &news).await.unwrap();
    line.fails(1, "PutItem", &Fault::LostAnswer);
    let news = sample::announcement("more");
    process.ledger().announce(&agent_name(AGENT), &news).await.unwrap();
    line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["None", "ConditionalCheckFailed"]),
    );
    outbox::waiting(&process.ports(), 10_000_000).await;
    assert_eq!(logged(&backend).await, ["event-1", "news", "more"], "each once");
}

#[tokio::test]
async fn a_clock_that_is_wrong_changes_nothing_for_readers() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let mut cursor = Cursor(0);
    for (number, seconds) in [(1, 0), (2, -3_600), (3, 3_600), (4, -86_400)] {
        let process = harness::at(peer.url(), backend.resources(), after(seconds));
        publish(&process, number..number + 1).await;
        let page = process.events().after(cursor, None, 10).await.unwrap();
        assert_eq!(page.len(), 1, "at once, and behind what was read before");
        assert_eq!(page[0].event.body.key(), format!("event-{number}"));
        cursor = page[0].cursor;
    }
}

/// Puts an item as an older version wrote it.
async fn put_old(backend: &Backend, item: &serde_json::Value) {
    let attributes = item.as_object().unwrap().iter().map(|(name, value)| {
        let value = match value {
            serde_json::Value::Number(number) => AttributeValue::N(number.to_string()),
            text => AttributeValue::S(text.as_str().unwrap().to_owned()),
        };
        (name.clone(), value)
    });
    let call = backend.clients().dynamodb().put_item();
    let call = call.table_name(&backend.resources().ledger_table);
    let attributes: HashMap<_, _> = attributes.collect();
    call.set_item(Some(attributes)).send().await.unwrap();
}

/// The text of an outcome as older versions kept it.
fn bare(id: &str) -> String {
    serde_json::to_string(&sample::success(&sample::head(id), 2).completed).unwrap()
}

#[tokio::test]
async fn the_log_and_the_outbox_of_older_versions_are_read_on() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let place = 1_790_000_000_000_000_i64;
    for (number, id) in (0..).zip(["old-1", "old-2", "damaged"]) {
        let completed = if id == "damaged" { "{".to_owned() } else { bare(id) };
        let row = json!({
            "PK": "EVENTS", "SK": format!("{:016}", place + number), "published_at": after(1).to_string(),
            "agent": AGENT, "completed": completed,
        });
        put_old(&backend, &row).await;
    }
    assert_eq!(backend.events().newest().await.unwrap(), Cursor(place + 2));

    // A request that has ended, whose event waits in the old outbox; and what cannot be read there.
    let ledger = backend.ledger();
    ledger.receive(&sample::request("waits"), None).await.unwrap();
    let call = backend.clients().dynamodb().update_item();
    let call = call
        .table_name(&backend.resources().ledger_table)
        .key("PK", AttributeValue::S("REQ#waits".to_owned()))
        .key("SK", AttributeValue::S("REQ".to_owned()))
        .update_expression("SET #state = :state, completed = :text, outbox = :id REMOVE WPK, WSK, detail")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":state", AttributeValue::S("completed".to_owned()))
        .expression_attribute_values(":text", AttributeValue::S(bare("waits")))
        .expression_attribute_values(":id", AttributeValue::N(place.to_string()));
    call.send().await.unwrap();
    for (number, id, completed) in [(place, Some("waits"), bare("waits")), (place + 1, None, "{".to_owned())] {
        let mut row = json!({
            "PK": "OUTBOX", "SK": format!("{number:016}"), "id": number, "agent": AGENT, "completed": completed,
            "failures": 3,
        });
        if let Some(id) = id {
            row["request"] = json!(id);
        }
        put_old(&backend, &row).await;
    }
    publish(&backend, 1..2).await;
    let other = harness::on(peer.url(), backend.resources());
    let outbox = other.outbox();
    let due = outbox.due(outbox.consumers(), after(1_000), 10).await.unwrap();
    let readable: Vec<bool> = due.iter().map(|entry| entry.event.is_ok()).collect();
    assert_eq!(readable.iter().filter(|readable| **readable).count(), 2, "{due:?}");
    assert_eq!(due.len(), 3, "what cannot be read is there to be set aside");
    let readable: Vec<_> = due.into_iter().filter(|entry| entry.event.is_ok()).collect();
    assert_eq!(keys(&readable), ["event-1", "waits"]);

    assert_eq!(
        logged(&backend).await,
        ["old-1", "old-2", "event-1", "waits"],
        "the old ones first, then what is counted"
    );
    let page = backend.events().after(Cursor(place), None, 1).await.unwrap();
    assert_eq!(page[0].event.body.key(), "old-2", "an old cursor is good");
    let record = ledger.find(&request_id("waits")).await.unwrap().unwrap();
    assert_eq!(record.state, RequestState::Published, "its event is in the log");
    ledger.republish(&request_id("waits"), after(9)).await.unwrap();
    assert_eq!(logged(&backend).await.len(), 4, "nobody was told of it yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_queue_and_take_each_delivery_once() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    subscribe(&backend, "one").await;
    subscribe(&backend, "two").await;
    publish(&backend, 0..60).await;
    let senders = (0..4).map(|_| {
        let other = harness::on(peer.url(), backend.resources());
        tokio::spawn(async move {
            queue(&other).await;
            claim(&other, 10, 300).await
        })
    });
    let mut taken = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        taken.extend(sender.await.unwrap());
    }
    // What one sender queued while another looked is taken with the next look.
    taken.extend(claim(&backend, 10, 300).await);
    let ids: BTreeSet<i64> = taken.iter().map(|delivery| delivery.id).collect();
    assert_eq!((taken.len(), ids.len()), (120, 120));
    let told: BTreeSet<(&str, &str)> = taken
        .iter()
        .map(|delivery| (delivery.subscription.id.0.as_str(), delivery.event.body.key()))
        .collect();
    assert_eq!(told.len(), 120, "every event to both, once");
}

#[tokio::test]
async fn without_subscribers_queueing_makes_no_call() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let line = Line::default();
    let process = line.to(&backend, 1);
    publish(&process, 1..3).await;
    line.calls("");
    queue(&process).await;
    assert!(
        line.calls("Query").is_empty(),
        "the counter said that nobody has subscribed"
    );
    subscribe(&backend, "one").await;
    publish(&process, 3..4).await;
    queue(&process).await;
    let told = claim(&backend, 10, 10).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event, published(3, AGENT, 1), "from the subscription on");
}

#[tokio::test]
async fn a_sender_that_dies_uses_up_an_attempt() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    subscribe(&backend, "one").await;
    publish(&backend, 1..2).await;
    queue(&backend).await;
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
    let backend = harness::backend(&peer).await;
    subscribe(&backend, "bad").await;
    subscribe(&backend, "good").await;
    publish(&backend, 1..3).await;
    queue(&backend).await;
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
async fn what_an_older_version_logged_and_did_not_queue_is_delivered() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    subscribe(&backend, "one").await;
    let place = 1_790_000_000_000_000_i64;
    for (number, id) in (0..).zip(["told", "not-told"]) {
        let row = json!({
            "PK": "EVENTS", "SK": format!("{:016}", place + number), "published_at": after(1).to_string(),
            "agent": AGENT, "completed": bare(id),
        });
        put_old(&backend, &row).await;
    }
    let told = AttributeValue::N(place.to_string());
    change(&backend, ("WEBHOOKS", "SUB#one"), "told", told).await;
    let taken = claim(&backend, 10, 10).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].event.body.key(), "not-told");
    backend.webhooks().delivered(&taken[0]).await.unwrap();
    assert!(claim(&backend, 100, 10).await.is_empty(), "once");
}

#[tokio::test]
async fn what_an_older_version_queued_is_delivered_and_what_it_left_over_is_gone() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    subscribe(&backend, "one").await;
    let due = format!("{:024}", after(1).as_nanosecond() + 10_i128.pow(21));
    for (number, subscription) in [(1_790_000_000_000_000_i64, "one"), (1_790_000_000_000_001, "gone")] {
        let place = format!("{number:016}");
        let row = json!({
            "PK": "DELIVERIES", "SK": place, "WPK": "delivery", "WSK": format!("{due}#{place}"), "id": number,
            "subscription": subscription, "message_id": "msg_1", "agent": AGENT, "completed": bare("old"),
            "attempts": 0, "due": due,
        });
        put_old(&backend, &row).await;
    }
    let taken = claim(&backend, 10, 10).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].event.body.key(), taken[0].message_id.as_str()),
        ("old", "msg_1")
    );
    backend.webhooks().delivered(&taken[0]).await.unwrap();
    assert!(claim(&backend, 100, 10).await.is_empty(), "once");
}

#[tokio::test]
async fn a_subscription_is_added_once_and_told_so_even_if_the_answer_was_lost() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let line = Line::default();
    let process = line.to(&backend, 2);
    line.fails(1, "TransactWriteItems", &Fault::LostAnswer);
    let subscription = subscribe(&process, "one").await;
    let secret = SecretValue::new("whsec_one".to_owned());
    let added = sample::audit_entry("webhook.added", 1);
    let again = backend.webhooks().subscribe(&subscription, &secret, &added).await;
    assert_eq!(again.unwrap_err().kind, PortErrorKind::Exists);
}

async fn due_times(peer: &Peer) -> (Backend, Line, Backend) {
    let backend = harness::backend(peer).await;
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
