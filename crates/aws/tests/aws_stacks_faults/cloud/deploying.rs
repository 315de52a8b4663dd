//! A deploy of the stack `shop` on such a CloudFormation.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_aws::Pace;
use cc_devops_kernel::outcome::{DeployResult, Failure, Reason};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{StackEnd, StackProgress, Stacks};
use cc_devops_requests::record::StackLease;
use cc_devops_testkit::sample;

use super::Cloud;

pub(crate) const STACK: &str = "shop";

pub(crate) const PACE: Pace = Pace {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
    looks: 3,
    in_all: Duration::from_secs(10),
};

pub(crate) fn stacks(cloud: &Cloud) -> Arc<dyn Stacks> {
    cloud.backend(1).stacks(PACE)
}

pub(crate) async fn start(stacks: &dyn Stacks, deploy: &DeployLambda) -> StackProgress {
    stacks.start(&lease(), deploy, SystemClock.now()).await.unwrap()
}

pub(crate) async fn progress(stacks: &dyn Stacks) -> StackProgress {
    let lease = lease();
    stacks.progress(&lease.stack, &lease.request).await.unwrap()
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
