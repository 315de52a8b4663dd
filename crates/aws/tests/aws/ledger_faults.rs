//! The ledger on a DynamoDB that throttles, fails, loses answers and has transactions meet.

mod chains;

use std::sync::Arc;

use cc_devops_aws::Backend;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_kernel::work::Claim;
use cc_devops_outbox::ports::{Consumer, Outcome, Settled};
use cc_devops_requests::ports::Ledger;
use cc_devops_requests::record::{Receipt, RequestFilter, RequestState, StackLock};
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, after, request_id};
use serde_json::json;

use crate::harness;
use crate::line::{Fault, Line};

const LEASE: i64 = 60;

/// A ledger at the end of a bad line.
struct Setting {
    _peer: Peer,
    line: Line,
    /// On a good line: another process.
    other: Backend,
    backend: Backend,
    ledger: Arc<dyn Ledger>,
}

impl Setting {
    /// Each call is tried at most so often by the SDK.
    async fn new(attempts: u32) -> Self {
        let peer = peers::ministack().await;
        let other = harness::backend(&peer).await;
        let line = Line::default();
        let backend = line.to(&other, attempts);
        // So that the key is read before anything fails.
        backend.fingerprint_key().await.unwrap();
        Self {
            _peer: peer,
            line,
            ledger: backend.ledger(),
            other,
            backend,
        }
    }

    async fn take(&self, id: &str) -> Claim {
        match self.ledger.receive(&sample::request(id), Some(after(LEASE))).await {
            Ok(Receipt::Claimed(claim)) => claim,
            Ok(_) => panic!("{id} is new"),
            Err(error) => panic!("{id} is received: {error}"),
        }
    }

    async fn state(&self, id: &str) -> RequestState {
        let record = self.ledger.find(&request_id(id)).await.unwrap();
        record.unwrap().state
    }

