//! Every port, passing each call through the crash points.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_alerts::{ConditionChange, ConditionSink};
use cc_devops_fleet::ports::{Agents, Heartbeats};
use cc_devops_fleet::{AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Mark, Section, Verification};
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId, SecretName, SecretPrefix};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{
    AuditTrail, PortResult, Record, RecordKey, RecordKind, Schedule, SecretChange, SecretChanged, SecretDescription,
    SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite, SecretWritten, StateChange, StateStore,
};
use cc_devops_kernel::schedule::Job;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::work::Claim;
use cc_devops_outbox::ports::{
    Consumer, DueEvent, EventBus, EventLog, LogWriter, Metrics, Outbox, RequestSample, RequestStep, RequestTotals,
    SetAside, Settled, Standing, Steps, Webhooks,
};
use cc_devops_outbox::webhooks::{DeadLetter, Delivery, Places, Subscription, SubscriptionId, SubscriptionStatus};
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::issues::{CloseReason, IssueRef};
use cc_devops_repos::ports::{
    ApiUsage, CodeHost, Depth, DocumentKind, FoundIssues, IssueLookup, RepositoryStore, TakeFound,
};
use cc_devops_repos::settings::{SettingsAsked, TakeSettings};
use cc_devops_repos::snapshot::{Fact, Repository};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{
    AtOnce, Backlog, Conclude, Done, Forgotten, Ledger, Planning, Retention, SealingKeys, StackProgress, Stacks,
    WantedChange, Weight,
};
use cc_devops_requests::record::{
    ClaimedRequest, Conclusion, NewRequest, Receipt, Renewal, RequestFilter, RequestHead, RequestRecord, StackLease,
    StackLock, WaitingRequest,
};
use cc_devops_requests::retention::Kept;
use cc_devops_requests::sealed_values::Replacing;
use cc_devops_requests::sealed_values::{SealingKey, SealingKeyId, SealingPair};
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter};
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day};
use cc_devops_revenue::ports::{DayOrder, RevenueStore};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::CrashPoints;

/// A port that dies.
pub(super) struct CrashingPort<P: ?Sized> {
    port: Arc<P>,
    points: CrashPoints,
}

impl<P: ?Sized> CrashingPort<P> {
    pub(super) fn new(port: &Arc<P>, points: &CrashPoints) -> Arc<Self> {
        Arc::new(Self {
            port: port.clone(),
            points: points.clone(),
        })
    }
}

