//! The ports: what the domain needs of the world, in the domain's verbs.
//!
//! They are object-safe, because the backend is chosen by configuration at run time; that is what
//! `async_trait` is for here, and it appears on ports and their adapters and nowhere else. Each
//! port's contract is a suite in `testkit`, run against the fake and every adapter alike.
//!
//! What every adapter keeps: an `Ok` that says something was written is durable; a call that
//! returns `Err` may or may not have taken effect, and may be made again.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::audit::{AuditEntry, AuditFilter, AuditRow, Verification};
use crate::fleet::{Agent, AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use crate::health::Check;
use crate::names::{AgentName, FullStackName, RequestId, SecretName, SecretPrefix, Stage};
use crate::requests::outcome::{DeployResult, Failure, SecretAction, Status};
use crate::requests::record::{
    Claim, ClaimedRequest, Conclusion, Cursor, LoggedEvent, NewRequest, OutboxEntry, Page, Receipt, RequestFilter,
    RequestRecord, StackLease, StackLock, WaitingRequest,
};
use crate::requests::{DeployLambda, PutSecret};
use crate::schedule::Job;
use crate::secret::SecretValue;
use crate::webhooks::{DeadLetter, Delivery, Subscription, SubscriptionId};

/// A port's answer.
pub type PortResult<T> = Result<T, PortError>;

/// An outside system failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PortError {
    /// What a caller can do about it.
    pub kind: PortErrorKind,
    /// A lowercase fragment that says what failed and what a person can do.
    pub message: String,
    /// When the system said to try again.
    pub retry_after: Option<SignedDuration>,
    /// What was underneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What a caller can do about a [`PortError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortErrorKind {
    /// Try again soon: locked, throttled, unreachable.
    Unavailable,
    /// It did not answer in time; the effect may have taken place.
    Timeout,
    /// The store is full; a person must make room.
    Full,
    /// What is stored cannot be read; a person must restore it.
    Corrupt,
    /// The key that protects the data is missing or wrong.
    Key,
    /// The caller's proof (a claim, a lease) is no longer good; somebody else went on.
    Superseded,
    /// The thing exists already, or a thing too much like it.
    Exists,
    /// There is no such thing.
    NotFound,
    /// The system refused; the same call will be refused again.
    Refused,
}

impl PortErrorKind {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout)
    }
}

