//! The ledger of several processes at once, and what its table may come to hold.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod house;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_core::audit::AuditFilter;
use cc_devops_core::ports::{Ledger, PortErrorKind};
use cc_devops_core::requests::outcome::Reason;
use cc_devops_core::requests::record::{Claim, OutboxEntry, Receipt, RequestState, StackLock};
use cc_devops_core::secret::SecretValue;
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, after, request_id};

const LEASE: i64 = 60;

/// Two processes on the same resources.
async fn two(peer: &Peer) -> (Backend, Backend) {
    let one = house::backend(peer).await;
    let other = house::on(peer.url(), one.resources());
    (one, other)
}

async fn take(ledger: &dyn Ledger, id: &str) -> Claim {
    let receipt = ledger.receive(&sample::request(id), Some(after(LEASE))).await;
    match receipt.unwrap() {
        Receipt::Claimed(claim) => claim,
        _ => panic!("{id} is new"),
    }
}

async fn end(ledger: &dyn Ledger, id: &str, seconds: i64) {
    let claim = take(ledger, id).await;
    let conclusion = sample::success(&sample::head(id), seconds);
    ledger.conclude(&claim, &conclusion).await.unwrap();
}

fn ids(events: &[OutboxEntry]) -> Vec<&str> {
    events.iter().map(|event| event.event.body.key()).collect()
}

