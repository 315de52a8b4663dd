//! Leases that are renewed, claims that are handed back or taken over, and what counts as a try.

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::work::{Claim, Progress};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::{Renewal, RequestState};

use super::{LEASE, ids, leave, record, take};
use crate::contract::refused;
use crate::sample::{self, after};

fn renewal(claim: &Claim, done: Option<u64>) -> Renewal {
    Renewal {
        claim: claim.clone(),
        progress: done.map(|done| Progress {
            done,
            of: 9,
            what: "repositories".to_owned(),
        }),
    }
}

pub(super) async fn a_renewed_lease_holds_with_the_same_fence(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let claim = take(ledger, &request).await;
    assert_eq!(
        record(ledger, "r1").await.progress,
        None,
        "nothing is said of how far it is"
    );
    for round in 1_i64..=3 {
        let lost = ledger
            .renew(
                &[renewal(&claim, Some(round.unsigned_abs()))],
                after((round + 1) * LEASE),
            )
            .await
            .unwrap();
        assert_eq!(lost, [], "the claim is good");
        let found = ledger
            .claim_due(after((round + 1) * LEASE - 1), after(9 * LEASE), 10)
            .await
            .unwrap();
        assert!(found.is_empty(), "what is renewed is left alone");
        let kept = record(ledger, "r1").await;
        assert_eq!(
            (kept.state, kept.tries, kept.progress.map(|progress| progress.done)),
            (RequestState::Executing, 1, Some(round.unsigned_abs())),
            "it is one try, and shows how far it is"
        );
    }
    assert_eq!(
        ledger.renew(&[renewal(&claim, None)], after(5 * LEASE)).await.unwrap(),
        []
    );
    let kept = record(ledger, "r1").await.progress;
    assert_eq!(
        kept.map(|progress| progress.done),
        Some(3),
        "what was kept stays where nothing is said"
    );
    ledger
        .conclude(&claim, &sample::success(&request.head, 4))
        .await
        .expect("the claim is good");
    assert_eq!(
        record(ledger, "r1").await.progress,
        None,
        "what has ended is not under way"
    );
}

pub(super) async fn only_good_claims_are_renewed(ports: &Ports) {
    let ledger = &*ports.ledger;
    let mut claims = Vec::new();
    for id in ["good", "parked", "postponed", "ended", "taken"] {
        claims.push(take(ledger, &sample::request(id)).await);
    }
    let [good, parked, postponed, ended, taken] = &claims[..] else {
        panic!("five were taken")
    };
    ledger.park(parked, after(1)).await.unwrap();
    ledger.postpone(postponed, after(10 * LEASE)).await.unwrap();
    ledger
        .conclude(ended, &sample::success(&sample::head("ended"), 2))
        .await
        .unwrap();
    assert_eq!(
        ledger.renew(&[renewal(good, None)], after(4 * LEASE)).await.unwrap(),
        []
    );
    let due = ledger.claim_due(after(LEASE + 1), after(4 * LEASE), 10).await.unwrap();
    assert_eq!(ids(&due), ["taken"], "somebody else takes what was not renewed");

    let all: Vec<Renewal> = claims.iter().map(|claim| renewal(claim, Some(1))).collect();
    let mut lost = ledger.renew(&all, after(5 * LEASE)).await.unwrap();
    lost.sort_by(|a, b| a.request.as_str().cmp(b.request.as_str()));
    let mut expected = vec![ended.clone(), parked.clone(), postponed.clone(), taken.clone()];
    expected.sort_by(|a, b| a.request.as_str().cmp(b.request.as_str()));
    assert_eq!(lost, expected, "those are told that they hold nothing any more");
    assert_eq!(
        record(ledger, "taken").await.progress,
        None,
        "an old claim says nothing"
    );
    assert_eq!(
        record(ledger, "parked").await.state,
        RequestState::Waiting,
        "and changes nothing"
    );
    let found = ledger
        .claim_due(after(5 * LEASE - 1), after(9 * LEASE), 10)
        .await
        .unwrap();
    assert_eq!(ids(&found), ["taken"], "the good one is renewed, the others are not");
}

pub(super) async fn what_is_handed_back_was_not_tried(ports: &Ports) {
    let ledger = &*ports.ledger;
    leave(ledger, &sample::request("r1")).await;
    for round in 1_i64..=4 {
        let taken = ledger
            .claim_due(after(round * 10), after(round * 10 + 60), 1)
            .await
            .unwrap();
        assert_eq!(
            (taken[0].tries, taken[0].claim.attempt),
            (1, u32::try_from(round).unwrap())
        );
        ledger.hand_back(&taken[0].claim, after(round * 10)).await.unwrap();
        let kept = record(ledger, "r1").await;
        assert_eq!(
            (kept.state, kept.tries),
            (RequestState::Received, 0),
            "it waits its turn, untried"
        );
        refused(
            ledger.hand_back(&taken[0].claim, after(round * 10)).await,
            PortErrorKind::Superseded,
            "handing back twice",
        );
    }
    let first = ledger.claim_due(after(100), after(160), 1).await.unwrap().remove(0);
    ledger.postpone(&first.claim, after(200)).await.unwrap();
    let second = ledger.claim_due(after(200), after(260), 1).await.unwrap().remove(0);
    assert_eq!(second.tries, 2, "what was postponed was tried");
    let third = ledger.claim_due(after(261), after(321), 1).await.unwrap().remove(0);
    assert_eq!(third.tries, 3, "and so was what somebody let lie");
    refused(
        ledger.hand_back(&second.claim, after(262)).await,
        PortErrorKind::Superseded,
        "handing back by an old claim",
    );
}

/// Where others use the ledger too, nothing is taken over, and leases end by themselves.
pub(super) async fn what_a_dead_process_claimed_can_be_taken_over(ports: &Ports) {
    let ledger = &*ports.ledger;
    let executing = take(ledger, &sample::request("executing")).await;
    let parked = take(ledger, &sample::request("parked")).await;
    ledger.park(&parked, after(1)).await.unwrap();
    let postponed = take(ledger, &sample::request("postponed")).await;
    ledger.postpone(&postponed, after(500)).await.unwrap();
    let taken = ledger.take_over(after(2)).await.unwrap();
    if taken == 0 {
        let due = ledger.claim_due(after(2), after(62), 10).await.unwrap();
        assert!(
            due.is_empty(),
            "leases stand where nobody knows that their holder is dead"
        );
        ledger
            .conclude(&executing, &sample::success(&sample::head("executing"), 3))
            .await
            .unwrap();
        return;
    }
    assert_eq!(taken, 1, "only what was being carried out is taken over");
    refused(
        ledger
            .conclude(&executing, &sample::success(&sample::head("executing"), 3))
            .await,
        PortErrorKind::Superseded,
        "an end by the dead process",
    );
    refused(
        ledger.postpone(&executing, after(3)).await,
        PortErrorKind::Superseded,
        "and a postponement",
    );
    let due = ledger.claim_due(after(2), after(62), 10).await.unwrap();
    assert_eq!(ids(&due), ["executing"], "it is due at once, whatever its lease said");
    assert_eq!(due[0].tries, 2, "the dead process had tried it");
    assert_eq!(record(ledger, "parked").await.state, RequestState::Waiting);
    assert_eq!(ledger.take_over(after(3)).await.unwrap(), 1, "it may be done again");
}
