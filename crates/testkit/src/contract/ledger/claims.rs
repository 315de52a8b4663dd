//! Claims: fences and leases.

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::RequestState;

use super::{LEASE, ids, leave, record, take};
use crate::contract::refused;
use crate::outbox;
use crate::sample::{self, after};

pub(super) async fn the_oldest_are_taken_first_and_once(ports: &Ports) {
    let ledger = &*ports.ledger;
    for (id, seconds) in [("r1", 1), ("r2", 2), ("r3", 3)] {
        let mut request = sample::request(id);
        request.head.received_at = after(seconds);
        leave(ledger, &request).await;
    }
    let first = ledger.claim_due(after(10), after(70), 2).await.unwrap();
    assert_eq!(
        ids(&first),
        ["r1", "r2"],
        "the oldest come first, and no more than asked for"
    );
    assert_eq!(
        first[0].claim.attempt, 1,
        "the first claim of a request that was left is attempt one"
    );
    let second = ledger.claim_due(after(10), after(70), 10).await.unwrap();
    assert_eq!(ids(&second), ["r3"], "what is taken is not taken again");
    assert!(
        ledger.claim_due(after(10), after(70), 10).await.unwrap().is_empty(),
        "all are taken"
    );
    let kept = record(ledger, "r1").await;
    assert_eq!(
        (kept.state, kept.tries),
        (RequestState::Executing, 1),
        "a taken request executes"
    );
}

pub(super) async fn two_sweeps_never_take_the_same(ports: &Ports) {
    let ledger = &*ports.ledger;
    for number in 0..10 {
        leave(ledger, &sample::request(&format!("r{number}"))).await;
    }
    let (one, two) = tokio::join!(
        ledger.claim_due(after(10), after(70), 10),
        ledger.claim_due(after(10), after(70), 10)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let mut all = [ids(&one), ids(&two)].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(
        (all.len(), one.len() + two.len()),
        (10, 10),
        "each request is taken by one of two sweeps"
    );
}

pub(super) async fn a_lease_expires_and_the_old_claim_is_superseded(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let old = take(ledger, &request).await;
    assert!(
        ledger
            .claim_due(after(LEASE - 1), after(2 * LEASE), 10)
            .await
            .unwrap()
            .is_empty(),
        "a leased request is left alone"
    );
    let taken = ledger.claim_due(after(LEASE + 1), after(2 * LEASE), 10).await.unwrap();
    assert_eq!(ids(&taken), ["r1"], "a request whose lease has ended is taken");
    assert_eq!(taken[0].claim.attempt, 2, "with a new fence");
    assert!(
        ledger
            .claim_due(after(LEASE + 1), after(2 * LEASE), 10)
            .await
            .unwrap()
            .is_empty(),
        "the new lease holds"
    );

    let conclusion = sample::success(&request.head, 2);
    refused(
        ledger.conclude(&old, &conclusion).await,
        PortErrorKind::Superseded,
        "conclude by an old claim",
    );
    refused(
        ledger.park(&old, after(2)).await,
        PortErrorKind::Superseded,
        "park by an old claim",
    );
    refused(
        ledger.postpone(&old, after(2)).await,
        PortErrorKind::Superseded,
        "postpone by an old claim",
    );
    let kept = record(ledger, "r1").await;
    assert_eq!(
        (kept.state, kept.completed),
        (RequestState::Executing, None),
        "an old claim changes nothing"
    );
    assert!(outbox::waiting(ports, 100).await.is_empty(), "and publishes nothing");

    ledger
        .conclude(&taken[0].claim, &conclusion)
        .await
        .expect("the new claim is good");
    assert!(
        ledger
            .claim_due(after(100 * LEASE), after(101 * LEASE), 10)
            .await
            .unwrap()
            .is_empty(),
        "a concluded request is never taken again"
    );
}

pub(super) async fn a_postponed_request_comes_again_at_its_time(ports: &Ports) {
    let ledger = &*ports.ledger;
    let claim = take(ledger, &sample::request("r1")).await;
    ledger.postpone(&claim, after(30)).await.unwrap();
    assert_eq!(
        record(ledger, "r1").await.state,
        RequestState::Received,
        "a postponed request waits its turn"
    );
    assert!(
        ledger.claim_due(after(29), after(89), 10).await.unwrap().is_empty(),
        "not before its time, although no lease holds it"
    );
    let taken = ledger.claim_due(after(31), after(91), 10).await.unwrap();
    assert_eq!(ids(&taken), ["r1"], "after its time it is taken");
    assert_eq!(taken[0].claim.attempt, 2, "with a new fence");
    refused(
        ledger.conclude(&claim, &sample::success(&sample::head("r1"), 32)).await,
        PortErrorKind::Superseded,
        "conclude by the claim that was given back and taken by somebody else",
    );
}

pub(super) async fn the_detail_comes_back_whole(ports: &Ports) {
    let ledger = &*ports.ledger;
    let mut large = sample::request("r1");
    let text = format!("{{\"value\":\"{}\u{1f511} é\"}}", "x".repeat(65_536));
    large.detail = SecretValue::new(text.clone());
    leave(ledger, &large).await;
    for attempt in 1..=3 {
        let now = i64::from(attempt) * 1_000;
        let taken = ledger.claim_due(after(now), after(now + 60), 10).await.unwrap();
        assert_eq!(ids(&taken), ["r1"], "the request is due");
        assert!(
            taken[0].detail.expose() == text,
            "the detail of attempt {attempt} is what was received"
        );
        assert_eq!(taken[0].head, large.head, "and so is the head");
        assert_eq!(taken[0].claim.attempt, attempt, "every attempt has the next number");
    }
}
