//! Receiving requests: idempotency by id and meaning.

use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::Reason;
use cc_devops_requests::fingerprint::Fingerprint;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::{Receipt, RequestFilter, RequestHead, RequestState};

use super::{LEASE, end, kind, leave, record, take};
use crate::outbox;
use crate::sample::{self, after};

pub(super) async fn a_new_request_is_on_record(ports: &Ports) {
    let ledger = &*ports.ledger;
    assert!(
        ledger.find(&sample::request_id("r1")).await.unwrap().is_none(),
        "an unknown request is not found"
    );
    let mut request = sample::request("r1");
    request.head.principal = sample::agent_name("Operator");
    request.head.role = Role::Admin;
    let claim = take(ledger, &request).await;
    assert_eq!(
        (claim.request.as_str(), claim.attempt),
        ("r1", 1),
        "the first claim is attempt one"
    );

    let kept = record(ledger, "r1").await;
    assert_eq!(kept.head, request.head, "the head comes back as it was given");
    assert_eq!(
        kept.state,
        RequestState::Executing,
        "a request received with a lease executes"
    );
    assert_eq!(
        (kept.tries, kept.completed, kept.output),
        (1, None, None),
        "it has no outcome yet"
    );

    let mut bare = sample::request("r2");
    bare.head.resource = None;
    leave(ledger, &bare).await;
    let kept = record(ledger, "r2").await;
    assert_eq!(
        kept.head, bare.head,
        "a head without a resource comes back as it was given"
    );
    assert_eq!((kept.state, kept.tries), (RequestState::Received, 0), "nobody began it");
}

pub(super) async fn the_door_it_came_by_is_remembered(ports: &Ports) {
    let ledger = &*ports.ledger;
    let by_slack = RequestHead {
        via: Door::Slack,
        ..sample::head("r1")
    };
    ledger.receive(&sample::request_of(by_slack), None).await.unwrap();
    ledger.receive(&sample::request("r2"), None).await.unwrap();
    let claimed = ledger.claim_due(after(1), after(LEASE), 10).await.unwrap();
    let mut doors: Vec<(&str, Door)> = claimed
        .iter()
        .map(|claimed| (claimed.head.id.as_str(), claimed.head.via))
        .collect();
    doors.sort_by_key(|(id, _)| *id);
    assert_eq!(
        doors,
        [("r1", Door::Slack), ("r2", Door::Api)],
        "whoever takes it up knows"
    );
    assert_eq!(record(ledger, "r1").await.head.via, Door::Slack);
}

pub(super) async fn a_repeat_is_known_and_another_meaning_conflicts(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    leave(ledger, &request).await;
    let mut repeat = request.clone();
    repeat.head.received_at = after(5);
    match ledger.receive(&repeat, Some(after(LEASE))).await.unwrap() {
        Receipt::Known(known) => {
            assert_eq!(known.head, request.head, "the first arrival stays on record");
            assert_eq!(known.state, RequestState::Received, "a repeat takes nothing");
        }
        other => panic!("a repeat must be known, but was {}", kind(&other)),
    }

    let mut other = request.clone();
    other.head.fingerprint = Fingerprint([2; 32]);
    let receipt = ledger.receive(&other, None).await.unwrap();
    assert_eq!(
        kind(&receipt),
        "a conflict",
        "the same id with another meaning conflicts"
    );
    assert_eq!(
        record(ledger, "r1").await.head,
        request.head,
        "a conflict changes nothing"
    );

    let done = sample::request("r2");
    let conclusion = sample::success(&done.head, 3);
    end(ledger, &done, &conclusion).await;
    match ledger.receive(&done, Some(after(LEASE))).await.unwrap() {
        Receipt::Known(known) => assert_eq!(
            known.completed,
            Some(conclusion.completed),
            "a repeat of an ended request brings its outcome"
        ),
        other => panic!("a repeat of an ended request must be known, but was {}", kind(&other)),
    }
}

