//! The ports of the spine, and every port together.

mod at_once;
mod domains;
mod ledger;
mod retention;
mod sealing;
mod stacks;

use std::sync::Arc;

pub use at_once::{AtOnce, Conclude, Done};
pub use cc_devops_alerts::{ConditionSink, LeftConditions};
pub use cc_devops_fleet::ports::{Agents, EnrolmentPorts, Heartbeats};
pub use cc_devops_kernel::ports::{
    Announcements, AuditArchive, AuditTrail, Checks, Clock, MaintenanceMode, NewVersion, PortError, PortErrorKind,
    PortResult, Schedule, SecretChange, SecretChanged, SecretRead, SecretStore, SecretSummary, SecretTarget,
    SecretVersion, SecretWrite, SecretWritten, StateStore, SystemClock,
};
pub use cc_devops_outbox::ports::{
    CompletionQueues, Consumer, DueEvent, EventBus, EventLog, LogWriter, Metrics, Outbox, Outcome, RequestSample,
    RequestTotals, SetAside, Settled, Standing, WebhookPorts, Webhooks,
};
pub use cc_devops_repos::ports::{
    ApiUsage, Begun, CodeHost, CodeHostNotices, Depth, DocumentKind, Found, FoundIssues, HandedOver, IssueLookup,
    RepositoryPorts, RepositoryStore, RepositoryWorker, TakeFound, WorkOutcome, WorkRecord, WorkStatus,
};
pub use cc_devops_revenue::ports::{
    Billing, BillingNotices, RateSource, RevenuePorts, RevenueStore, TakeFigure, Wanted,
};
pub use ledger::{Backlog, Ledger};
pub use retention::{Forgotten, Kept, Retention, Weight};
pub use sealing::SealingKeys;
pub use stacks::{Planning, StackEnd, StackProgress, Stacks, WantedChange};

/// Every port together, as an adapter crate hands them over.
#[derive(Clone)]
pub struct Ports {
    /// The spine.
    pub ledger: Arc<dyn Ledger>,
    /// The audit trail.
    pub audit: Arc<dyn AuditTrail>,
    /// Where secrets are kept.
    pub secrets: Arc<dyn SecretStore>,
    /// The keys that values are sealed to.
    pub sealing_keys: Arc<dyn SealingKeys>,
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
    /// The queues from which agents fetch their completions; none where the account has queues of its own for that.
    pub completion_queues: Option<Arc<dyn CompletionQueues>>,
    /// Webhook subscriptions.
    pub webhooks: Arc<dyn Webhooks>,
    /// Where it is said what needs a person.
    pub conditions: Arc<dyn ConditionSink>,
    /// What other programs left to be said there, where they may not say it themselves.
    pub left_conditions: Option<Arc<dyn LeftConditions>>,
    /// Whether nothing is to be done unasked.
    pub maintenance: Arc<dyn MaintenanceMode>,
    /// When jobs are due.
    pub schedule: Arc<dyn Schedule>,
    /// Request metrics.
    pub metrics: Arc<dyn Metrics>,
    /// Where MRR is kept.
    pub revenue: Arc<dyn RevenueStore>,
    /// What is kept of repositories.
    pub repositories: Arc<dyn RepositoryStore>,
    /// What the watch and the alerts remember.
    pub state: Arc<dyn StateStore>,
    /// The store's own housekeeping.
    pub retention: Arc<dyn Retention>,
    /// The systems' own health.
    pub checks: Arc<dyn Checks>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}
