//! What became of a request, as everyone is told it: the detail of `devops.completed`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why a request failed; the closed set of the wire contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The request does not have the shape the contract demands.
    SchemaValidationFailed,
    /// The action does not exist here.
    UnsupportedAction,
    /// A required parameter is absent.
    MissingParameter,
    /// A parameter breaks its rule.
    InvalidParameter,
    /// The principal may not do this, or claims to be somebody else.
    SecurityViolation,
    /// The requestId was used before, with another meaning.
    RequestIdConflict,
    /// Something the request needs is not configured.
    MissingDependency,
    /// No such stack.
    StackNotFound,
    /// The stack is being changed by another request.
    StackInProgress,
    /// The change was tried and failed.
    DeployFailed,
    /// An outside system refused or failed.
    ApiError,
    /// It did not end in time.
    Timeout,
    /// A fault of the control plane's own.
    InternalError,
}

impl Reason {
    /// Every reason, in the contract's order.
    pub const ALL: [Self; 13] = [
        Self::SchemaValidationFailed,
        Self::UnsupportedAction,
        Self::MissingParameter,
        Self::InvalidParameter,
        Self::SecurityViolation,
        Self::RequestIdConflict,
        Self::MissingDependency,
        Self::StackNotFound,
        Self::StackInProgress,
        Self::DeployFailed,
        Self::ApiError,
        Self::Timeout,
        Self::InternalError,
    ];

    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SchemaValidationFailed => "schema_validation_failed",
            Self::UnsupportedAction => "unsupported_action",
            Self::MissingParameter => "missing_parameter",
            Self::InvalidParameter => "invalid_parameter",
            Self::SecurityViolation => "security_violation",
            Self::RequestIdConflict => "request_id_conflict",
            Self::MissingDependency => "missing_dependency",
            Self::StackNotFound => "stack_not_found",
            Self::StackInProgress => "stack_in_progress",
            Self::DeployFailed => "deploy_failed",
            Self::ApiError => "api_error",
            Self::Timeout => "timeout",
            Self::InternalError => "internal_error",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that failed: a code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code.
    pub reason: Reason,
    /// A sentence a person can act on. It never holds a parameter's value.
    pub message: String,
}

impl Failure {
    /// A failure with its code and sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// Whether a request succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Carried out.
    Success,
    /// Not carried out; `reason` says why.
    Error,
}

impl Status {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
        }
    }
}

/// The result of a `putSecret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutSecretResult {
    /// The secret's name.
    pub secret_name: String,
    /// Whether the secret is new.
    pub action: SecretAction,
    /// The store's own address of the secret.
    pub arn: String,
    /// The version that was written.
    pub version_id: String,
}

/// What a `putSecret` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretAction {
    /// The secret did not exist before.
    Created,
    /// The secret has a new version.
    Updated,
}

/// The result of a `deployLambda`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployResult {
    /// The stack with its stage suffix.
    pub stack_name: String,
    /// What the deploy did.
    pub action: DeployAction,
    /// The stack's status, in CloudFormation's words.
    pub current_status: String,
    /// The provider's own address of the stack.
    pub stack_id: String,
    /// The provider's own address of the change.
    pub change_set_id: String,
    /// What was changed, where the provider knows.
    pub changes: Vec<StackChangeEntry>,
}

/// What a deploy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployAction {
    /// The stack was changed.
    Deployed,
    /// There was nothing to change.
    NoChanges,
    /// The change was planned alone, as the request wanted.
    Planned,
}

/// One resource of a stack's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackChangeEntry {
    /// `Add`, `Modify`, `Remove`, `Import` or `Dynamic`.
    pub action: String,
    /// The resource's name in the template.
    pub logical_id: String,
    /// The resource's type, such as `AWS::Lambda::Function`.
    pub resource_type: String,
    /// Whether the resource is replaced: `True`, `False` or `Conditional`.
    pub replacement: Option<String>,
}

/// The detail of `devops.completed`, section 2 of the wire contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Completed {
    /// The request; `unknown` where it could not be read.
    pub request_id: String,
    /// The action as it was asked for; `unknown` where it could not be read.
    pub action: String,
    /// Whether it succeeded.
    pub status: Status,
    /// On success, what the action answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// On error, a sentence a person can act on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// On error, the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Milliseconds from the request's arrival to its outcome.
    pub latency_ms: u64,
    /// The asking agent.
    pub requested_by: String,
    /// When the outcome was reached.
    pub timestamp: Timestamp,
    /// Of a deploy that was planned: what was decided of its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalOutcome>,
}

/// What was decided of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalOutcome {
    /// The plan.
    pub plan: String,
    /// Its digest, 64 hexadecimal digits.
    pub digest: String,
    /// What was decided.
    pub state: ApprovalState,
    /// Who approved it.
    pub approvers: Vec<String>,
}

/// What can be decided of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// It was approved.
    Approved,
    /// Somebody denied it, or the policies do.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// A newer plan of the stack took its place.
    Superseded,
    /// The stack or what would have run was changed meanwhile.
    Moved,
    /// No approval was asked for.
    NotNeeded,
}

impl ApprovalState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Moved => "moved",
            Self::NotNeeded => "not_needed",
        }
    }
}

/// A result as an event tells it.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "results are plain data with string keys"
)]
pub fn to_value(result: &impl Serialize) -> Value {
    serde_json::to_value(result).expect("plain data is JSON")
}
