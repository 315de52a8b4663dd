//! Parked requests, whose effect ends elsewhere.

use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::RequestState;

use super::{record, take};
use crate::contract::refused;
use crate::outbox;
use crate::sample::{self, after, request_id};

pub(super) async fn a_parked_request_waits_and_is_concluded(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let claim = take(ledger, &request).await;
    assert!(
        ledger.waiting_request(&request_id("r1")).await.unwrap().is_none(),
        "it is not parked yet"
    );
    ledger.park(&claim, after(5)).await.unwrap();
    assert_eq!(
        record(ledger, "r1").await.state,
        RequestState::Waiting,
        "a parked request waits"
    );
    assert!(
        ledger
            .claim_due(after(100_000), after(100_060), 10)
            .await
            .unwrap()
            .is_empty(),
        "a parked request has no lease that could expire"
    );

    let parked = ledger
        .waiting_request(&request_id("r1"))
        .await
        .unwrap()
        .expect("it is parked");
    assert_eq!(
        (&parked.head, parked.since),
        (&request.head, after(5)),
        "it is known since when it waits"
    );
    assert_eq!(
        ledger.waiting(None, 10).await.unwrap(),
        std::slice::from_ref(&parked),
        "the list says the same"
    );
    assert!(
        ledger.waiting_request(&request_id("other")).await.unwrap().is_none(),
        "no other is parked"
    );

    let conclusion = sample::success(&request.head, 9);
    ledger.conclude(&parked.claim, &conclusion).await.unwrap();
    let kept = record(ledger, "r1").await;
    assert_eq!(kept.state, outbox::state_once_ended(ports), "it has ended");
    assert_eq!(kept.completed, Some(conclusion.completed), "with its outcome");
    assert!(ledger.waiting(None, 10).await.unwrap().is_empty(), "and waits no more");
    assert!(
        ledger.waiting_request(&request_id("r1")).await.unwrap().is_none(),
        "by its id neither"
    );
}

pub(super) async fn of_two_who_look_after_it_the_first_concludes(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let claim = take(ledger, &request).await;
    ledger.park(&claim, after(5)).await.unwrap();
    let one = ledger.waiting(None, 10).await.unwrap().remove(0).claim;
    let two = ledger.waiting_request(&request_id("r1")).await.unwrap().unwrap().claim;

    let won = sample::success(&request.head, 9);
    let lost = sample::failure(&request.head, 10, Reason::Timeout);
    ledger.conclude(&one, &won).await.expect("the first wins");
    refused(
        ledger.conclude(&two, &lost).await,
        PortErrorKind::Superseded,
        "the second conclusion",
    );
    assert_eq!(
        record(ledger, "r1").await.completed,
        Some(won.completed),
        "the first outcome stays"
    );
    assert_eq!(outbox::waiting(ports, 100).await.len(), 1, "there is one event");
}

pub(super) async fn the_longest_waiting_comes_first(ports: &Ports) {
    let ledger = &*ports.ledger;
    for (id, seconds) in [("r1", 10), ("r2", 20), ("r3", 30)] {
        let claim = take(ledger, &sample::request(id)).await;
        ledger.park(&claim, after(seconds)).await.unwrap();
    }
    for (limit, expected) in [(2, vec!["r1", "r2"]), (10, vec!["r1", "r2", "r3"])] {
        let waiting = ledger.waiting(None, limit).await.unwrap();
        let ids: Vec<&str> = waiting.iter().map(|request| request.head.id.as_str()).collect();
        assert_eq!(ids, expected, "oldest first, at most {limit}");
    }
}

pub(super) async fn pages_of_waiting_requests_join_to_the_whole(ports: &Ports) {
    let ledger = &*ports.ledger;
    // Five at the same time each, so that pages end among those.
    for number in 0..20 {
        let claim = take(ledger, &sample::request(&format!("r{number:02}"))).await;
        ledger.park(&claim, after(number / 5)).await.unwrap();
    }
    for limit in [1, 3, 7, 20, 50] {
        let mut seen: Vec<String> = Vec::new();
        let mut last = None;
        loop {
            let page = ledger.waiting(last.as_ref(), limit).await.unwrap();
            seen.extend(page.iter().map(|request| request.head.id.to_string()));
            let is_last = page.len() < limit;
            last = page.into_iter().next_back();
            if is_last {
                break;
            }
        }
        let expected: Vec<String> = (0..20).map(|number| format!("r{number:02}")).collect();
        assert_eq!(seen, expected, "in pages of {limit}");
    }
    let page = ledger.waiting(None, 7).await.unwrap();
    let last = page.last().unwrap();
    ledger
        .conclude(&last.claim, &sample::success(&last.head, 9))
        .await
        .unwrap();
    let next = ledger.waiting(Some(last), 7).await.unwrap();
    assert_eq!(
        next[0].head.id.as_str(),
        "r07",
        "a page goes on behind what has ended meanwhile"
    );
}

pub(super) async fn a_request_that_rests_is_found_by_its_id_alone(ports: &Ports) {
    let ledger = &*ports.ledger;
    for (id, seconds) in [("r1", 5), ("r2", 6)] {
        let claim = take(ledger, &sample::request(id)).await;
        refused(
            ledger.rest(&claim).await,
            PortErrorKind::Superseded,
            "one that is not parked",
        );
        ledger.park(&claim, after(seconds)).await.unwrap();
    }
    let claim = ledger.waiting_request(&request_id("r1")).await.unwrap().unwrap().claim;
    for _ in 0..2 {
        ledger.rest(&claim).await.expect("resting before is as good");
        let waiting = ledger.waiting(None, 10).await.unwrap();
        let ids: Vec<&str> = waiting.iter().map(|request| request.head.id.as_str()).collect();
        assert_eq!(ids, ["r2"], "nobody looks at one that rests");
        let found = ledger.waiting_request(&request_id("r1")).await.unwrap();
        assert_eq!(found.unwrap().claim, claim, "who knows of it finds it");
        assert_eq!(
            record(ledger, "r1").await.state,
            RequestState::Waiting,
            "it waits all the same"
        );
    }
    assert!(
        ledger
            .claim_due(after(100_000), after(100_060), 10)
            .await
            .unwrap()
            .is_empty(),
        "nor does anybody take it"
    );

    for _ in 0..2 {
        ledger.wake(&claim, after(50)).await.expect("waking twice is as good");
        let waiting = ledger.waiting(None, 10).await.unwrap();
        let seen: Vec<_> = waiting
            .iter()
            .map(|request| (request.head.id.as_str(), request.since))
            .collect();
        assert_eq!(
            seen,
            [("r2", after(6)), ("r1", after(50))],
            "one that was woken waits anew, behind the others"
        );
    }
    let request = sample::request("r1");
    ledger.rest(&claim).await.unwrap();
    ledger
        .conclude(&claim, &sample::success(&request.head, 60))
        .await
        .expect("one that rests can be concluded");
    for call in [ledger.rest(&claim).await, ledger.wake(&claim, after(61)).await] {
        refused(call, PortErrorKind::Superseded, "one that has ended");
    }
    assert_eq!(ledger.waiting(None, 10).await.unwrap().len(), 1, "it waits no more");
}
