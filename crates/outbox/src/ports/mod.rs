//! The outbox: who is still to be told of which event.

mod completion_queues;
mod metrics;
mod publishing;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{AuditTrail, Clock, PortResult};

pub use completion_queues::CompletionQueues;
pub use metrics::{Counted, Metrics, RequestSample, RequestStep, RequestTotals, Steps, minute_of, start_of};
pub use publishing::{EventBus, EventLog, LogWriter, Webhooks};

/// What acts on webhooks' subscriptions work with.
#[derive(Clone, Copy)]
pub struct WebhookPorts<'a> {
    /// The subscriptions.
    pub webhooks: &'a dyn Webhooks,
    /// The audit trail.
    pub audit: &'a dyn AuditTrail,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Who is told of an outgoing event. Each works through the outbox on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consumer {
    /// The event bus.
    Bus,
    /// The log that agents read.
    Log,
    /// The webhooks' queue.
    Webhooks,
    /// The request metrics.
    Metrics,
    /// People, where it is worth telling them.
    People,
}

impl Consumer {
    /// Every consumer.
    pub const ALL: [Self; 5] = [Self::Bus, Self::Log, Self::Webhooks, Self::Metrics, Self::People];

    /// Its name, in storage too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Log => "log",
            Self::Webhooks => "webhooks",
            Self::Metrics => "metrics",
            Self::People => "people",
        }
    }

    /// The consumer of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|consumer| consumer.as_str() == name)
    }
}

impl std::fmt::Display for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event that somebody is still to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// The store's own number of it; it never comes again for another event.
    pub id: i64,
    /// The event, or why it cannot be read; shared, because each consumer asks for it.
    pub event: Result<Arc<OutgoingEvent>, String>,
    /// Who waits for it, of those that were asked for, with how often telling them failed.
    pub wanted_by: Vec<(Consumer, u32)>,
}

/// What became of an event at one consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The event.
    pub id: i64,
    /// The consumer.
    pub consumer: Consumer,
    /// What became of it.
    pub outcome: Outcome,
}

/// How telling a consumer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was told.
    Done,
    /// It is told again at `at`: one failure more.
    Again {
        /// When.
        at: Timestamp,
        /// What went wrong, a lowercase fragment.
        error: String,
    },
    /// It is not told any more until a person gives the event back.
    SetAside {
        /// What went wrong, a lowercase fragment.
        error: String,
    },
}

/// An event that a consumer was not told of and will not be, unless it is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its number.
    pub id: i64,
    /// The event, or why it cannot be read.
    pub event: Result<OutgoingEvent, String>,
    /// How often telling failed.
    pub failures: u32,
    /// The last error.
    pub error: String,
    /// When it was set aside.
    pub at: Timestamp,
}

/// How a consumer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The consumer.
    pub consumer: Consumer,
    /// When the oldest event came to be that it is still to be told of; an unreadable one does not count.
    pub oldest: Option<Timestamp>,
    /// How many it is still to be told of, those that failed before among them.
    pub waiting: u64,
    /// How many of these failed before.
    pub failing: u64,
    /// How many were set aside.
    pub set_aside: u64,
}

/// The events that go out, and who is still to be told of each.
///
/// An event enters with the transaction that gives rise to it (`Ledger::conclude` and its like).
/// What one consumer does with it is nothing to the others.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The consumers this backend's events are taken to by the relay, in the order of [`Consumer::ALL`].
    /// Whoever is not among them has the event by the transaction it entered with, or does not exist here.
    fn consumers(&self) -> &'static [Consumer];

    /// Events that at least one of `consumers` is to be told of now, oldest first. A row that cannot be
    /// read is among them and holds up no other.
    async fn due(&self, consumers: &[Consumer], now: Timestamp, limit: usize) -> PortResult<Vec<DueEvent>>;

    /// Writes down what became of events, all of it or nothing. Saying it again changes nothing that
    /// matters: what is done stays done.
    async fn settle(&self, at: Timestamp, settled: &[Settled]) -> PortResult<()>;

    /// What was set aside for a consumer, oldest first, behind a place.
    async fn set_aside(&self, consumer: Consumer, after: Option<Cursor>, limit: usize) -> PortResult<Page<SetAside>>;

    /// Gives everything that was set aside back to a consumer, due at `now`, as if it had never failed;
    /// how much.
    async fn give_back(&self, consumer: Consumer, now: Timestamp) -> PortResult<u64>;

    /// How each of [`Outbox::consumers`] stands, in their order.
    async fn standing(&self, now: Timestamp) -> PortResult<Vec<Standing>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They are in storage, and in commands that people type.
    #[test]
    fn consumers_are_found_by_the_names_they_are_stored_under() {
        let names = ["bus", "log", "webhooks", "metrics", "people"];
        assert_eq!(Consumer::ALL.map(Consumer::as_str), names);
        assert_eq!(names.map(Consumer::find), Consumer::ALL.map(Some));
        assert_eq!(Consumer::ALL.map(|consumer| consumer.to_string()), names);
        assert_eq!(Consumer::find("nobody"), None);
    }
}
