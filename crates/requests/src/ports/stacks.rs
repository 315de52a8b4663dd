//! Where stacks are changed.

use async_trait::async_trait;
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployResult, Failure};
use cc_devops_kernel::ports::PortResult;
use jiff::Timestamp;

use crate::effects::DeployLambda;
use crate::record::StackLease;

/// How a stack's change stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackProgress {
    /// It goes on.
    Changing,
    /// It ended.
    Ended(StackEnd),
}

/// How a stack's change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEnd {
    /// The result, or why there is none.
    pub outcome: Result<DeployResult, Failure>,
    /// What it printed, bounded and redacted.
    pub output: Option<String>,
    /// Whether it is certain how the stack stands. Where it is not, the change may have taken
    /// place, or even go on: no other is begun before somebody has looked.
    pub fate_known: bool,
}

/// Where stacks are changed.
#[async_trait]
pub trait Stacks: Send + Sync {
    /// Begins a change, or finds the one this request began before: it never begins a second. What
    /// can be said at once (no such stack, a bad parameter) comes as an end.
    async fn start(&self, lease: &StackLease, deploy: &DeployLambda, at: Timestamp) -> PortResult<StackProgress>;

    /// How the change that a request began stands. A change whose fate cannot be known ends as a
    /// failure that says so and does not know its fate.
    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress>;
}
