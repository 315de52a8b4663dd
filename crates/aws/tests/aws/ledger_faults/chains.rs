//! Chains of audit rows, where answers are lost and transactions meet.

use super::*;

#[tokio::test]
async fn a_conclusion_that_is_never_heard_of_stands_and_its_chain_is_left() {
    let at = Setting::new(1).await;
    let claim = at.take("r1").await;
    let conclusion = sample::success(&sample::head("r1"), 4);
    at.line.fails(1, "TransactWriteItems", &Fault::LostAnswer);
    failed(at.ledger.conclude(&claim, &conclusion).await, PortErrorKind::Timeout);
    at.ledger
        .conclude(&claim, &conclusion)
        .await
        .expect("the same conclusion once more is the one that stands");
    let other = sample::failure(&sample::head("r1"), 5, Reason::InternalError);
    failed(at.ledger.conclude(&claim, &other).await, PortErrorKind::Superseded);
    at.told(1, 1).await;

    let claim = at.take("r2").await;
    at.ledger
        .conclude(&claim, &sample::success(&sample::head("r2"), 6))
        .await
        .unwrap();
    at.told(2, 2).await;
}

#[tokio::test]
async fn transactions_that_meet_are_tried_again_on_the_same_chain() {
    let at = Setting::new(1).await;
    let met = Fault::cancelled(&["TransactionConflict", "None", "None"]);
    for (number, id) in ["r1", "r2"].into_iter().enumerate() {
        let claim = at.take(id).await;
        at.line.fails(2, "TransactWriteItems", &met);
        at.ledger
            .conclude(&claim, &sample::success(&sample::head(id), 4))
            .await
            .unwrap();
        assert_eq!(at.line.calls("TransactWriteItems").len(), 3);
        at.told(number + 1, 1).await;
    }

    let claim = at.take("r3").await;
    let stack = sample::stack("shop");
    at.line.fails(
        2,
        "TransactWriteItems",
        &Fault::cancelled(&["None", "TransactionConflict"]),
    );
    let lock = at.ledger.lock_stack(&claim, &stack).await.unwrap();
    assert!(
        matches!(lock, StackLock::Acquired(_)),
        "the stack was free all the time"
    );

    let outbox = at.backend.outbox();
    let due = outbox.due(outbox.consumers(), after(10), 10).await.unwrap();
    at.line
        .fails(1, "TransactWriteItems", &Fault::cancelled(&["None", "ThrottlingError"]));
    outbox.settle(after(11), &harness::done(&due)).await.unwrap();
    assert!(
        outbox
            .due(outbox.consumers(), after(1_000), 10)
            .await
            .unwrap()
            .is_empty()
    );

    at.line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["TransactionConflict", "None"]),
    );
    at.ledger.republish(&request_id("r1"), after(12)).await.unwrap();
    assert_eq!(outbox.due(outbox.consumers(), after(1_000), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn transactions_that_meet_for_ever_are_told_as_such() {
    let at = Setting::new(1).await;
    let claim = at.take("r1").await;
    at.line.fails(
        100,
        "TransactWriteItems",
        &Fault::cancelled(&["TransactionConflict", "None", "None"]),
    );
    let conclusion = sample::success(&sample::head("r1"), 4);
    failed(
        at.ledger.conclude(&claim, &conclusion).await,
        PortErrorKind::Unavailable,
    );
    assert_eq!(at.line.calls("TransactWriteItems").len(), 5, "tries have an end");
    let stack = at.ledger.lock_stack(&claim, &sample::stack("shop")).await;
    failed(stack, PortErrorKind::Unavailable);
    assert_eq!(at.state("r1").await, RequestState::Executing);
}

#[tokio::test]
async fn a_chain_or_a_place_in_the_log_that_is_taken_is_not_the_requests_fault() {
    let at = Setting::new(1).await;
    at.line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["None", "ConditionalCheckFailed", "None"]),
    );
    let claim = at.take("r1").await;
    at.ledger
        .conclude(&claim, &sample::success(&sample::head("r1"), 4))
        .await
        .unwrap();
    at.told(1, 1).await;

    let claim = at.take("r2").await;
    at.line.fails(
        1,
        "TransactWriteItems",
        &Fault::cancelled(&["None", "None", "ConditionalCheckFailed"]),
    );
    at.ledger
        .conclude(&claim, &sample::success(&sample::head("r2"), 5))
        .await
        .unwrap();
    at.told(2, 1).await;
}