/// The attributes of a request's item.
async fn item(backend: &Backend, id: &str) -> HashMap<String, AttributeValue> {
    let call = backend.clients().dynamodb().get_item();
    let call = call.table_name(&backend.resources().ledger_table);
    let call = call
        .key("PK", AttributeValue::S(format!("REQ#{id}")))
        .key("SK", AttributeValue::S("REQ".to_owned()));
    call.consistent_read(true).send().await.unwrap().item.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_do_none_of_it_twice() {
    let peer = peers::ministack().await;
    let (one, two) = two(&peer).await;
    let (first, second) = (one.ledger(), two.ledger());
    for number in 0..40 {
        first
            .receive(&sample::request(&format!("r{number}")), None)
            .await
            .unwrap();
    }
    let work = |ledger: Arc<dyn Ledger>| async move {
        let mut done = Vec::new();
        loop {
            let claimed = ledger.claim_due(after(1), after(LEASE), 5).await.unwrap();
            let found = claimed.len();
            for request in claimed {
                let conclusion = sample::success(&request.head, 2);
                ledger.conclude(&request.claim, &conclusion).await.unwrap();
                done.push(request.head.id.to_string());
            }
            if found == 0 && ledger.backlog().await.unwrap().received == 0 {
                return done;
            }
        }
    };
    let (mine, yours) = tokio::join!(tokio::spawn(work(first.clone())), tokio::spawn(work(second)));
    let (mine, yours) = (mine.unwrap(), yours.unwrap());
    let all: BTreeSet<&String> = mine.iter().chain(&yours).collect();
    assert_eq!((all.len(), mine.len() + yours.len()), (40, 40));

    let rows = one.audit().list(&AuditFilter::default(), None, 100).await.unwrap();
    assert_eq!(rows.items.len(), 40);
    let verification = one.audit().verify().await.unwrap();
    assert!(verification.breaks.is_empty(), "{verification:?}");
    assert_eq!(first.backlog().await.unwrap().unpublished, 40);
}

#[tokio::test]
async fn a_new_event_is_its_writers_to_publish_and_everybodys_a_little_later() {
    let peer = peers::ministack().await;
    let (one, two) = two(&peer).await;
    let (writer, other) = (one.ledger(), two.ledger());
    end(&*writer, "r1", 10).await;
    assert_eq!(ids(&writer.unpublished(after(10), 10).await.unwrap()), ["r1"]);
    let none = other.unpublished(after(14), 10).await.unwrap();
    assert!(none.is_empty(), "its writer is about to publish it");
    let found = other.unpublished(after(15), 10).await.unwrap();
    assert_eq!(ids(&found), ["r1"], "its writer did not live to do so");

    other.published(&[found[0].id]).await.unwrap();
    let record = writer.find(&request_id("r1")).await.unwrap().unwrap();
    assert_eq!(record.state, RequestState::Published);
    // The writer wakes up, and publishes it again, once.
    for stale in writer.unpublished(after(20), 10).await.unwrap() {
        writer.published(&[stale.id]).await.unwrap();
    }
    assert!(writer.unpublished(after(20), 10).await.unwrap().is_empty());

    let refusal = sample::failure(&sample::head("r1"), 30, Reason::RequestIdConflict);
    writer
        .refuse(&sample::agent_name(sample::AGENT), &refusal)
        .await
        .unwrap();
    assert!(other.unpublished(after(34), 10).await.unwrap().is_empty());
    assert_eq!(other.unpublished(after(35), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_process_with_nothing_of_its_own_finds_what_others_left() {
    let peer = peers::ministack().await;
    let (one, two) = two(&peer).await;
    let (gone, here) = (one.ledger(), two.ledger());
    for (id, seconds) in [("r1", 1), ("r2", 2), ("r3", 3)] {
        end(&*gone, id, seconds).await;
    }
    end(&*here, "r4", 4).await;
    let own = here.unpublished(after(100), 10).await.unwrap();
    assert_eq!(ids(&own), ["r4"], "its own come without a look at the table");
    here.published(&[own[0].id]).await.unwrap();
    let left = here.unpublished(after(100), 2).await.unwrap();
    assert_eq!(ids(&left), ["r1", "r2"], "then the oldest of all");

    here.publish_failed(left[0].id, after(200)).await.unwrap();
    here.published(&[left[1].id]).await.unwrap();
    let rest = here.unpublished(after(100), 10).await.unwrap();
    assert_eq!(ids(&rest), ["r3"], "what failed waits for its time");
    here.published(&[rest[0].id]).await.unwrap();
    let last = gone.unpublished(after(300), 10).await.unwrap();
    assert!(ids(&last).contains(&"r1"), "and comes again, to whoever asks then");
    let failures = here.unpublished(after(300), 10).await.unwrap();
    assert_eq!((ids(&failures), failures[0].failures), (vec!["r1"], 1));
}

#[tokio::test]
async fn the_largest_secret_there_may_be_is_kept_and_more_is_refused_in_words() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    let ledger = backend.ledger();
    let mut request = sample::request("r1");
    // A control character takes six bytes as JSON.
    let event = sample::put_secret_event(
        "r1",
        &format!("/contentcraft/{}", "n".repeat(498)),
        &"\u{1}".repeat(65_536),
    );
    request.detail = SecretValue::new(event["detail"].to_string());
    assert!(request.detail.expose().len() > 393_000);
    ledger.receive(&request, None).await.unwrap();
    let taken = ledger.claim_due(after(1), after(LEASE), 1).await.unwrap();
    assert!(
        taken[0].detail.expose() == request.detail.expose(),
        "it comes back whole"
    );
    let conclusion = sample::success(&request.head, 2);
    ledger.conclude(&taken[0].claim, &conclusion).await.unwrap();
    let kept = item(&backend, "r1").await;
    assert!(!kept.contains_key("detail"), "and is forgotten at the end");
    assert!(!format!("{kept:?}").contains("\\u0001"));

    let mut larger = sample::request("r2");
    larger.detail = SecretValue::new("x".repeat(400_001));
    let error = ledger.receive(&larger, None).await.err().unwrap();
    assert_eq!(error.kind, PortErrorKind::TooLarge);
    assert!(error.message.contains("templateUrl"), "{error}");
    assert!(ledger.find(&request_id("r2")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_request_that_holds_several_stacks_frees_them_all() {
    let peer = peers::ministack().await;
    let ledger = house::backend(&peer).await.ledger();
    let (one, two) = (take(&*ledger, "r1").await, take(&*ledger, "r2").await);
    let stacks = ["a", "b", "c"].map(sample::stack);
    for stack in &stacks {
        ledger.lock_stack(&one, stack).await.unwrap();
    }
    ledger
        .conclude(&one, &sample::success(&sample::head("r1"), 5))
        .await
        .unwrap();
    for stack in &stacks {
        assert_eq!(ledger.holder_of(stack).await.unwrap(), None);
        let lock = ledger.lock_stack(&two, stack).await.unwrap();
        assert!(matches!(lock, StackLock::Acquired(_)), "{stack} is free");
        assert_eq!(ledger.holder_of(stack).await.unwrap(), Some(request_id("r2")));
    }
}

#[tokio::test]
async fn only_what_is_published_is_ever_forgotten() {
    let peer = peers::ministack().await;
    let backend = house::backend(&peer).await;
    let ledger = backend.ledger();
    let expires = |item: &HashMap<String, AttributeValue>| {
        let expires = item.get("expires").map(|at| at.as_n().unwrap().parse::<i64>().unwrap());
        expires.map(|at| (at - jiff::Timestamp::now().as_second()) / 86_400)
    };
    end(&*ledger, "r1", 1).await;
    assert_eq!(expires(&item(&backend, "r1").await), None, "its event still waits");
    let event = ledger.unpublished(after(1), 10).await.unwrap().remove(0);
    ledger.published(&[event.id]).await.unwrap();
    let days = expires(&item(&backend, "r1").await).unwrap();
    assert!((399..=400).contains(&days), "{days}");
    ledger.republish(&request_id("r1")).await.unwrap();
    assert_eq!(expires(&item(&backend, "r1").await), None, "its event waits again");
}

#[tokio::test]
async fn one_damaged_row_holds_up_no_other() {
    let peer = peers::ministack().await;
    let (one, two) = two(&peer).await;
    let ledger = one.ledger();
    for id in ["r1", "r2", "r3"] {
        ledger.receive(&sample::request(id), None).await.unwrap();
    }
    damage(&one, ("REQ#r1", "REQ"), "fingerprint").await;
    damage(&one, ("REQ#r2", "REQ"), "detail").await;
    let taken = ledger.claim_due(after(1), after(LEASE), 10).await.unwrap();
    assert_eq!(taken.len(), 1, "the whole one is carried out");
    assert_eq!(taken[0].head.id, request_id("r3"));

    for (id, seconds) in [("r4", 1), ("r5", 2)] {
        end(&*ledger, id, seconds).await;
    }
    let events = ledger.unpublished(after(100), 10).await.unwrap();
    damage(&one, ("OUTBOX", &format!("{:016}", events[0].id)), "completed").await;
    let found = two.ledger().unpublished(after(100), 10).await.unwrap();
    assert_eq!(ids(&found), ["r5"], "the whole one is published");
}

/// Writes nonsense over an attribute.
async fn damage(backend: &Backend, (pk, sk): (&str, &str), attribute: &str) {
    let call = backend.clients().dynamodb().update_item();
    let call = call.table_name(&backend.resources().ledger_table);
    let call = call
        .key("PK", AttributeValue::S(pk.to_owned()))
        .key("SK", AttributeValue::S(sk.to_owned()))
        .update_expression("SET #name = :nonsense")
        .expression_attribute_names("#name", attribute)
        .expression_attribute_values(":nonsense", AttributeValue::Bool(true));
    call.send().await.unwrap();
}
