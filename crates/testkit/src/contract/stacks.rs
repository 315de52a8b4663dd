//! The stacks' contract: a request begins at most one change, and learns how it ended.

use std::time::Duration;

use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_requests::ports::{Ports, StackEnd, StackProgress};
use cc_devops_requests::record::{Receipt, StackLease, StackLock};

use crate::sample::{self, STACK_FAILS, STACK_KEEPS_CHANGING, STACK_SUCCEEDS, STACK_UNKNOWN, after, request_id};

/// The longest a change may take that a real command makes.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a change is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The stacks keep what they promise. The factory's ports must know [`STACK_SUCCEEDS`],
/// [`STACK_FAILS`] and [`STACK_KEEPS_CHANGING`] on the stage `dev`, behaving as they are called,
/// and must not know [`STACK_UNKNOWN`].
pub async fn stacks(fresh: impl AsyncFn() -> Ports) {
    a_change_succeeds(&fresh().await).await;
    a_change_fails(&fresh().await).await;
    an_unknown_stack_ends_at_once(&fresh().await).await;
    a_change_goes_on_and_is_found_again(&fresh().await).await;
    an_unknown_fate_is_a_failure(&fresh().await).await;
}

async fn lease(ports: &Ports, id: &str, stack: &str) -> StackLease {
    let receipt = ports
        .ledger
        .receive(&sample::request(id), Some(after(60)))
        .await
        .unwrap();
    let Receipt::Claimed(claim) = receipt else {
        panic!("request {id} must be new");
    };
    match ports.ledger.lock_stack(&claim, &sample::stack(stack)).await.unwrap() {
        StackLock::Acquired(lease) => lease,
        StackLock::Held { by } => panic!("stack {stack} must be free, but {by} holds it"),
    }
}

async fn start(ports: &Ports, id: &str, stack: &str) -> StackProgress {
    let lease = lease(ports, id, stack).await;
    ports
        .stacks
        .start(&lease, &sample::deploy_lambda(stack), after(1))
        .await
        .unwrap()
}

/// Looks at the change until it has ended. There is nothing else to wait for: the port has no
/// signal, because providers have none that always comes.
async fn ended(ports: &Ports, id: &str, stack: &str) -> StackEnd {
    let looking = async {
        loop {
            match ports
                .stacks
                .progress(&sample::stack(stack), &request_id(id))
                .await
                .unwrap()
            {
                StackProgress::Ended(end) => return end,
                StackProgress::Changing | StackProgress::NotBegun => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("the change of {stack} must end"))
}

async fn a_change_succeeds(ports: &Ports) {
    start(ports, "r1", STACK_SUCCEEDS).await;
    let end = ended(ports, "r1", STACK_SUCCEEDS).await;
    let result = end.outcome.clone().expect("the change succeeds");
    assert_eq!(
        result.stack_name,
        sample::stack(STACK_SUCCEEDS).as_str(),
        "the result names the full stack"
    );
    assert_eq!(result.action, DeployAction::Deployed, "it was deployed");
    assert!(
        !result.stack_id.is_empty() && !result.change_set_id.is_empty() && !result.current_status.is_empty(),
        "the result says what was changed and how it stands"
    );
    assert_eq!(
        ended(ports, "r1", STACK_SUCCEEDS).await,
        end,
        "looking again says the same"
    );

    let lease = StackLease {
        stack: sample::stack(STACK_SUCCEEDS),
        request: request_id("r1"),
    };
    let again = ports
        .stacks
        .start(&lease, &sample::deploy_lambda(STACK_SUCCEEDS), after(2))
        .await
        .unwrap();
    assert_eq!(
        again,
        StackProgress::Ended(end),
        "starting again finds the change that ended"
    );
}

async fn a_change_fails(ports: &Ports) {
    start(ports, "r1", STACK_FAILS).await;
    let end = ended(ports, "r1", STACK_FAILS).await;
    let failure = end.outcome.expect_err("the change fails");
    assert_eq!(failure.reason, Reason::DeployFailed, "with the reason for it");
    assert!(!failure.message.is_empty(), "and a sentence");
}

async fn an_unknown_stack_ends_at_once(ports: &Ports) {
    let StackProgress::Ended(end) = start(ports, "r1", STACK_UNKNOWN).await else {
        panic!("an unknown stack must be refused at once");
    };
    let failure = end.outcome.expect_err("an unknown stack cannot be changed");
    assert_eq!(failure.reason, Reason::StackNotFound, "with the reason for it");
}

async fn a_change_goes_on_and_is_found_again(ports: &Ports) {
    let lease = lease(ports, "r1", STACK_KEEPS_CHANGING).await;
    let deploy = sample::deploy_lambda(STACK_KEEPS_CHANGING);
    for attempt in 1..=3 {
        let progress = ports.stacks.start(&lease, &deploy, after(attempt)).await.unwrap();
        assert_eq!(
            progress,
            StackProgress::Changing,
            "start number {attempt} finds the change going on"
        );
    }
    let progress = ports.stacks.progress(&lease.stack, &lease.request).await.unwrap();
    assert_eq!(progress, StackProgress::Changing, "and so does a look at it");
    start(ports, "r2", STACK_SUCCEEDS).await;
    assert!(
        ended(ports, "r2", STACK_SUCCEEDS).await.outcome.is_ok(),
        "another stack can be changed meanwhile"
    );
}

async fn an_unknown_fate_is_a_failure(ports: &Ports) {
    let progress = ports
        .stacks
        .progress(&sample::stack(STACK_SUCCEEDS), &request_id("never-begun"))
        .await
        .unwrap();
    let StackProgress::Ended(end) = progress else {
        panic!("a change nobody knows of cannot go on");
    };
    assert!(
        !end.outcome.expect_err("its fate is not known").message.is_empty(),
        "and the sentence says so"
    );
}