    /// Checks that nothing is told twice: so many audit rows in so many chains, all whole, and as
    /// many events.
    async fn told(&self, rows: usize, chains: usize) {
        let audit = self.other.audit();
        let found = audit.list(&AuditFilter::default(), None, 100).await.unwrap().items;
        let mut names: Vec<_> = found.iter().map(|row| row.chain.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!((found.len(), names.len()), (rows, chains), "rows and chains");
        let verification = audit.verify().await.unwrap();
        assert!(verification.breaks.is_empty(), "{verification:?}");
        let (log, mut cursor, mut logged) = (self.other.events(), Cursor(0), 0);
        // A page ends before a place that may still be filled.
        loop {
            let page = log.after(cursor, None, 100).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = last.cursor;
            logged += page.len();
        }
        assert_eq!(logged, rows, "events");
    }
}

#[track_caller]
fn failed<T>(answer: PortResult<T>, kind: PortErrorKind) {
    let error = answer.err().unwrap();
    assert_eq!(error.kind, kind, "{error}");
}

#[tokio::test]
async fn throttling_and_failures_are_waited_out_and_then_told() {
    let at = Setting::new(3).await;
    for (name, fault) in [
        ("throttled", Fault::refused(400, "ThrottlingException")),
        ("full", Fault::refused(400, "ProvisionedThroughputExceededException")),
        ("broken", Fault::refused(500, "InternalServerError")),
        ("away", Fault::Answered(503, json!({}))),
    ] {
        at.line.fails(2, "PutItem", &fault);
        at.take(name).await;
        assert_eq!(at.line.calls("PutItem").len(), 3, "{name}: the third try");

        at.line.fails(3, "PutItem", &fault);
        let id = format!("{name}-again");
        failed(
            at.ledger.receive(&sample::request(&id), None).await,
            PortErrorKind::Unavailable,
        );
        assert_eq!(at.line.calls("PutItem").len(), 3, "{name}: no try more");
        assert!(at.ledger.find(&request_id(&id)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let at = Setting::new(3).await;
    at.line
        .fails(1, "PutItem", &Fault::refused(400, "AccessDeniedException"));
    let refused = at.ledger.receive(&sample::request("r1"), None).await;
    let error = refused.err().unwrap();
    assert_eq!(error.kind, PortErrorKind::Refused);
    assert!(error.message.contains("dynamodb:PutItem"), "{error}");
    assert_eq!(at.line.calls("PutItem").len(), 1, "it is not tried again");
}

#[tokio::test]
async fn a_request_whose_receipt_was_lost_is_ours_and_not_a_repeat() {
    let at = Setting::new(3).await;
    at.line.fails(2, "PutItem", &Fault::LostAnswer);
    assert_eq!(at.take("r1").await.attempt, 1);
    assert_eq!(at.line.calls("PutItem").len(), 3);

    at.line.fails(1, "PutItem", &Fault::LostAnswer);
    let left = at.ledger.receive(&sample::request("r2"), None).await.unwrap();
    assert!(matches!(left, Receipt::Recorded));

    let repeat = at.ledger.receive(&sample::request("r1"), Some(after(LEASE))).await;
    assert!(matches!(repeat, Ok(Receipt::Known(_))), "a real repeat is one");
}

#[tokio::test]
async fn a_receipt_that_never_comes_leaves_a_request_that_is_taken_up() {
    let at = Setting::new(1).await;
    at.line.fails(1, "PutItem", &Fault::LostAnswer);
    failed(
        at.ledger.receive(&sample::request("r1"), Some(after(LEASE))).await,
        PortErrorKind::Timeout,
    );
    let again = at.ledger.receive(&sample::request("r1"), Some(after(LEASE))).await;
    assert!(matches!(again, Ok(Receipt::Known(_))), "it is on record");
    let taken = at.ledger.claim_due(after(LEASE + 1), after(200), 10).await.unwrap();
    assert_eq!(taken.len(), 1, "and is carried out after its lease");
    assert_eq!(taken[0].claim.attempt, 2);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_ours_once() {
    let at = Setting::new(3).await;
    at.ledger.receive(&sample::request("r1"), None).await.unwrap();
    at.line.fails(2, "UpdateItem", &Fault::LostAnswer);
    let taken = at.ledger.claim_due(after(1), after(LEASE), 10).await.unwrap();
    assert_eq!(taken.len(), 1, "it need not wait for its lease to end");
    assert_eq!(taken[0].claim.attempt, 1, "and was begun once");
    assert!(taken[0].detail.expose().contains(sample::PLANTED_SECRET));

    at.line.fails(1, "UpdateItem", &Fault::LostAnswer);
    at.ledger.postpone(&taken[0].claim, after(5)).await.unwrap();
    assert_eq!(at.state("r1").await, RequestState::Received);

    let claim = at.take("r2").await;
    at.line.fails(1, "UpdateItem", &Fault::LostAnswer);
    at.ledger.park(&claim, after(5)).await.unwrap();
    assert_eq!(at.state("r2").await, RequestState::Waiting);
    failed(at.ledger.park(&claim, after(6)).await, PortErrorKind::Superseded);
}

#[tokio::test]
async fn of_many_claims_those_that_succeed_are_not_lost_with_the_one_that_fails() {
    let at = Setting::new(1).await;
    for id in ["r1", "r2", "r3"] {
        at.ledger.receive(&sample::request(id), None).await.unwrap();
    }
    at.line
        .fails(1, "UpdateItem", &Fault::refused(400, "ThrottlingException"));
    let taken = at.ledger.claim_due(after(1), after(LEASE), 10).await.unwrap();
    assert_eq!(taken.len(), 2);
    let rest = at.ledger.claim_due(after(1), after(LEASE), 10).await.unwrap();
    assert_eq!(rest.len(), 1, "the other one is found again");

    at.ledger.receive(&sample::request("r4"), None).await.unwrap();
    at.line
        .fails(1, "UpdateItem", &Fault::refused(400, "ThrottlingException"));
    let none = at.ledger.claim_due(after(1), after(LEASE), 10).await;
    failed(none.map(drop), PortErrorKind::Unavailable);
}

#[tokio::test]
async fn nothing_is_claimed_that_cannot_be_opened_for_want_of_the_key() {
    let at = Setting::new(1).await;
    at.ledger.receive(&sample::request("r1"), None).await.unwrap();
    let fresh = at.line.to(&at.other, 1).ledger();
    at.line
        .fails(1, "GetSecretValue", &Fault::refused(400, "ThrottlingException"));
    let none = fresh.claim_due(after(1), after(LEASE), 10).await;
    failed(none.map(drop), PortErrorKind::Unavailable);
    let taken = fresh.claim_due(after(1), after(LEASE), 10).await.unwrap();
    assert_eq!(taken[0].claim.attempt, 1, "the failure cost no attempt");
}

#[tokio::test]
async fn a_conclusion_whose_answer_was_lost_counts_once() {
    let at = Setting::new(3).await;
    let claim = at.take("r1").await;
    at.line.fails(1, "TransactWriteItems", &Fault::LostAnswer);
    at.ledger
        .conclude(&claim, &sample::success(&sample::head("r1"), 4))
        .await
        .unwrap();
    let tries = at.line.calls("TransactWriteItems");
    let token = |body: &serde_json::Value| body["ClientRequestToken"].as_str().unwrap().to_owned();
    assert_eq!(tries.len(), 2);
    assert_eq!(token(&tries[0]), token(&tries[1]), "DynamoDB knows it for the same");
    at.told(1, 1).await;

    let arrived = sample::request("r2");
    let conclusion = sample::failure(&arrived.head, 1, Reason::InvalidParameter);
    at.line.fails(1, "TransactWriteItems", &Fault::LostAnswer);
    let receipt = at.ledger.receive_concluded(&arrived, &conclusion).await.unwrap();
    assert!(matches!(receipt, Receipt::Recorded));
    at.told(2, 1).await;
}

#[tokio::test]
async fn a_refusal_that_shows_nothing_is_looked_into() {
    let at = Setting::new(1).await;
    let claim = at.take("r1").await;
    let refused = Fault::cancelled(&["ConditionalCheckFailed", "None", "None"]);
    at.other
        .ledger()
        .conclude(&claim, &sample::success(&sample::head("r1"), 4))
        .await
        .unwrap();
    at.line.fails(1, "TransactWriteItems", &refused);
    let late = sample::failure(&sample::head("r1"), 5, Reason::Timeout);
    failed(at.ledger.conclude(&claim, &late).await, PortErrorKind::Superseded);

    at.line
        .fails(1, "PutItem", &Fault::refused(400, "ConditionalCheckFailedException"));
    let known = at.ledger.receive(&sample::request("r1"), None).await;
    assert!(matches!(known, Ok(Receipt::Known(_))));

    // It stood there, and is gone when it is looked at: nothing may be promised.
    at.line
        .fails(1, "PutItem", &Fault::refused(400, "ConditionalCheckFailedException"));
    let gone = at.ledger.receive(&sample::request("r2"), Some(after(LEASE))).await;
    failed(gone, PortErrorKind::Unavailable);
    at.line.fails(1, "TransactWriteItems", &refused);
    let arrived = sample::request("r3");
    let conclusion = sample::failure(&arrived.head, 1, Reason::InvalidParameter);
    failed(
        at.ledger.receive_concluded(&arrived, &conclusion).await,
        PortErrorKind::Unavailable,
    );
}

#[tokio::test]
async fn an_index_that_lags_gives_nothing_away_twice() {
    let at = Setting::new(1).await;
    let claim = at.take("r1").await;
    at.ledger.park(&claim, after(5)).await.unwrap();
    let stale = |state: &str| {
        let key = json!({
            "PK": {"S": "REQ#r1"}, "SK": {"S": "REQ"}, "WPK": {"S": state}, "WSK": {"S": "0"},
        });
        Fault::Answered(200, json!({"Items": [key, key], "Count": 2, "ScannedCount": 2}))
    };
    // Found as received and as executing, although it waits.
    at.line.fails(2, "Query", &stale("received"));
    let none = at.ledger.claim_due(after(1_000), after(2_000), 10).await.unwrap();
    assert!(none.is_empty());

    at.line.fails(1, "Query", &stale("waiting"));
    assert_eq!(
        at.ledger.waiting(None, 10).await.unwrap().len(),
        1,
        "found twice, told once"
    );
    at.ledger
        .conclude(&claim, &sample::success(&sample::head("r1"), 9))
        .await
        .unwrap();
    at.line.fails(1, "Query", &stale("waiting"));
    assert!(at.ledger.waiting(None, 10).await.unwrap().is_empty(), "it has ended");
}

#[tokio::test]
async fn a_list_asks_again_for_what_was_left_out_and_not_for_ever() {
    let at = Setting::new(1).await;
    for id in ["r1", "r2", "r3"] {
        at.ledger.receive(&sample::request(id), None).await.unwrap();
    }
    let table = &at.backend.resources().ledger_table;
    let nothing = |ids: &[&str]| {
        let keys: Vec<_> = ids
            .iter()
            .map(|id| json!({"PK": {"S": format!("REQ#{id}")}, "SK": {"S": "REQ"}}))
            .collect();
        Fault::Answered(
            200,
            json!({"Responses": {}, "UnprocessedKeys": {table: {"Keys": keys}}}),
        )
    };
    at.line.fails(2, "BatchGetItem", &nothing(&["r1", "r2", "r3"]));
    let page = at.ledger.list(&RequestFilter::default(), None, 10).await.unwrap();
    assert_eq!(page.items.len(), 3);

    at.line.fails(100, "BatchGetItem", &nothing(&["r1", "r2", "r3"]));
    let none = at.ledger.list(&RequestFilter::default(), None, 10).await;
    failed(none, PortErrorKind::Unavailable);
}

#[tokio::test]
async fn what_became_of_events_is_written_together_and_counts_once() {
    let at = Setting::new(1).await;
    for id in ["r1", "r2", "r3"] {
        let claim = at.take(id).await;
        let conclusion = sample::success(&sample::head(id), 4);
        at.ledger.conclude(&claim, &conclusion).await.unwrap();
    }
    let (outbox, other) = (at.backend.outbox(), at.other.outbox());
    let consumers = outbox.consumers();
    let due = outbox.due(consumers, after(4), 10).await.unwrap();
    at.line
        .fails(1, "TransactWriteItems", &Fault::refused(400, "ThrottlingException"));
    failed(
        outbox.settle(after(5), &harness::done(&due)).await,
        PortErrorKind::Unavailable,
    );
    let left = outbox.due(consumers, after(5), 10).await.unwrap();
    assert_eq!(left.len(), 3, "nothing of it was written");

    // Another process has settled a part meanwhile.
    let seen = other.due(consumers, after(1_000), 10).await.unwrap();
    other.settle(after(6), &harness::done(&seen[..1])).await.unwrap();
    outbox.settle(after(7), &harness::done(&due)).await.unwrap();
    assert!(outbox.due(consumers, after(1_000), 10).await.unwrap().is_empty());

    // One that failed, of which the first answer was lost.
    at.ledger.republish(&request_id("r1"), after(8)).await.unwrap();
    let event = outbox.due(consumers, after(9), 10).await.unwrap().remove(0);
    let again = Settled {
        id: event.id,
        consumer: Consumer::Bus,
        outcome: Outcome::Again {
            at: after(20),
            error: "no answer".to_owned(),
        },
    };
    at.line.fails(1, "UpdateItem", &Fault::LostAnswer);
    failed(
        outbox.settle(after(9), std::slice::from_ref(&again)).await,
        PortErrorKind::Timeout,
    );
    outbox.settle(after(9), &[again]).await.unwrap();
    let event = outbox.due(&[Consumer::Bus], after(21), 10).await.unwrap().remove(0);
    assert_eq!(event.wanted_by, [(Consumer::Bus, 1)], "one failure, said twice");
}

#[tokio::test]
async fn an_audit_row_whose_answer_was_lost_is_written_once() {
    let at = Setting::new(3).await;
    let audit = at.backend.audit();
    for seconds in [1, 2] {
        at.line.fails(2, "PutItem", &Fault::LostAnswer);
        audit
            .append(&sample::audit_entry("secret.read", seconds))
            .await
            .unwrap();
    }
    let rows = audit.list(&AuditFilter::default(), None, 10).await.unwrap().items;
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 1], "one chain");

    // The place at the chain's end is taken: another chain is begun.
    at.line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["ConditionalCheckFailed", "None"]),
    );
    let refusal = sample::failure(&sample::head("r1"), 3, Reason::RequestIdConflict);
    let agent = sample::agent_name(sample::AGENT);
    at.ledger.refuse(&agent, &refusal).await.unwrap();
    let verification = audit.verify().await.unwrap();
    assert_eq!((verification.rows, verification.breaks), (3, vec![]));
}
