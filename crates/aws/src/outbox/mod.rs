//! The outbox: which events of the log somebody is still to be told of.
//!
//! It is no list of its own. An event says itself who waits for it, and stands in the index `work` as long
//! as somebody does, spread over the index's shards. What this process has just written it keeps in
//! memory too, and serves from there, so that a function that concludes a request and tells of it in the
//! same breath does not read it again.

mod looking;
mod news;
mod old;
mod pending_events;
mod settling;

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Consumer, DueEvent, Outbox, SetAside, Settled, Standing};
use jiff::Timestamp;

use crate::log::Entry;
use crate::{Backend, Shared};
pub(crate) use news::Mailbox;
pub(crate) use pending_events::PendingEvents;

/// Who is told by the relay. The log has every event by the transaction that it came to be with.
pub(crate) const CONSUMERS: &[Consumer] = &[Consumer::Bus, Consumer::Webhooks, Consumer::Metrics, Consumer::People];

/// The events that somebody waits for, in the index of work.
pub(crate) const WAITING: &str = "event";

/// The events that nobody waits for any more, and that were set aside for somebody.
pub(crate) const ASIDE: &str = "aside";

impl Backend {
    /// The outbox.
    pub fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(DynamoOutbox(self.shared.clone()))
    }
}

/// The outbox in the ledger's table.
struct DynamoOutbox(Arc<Shared>);

#[async_trait]
impl Outbox for DynamoOutbox {
    fn consumers(&self) -> &'static [Consumer] {
        CONSUMERS
    }

    async fn due(&self, consumers: &[Consumer], now: Timestamp, limit: usize) -> PortResult<Vec<DueEvent>> {
        let shared = &*self.0;
        if consumers.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let mut due = shared.outbox.due(consumers, now, limit);
        if due.is_empty() || shared.outbox.is_time_to_look() {
            shared.take_over_old().await?;
            shared.take_over_news().await?;
            // What was taken over stands in memory; the index may not show it yet.
            due = shared.outbox.due(consumers, now, limit);
            for entry in shared.find_due(consumers, now, limit).await? {
                shared.outbox.keep(entry.clone());
                due.insert(entry.place, entry);
            }
        }
        let due = due.into_values().map(|entry| due_event(entry, consumers, now));
        let (again, new): (Vec<DueEvent>, Vec<DueEvent>) = due.partition(has_failed);
        // What failed before leaves half of the room to what is new.
        let again = again
            .into_iter()
            .take(limit.div_ceil(2).max(limit.saturating_sub(new.len())));
        let mut due: Vec<DueEvent> = again.collect();
        let room = limit.saturating_sub(due.len());
        due.extend(new.into_iter().take(room));
        due.sort_by_key(|event| event.id);
        Ok(due)
    }

    async fn settle(&self, at: Timestamp, settled: &[Settled]) -> PortResult<()> {
        self.0.settle_events(at, settled).await
    }

    async fn set_aside(&self, consumer: Consumer, after: Option<Cursor>, limit: usize) -> PortResult<Page<SetAside>> {
        self.0.list_aside(consumer, after, limit).await
    }

    async fn give_back(&self, consumer: Consumer, now: Timestamp) -> PortResult<u64> {
        self.0.give_back_events(consumer, now).await
    }

    async fn standing(&self, _now: Timestamp) -> PortResult<Vec<Standing>> {
        self.0.standings().await
    }
}

/// Whether one of these consumers is to be told of an event now.
fn is_due(entry: &Entry, consumers: &[Consumer], now: Timestamp) -> bool {
    let progress = entry.progress();
    let due = |name: &str| progress.due(name).is_none_or(|due| due <= now);
    consumers
        .iter()
        .any(|consumer| progress.waits(*consumer) && due(consumer.as_str()))
}

/// Whether telling failed before for all who wait.
fn has_failed(event: &DueEvent) -> bool {
    event.wanted_by.iter().all(|(_, failures)| *failures > 0)
}

/// An event with those of the consumers that are to be told of it now.
fn due_event(entry: Entry, consumers: &[Consumer], now: Timestamp) -> DueEvent {
    let progress = entry.progress();
    let wanted = consumers.iter().filter(|consumer| progress.waits(**consumer));
    let wanted = wanted.filter(|consumer| is_due(&entry, &[**consumer], now));
    let wanted_by = wanted
        .map(|consumer| {
            let failing = progress.failing.get(consumer.as_str());
            (*consumer, failing.map_or(0, |failing| failing.failures))
        })
        .collect();
    DueEvent {
        id: entry.place,
        event: entry.event.map(Arc::new),
        wanted_by,
    }
}
