//! Concluding: one transaction, one outcome, and the stack that becomes free.

use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::{Conclusion, StackLease, StackLock};

use super::{LEASE, end, record, take};
use crate::contract::refused;
use crate::outbox;
use crate::sample::{self, after};

pub(super) async fn outcome_audit_row_and_event_come_together(ports: &Ports) {
    let ledger = &*ports.ledger;
    let mut request = sample::request("r1");
    request.head.principal = sample::agent_name("Operator");
    let mut conclusion = sample::success(&request.head, 4);
    conclusion.output = Some("line one\nline two".to_owned());
    end(ledger, &request, &conclusion).await;

    let kept = record(ledger, "r1").await;
    assert_eq!(kept.state, outbox::state_once_ended(ports), "it has ended");
    assert_eq!(
        kept.completed.as_ref(),
        Some(&conclusion.completed),
        "the outcome is kept as it was given"
    );
    assert_eq!(kept.output, conclusion.output, "and so is the output");

    let rows = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap().items;
    assert_eq!(rows.len(), 1, "there is one audit row");
    assert_eq!(rows[0].entry, conclusion.audit, "the row is what was given");
    assert!(ports.audit.verify().await.unwrap().breaks.is_empty(), "the chain holds");

    let events = outbox::waiting(ports, 100).await;
    assert_eq!(events.len(), 1, "there is one event");
    assert_eq!(
        outbox::event(&events[0]).body,
        conclusion.completed.clone().into(),
        "the event is the outcome"
    );
    assert_eq!(
        outbox::event(&events[0]).agent,
        request.head.agent,
        "the event is for the agent, not for who asked"
    );
    let wanted_by: Vec<_> = ports.outbox.consumers().iter().map(|consumer| (*consumer, 0)).collect();
    assert_eq!(
        events[0].wanted_by, wanted_by,
        "every consumer waits for it, and was not failed yet"
    );

    let mut failed = sample::request("r2");
    failed.head.resource = None;
    let conclusion = sample::failure(&failed.head, 5, Reason::ApiError);
    end(ledger, &failed, &conclusion).await;
    let kept = record(ledger, "r2").await;
    assert_eq!(
        kept.completed,
        Some(conclusion.completed),
        "a failure is kept like a success"
    );
    assert_eq!(kept.output, None, "no output is no output");
}

pub(super) async fn an_outcome_is_final(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let claim = take(ledger, &request).await;
    let first = sample::success(&request.head, 4);
    ledger.conclude(&claim, &first).await.unwrap();
    let second = sample::failure(&request.head, 5, Reason::InternalError);
    refused(
        ledger.conclude(&claim, &second).await,
        PortErrorKind::Superseded,
        "a second conclusion",
    );
    refused(
        ledger.park(&claim, after(6)).await,
        PortErrorKind::Superseded,
        "parking what has ended",
    );
    refused(
        ledger.postpone(&claim, after(6)).await,
        PortErrorKind::Superseded,
        "postponing what has ended",
    );
    assert_eq!(
        record(ledger, "r1").await.completed,
        Some(first.completed),
        "the first outcome stays"
    );
    let rows = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap().items;
    assert_eq!(rows.len(), 1, "there is one audit row");
    assert_eq!(outbox::waiting(ports, 100).await.len(), 1, "there is one event");
}

pub(super) async fn two_at_once_leave_one_outcome(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let claim = take(ledger, &request).await;
    let (good, bad) = (
        sample::success(&request.head, 4),
        sample::failure(&request.head, 4, Reason::Timeout),
    );
    let (one, two) = tokio::join!(ledger.conclude(&claim, &good), ledger.conclude(&claim, &bad));
    let expected = match (&one, &two) {
        (Ok(()), Err(_)) => good,
        (Err(_), Ok(())) => bad,
        _ => panic!("one of two conclusions must win: {one:?}, {two:?}"),
    };
    refused(one.and(two), PortErrorKind::Superseded, "the conclusion that lost");
    assert_eq!(
        record(ledger, "r1").await.completed,
        Some(expected.completed),
        "the winner's outcome stays"
    );
    assert_eq!(outbox::waiting(ports, 100).await.len(), 1, "there is one event");
}

