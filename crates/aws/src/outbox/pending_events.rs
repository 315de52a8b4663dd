//! What this process knows of the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cc_devops_outbox::ports::Consumer;
use jiff::Timestamp;
use tokio::time::Instant;

use super::is_due;
use crate::log::Entry;

/// How many events are kept in memory; those beyond are read when they are needed.
const KEPT: usize = 10_000;

/// How long events in memory may be served without looking for others'.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Events this process wrote or read, of which somebody is still to be told as far as it knows.
pub(crate) struct PendingEvents {
    entries: Mutex<BTreeMap<i64, Entry>>,
    /// When others' events were looked for; none where it is to be done at once.
    looked: Mutex<Option<Instant>>,
    /// Those that came to be when nobody had subscribed to webhooks.
    without_webhooks: Mutex<BTreeSet<i64>>,
}

impl Default for PendingEvents {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            looked: Mutex::new(Some(Instant::now())),
            without_webhooks: Mutex::default(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PendingEvents {
    /// Keeps an event that this process has just written, unless there are too many.
    pub(crate) fn wrote(&self, entry: Entry, subscribed: bool) {
        if !subscribed {
            let mut without = locked(&self.without_webhooks);
            if without.len() < KEPT {
                without.insert(entry.place);
            }
        }
        self.keep(entry);
    }

    /// Keeps what was read, in the place of what was known.
    pub(super) fn keep(&self, entry: Entry) {
        let mut entries = locked(&self.entries);
        let waits = entry
            .progress
            .as_ref()
            .is_none_or(|progress| !progress.pending.is_empty());
        if !waits {
            entries.remove(&entry.place);
            drop(entries);
            locked(&self.without_webhooks).remove(&entry.place);
        } else if entries.len() < KEPT || entries.contains_key(&entry.place) {
            entries.insert(entry.place, entry);
        }
    }

    /// Forgets an event that is not there any more.
    pub(crate) fn forget(&self, place: i64) {
        locked(&self.entries).remove(&place);
        locked(&self.without_webhooks).remove(&place);
    }

    /// What is known of an event.
    pub(super) fn get(&self, place: i64) -> Option<Entry> {
        locked(&self.entries).get(&place).cloned()
    }

    /// Whether no webhook wants an event for sure: it has its place from before the first subscription.
    pub(crate) fn is_without_webhooks(&self, place: i64) -> bool {
        locked(&self.without_webhooks).contains(&place)
    }

    /// Events that one of these consumers is to be told of now: the oldest of those that failed before, and of
    /// those that did not, at most so many of each.
    pub(super) fn due(&self, consumers: &[Consumer], now: Timestamp, limit: usize) -> BTreeMap<i64, Entry> {
        let entries = locked(&self.entries);
        let (mut again, mut new) = (limit, limit);
        let due = entries.iter().filter(|(_, entry)| is_due(entry, consumers, now));
        let due = due.filter(|(_, entry)| {
            let failed = entry
                .progress
                .as_ref()
                .is_some_and(|progress| !progress.failing.is_empty());
            let room = if failed { &mut again } else { &mut new };
            let fits = *room > 0;
            *room = room.saturating_sub(1);
            fits
        });
        due.map(|(place, entry)| (*place, entry.clone())).collect()
    }

    /// Notes that something was left which only a look finds.
    pub(crate) fn look_soon(&self) {
        *locked(&self.looked) = None;
    }

    /// Whether it is time to look for what others wrote; says yes once.
    pub(super) fn is_time_to_look(&self) -> bool {
        let mut looked = locked(&self.looked);
        let is_time = looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY);
        if is_time {
            *looked = Some(Instant::now());
        }
        is_time
    }
}
