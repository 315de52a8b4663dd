//! Parked requests: stacks that cannot be looked at, clocks that are set, fates that are unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_kernel::names::{FullStackName, RequestId, SecretName, SecretPrefix};
use cc_devops_kernel::outcome::{Completed, Reason, Status};
use cc_devops_kernel::ports::{
    PortError, PortErrorKind, PortResult, SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite,
    SecretWritten,
};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::execution::Step;
use cc_devops_requests::ports::{Planning, Ports, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::{RequestState, StackLease};
use cc_devops_requests::settings::RequestSettings;
use cc_devops_requests::stacks::{ReleaseError, release_stack};
use cc_devops_testkit::Memory;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::sample;
use jiff::{SignedDuration, Timestamp};

use super::{Slow, claim, harness, record};

/// Stacks of which some refuse to be looked at, or to be changed.
struct Grudging {
    inner: Memory,
    refuses: FullStackName,
    kind: PortErrorKind,
    begins: bool,
}

impl Grudging {
    fn refusal<T>(&self) -> PortResult<T> {
        Err(PortError::new(self.kind, "not allowed here"))
    }
}

#[async_trait]
impl Stacks for Grudging {
    async fn plan(&self, wanted: &WantedChange<'_>) -> PortResult<Planning> {
        self.inner.ports().stacks.plan(wanted).await
    }

    async fn planned(&self, stack: &FullStackName, request: &RequestId) -> PortResult<Planning> {
        self.inner.ports().stacks.planned(stack, request).await
    }

    async fn apply(&self, lease: &StackLease, handle: &str, at: Timestamp) -> PortResult<StackProgress> {
        if lease.stack == self.refuses && !self.begins {
            return self.refusal();
        }
        self.inner.ports().stacks.apply(lease, handle, at).await
    }

    async fn discard(&self, stack: &FullStackName, request: &RequestId, handle: &str) -> PortResult<()> {
        self.inner.ports().stacks.discard(stack, request, handle).await
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        if *stack == self.refuses {
            return self.refusal();
        }
        self.inner.ports().stacks.progress(stack, request).await
    }
}

/// A control plane on whose stack `grudging` nothing can be learnt.
async fn beside_a_grudging_stack(kind: PortErrorKind, begins: bool) -> (Memory, ControlPlane) {
    let (memory, _) = harness(&Slow::new()).await;
    let refuses = sample::stack("grudging");
    memory.script_stack(refuses.clone(), StackScript::KeepsChanging);
    let mut ports = memory.ports();
    ports.stacks = Arc::new(Grudging {
        inner: memory.clone(),
        refuses,
        kind,
        begins,
    });
    let settings = RequestSettings {
        max_attempts: 2,
        ..RequestSettings::default()
    };
    (memory, sample::control_plane_with(ports, settings))
}

async fn deploy(plane: &ControlPlane, id: &str, stack: &str) -> Step {
    let claimed = claim(plane, sample::deploy_event(id, stack)).await;
    plane.carry_out(claimed).await.unwrap()
}

fn outcome(step: Step) -> Completed {
    match step {
        Step::Concluded(completed) => completed,
        other => panic!("it has ended: {other:?}"),
    }
}

#[tokio::test]
async fn a_parked_request_that_cannot_be_looked_at_holds_up_no_other_and_ends_at_its_time_limit() {
    let (memory, plane) = beside_a_grudging_stack(PortErrorKind::Refused, true).await;
    assert_eq!(deploy(&plane, "oldest", "grudging").await, Step::Parked);
    memory.clock().advance(SignedDuration::from_secs(1));
    for number in 0..120 {
        let stack = format!("stack-{number}");
        memory.script_stack(sample::stack(&stack), StackScript::KeepsChanging);
        assert_eq!(deploy(&plane, &format!("r{number:03}"), &stack).await, Step::Parked);
    }
    for number in 0..120 {
        memory.end_change(&sample::request_id(&format!("r{number:03}")), StackScript::Succeeds);
    }
    let looked = plane.look_after_waiting().await;
    assert_eq!(
        (looked.concluded.len(), looked.failures.len()),
        (120, 1),
        "more than two pages of them"
    );
    assert_eq!(record(&memory, "oldest").await.state, RequestState::Waiting);

    memory.clock().advance(SignedDuration::from_hours(1));
    let looked = plane.look_after_waiting().await;
    assert_eq!(looked.failures.len(), 0);
    let ended = &looked.concluded[0];
    assert_eq!(
        (ended.request_id.as_str(), ended.reason),
        ("oldest", Some(Reason::Timeout))
    );
}

#[tokio::test]
async fn who_sets_the_clock_forward_ends_no_deploy() {
    let (memory, plane) = beside_a_grudging_stack(PortErrorKind::Refused, true).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let plane = plane.measuring(Arc::new({
        let ran = Arc::clone(&ran);
        move || Duration::from_secs(ran.load(Ordering::SeqCst) as u64)
    }));
    memory.script_stack(sample::stack("slow"), StackScript::KeepsChanging);
    assert_eq!(deploy(&plane, "r1", "slow").await, Step::Parked);
    // Before the first look as well as between two.
    for _ in 0..2 {
        memory.clock().advance(SignedDuration::from_hours(5));
        assert!(
            plane.look_after_waiting().await.concluded.is_empty(),
            "it has waited for a moment"
        );
    }
    ran.store(3_601, Ordering::SeqCst);
    let ended = plane.look_after_waiting().await.concluded.remove(0);
    assert_eq!(ended.reason, Some(Reason::Timeout));
}

#[tokio::test]
async fn who_sets_the_clock_back_before_a_restart_gives_no_deploy_more_time() {
    let (memory, plane) = beside_a_grudging_stack(PortErrorKind::Refused, true).await;
    memory.script_stack(sample::stack("slow"), StackScript::KeepsChanging);
    assert_eq!(deploy(&plane, "r1", "slow").await, Step::Parked);
    memory.clock().advance(SignedDuration::from_hours(-5));
    let ran = Arc::new(AtomicUsize::new(0));
    let after_a_restart = plane.measuring(Arc::new({
        let ran = Arc::clone(&ran);
        move || Duration::from_secs(ran.load(Ordering::SeqCst) as u64)
    }));
    assert!(after_a_restart.look_after_waiting().await.concluded.is_empty());
    ran.store(3_601, Ordering::SeqCst);
    let ended = after_a_restart.look_after_waiting().await.concluded.remove(0);
    assert_eq!(ended.reason, Some(Reason::Timeout));
}

#[tokio::test]
async fn a_look_that_is_cut_short_goes_on_where_it_ended() {
    let (memory, plane) = beside_a_grudging_stack(PortErrorKind::Refused, true).await;
    for number in 0..100 {
        let stack = format!("stack-{number}");
        memory.script_stack(sample::stack(&stack), StackScript::KeepsChanging);
        assert_eq!(deploy(&plane, &format!("r{number:03}"), &stack).await, Step::Parked);
        memory.clock().advance(SignedDuration::from_secs(1));
    }
    memory.end_change(&sample::request_id("r099"), StackScript::Succeeds);
    // Each sweep has time for some looks only; the oldest would take it all for themselves.
    for _ in 0..100 {
        let mut asked = 0;
        let deadline = std::future::poll_fn(|_| {
            asked += 1;
            if asked > 20 {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        });
        plane.sweep(deadline).await;
        if record(&memory, "r099").await.completed.is_some() {
            return;
        }
    }
    panic!("the youngest is never looked at");
}

#[tokio::test]
async fn a_deploy_whose_fate_is_unknown_keeps_its_stack_until_somebody_has_looked() {
    for kind in [PortErrorKind::Unavailable, PortErrorKind::Timeout] {
        let (memory, plane) = beside_a_grudging_stack(kind, false).await;
        let (ports, stack) = (plane.ports(), sample::stack("grudging"));
        assert_eq!(
            deploy(&plane, "first", "grudging").await,
            Step::Parked,
            "it may have been begun"
        );
        memory.clock().advance(SignedDuration::from_mins(61));
        let failed = plane.look_after_waiting().await.concluded.remove(0);
        let said = failed.error.unwrap();
        assert_eq!(failed.reason, Some(Reason::Timeout));
        assert!(said.contains("stacks release grudging-dev"), "{said}");

        let refused = outcome(deploy(&plane, "second", "grudging").await);
        let said = refused.error.unwrap();
        assert_eq!(refused.reason, Some(Reason::StackInProgress));
        assert!(said.contains("stacks release grudging-dev"), "{said}");

        let operator = sample::agent_name("Operator");
        let holder = release_stack(ports, &operator, &stack).await.unwrap();
        assert_eq!(holder.as_str(), "first");
        let on_record = memory.audit_rows().pop().unwrap().entry;
        assert_eq!(
            (on_record.action.as_str(), on_record.principal, on_record.resource),
            ("stack.released", Some(operator.clone()), Some(stack.to_string()))
        );
        assert!(matches!(
            release_stack(ports, &operator, &stack).await,
            Err(ReleaseError::Free(_))
        ));
    }
}

#[tokio::test]
async fn a_refusal_of_the_first_try_frees_the_stack_and_a_change_under_way_is_not_released() {
    let (memory, plane) = beside_a_grudging_stack(PortErrorKind::Refused, false).await;
    let refused = outcome(deploy(&plane, "first", "grudging").await);
    assert_eq!(refused.reason, Some(Reason::ApiError));
    assert_eq!(
        plane
            .ports()
            .ledger
            .holder_of(&sample::stack("grudging"))
            .await
            .unwrap(),
        None
    );

    memory.script_stack(sample::stack("busy"), StackScript::KeepsChanging);
    assert_eq!(deploy(&plane, "second", "busy").await, Step::Parked);
    let operator = sample::agent_name("Operator");
    let released = release_stack(plane.ports(), &operator, &sample::stack("busy")).await;
    assert!(matches!(released, Err(ReleaseError::InUse { .. })));
}

/// Secrets whose store cannot be reached.
struct Away;

#[async_trait]
impl SecretStore for Away {
    async fn put(&self, _: SecretWrite<'_>) -> PortResult<SecretWritten> {
        Err(PortError::new(PortErrorKind::Unavailable, "no route"))
    }
    async fn read(&self, _: &SecretName, _: SecretVersion) -> PortResult<Option<SecretRead>> {
        Ok(None)
    }
    async fn list(&self, _: Option<&SecretPrefix>, _: Option<&SecretName>, _: usize) -> PortResult<Vec<SecretSummary>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_new_id_is_advised_only_where_nothing_can_have_been_done() {
    let (memory, _) = harness(&Slow::new()).await;
    let ports = Ports {
        secrets: Arc::new(Away),
        ..memory.ports()
    };
    let settings = RequestSettings {
        max_attempts: 1,
        ..RequestSettings::default()
    };
    let plane = sample::control_plane_with(ports, settings);
    let put = sample::put_secret_event("r1", "/contentcraft/contentorchestrator/a", "x");
    let claimed = claim(&plane, put).await;
    let ended = outcome(plane.carry_out(claimed).await.unwrap());
    assert_eq!(ended.status, Status::Error);
    let said = ended.error.unwrap();
    assert!(
        said.contains("may have taken place") && !said.contains("new requestId"),
        "{said}"
    );
}