pub(super) async fn a_stack_is_one_requests_until_it_is_concluded(ports: &Ports) {
    let ledger = &*ports.ledger;
    let (one, two) = (sample::request("r1"), sample::request("r2"));
    let (first, second) = (take(ledger, &one).await, take(ledger, &two).await);
    let stack = sample::stack("sample");
    let acquired = StackLock::Acquired(StackLease {
        stack: stack.clone(),
        request: first.request.clone(),
    });
    let held = StackLock::Held {
        by: first.request.clone(),
    };
    assert_eq!(
        ledger.lock_stack(&first, &stack).await.unwrap(),
        acquired,
        "a free stack is given"
    );
    assert_eq!(
        ledger.lock_stack(&first, &stack).await.unwrap(),
        acquired,
        "and given again to its holder"
    );
    assert_eq!(
        ledger.lock_stack(&second, &stack).await.unwrap(),
        held,
        "nobody else gets it"
    );
    let other = ledger.lock_stack(&second, &sample::stack("other")).await.unwrap();
    assert!(matches!(other, StackLock::Acquired(_)), "another stack is free");

    ledger.park(&first, after(5)).await.unwrap();
    assert_eq!(
        ledger.lock_stack(&second, &stack).await.unwrap(),
        held,
        "a parked request keeps its stack"
    );

    let parked = ledger.waiting(None, 10).await.unwrap().remove(0);
    ledger
        .conclude(&parked.claim, &sample::success(&one.head, 9))
        .await
        .unwrap();
    let freed = ledger.lock_stack(&second, &stack).await.unwrap();
    assert!(
        matches!(freed, StackLock::Acquired(_)),
        "a concluded request frees its stack"
    );

    let taken = ledger.claim_due(after(LEASE + 1), after(2 * LEASE), 10).await.unwrap();
    let again = ledger.lock_stack(&taken[0].claim, &stack).await.unwrap();
    assert!(
        matches!(again, StackLock::Acquired(_)),
        "the request's next attempt still holds the stack"
    );
}

pub(super) async fn a_stack_of_unknown_fate_is_kept_until_it_is_released(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let claim = take(ledger, &request).await;
    let stack = sample::stack("sample");
    let entry = sample::audit_entry(actions::STACK_RELEASED, 9);
    ledger.lock_stack(&claim, &stack).await.unwrap();
    assert!(
        !ledger.release_stack(&stack, &claim.request, &entry).await.unwrap(),
        "a stack whose request goes on is not released"
    );
    ledger.park(&claim, after(5)).await.unwrap();
    assert!(
        !ledger.release_stack(&stack, &claim.request, &entry).await.unwrap(),
        "nor where it waits"
    );
    let unknown = Conclusion {
        keeps_stack: true,
        ..sample::failure(&request.head, 8, Reason::Timeout)
    };
    ledger.conclude(&claim, &unknown).await.unwrap();

    let second = take(ledger, &sample::request("r2")).await;
    let held = StackLock::Held {
        by: claim.request.clone(),
    };
    assert_eq!(
        ledger.lock_stack(&second, &stack).await.unwrap(),
        held,
        "nobody else gets it"
    );
    assert_eq!(ledger.holder_of(&stack).await.unwrap(), Some(claim.request.clone()));
    assert!(
        !ledger.release_stack(&stack, &second.request, &entry).await.unwrap(),
        "it is released from whoever holds it"
    );
    let rows = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap().items;
    assert_eq!(rows.len(), 1, "what was not done is not on record");

    assert!(ledger.release_stack(&stack, &claim.request, &entry).await.unwrap());
    assert!(
        !ledger.release_stack(&stack, &claim.request, &entry).await.unwrap(),
        "once"
    );
    let rows = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap().items;
    assert_eq!(
        (rows.len(), &rows[0].entry),
        (2, &entry),
        "the release is on record, once"
    );
    assert!(ports.audit.verify().await.unwrap().breaks.is_empty(), "the chain holds");
    let freed = ledger.lock_stack(&second, &stack).await.unwrap();
    assert!(matches!(freed, StackLock::Acquired(_)), "the next deploy may change it");
}

pub(super) async fn a_superseded_claim_gets_no_stack(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = sample::request("r1");
    let old = take(ledger, &request).await;
    let taken = ledger
        .claim_due(after(LEASE + 1), after(2 * LEASE), 10)
        .await
        .unwrap()
        .remove(0);
    let stack = sample::stack("sample");
    refused(
        ledger.lock_stack(&old, &stack).await,
        PortErrorKind::Superseded,
        "a stack for an old claim",
    );
    ledger
        .conclude(&taken.claim, &sample::success(&request.head, 9))
        .await
        .unwrap();
    refused(
        ledger.lock_stack(&taken.claim, &stack).await,
        PortErrorKind::Superseded,
        "a stack for a request that has ended",
    );
    let other = take(ledger, &sample::request("r2")).await;
    let lock = ledger.lock_stack(&other, &stack).await.unwrap();
    assert!(matches!(lock, StackLock::Acquired(_)), "the stack was left free");
}

pub(super) async fn two_at_once_get_one_stack(ports: &Ports) {
    let ledger = &*ports.ledger;
    let (one, two) = (
        take(ledger, &sample::request("r1")).await,
        take(ledger, &sample::request("r2")).await,
    );
    let stack = sample::stack("sample");
    let (first, second) = tokio::join!(ledger.lock_stack(&one, &stack), ledger.lock_stack(&two, &stack));
    let locks = [first.unwrap(), second.unwrap()];
    let acquired = locks
        .iter()
        .filter(|lock| matches!(lock, StackLock::Acquired(_)))
        .count();
    assert_eq!(acquired, 1, "one of two gets the stack: {locks:?}");
}
