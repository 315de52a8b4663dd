//! Where secrets are kept and stacks are changed.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PortResult;
use crate::names::{AgentName, FullStackName, RequestId, SecretName, SecretPrefix, Stage};
use crate::requests::outcome::{DeployResult, Failure, SecretAction};
use crate::requests::record::StackLease;
use crate::requests::{DeployLambda, PutSecret};
use crate::secret::SecretValue;

/// A secret to write.
#[derive(Clone, Copy)]
pub struct SecretWrite<'a> {
    /// The parameters.
    pub put: &'a PutSecret,
    /// 64 hex digits made from the request's id and the secret's name. The same token with the
    /// same value is the same write; it becomes the version's id.
    pub token: &'a str,
    /// Whether the same write may have been made before, by an attempt that did not hear of it.
    /// The answer must then say what that one did.
    pub may_be_repeat: bool,
    /// Who asked, for the secret's tags.
    pub agent: &'a AgentName,
    /// The stage, for the secret's tags.
    pub stage: &'a Stage,
    /// When.
    pub at: Timestamp,
}

/// What a write did; the same again when it is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretWritten {
    /// Whether the secret was new.
    pub action: SecretAction,
    /// The store's own address of the secret.
    pub arn: String,
    /// The version.
    pub version_id: String,
}

/// Which version of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretVersion {
    /// The newest.
    Current,
    /// The one before.
    Previous,
}

/// A secret's value, for somebody who may have it.
#[derive(Clone)]
pub struct SecretRead {
    /// The value.
    pub value: SecretValue,
    /// The version.
    pub version_id: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A secret without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSummary {
    /// Its name.
    pub name: SecretName,
    /// The newest version's id.
    pub version_id: String,
    /// How many versions it has had.
    pub versions: u64,
    /// Who wrote the newest version.
    pub updated_by: AgentName,
    /// When the first version was written.
    pub created_at: Timestamp,
    /// When the newest version was written.
    pub updated_at: Timestamp,
}

/// Where secrets are kept: the current and the previous version of each.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Writes a version. Idempotent by token; the same token with another value is refused.
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten>;

    /// Reads a version, if there is one.
    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>>;

    /// The secrets under a prefix, or all, by name; `after` starts behind that name.
    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>>;
}

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