impl PortError {
    /// An error without a source.
    pub fn new(kind: PortErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// The same error, keeping what was underneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Every port together, as an adapter crate hands them over.
#[derive(Clone)]
pub struct Ports {
    /// The spine.
    pub ledger: Arc<dyn Ledger>,
    /// The audit trail.
    pub audit: Arc<dyn AuditTrail>,
    /// Where secrets are kept.
    pub secrets: Arc<dyn SecretStore>,
    /// Where stacks are changed.
    pub stacks: Arc<dyn Stacks>,
    /// Which agents there are.
    pub agents: Arc<dyn Agents>,
    /// Where heartbeats go.
    pub heartbeats: Arc<dyn Heartbeats>,
    /// Where events go.
    pub bus: Arc<dyn EventBus>,
    /// The published events.
    pub events: Arc<dyn EventLog>,
    /// Webhook subscriptions.
    pub webhooks: Arc<dyn Webhooks>,
    /// When jobs are due.
    pub schedule: Arc<dyn Schedule>,
    /// Request metrics.
    pub metrics: Arc<dyn Metrics>,
    /// The systems' own health.
    pub checks: Arc<dyn Checks>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Time, so that tests decide it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The spine: requests, their states, and what is to be published of them.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Records a request unless its id is known. With `lease_until` the caller takes it at once
    /// (state executing); without, it is left for [`Ledger::claim_due`] (state received).
    async fn receive(&self, request: &NewRequest, lease_until: Option<Timestamp>) -> PortResult<Receipt>;

    /// Records a request that has its outcome on arrival, in one transaction with its audit row
    /// and event. A known id answers [`Receipt::Known`] or [`Receipt::Conflict`] and writes
    /// nothing; a new one answers [`Receipt::Recorded`].
    async fn receive_concluded(&self, request: &NewRequest, conclusion: &Conclusion) -> PortResult<Receipt>;

    /// Puts on record what cannot be kept under a request id (an event that cannot be read, a
    /// conflict): the audit row and the event, in one transaction.
    async fn refuse(&self, agent: &AgentName, conclusion: &Conclusion) -> PortResult<()>;

    /// Takes requests nobody works on: received and due, or executing past their lease. Oldest
    /// first; each comes with a new fence, which supersedes older claims.
    async fn claim_due(&self, now: Timestamp, lease_until: Timestamp, limit: usize) -> PortResult<Vec<ClaimedRequest>>;

    /// Gives a claimed request back, to be taken again at `until`.
    async fn postpone(&self, claim: &Claim, until: Timestamp) -> PortResult<()>;

    /// Parks an executing request until its effect ends elsewhere. The stored detail is forgotten.
    async fn park(&self, claim: &Claim, at: Timestamp) -> PortResult<()>;

    /// The parked requests, oldest first. The claims let the caller conclude them; of two callers
    /// the first wins and the second is told it is superseded.
    async fn waiting(&self, limit: usize) -> PortResult<Vec<WaitingRequest>>;

    /// The parked request of that id, if it is parked.
    async fn waiting_request(&self, id: &RequestId) -> PortResult<Option<WaitingRequest>>;

    /// Ends a request: outcome, audit row and event in one transaction; the stored detail is
    /// forgotten and the stack it held is free. Superseded unless the claim is the latest and the
    /// request has no outcome yet.
    async fn conclude(&self, claim: &Claim, conclusion: &Conclusion) -> PortResult<()>;

    /// Puts a concluded request's event into the outbox again. Nothing happens where the event
    /// still waits there, or the request has no outcome.
    async fn republish(&self, id: &RequestId) -> PortResult<()>;

    /// Takes a stack for a claimed request.
    async fn lock_stack(&self, claim: &Claim, stack: &FullStackName) -> PortResult<StackLock>;

    /// Events to publish whose time has come, oldest first.
    async fn unpublished(&self, now: Timestamp, limit: usize) -> PortResult<Vec<OutboxEntry>>;

    /// Takes published events out of the outbox; their requests become published.
    async fn published(&self, ids: &[i64]) -> PortResult<()>;

    /// Leaves an event in the outbox until `retry_at`, one failure more.
    async fn publish_failed(&self, id: i64, retry_at: Timestamp) -> PortResult<()>;

    /// The request of that id.
    async fn find(&self, id: &RequestId) -> PortResult<Option<RequestRecord>>;

    /// Requests, newest first, from `before` on.
    async fn list(
        &self,
        filter: &RequestFilter,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<RequestRecord>>;

    /// How many requests are in each state that is not an end, and how many events wait.
    async fn backlog(&self) -> PortResult<Backlog>;
}

/// What the ledger still has to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Requests nobody works on yet.
    pub received: u64,
    /// Requests being carried out.
    pub executing: u64,
    /// Requests whose effect is under way elsewhere.
    pub waiting: u64,
    /// Events not published yet.
    pub unpublished: u64,
}

/// The audit trail. Rows of requests are written by the ledger; everything else comes through here.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// Puts an entry at the end of the chain.
    async fn append(&self, entry: &AuditEntry) -> PortResult<()>;

    /// Rows, newest first, from `before` on.
    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>>;

    /// Checks the whole chain and its end.
    async fn verify(&self) -> PortResult<Verification>;
}

/// A secret to write.
#[derive(Clone, Copy)]
pub struct SecretWrite<'a> {
    /// The parameters.
    pub put: &'a PutSecret,
    /// 64 hex digits made from the request's id and the secret's name. The same token with the
    /// same value is the same write; it becomes the version's id.
    pub token: &'a str,
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
}

/// Where stacks are changed.
#[async_trait]
pub trait Stacks: Send + Sync {
    /// Begins a change, or finds the one this request began before: it never begins a second. What
    /// can be said at once (no such stack, a bad parameter) comes as an end.
    async fn start(&self, lease: &StackLease, deploy: &DeployLambda, at: Timestamp) -> PortResult<StackProgress>;

    /// How the change that a request began stands. A change whose fate cannot be known ends as a
    /// failure that says so.
    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress>;
}

/// Which agents there are, and how they prove themselves.
#[async_trait]
pub trait Agents: Send + Sync {
    /// Adds an agent with its first token. `Exists` where the name collides with another's.
    async fn add(&self, agent: &NewAgent, token: &NewToken) -> PortResult<()>;

    /// Gives an agent a new token; the older ones end at `old_until` (at once if that is past).
    async fn rotate(&self, name: &AgentName, token: &NewToken, old_until: Timestamp) -> PortResult<()>;

