//! Who is told: the event bus, those who fetch events or have them delivered, and people.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PortResult;
use crate::alerts::Alert;
use crate::names::AgentName;
use crate::requests::record::{Cursor, LoggedEvent, OutgoingEvent, Page};
use crate::secret::SecretValue;
use crate::webhooks::{DeadLetter, Delivery, Subscription, SubscriptionId};

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
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Adds a subscription. Events that are queued from now on are queued for it too. The adapter keeps the
    /// signing secret encrypted.
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue) -> PortResult<()>;

    /// Removes a subscription and all that waits for it. `NotFound` where there is none.
    async fn unsubscribe(&self, id: &SubscriptionId) -> PortResult<()>;

    /// Queues events, given with their numbers in the outbox, for every subscription that wants them. An
    /// event of the same number is queued once for each subscription, however often it comes, as long as
    /// it waits there.
    async fn queue(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()>;

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

/// How people are told that something needs them.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Sends an alert. The same alert may come twice.
    async fn raise(&self, alert: &Alert) -> PortResult<()>;
}
