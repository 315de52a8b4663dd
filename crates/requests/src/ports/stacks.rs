//! Where stacks are changed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployResult, Failure};
use cc_devops_kernel::ports::PortResult;
use jiff::Timestamp;

use cc_devops_deploys::Draft;

use crate::effects::DeployLambda;
use crate::record::StackLease;

/// How a stack's change stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackProgress {
    /// It goes on.
    Changing,
    /// It ended.
    Ended(StackEnd),
    /// It is prepared, and was never begun.
    NotBegun,
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

/// How the planning of a change stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Planning {
    /// It goes on.
    GoesOn,
    /// It is prepared; nothing was begun.
    Ready(Box<Draft>),
    /// Nothing is to be carried out: there is nothing to change, or it cannot be.
    Ended(StackEnd),
}

/// What a change is planned with.
#[derive(Debug, Clone, Copy)]
pub struct WantedChange<'a> {
    /// The stack.
    pub stack: &'a FullStackName,
    /// The request, from which every name and token of the change is made.
    pub request: &'a RequestId,
    /// What is asked for.
    pub deploy: &'a DeployLambda,
    /// Whether a stack that is not there may be made.
    pub may_create: bool,
    /// When.
    pub at: Timestamp,
}

/// Where stacks are changed.
#[async_trait]
pub trait Stacks: Send + Sync {
    /// Prepares a change without beginning it, or finds what this request prepared before: it never prepares a
    /// second. It holds no stack. What is needed to carry it out later is kept by the backend, because the request's
    /// detail is forgotten.
    async fn plan(&self, wanted: &WantedChange<'_>) -> PortResult<Planning>;

    /// How the planning stands that a request began. Asked for one that is ready, it reads it anew from the provider.
    async fn planned(&self, stack: &FullStackName, request: &RequestId) -> PortResult<Planning>;

    /// Begins the change that a request prepared, or finds that it was begun: `handle` is what will run, whatever has
    /// taken its name meanwhile. It never begins it twice.
    async fn apply(&self, lease: &StackLease, handle: &str, at: Timestamp) -> PortResult<StackProgress>;

    /// Removes what was prepared and will not be carried out; also a stack that was only made to be planned. Done
    /// before is as good. An empty handle stands for whatever the request prepared: nobody was told its address.
    async fn discard(&self, stack: &FullStackName, request: &RequestId, handle: &str) -> PortResult<()>;

    /// The parameters of a deploy that may be kept in the clear, so that its stack can be rolled back with them: those
    /// that are not configured as secret. None where drafts tell which are (`NoEcho`).
    fn parameters_to_keep(&self, deploy: &DeployLambda) -> Option<BTreeMap<String, String>> {
        let _ = deploy;
        None
    }

    /// Whether stacks have templates. Where they have none, a deploy consists of its parameters, and whatever is not given
    /// is not set; else a parameter that is not given keeps its value.
    fn has_templates(&self) -> bool {
        true
    }

    /// The template that a stack is deployed with; none where the backend has none.
    async fn template(&self, stack: &FullStackName) -> PortResult<Option<String>> {
        let _ = stack;
        Ok(None)
    }

    /// How the change that a request began stands. A change whose fate cannot be known ends as a
    /// failure that says so and does not know its fate.
    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress>;
}
