//! Where events are published: the event bus, those who fetch events or have them delivered, and people.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::webhooks::{DeadLetter, Delivery, Places, Subscription, SubscriptionId, SubscriptionStatus};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::secret::SecretValue;

/// Where events go.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes events, given with their numbers in the outbox; one result each, in their order. The same
    /// event may come twice.
    async fn publish(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<Vec<Result<(), String>>>;
}

/// What puts events into the log that agents read, where they are not in it from the transaction they
/// came to be with.
#[async_trait]
pub trait LogWriter: Send + Sync {
    /// Puts events into the log, given with their numbers in the outbox; one result each, in their order.
    /// An event of the same number is in the log once, however often it comes.
    async fn write(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<Vec<Result<(), String>>>;
}

/// The published events, for those who fetch them.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Events after a place, oldest first; only one agent's where `agent` is given. A row that cannot be
    /// read is passed over and said.
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, limit: usize) -> PortResult<Vec<LoggedEvent>>;

    /// The newest event's place; zero when there is none.
    async fn newest(&self) -> PortResult<Cursor>;
}

/// Webhook subscriptions and what is still to be delivered to them.
///
/// What changes a subscription and its audit row are one transaction: both are written or neither.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Adds a subscription. Events that are queued from now on are queued for it too. The adapter keeps the
    /// signing secret encrypted.
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue, audit: &AuditEntry) -> PortResult<()>;

    /// Removes a subscription and all that waits for it. `NotFound` where there is none.
    async fn unsubscribe(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()>;

    /// Switches an endpoint off that has only failed since `failing_since`, and puts news of it into
    /// the outbox for an agent, in the same transaction. From then on nothing is queued for it; what
    /// waits is held. Whether that was done: nothing is, where a delivery has arrived meanwhile, or
    /// somebody was first, or the subscription has gone.
    async fn disable(
        &self,
        id: &SubscriptionId,
        failing_since: Timestamp,
        audit: &AuditEntry,
        news: (&AgentName, &Announcement),
    ) -> PortResult<bool>;

    /// Switches an endpoint on again, as if it had never failed. Where it is on nothing is written.
    /// `NotFound` where there is no such subscription.
    async fn enable(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()>;

    /// Queues events, given with their numbers in the outbox, for every subscription that wants them. An
    /// event of the same number is queued once for each subscription, however often it comes, as long as
    /// it waits there.
    async fn queue(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()>;

    /// All subscriptions, oldest first.
    async fn subscriptions(&self) -> PortResult<Vec<Subscription>>;

    /// All subscriptions and how they go, oldest first.
    async fn statuses(&self) -> PortResult<Vec<SubscriptionStatus>>;

    /// Takes deliveries whose time has come. Until `lease_until` nobody else gets them; after that
    /// they come again. Endpoints take turns ([`crate::webhooks::take_turns`]), and none has more
    /// than its places under way ([`Places::room`]); to each the one that is due longest comes first.
    /// The places are those of the process that asks.
    /// One that cannot be read becomes a dead letter, is said, and holds up no other.
    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
        places: &Places,
    ) -> PortResult<Vec<Delivery>>;

    /// Takes over what a process was delivering that is known to be dead: it is due at `now`, whatever its lease says, and
    /// was no attempt. What waits does so from `now` on no longer than after an attempt that failed just now
    /// ([`crate::webhooks::longest_waits`]), for the clock may have been wrong. How many were under way. Only for whoever
    /// holds the store alone; where several processes share one, it does nothing and leases end by themselves.
    async fn take_over(&self, now: Timestamp) -> PortResult<u64>;

    /// The delivery arrived: its endpoint does not fail any more.
    async fn delivered(&self, delivery: &Delivery) -> PortResult<()>;

    /// The delivery failed at `at` and is to be tried again at `retry_at`. Since when its endpoint
    /// has only failed.
    async fn retry_at(
        &self,
        delivery: &Delivery,
        at: Timestamp,
        retry_at: Timestamp,
        error: &str,
    ) -> PortResult<Timestamp>;

    /// The delivery failed for good; it becomes a dead letter. Since when its endpoint has only
    /// failed.
    async fn bury(&self, delivery: &Delivery, at: Timestamp, error: &str) -> PortResult<Timestamp>;

    /// Dead letters of a subscription, oldest first, after a place. One that cannot be read is left
    /// out.
    async fn dead_letters(
        &self,
        id: &SubscriptionId,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<DeadLetter>>;

    /// Gives all dead letters of a subscription back for delivery, due at once and from attempt
    /// one; how many. The row says how many ([`crate::webhooks::replayed`]). `NotFound` where there
    /// is no such subscription.
    async fn replay(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<u64>;
}