    /// Ends all tokens of an agent. Its record stays, for the audit trail's sake.
    async fn revoke(&self, name: &AgentName, at: Timestamp) -> PortResult<()>;

    /// The agent a token belongs to, while the token is good.
    async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>>;

    /// The agent of that name.
    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>>;

    /// Registers an agent that is not given a token (the control plane itself) as enabled. Doing
    /// it again changes nothing.
    async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()>;

    /// All agents with their last heartbeat, by name.
    async fn list(&self) -> PortResult<Vec<AgentStatus>>;
}

/// Where heartbeats go.
#[async_trait]
pub trait Heartbeats: Send + Sync {
    /// Takes an agent's heartbeat. `NotFound` for an agent that is not registered.
    async fn beat(&self, name: &AgentName, beat: &Beat) -> PortResult<()>;
}

/// Where events go.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes events; one result each, in their order. The same event may come twice.
    async fn publish(&self, events: &[OutboxEntry], at: Timestamp) -> PortResult<Vec<Result<(), String>>>;
}

/// The published events, for those who fetch them.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Events after a place, oldest first; only one agent's where `agent` is given.
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, limit: usize) -> PortResult<Vec<LoggedEvent>>;

    /// The newest event's place; zero when there is none.
    async fn newest(&self) -> PortResult<Cursor>;
}

/// Webhook subscriptions and what is still to be delivered to them.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Adds a subscription. Events published from now on are queued for it. The adapter keeps the
    /// signing secret encrypted.
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue) -> PortResult<()>;

    /// Removes a subscription and all that waits for it. `NotFound` where there is none.
    async fn unsubscribe(&self, id: &SubscriptionId) -> PortResult<()>;

    /// All subscriptions, oldest first.
    async fn subscriptions(&self) -> PortResult<Vec<Subscription>>;

    /// Takes deliveries whose time has come, oldest first. Until `lease_until` nobody else gets
    /// them; after that they come again.
    async fn claim_deliveries(&self, now: Timestamp, lease_until: Timestamp, limit: usize)
    -> PortResult<Vec<Delivery>>;

    /// The delivery arrived.
    async fn delivered(&self, id: i64) -> PortResult<()>;

    /// The delivery failed and is to be tried again at `retry_at`.
    async fn retry_at(&self, id: i64, retry_at: Timestamp, error: &str) -> PortResult<()>;

    /// The delivery failed for good; it becomes a dead letter.
    async fn bury(&self, id: i64, at: Timestamp, error: &str) -> PortResult<()>;

    /// Dead letters of a subscription, oldest first, after a place.
    async fn dead_letters(
        &self,
        id: &SubscriptionId,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<DeadLetter>>;

    /// Gives all dead letters of a subscription back for delivery, from attempt one; how many.
    async fn replay(&self, id: &SubscriptionId, now: Timestamp) -> PortResult<u64>;
}

/// When jobs are due; persisted, so that a restart neither skips nor repeats one.
#[async_trait]
pub trait Schedule: Send + Sync {
    /// When the job is due next; `first` where it was never set, and that is kept.
    async fn due(&self, job: Job, first: Timestamp) -> PortResult<Timestamp>;

    /// Moves the due time from `from` to `to`. False where it was not `from` any more: somebody
    /// else runs the job.
    async fn advance(&self, job: Job, from: Timestamp, to: Timestamp) -> PortResult<bool>;
}

/// One concluded request, for the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSample {
    /// The action as it was asked for.
    pub action: String,
    /// How it ended.
    pub status: Status,
    /// Milliseconds from arrival to outcome.
    pub latency_ms: u64,
    /// When it ended.
    pub at: Timestamp,
}

/// The sums since the metrics began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTotals {
    /// The action; `unknown` where it was none of ours.
    pub action: String,
    /// How they ended.
    pub status: Status,
    /// How many.
    pub count: u64,
    /// The sum of their milliseconds.
    pub latency_ms_sum: u64,
}

/// Where request metrics go.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// Counts concluded requests.
    async fn record(&self, samples: &[RequestSample]) -> PortResult<()>;

    /// The sums, by action and status.
    async fn totals(&self) -> PortResult<Vec<RequestTotals>>;
}

/// Whether the systems behind the ports work.
#[async_trait]
pub trait Checks: Send + Sync {
    /// One entry per dependency. Never fails: a check that cannot be made is a failed check.
    async fn check(&self) -> Vec<Check>;
}
