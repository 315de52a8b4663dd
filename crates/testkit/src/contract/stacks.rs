//! The stacks' contract: a request prepares one change, which begins when it is applied and not before, begins it once,
//! and learns how it ended.

use std::time::Duration;

use cc_devops_deploys::Draft;
use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::{Planning, Ports, StackEnd, StackProgress, WantedChange};
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
    a_change_is_prepared_once_and_begins_when_it_is_applied(&fresh().await).await;
    a_change_fails(&fresh().await).await;
    an_unknown_stack_ends_at_once(&fresh().await).await;
    a_change_goes_on_and_is_found_again(&fresh().await).await;
    what_was_discarded_is_never_begun(&fresh().await).await;
    only_what_was_prepared_is_begun(&fresh().await).await;
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

async fn plan(ports: &Ports, id: &str, stack: &str) -> Planning {
    let deploy = sample::deploy_lambda(stack);
    let (stack, request) = (sample::stack(stack), request_id(id));
    let wanted = WantedChange {
        stack: &stack,
        request: &request,
        deploy: &deploy,
        may_create: false,
        at: after(1),
    };
    ports.stacks.plan(&wanted).await.unwrap()
}

/// Plans a change until it is ready.
async fn planned(ports: &Ports, id: &str, stack: &str) -> Draft {
    let planning = async {
        let mut planning = plan(ports, id, stack).await;
        loop {
            match planning {
                Planning::Ready(draft) => return *draft,
                Planning::GoesOn => tokio::time::sleep(LOOK_EVERY).await,
                Planning::Ended(end) => panic!("a change of {stack} can be planned: {end:?}"),
            }
            planning = ports
                .stacks
                .planned(&sample::stack(stack), &request_id(id))
                .await
                .unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, planning)
        .await
        .unwrap_or_else(|_| panic!("the planning of {stack} must end"))
}

/// Plans a change and begins it.
async fn start(ports: &Ports, id: &str, stack: &str) -> StackProgress {
    let lease = lease(ports, id, stack).await;
    let draft = planned(ports, id, stack).await;
    ports.stacks.apply(&lease, &draft.handle, after(2)).await.unwrap()
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

async fn a_change_is_prepared_once_and_begins_when_it_is_applied(ports: &Ports) {
    let (stack, request) = (sample::stack(STACK_SUCCEEDS), request_id("r1"));
    let lease = lease(ports, "r1", STACK_SUCCEEDS).await;
    let draft = planned(ports, "r1", STACK_SUCCEEDS).await;
    assert!(!draft.handle.is_empty(), "what would run has an address");
    assert!(!draft.first_creation, "the stack is there");
    let again = planned(ports, "r1", STACK_SUCCEEDS).await;
    assert_eq!(
        (again.handle, again.basis, again.content),
        (draft.handle.clone(), draft.basis.clone(), draft.content.clone()),
        "planned again it is the same, and no second is prepared"
    );
    let progress = ports.stacks.progress(&stack, &request).await.unwrap();
    assert_eq!(progress, StackProgress::NotBegun, "nothing is begun by planning");

    ports.stacks.apply(&lease, &draft.handle, after(2)).await.unwrap();
    let end = ended(ports, "r1", STACK_SUCCEEDS).await;
    let result = end.outcome.clone().expect("the change succeeds");
    assert_eq!(result.stack_name, stack.as_str(), "the result names the full stack");
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
    let again = ports.stacks.apply(&lease, &draft.handle, after(3)).await.unwrap();
    assert_eq!(
        again,
        StackProgress::Ended(end),
        "applying again finds the change that ended"
    );
    ports.stacks.discard(&stack, &request, &draft.handle).await.unwrap();
    ports.stacks.discard(&stack, &request, &draft.handle).await.unwrap();
}

async fn a_change_fails(ports: &Ports) {
    start(ports, "r1", STACK_FAILS).await;
    let end = ended(ports, "r1", STACK_FAILS).await;
    let failure = end.outcome.expect_err("the change fails");
    assert_eq!(failure.reason, Reason::DeployFailed, "with the reason for it");
    assert!(!failure.message.is_empty(), "and a sentence");
}

async fn an_unknown_stack_ends_at_once(ports: &Ports) {
    let Planning::Ended(end) = plan(ports, "r1", STACK_UNKNOWN).await else {
        panic!("an unknown stack must be refused at once");
    };
    let failure = end.outcome.expect_err("an unknown stack cannot be changed");
    assert_eq!(failure.reason, Reason::StackNotFound, "with the reason for it");
}

async fn a_change_goes_on_and_is_found_again(ports: &Ports) {
    let lease = lease(ports, "r1", STACK_KEEPS_CHANGING).await;
    let draft = planned(ports, "r1", STACK_KEEPS_CHANGING).await;
    for attempt in 1..=3 {
        let progress = ports.stacks.apply(&lease, &draft.handle, after(attempt)).await.unwrap();
        assert_eq!(
            progress,
            StackProgress::Changing,
            "applied for the time number {attempt} it is found going on"
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

/// Whether a change may have been begun. A refusal says that it was not.
fn was_begun(applied: PortResult<StackProgress>) -> bool {
    match applied {
        Ok(StackProgress::Ended(end)) => end.outcome.is_ok(),
        Ok(StackProgress::Changing | StackProgress::NotBegun) => true,
        Err(error) => error.kind.is_transient(),
    }
}

async fn what_was_discarded_is_never_begun(ports: &Ports) {
    let lease = lease(ports, "r1", STACK_SUCCEEDS).await;
    let draft = planned(ports, "r1", STACK_SUCCEEDS).await;
    for handle in ["", &draft.handle, &draft.handle] {
        ports
            .stacks
            .discard(&lease.stack, &lease.request, handle)
            .await
            .unwrap();
    }
    let nothing = request_id("never-planned");
    ports.stacks.discard(&lease.stack, &nothing, "").await.unwrap();
    let applied = ports.stacks.apply(&lease, &draft.handle, after(2)).await;
    assert!(!was_begun(applied), "what was discarded is not begun");
}

async fn only_what_was_prepared_is_begun(ports: &Ports) {
    let lease = lease(ports, "r1", STACK_SUCCEEDS).await;
    let draft = planned(ports, "r1", STACK_SUCCEEDS).await;
    let applied = ports.stacks.apply(&lease, "another handle", after(2)).await;
    assert!(!was_begun(applied), "nothing else is begun in its place");
    let progress = ports.stacks.progress(&lease.stack, &lease.request).await.unwrap();
    assert_eq!(progress, StackProgress::NotBegun, "nor is what was prepared");
    ports.stacks.apply(&lease, &draft.handle, after(3)).await.unwrap();
    assert!(ended(ports, "r1", STACK_SUCCEEDS).await.outcome.is_ok(), "it still can");
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