/// Implements a port by passing every call through the crash points.
macro_rules! mortal {
    ($port:ident { $(fn $call:ident($($name:ident: $type:ty),* $(,)?) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $port for CrashingPort<dyn $port> {
            $(async fn $call(&self, $($name: $type),*) -> PortResult<$answer> {
                self.points.pass(self.port.$call($($name),*)).await
            })*
        }
    };
}

mortal! { Ledger {
    fn receive(request: &NewRequest, lease_until: Option<Timestamp>) -> Receipt;
    fn receive_concluded(request: &NewRequest, conclusion: &Conclusion) -> Receipt;
    fn refuse(agent: &AgentName, conclusion: &Conclusion) -> ();
    fn announce(agent: &AgentName, news: &Announcement) -> ();
    fn claim_due(now: Timestamp, lease_until: Timestamp, limit: usize) -> Vec<ClaimedRequest>;
    fn renew(renewals: &[Renewal], lease_until: Timestamp) -> Vec<Claim>;
    fn postpone(claim: &Claim, until: Timestamp) -> ();
    fn hand_back(claim: &Claim, at: Timestamp) -> ();
    fn take_over(now: Timestamp) -> u64;
    fn park(claim: &Claim, at: Timestamp) -> ();
    fn waiting(after: Option<&WaitingRequest>, limit: usize) -> Vec<WaitingRequest>;
    fn waiting_request(id: &RequestId) -> Option<WaitingRequest>;
    fn rest(claim: &Claim) -> ();
    fn wake(claim: &Claim, at: Timestamp) -> ();
    fn conclude(claim: &Claim, conclusion: &Conclusion) -> ();
    fn republish(id: &RequestId, at: Timestamp) -> ();
    fn lock_stack(claim: &Claim, stack: &FullStackName) -> StackLock;
    fn holder_of(stack: &FullStackName) -> Option<RequestId>;
    fn release_stack(stack: &FullStackName, holder: &RequestId, audit: &AuditEntry) -> bool;
    fn find(id: &RequestId) -> Option<RequestRecord>;
    fn list(filter: &RequestFilter, before: Option<Cursor>, limit: usize) -> Page<RequestRecord>;
    fn backlog() -> Backlog;
} }

#[async_trait]
impl Outbox for CrashingPort<dyn Outbox> {
    fn consumers(&self) -> &'static [Consumer] {
        self.port.consumers()
    }

    async fn due(&self, consumers: &[Consumer], now: Timestamp, limit: usize) -> PortResult<Vec<DueEvent>> {
        self.points.pass(self.port.due(consumers, now, limit)).await
    }

    async fn settle(&self, at: Timestamp, settled: &[Settled]) -> PortResult<()> {
        self.points.pass(self.port.settle(at, settled)).await
    }

    async fn set_aside(&self, consumer: Consumer, after: Option<Cursor>, limit: usize) -> PortResult<Page<SetAside>> {
        self.points.pass(self.port.set_aside(consumer, after, limit)).await
    }

    async fn give_back(&self, consumer: Consumer, now: Timestamp) -> PortResult<u64> {
        self.points.pass(self.port.give_back(consumer, now)).await
    }

    async fn standing(&self, now: Timestamp) -> PortResult<Vec<Standing>> {
        self.points.pass(self.port.standing(now)).await
    }
}

mortal! { AuditTrail {
    fn append(entry: &AuditEntry) -> ();
    fn list(filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> Page<AuditRow>;
    fn row(chain: Option<&str>, seq: i64) -> Option<AuditRow>;
    fn about(resource: &str, action: Option<&str>, before: Option<Cursor>, limit: usize) -> Page<AuditRow>;
    fn verify() -> Verification;
    fn doubt() -> Option<String>;
    fn mark(seq: Option<i64>) -> Option<Mark>;
    fn checkpoint(at: Timestamp) -> ();
    fn oldest(before: Timestamp, limit: usize) -> Option<Section>;
    fn cut(section: &Section, entry: &AuditEntry) -> ();
    fn clear(limit: usize) -> u64;
} }

mortal! { SecretStore {
    fn put(write: SecretWrite<'_>) -> SecretWritten;
    fn read(name: &SecretName, version: SecretVersion) -> Option<SecretRead>;
    fn list(prefix: Option<&SecretPrefix>, after: Option<&SecretName>, limit: usize) -> Vec<SecretSummary>;
    fn describe(name: &SecretName) -> Option<SecretDescription>;
    fn read_version(name: &SecretName, id: &str) -> Option<(Option<SecretVersion>, SecretRead)>;
    fn change(change: SecretChange<'_>, audit: &AuditEntry) -> SecretChanged;
} }

#[async_trait]
impl SealingKeys for CrashingPort<dyn SealingKeys> {
    async fn pairs(&self) -> PortResult<Vec<SealingPair>> {
        self.points.pass(self.port.pairs()).await
    }

    async fn replace(&self, replacing: &Replacing) -> PortResult<Option<SealingPair>> {
        self.points.pass(self.port.replace(replacing)).await
    }

    async fn forget(&self, pairs: &[SealingKeyId]) -> PortResult<()> {
        self.points.pass(self.port.forget(pairs)).await
    }

    fn is_published(&self) -> bool {
        self.port.is_published()
    }

    async fn publish(&self, key: &SealingKey) -> PortResult<()> {
        self.points.pass(self.port.publish(key)).await
    }
}

mortal! { AtOnce {
    fn put_secret(head: &RequestHead, write: SecretWrite<'_>, conclude: Conclude) -> Done;
} }

#[async_trait]
impl Stacks for CrashingPort<dyn Stacks> {
    async fn plan(&self, wanted: &WantedChange<'_>) -> PortResult<Planning> {
        self.points.pass(self.port.plan(wanted)).await
    }

    async fn planned(&self, stack: &FullStackName, request: &RequestId) -> PortResult<Planning> {
        self.points.pass(self.port.planned(stack, request)).await
    }

    async fn apply(&self, lease: &StackLease, handle: &str, at: Timestamp) -> PortResult<StackProgress> {
        self.points.pass(self.port.apply(lease, handle, at)).await
    }

    async fn discard(&self, stack: &FullStackName, request: &RequestId, handle: &str) -> PortResult<()> {
        self.points.pass(self.port.discard(stack, request, handle)).await
    }

    fn has_templates(&self) -> bool {
        self.port.has_templates()
    }

    fn parameters_to_keep(&self, deploy: &DeployLambda) -> Option<BTreeMap<String, String>> {
        self.port.parameters_to_keep(deploy)
    }

    async fn template(&self, stack: &FullStackName) -> PortResult<Option<String>> {
        self.points.pass(self.port.template(stack)).await
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        self.points.pass(self.port.progress(stack, request)).await
    }
}

mortal! { Agents {
    fn add(agent: &NewAgent, token: &NewToken, audit: &AuditEntry) -> ();
    fn rotate(name: &AgentName, token: &NewToken, old_until: Timestamp, audit: &AuditEntry) -> ();
    fn revoke(name: &AgentName, at: Timestamp, audit: &AuditEntry) -> ();
    fn by_token(token: &TokenHash, now: Timestamp) -> Option<Agent>;
    fn find(name: &AgentName) -> Option<Agent>;
    fn register(name: &AgentName, at: Timestamp) -> ();
    fn list() -> Vec<AgentStatus>;
    fn page(after: Option<&AgentName>, limit: usize) -> Vec<AgentStatus>;
    fn status(name: &AgentName) -> Option<AgentStatus>;
} }

mortal! { Heartbeats {
    fn beat(name: &AgentName, beat: &Beat) -> ();
} }

mortal! { EventBus {
    fn publish(events: &[(i64, &OutgoingEvent)], at: Timestamp) -> Vec<Result<(), String>>;
} }

mortal! { LogWriter {
    fn write(events: &[(i64, &OutgoingEvent)], at: Timestamp) -> Vec<Result<(), String>>;
} }

mortal! { EventLog {
    fn after(cursor: Cursor, agent: Option<&AgentName>, limit: usize) -> Vec<LoggedEvent>;
    fn newest() -> Cursor;
} }

mortal! { Webhooks {
    fn subscribe(subscription: &Subscription, secret: &SecretValue, audit: &AuditEntry) -> ();
    fn queue(events: &[(i64, &OutgoingEvent)], at: Timestamp) -> ();
    fn unsubscribe(id: &SubscriptionId, audit: &AuditEntry) -> ();
    fn disable(
        id: &SubscriptionId,
        failing_since: Timestamp,
        audit: &AuditEntry,
        news: (&AgentName, &Announcement),
    ) -> bool;
    fn enable(id: &SubscriptionId, audit: &AuditEntry) -> ();
    fn subscriptions() -> Vec<Subscription>;
    fn statuses() -> Vec<SubscriptionStatus>;
    fn claim_deliveries(now: Timestamp, lease_until: Timestamp, limit: usize, places: &Places) -> Vec<Delivery>;
    fn take_over(now: Timestamp) -> u64;
    fn delivered(delivery: &Delivery) -> ();
    fn retry_at(delivery: &Delivery, at: Timestamp, retry_at: Timestamp, error: &str) -> Timestamp;
    fn bury(delivery: &Delivery, at: Timestamp, error: &str) -> Timestamp;
    fn dead_letters(id: &SubscriptionId, after: Option<Cursor>, limit: usize) -> Page<DeadLetter>;
    fn replay(id: &SubscriptionId, audit: &AuditEntry) -> u64;
} }

mortal! { ConditionSink {
    fn note(changes: &[ConditionChange], now: Timestamp) -> ();
    fn records(changes: &[ConditionChange], now: Timestamp) -> Vec<StateChange>;
} }

mortal! { RevenueStore {
    fn latest() -> Option<Day>;
    fn day(date: Date) -> Option<Day>;
    fn days(from: Date, until: Date) -> Vec<Day>;
    fn first_days(span: (Date, Date), order: DayOrder, limit: usize) -> Vec<Day>;
    fn keep(day: &Day, reader: &AgentName, news: &Announcement) -> ();
    fn customers(after: Option<&CustomerKey>, limit: usize) -> Vec<CustomerRow>;
    fn keep_customers(rows: &[CustomerRow]) -> ();
    fn keep_movements(date: Date, first: u32, movements: &[CustomerMovement]) -> ();
    fn movements(wanted: &MovementFilter, after: Option<Cursor>, limit: usize) -> Page<CustomerMovement>;
    fn keep_reconstructed(day: &Day) -> bool;
} }

mortal! { RepositoryStore {
    fn load(owner: &str, on: DocumentKind) -> BTreeMap<String, Value>;
    fn document(owner: &str, on: DocumentKind, key: &str) -> Option<Value>;
    fn save(owner: &str, on: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> ();
} }

#[async_trait]
impl StateStore for CrashingPort<dyn StateStore> {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        self.points.pass(self.port.read(keys)).await
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        self.points.pass(self.port.due(kind, until, limit)).await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        self.points.pass(self.port.next_due(kind)).await
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        self.points.pass(self.port.list(kind, list, after, limit)).await
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        self.points.pass(self.port.counts(kind)).await
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        self.points.pass(self.port.write(changes, audit)).await
    }

    fn most_changes(&self) -> usize {
        self.port.most_changes()
    }
}

mortal! { CodeHost {
    fn repositories(owner: &str, depth: Depth<'_>, take: &mut TakeFound<'_>) -> ApiUsage;
    fn repository(full_name: &str, depth: Depth<'_>) -> (Box<Repository>, ApiUsage);
    fn issues(lookup: &IssueLookup) -> (FoundIssues, ApiUsage);
    fn create_issue(repository: &str, title: &str, body: &str, labels: &[String]) -> IssueRef;
    fn update_issue(issue: &IssueRef, body: &str) -> ();
    fn close_issue(issue: &IssueRef, reason: CloseReason, comment: Option<&str>) -> ();
    fn settings(asked: &SettingsAsked<'_>, take: &mut TakeSettings<'_>) -> ApiUsage;
    fn change(repository: &str, change: &ChangeKind) -> String;
    fn writers(repository: &str) -> Fact<Vec<String>>;
    fn put_actions_secret(repository: &str, name: &str, value: &SecretValue) -> ();
} }

mortal! { Schedule {
    fn due(job: Job, first: Timestamp) -> Timestamp;
    fn advance(job: Job, from: Timestamp, to: Timestamp) -> bool;
} }

mortal! { Metrics {
    fn record(samples: &[RequestSample]) -> ();
    fn totals() -> Vec<RequestTotals>;
    fn by_step(steps: Steps) -> Vec<RequestStep>;
} }

#[async_trait]
impl Retention for CrashingPort<dyn Retention> {
    fn ends_by_itself(&self) -> bool {
        self.port.ends_by_itself()
    }

    async fn forget(
        &self,
        what: Kept,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Forgotten> {
        self.points.pass(self.port.forget(what, before, after, limit)).await
    }

    async fn shrink(&self) -> PortResult<u64> {
        self.points.pass(self.port.shrink()).await
    }

    async fn weigh(&self) -> PortResult<Vec<Weight>> {
        self.points.pass(self.port.weigh()).await
    }
}
