//! The stacks of a program that may change none.

use async_trait::async_trait;
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_requests::ports::{Planning, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::StackLease;
use jiff::Timestamp;

/// An operator's command changes no stack: that is the server's business.
pub(crate) struct NoStacks;

impl NoStacks {
    fn refusal() -> PortError {
        PortError::new(
            PortErrorKind::Refused,
            "stacks are changed by the running server alone; use `cc-devops deploy`",
        )
    }
}

#[async_trait]
impl Stacks for NoStacks {
    async fn plan(&self, _wanted: &WantedChange<'_>) -> PortResult<Planning> {
        Err(Self::refusal())
    }

    async fn planned(&self, _stack: &FullStackName, _request: &RequestId) -> PortResult<Planning> {
        Err(Self::refusal())
    }

    async fn apply(&self, _lease: &StackLease, _handle: &str, _at: Timestamp) -> PortResult<StackProgress> {
        Err(Self::refusal())
    }

    async fn discard(&self, _stack: &FullStackName, _request: &RequestId, _handle: &str) -> PortResult<()> {
        Err(Self::refusal())
    }

    async fn progress(&self, _stack: &FullStackName, _request: &RequestId) -> PortResult<StackProgress> {
        Err(Self::refusal())
    }
}
