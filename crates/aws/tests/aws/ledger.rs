//! The ledger of several processes at once, and what its table may come to hold.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::work::Claim;
use cc_devops_outbox::ports::{Consumer, DueEvent, Outbox, Outcome, Settled};
use cc_devops_requests::ports::Ledger;
use cc_devops_requests::record::{Receipt, StackLock};
use cc_devops_testkit::outbox::keys;
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, after, request_id};

use crate::harness;

const LEASE: i64 = 60;

/// Two processes on the same resources.
async fn two(peer: &Peer) -> (Backend, Backend) {
    let one = harness::backend(peer).await;
    let other = harness::on(peer.url(), one.resources());
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

/// Everything that is due to somebody.
async fn due(outbox: &dyn Outbox, seconds: i64, limit: usize) -> Vec<DueEvent> {
    outbox.due(outbox.consumers(), after(seconds), limit).await.unwrap()
}

/// Everybody was told.
async fn told(outbox: &dyn Outbox, events: &[DueEvent]) {
    outbox.settle(after(1), &harness::done(events)).await.unwrap();
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

/// The attributes of an event's item.
async fn event_item(backend: &Backend, place: i64) -> HashMap<String, AttributeValue> {
    let call = backend.clients().dynamodb().scan();
    let call = call.table_name(&backend.resources().ledger_table).consistent_read(true);
    let items = call.send().await.unwrap().items.unwrap();
    let is_it = |item: &HashMap<String, AttributeValue>| item["SK"] == AttributeValue::S(place.to_string());
    items.into_iter().find(is_it).unwrap()
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
async fn a_new_event_is_its_writers_to_tell_and_everybodys_a_little_later() {
    let peer = peers::ministack().await;
    let (one, two) = two(&peer).await;
    let (writer, other) = (one.outbox(), two.outbox());
    end(&*one.ledger(), "r1", 10).await;
    assert_eq!(keys(&due(&*writer, 10, 10).await), ["r1"]);
    let none = due(&*other, 14, 10).await;
    assert!(none.is_empty(), "its writer is about to tell it");
    let found = due(&*other, 15, 10).await;
    assert_eq!(keys(&found), ["r1"], "its writer did not live to do so");

    told(&*other, &found).await;
    // The writer wakes up, and tells it again, once.
    let stale = due(&*writer, 20, 10).await;
    told(&*writer, &stale).await;
    assert!(due(&*writer, 20, 10).await.is_empty());

    let refusal = sample::failure(&sample::head("r1"), 30, Reason::RequestIdConflict);
    let agent = sample::agent_name(sample::AGENT);
    one.ledger().refuse(&agent, &refusal).await.unwrap();
    assert!(due(&*other, 34, 10).await.is_empty());
    assert_eq!(due(&*other, 35, 10).await.len(), 1);
}

#[tokio::test]
async fn a_process_with_nothing_of_its_own_finds_what_others_left() {
    let peer = peers::ministack().await;
    let (one, two) = two(&peer).await;
    for (id, seconds) in [("r1", 1), ("r2", 2), ("r3", 3)] {
        end(&*one.ledger(), id, seconds).await;
    }
    end(&*two.ledger(), "r4", 4).await;
    let (gone, here) = (one.outbox(), two.outbox());
    let own = due(&*here, 100, 10).await;
    assert_eq!(keys(&own), ["r4"], "its own come without a look at the table");
    told(&*here, &own).await;
    let left = due(&*here, 100, 2).await;
    assert_eq!(keys(&left), ["r1", "r2"], "then the oldest of all");

    let failed = left[0].wanted_by.iter().map(|(consumer, _)| Settled {
        id: left[0].id,
        consumer: *consumer,
        outcome: Outcome::Again {
            at: after(200),
            error: "no answer".to_owned(),
        },
    });
    here.settle(after(101), &failed.collect::<Vec<_>>()).await.unwrap();
    told(&*here, &left[1..]).await;
    let rest = due(&*here, 100, 10).await;
    assert_eq!(keys(&rest), ["r3"], "what failed waits for its time");
    told(&*here, &rest).await;
    let last = due(&*gone, 300, 10).await;
    assert!(keys(&last).contains(&"r1"), "and comes again, to whoever asks then");
    let failures = due(&*here, 300, 10).await;
    assert_eq!(keys(&failures), ["r1"]);
    assert!(failures[0].wanted_by.iter().all(|(_, failures)| *failures == 1));
}

#[tokio::test]
async fn the_largest_secret_there_may_be_is_kept_and_more_is_refused_in_words() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
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
    let ledger = harness::backend(&peer).await.ledger();
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
async fn an_event_is_forgotten_once_everybody_was_told_and_a_request_once_it_has_ended() {
    let peer = peers::ministack().await;
    let mut resources = harness::backend(&peer).await.resources().clone();
    (resources.requests_days, resources.events_days) = (30, 60);
    let backend = harness::on(peer.url(), &resources);
    let (ledger, outbox) = (backend.ledger(), backend.outbox());
    let days = |item: &HashMap<String, AttributeValue>| {
        let expires = item.get("expires").map(|at| at.as_n().unwrap().parse::<i64>().unwrap());
        expires.map(|at| (at - after(0).as_second()) / 86_400)
    };
    take(&*ledger, "r0").await;
    assert_eq!(days(&item(&backend, "r0").await), None, "it is open");
    end(&*ledger, "r1", 1).await;
    assert_eq!(days(&item(&backend, "r1").await), Some(30));
    let event = due(&*outbox, 1, 10).await.remove(0);
    assert_eq!(
        days(&event_item(&backend, event.id).await),
        None,
        "it is still to be told"
    );
    let aside = Settled {
        id: event.id,
        consumer: Consumer::People,
        outcome: Outcome::SetAside { error: "no".to_owned() },
    };
    outbox.settle(after(2), &[aside]).await.unwrap();
    told(&*outbox, &due(&*outbox, 3, 10).await).await;
    let given_up = days(&event_item(&backend, event.id).await);
    assert_eq!(given_up, Some(60), "as long it can be given back");
    outbox.give_back(Consumer::People, after(4)).await.unwrap();
    assert_eq!(
        days(&event_item(&backend, event.id).await),
        None,
        "it is to be told again"
    );
    told(&*outbox, &due(&*outbox, 5, 10).await).await;
    let kept = event_item(&backend, event.id).await;
    assert_eq!(days(&kept), Some(60));
    assert!(!kept.contains_key("WPK") && !kept.contains_key("pending"), "{kept:?}");
}

#[tokio::test]
async fn one_damaged_row_holds_up_no_other() {
    let peer = peers::ministack().await;
    let one = harness::backend(&peer).await;
    let ledger = one.ledger();
    for id in ["r1", "r2", "r3"] {
        ledger.receive(&sample::request(id), None).await.unwrap();
    }
    damage(&one, ("REQ#r1", "REQ"), "fingerprint").await;
    damage(&one, ("REQ#r2", "REQ"), "detail").await;
    let taken = ledger.claim_due(after(1), after(LEASE), 10).await.unwrap();
    assert_eq!(taken.len(), 1, "the whole one is carried out");
    assert_eq!(taken[0].head.id, request_id("r3"));
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
