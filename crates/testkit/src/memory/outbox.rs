//! The fake outbox: every event with those who are still to be told of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Consumer, DueEvent, Outbox as OutboxPort, Outcome, SetAside, Settled, Standing};
use jiff::Timestamp;

use super::{Damaged, Memory, page};

/// The events that somebody is still to be told of, by their number.
#[derive(Default)]
pub(super) struct Outbox {
    entries: BTreeMap<i64, Entry>,
    last_id: i64,
}

struct Entry {
    /// The request the event belongs to; none for what was refused, and for news.
    request: Option<RequestId>,
    event: OutgoingEvent,
    waiting: BTreeMap<Consumer, Waiting>,
}

struct Waiting {
    failures: u32,
    due: Timestamp,
    error: String,
    set_aside: Option<Timestamp>,
}

impl Waiting {
    fn fresh(due: Timestamp) -> Self {
        Self {
            failures: 0,
            due,
            error: String::new(),
            set_aside: None,
        }
    }
}

impl Outbox {
    /// Puts an event in, for everybody.
    pub(super) fn push(&mut self, request: Option<&RequestId>, event: OutgoingEvent) {
        self.last_id += 1;
        let waiting = Consumer::ALL.map(|consumer| (consumer, Waiting::fresh(Timestamp::MIN)));
        let entry = Entry {
            request: request.cloned(),
            event,
            waiting: waiting.into(),
        };
        self.entries.insert(self.last_id, entry);
    }

    /// Whether the event of a request waits, and nobody was told of it yet.
    pub(super) fn holds(&self, request: &RequestId) -> bool {
        let untold = |entry: &Entry| entry.waiting.len() == Consumer::ALL.len();
        self.entries
            .values()
            .any(|entry| entry.request.as_ref() == Some(request) && untold(entry))
    }

    /// Whether somebody waits for an event of a request, or gave it up.
    pub(super) fn refers_to(&self, request: &RequestId) -> bool {
        let mut requests = self.entries.values().map(|entry| entry.request.as_ref());
        requests.any(|one| one == Some(request))
    }

    /// Forgets what was set aside before that; how many.
    pub(super) fn forget(&mut self, before: Timestamp) -> u64 {
        let mut forgotten = 0;
        self.entries.retain(|_, entry| {
            entry.waiting.retain(|_, waiting| {
                let old = waiting.set_aside.is_some_and(|at| at < before);
                forgotten += u64::from(old);
                !old
            });
            !entry.waiting.is_empty()
        });
        forgotten
    }

    /// For how many events somebody waits.
    pub(super) fn waited_for(&self) -> u64 {
        let waits = |entry: &&Entry| entry.waiting.values().any(|waiting| waiting.set_aside.is_none());
        self.entries.values().filter(waits).count() as u64
    }

    /// What waits for a consumer, set aside or not.
    fn of(&self, consumer: Consumer) -> impl Iterator<Item = (i64, &Entry, &Waiting)> {
        self.entries
            .iter()
            .filter_map(move |(id, entry)| Some((*id, entry, entry.waiting.get(&consumer)?)))
    }
}

impl Damaged {
    fn read(&self, event: &OutgoingEvent) -> Result<OutgoingEvent, String> {
        if self.events.contains(event.body.key()) {
            Err("it is damaged".to_owned())
        } else {
            Ok(event.clone())
        }
    }
}

#[async_trait]
impl OutboxPort for Memory {
    fn consumers(&self) -> &'static [Consumer] {
        &Consumer::ALL
    }

    async fn due(&self, consumers: &[Consumer], now: Timestamp, limit: usize) -> PortResult<Vec<DueEvent>> {
        let model = self.lock()?;
        let mut due = Vec::new();
        // What failed before leaves half of the room to what is new.
        let mut again = limit.div_ceil(2);
        for (id, entry) in &model.outbox.entries {
            let wanting = consumers.iter().filter_map(|consumer| {
                let waiting = entry.waiting.get(consumer)?;
                (waiting.set_aside.is_none() && waiting.due <= now).then_some((*consumer, waiting.failures))
            });
            let wanted_by: Vec<_> = wanting.collect();
            if wanted_by.is_empty() || due.len() == limit {
                continue;
            }
            if wanted_by.iter().all(|(_, failures)| *failures > 0) {
                let Some(left) = again.checked_sub(1) else { continue };
                again = left;
            }
            due.push(DueEvent {
                id: *id,
                event: model.damaged.read(&entry.event).map(Arc::new),
                wanted_by,
            });
        }
        Ok(due)
    }

    async fn settle(&self, at: Timestamp, settled: &[Settled]) -> PortResult<()> {
        let mut model = self.lock()?;
        for Settled { id, consumer, outcome } in settled {
            let Some(entry) = model.outbox.entries.get_mut(id) else {
                continue;
            };
            let Some(waiting) = entry.waiting.get_mut(consumer) else {
                continue;
            };
            match outcome {
                Outcome::Done => {
                    entry.waiting.remove(consumer);
                }
                Outcome::Again { at, error } => {
                    waiting.failures += 1;
                    waiting.due = *at;
                    waiting.error.clone_from(error);
                }
                Outcome::SetAside { error } => {
                    waiting.failures += 1;
                    waiting.set_aside = Some(at);
                    waiting.error.clone_from(error);
                }
            }
            let told = [Consumer::Bus, Consumer::Log];
            let told = told.iter().all(|consumer| !entry.waiting.contains_key(consumer));
            let (request, over) = (entry.request.clone(), entry.waiting.is_empty());
            if over {
                model.outbox.entries.remove(id);
            }
            if let Some(request) = request.filter(|_| told) {
                model.requests.published(&request);
            }
        }
        Ok(())
    }

    async fn set_aside(&self, consumer: Consumer, after: Option<Cursor>, limit: usize) -> PortResult<Page<SetAside>> {
        let model = self.lock()?;
        let rows = model
            .outbox
            .of(consumer)
            .filter(|(id, ..)| after.is_none_or(|Cursor(after)| *id > after))
            .filter_map(|(id, entry, waiting)| {
                let set_aside = SetAside {
                    id,
                    event: model.damaged.read(&entry.event),
                    failures: waiting.failures,
                    error: waiting.error.clone(),
                    at: waiting.set_aside?,
                };
                Some((id, set_aside))
            });
        Ok(page(rows, limit))
    }

    async fn give_back(&self, consumer: Consumer, now: Timestamp) -> PortResult<u64> {
        let mut model = self.lock()?;
        let mut given = 0;
        for entry in model.outbox.entries.values_mut() {
            let waiting = entry.waiting.get_mut(&consumer);
            if let Some(waiting) = waiting.filter(|waiting| waiting.set_aside.is_some()) {
                *waiting = Waiting::fresh(now);
                given += 1;
            }
        }
        Ok(given)
    }

    async fn standing(&self, _now: Timestamp) -> PortResult<Vec<Standing>> {
        let model = self.lock()?;
        let standing = |consumer| {
            let mut standing = Standing {
                consumer,
                oldest: None,
                waiting: 0,
                failing: 0,
                set_aside: 0,
            };
            for (_, entry, waiting) in model.outbox.of(consumer) {
                if waiting.set_aside.is_some() {
                    standing.set_aside += 1;
                    continue;
                }
                standing.waiting += 1;
                standing.failing += u64::from(waiting.failures > 0);
                let at = entry.event.body.timestamp();
                standing.oldest = Some(standing.oldest.map_or(at, |oldest: Timestamp| oldest.min(at)));
            }
            standing
        };
        Ok(Consumer::ALL.map(standing).to_vec())
    }
}