pub(super) async fn one_of_many_at_once_gets_the_claim(ports: &Ports) {
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let ledger = ports.ledger.clone();
            tokio::spawn(async move { ledger.receive(&sample::request("r1"), Some(after(LEASE))).await })
        })
        .collect();
    let mut kinds = Vec::new();
    for call in calls {
        kinds.push(kind(&call.await.unwrap().unwrap()));
    }
    kinds.sort_unstable();
    assert_eq!(kinds[0], "claimed", "one caller gets the claim");
    assert!(
        kinds[1..].iter().all(|kind| *kind == "known"),
        "all others are told it is known: {kinds:?}"
    );
}

pub(super) async fn a_request_can_end_on_arrival(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let conclusion = sample::failure(&request.head, 1, Reason::InvalidParameter);
    let receipt = ledger.receive_concluded(&request, &conclusion).await.unwrap();
    assert_eq!(kind(&receipt), "recorded", "a new request that has ended is recorded");
    let kept = record(ledger, "r1").await;
    assert_eq!(
        kept.state,
        outbox::state_once_ended(ports),
        "it has its outcome from the start"
    );
    assert_eq!(
        kept.completed.as_ref(),
        Some(&conclusion.completed),
        "the outcome is kept"
    );
    assert_eq!(outbox::waiting(ports, 10).await.len(), 1, "its event waits");
    assert!(
        ledger
            .claim_due(after(1_000), after(1_060), 10)
            .await
            .unwrap()
            .is_empty(),
        "there is nothing left to carry out"
    );

    let receipt = ledger.receive_concluded(&request, &conclusion).await.unwrap();
    assert_eq!(kind(&receipt), "known", "a repeat is known");
    let mut other = request.clone();
    other.head.fingerprint = Fingerprint([2; 32]);
    let receipt = ledger.receive_concluded(&other, &conclusion).await.unwrap();
    assert_eq!(kind(&receipt), "a conflict", "another meaning conflicts");

    let open = sample::request("r2");
    leave(ledger, &open).await;
    let receipt = ledger
        .receive_concluded(&open, &sample::success(&open.head, 2))
        .await
        .unwrap();
    assert_eq!(kind(&receipt), "known", "a request that is open already is known");
    assert_eq!(
        record(ledger, "r2").await.completed,
        None,
        "and is not ended by its repeat"
    );

    assert_eq!(outbox::waiting(ports, 10).await.len(), 1, "repeats write no event");
    assert_eq!(audit_rows(ports).await, 1, "repeats write no audit row");
}

pub(super) async fn what_cannot_be_kept_is_refused_on_record(ports: &Ports) {
    let ledger = &*ports.ledger;
    let agent: AgentName = sample::agent_name(sample::OTHER_AGENT);
    let mut conclusion = sample::failure(&sample::head("x"), 1, Reason::SchemaValidationFailed);
    "unknown".clone_into(&mut conclusion.completed.request_id);
    conclusion.audit.request_id = None;
    ledger.refuse(&agent, &conclusion).await.unwrap();
    ledger.refuse(&agent, &conclusion).await.unwrap();

    let waiting = outbox::waiting(ports, 10).await;
    assert_eq!(waiting.len(), 2, "every refusal has its event");
    assert_eq!(
        outbox::event(&waiting[0]).agent,
        agent,
        "the event is for the agent that was refused"
    );
    assert_eq!(
        outbox::event(&waiting[0]).body,
        conclusion.completed.clone().into(),
        "the event says what was refused"
    );
    assert_eq!(audit_rows(ports).await, 2, "every refusal has its audit row");
    let requests = ledger.list(&RequestFilter::default(), None, 10).await.unwrap();
    assert!(requests.items.is_empty(), "a refusal is no request");
}

async fn audit_rows(ports: &Ports) -> usize {
    ports
        .audit
        .list(&AuditFilter::default(), None, 100)
        .await
        .unwrap()
        .items
        .len()
}
