//! A deploy of the stack `shop` on such a CloudFormation.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_aws::PollBackoff;
use cc_devops_kernel::outcome::{DeployResult, Failure, Reason};
use cc_devops_kernel::ports::{Clock as _, PortResult, SystemClock};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::StackLease;
use cc_devops_testkit::sample;

use super::Cloud;

pub(crate) const STACK: &str = "shop";

pub(crate) const BACKOFF: PollBackoff = PollBackoff {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
    looks: 3,
    in_all: Duration::from_secs(10),
};

pub(crate) fn stacks(cloud: &Cloud) -> Arc<dyn Stacks> {
    cloud.backend(1).stacks(BACKOFF)
}

/// Plans the deploy, and applies what was planned.
pub(crate) async fn try_to_start(stacks: &dyn Stacks, deploy: &DeployLambda) -> PortResult<StackProgress> {
    let (lease, at) = (lease(), SystemClock.now());
    let wanted = WantedChange {
        stack: &lease.stack,
        request: &lease.request,
        deploy,
        may_create: false,
        at,
    };
    carried_out(stacks, stacks.plan(&wanted).await?).await
}

pub(crate) async fn start(stacks: &dyn Stacks, deploy: &DeployLambda) -> StackProgress {
    try_to_start(stacks, deploy).await.unwrap()
}

/// Looks at the deploy as the sweep does: what was never begun is looked at as a plan, and applied when it is ready.
pub(crate) async fn progress(stacks: &dyn Stacks) -> StackProgress {
    let lease = lease();
    match stacks.progress(&lease.stack, &lease.request).await.unwrap() {
        StackProgress::NotBegun => {
            let planned = stacks.planned(&lease.stack, &lease.request).await.unwrap();
            carried_out(stacks, planned).await.unwrap()
        }
        progress => progress,
    }
}

async fn carried_out(stacks: &dyn Stacks, planned: Planning) -> PortResult<StackProgress> {
    match planned {
        Planning::GoesOn => Ok(StackProgress::Changing),
        Planning::Ended(end) => Ok(StackProgress::Ended(end)),
        Planning::Ready(draft) => stacks.apply(&lease(), &draft.handle, SystemClock.now()).await,
    }
}

pub(crate) fn lease() -> StackLease {
    StackLease {
        stack: sample::stack(STACK),
        request: sample::request_id("r1"),
    }
}

pub(crate) fn deploy() -> DeployLambda {
    sample::deploy_lambda(STACK)
}

/// Starts the deploy, then looks until it has ended.
pub(crate) async fn end(stacks: &dyn Stacks) -> StackEnd {
    let mut now = start(stacks, &deploy()).await;
    for _ in 0..10 {
        match now {
            StackProgress::Ended(end) => return end,
            StackProgress::Changing | StackProgress::NotBegun => now = progress(stacks).await,
        }
    }
    panic!("the change must end");
}

pub(crate) async fn success(stacks: &dyn Stacks) -> DeployResult {
    end(stacks).await.outcome.unwrap()
}

pub(crate) async fn failure(stacks: &dyn Stacks) -> Failure {
    end(stacks).await.outcome.unwrap_err()
}

#[track_caller]
pub(crate) fn says(failure: &Failure, reason: Reason, words: &str) {
    assert_eq!(failure.reason, reason, "{}", failure.message);
    assert!(failure.message.contains(words), "{words:?} in {:?}", failure.message);
}
