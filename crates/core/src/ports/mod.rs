//! The ports: what the domain needs of the world, in the domain's verbs.
//!
//! They are object-safe, because the backend is chosen by configuration at run time; that is what
//! `async_trait` is for here, and it appears on ports and their adapters and nowhere else. Each
//! port's contract is a suite in `testkit`, run against the fake and every adapter alike.
//!
//! What every adapter keeps: an `Ok` that says something was written is durable; a call that
//! returns `Err` may or may not have taken effect, and may be made again.

mod at_once;
mod effects;
mod fleet;
mod handed_over;
mod ledger;
mod outbox;
mod repositories;
mod retention;
mod revenue;
mod telling;
mod upkeep;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use at_once::{AtOnce, Conclude, Done};
pub use effects::{
    SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite, SecretWritten, StackEnd, StackProgress, Stacks,
};
pub use fleet::{Agents, Heartbeats};
pub use handed_over::{Begun, HandedOver, WorkStanding};
pub use ledger::{AuditTrail, Backlog, Ledger};
pub use outbox::{Consumer, DueEvent, Outbox, Outcome, SetAside, Settled, Standing};
pub use repositories::{
    CareAnswer, CareStanding, CodeHost, CodeHostNotices, Depth, Found, FoundIssues, IssueLookup, RepositoryCare,
    RepositoryStore, Shelf, Spent, TakeFound,
};
pub use retention::{AuditArchive, Forgotten, Retention, Weight};
pub use revenue::{Billing, BillingNotices, RateSource, RevenueStore, TakeFigure, Wanted};
pub use telling::{Alerts, EventBus, EventLog, LogWriter, Webhooks};
pub use upkeep::{Checks, Metrics, RequestSample, RequestTotals, Schedule};

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
    /// It is larger than the store takes; only something smaller will be taken.
    TooLarge,
    /// The system refused; the same call will be refused again.
    Refused,
    /// It was told to stop and did so at a safe place; begun again, it goes on.
    Stopped,
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
    /// Does what needs no other system than the ledger's own store; none where secrets are kept elsewhere.
    pub at_once: Option<Arc<dyn AtOnce>>,
    /// Where stacks are changed.
    pub stacks: Arc<dyn Stacks>,
    /// Which agents there are.
    pub agents: Arc<dyn Agents>,
    /// Where heartbeats go.
    pub heartbeats: Arc<dyn Heartbeats>,
    /// The events that go out, and who is still to be told.
    pub outbox: Arc<dyn Outbox>,
    /// The event bus, where [`Consumer::Bus`] is among the outbox's consumers.
    pub bus: Option<Arc<dyn EventBus>>,
    /// What writes the log, where [`Consumer::Log`] is among the outbox's consumers.
    pub log: Option<Arc<dyn LogWriter>>,
    /// The published events.
    pub events: Arc<dyn EventLog>,
    /// Webhook subscriptions.
    pub webhooks: Arc<dyn Webhooks>,
    /// How people are told.
    pub alerts: Arc<dyn Alerts>,
    /// When jobs are due.
    pub schedule: Arc<dyn Schedule>,
    /// Request metrics.
    pub metrics: Arc<dyn Metrics>,
    /// Where MRR is kept.
    pub revenue: Arc<dyn RevenueStore>,
    /// What is kept of repositories.
    pub repositories: Arc<dyn RepositoryStore>,
    /// The store's own housekeeping.
    pub retention: Arc<dyn Retention>,
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
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock port's way to the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
