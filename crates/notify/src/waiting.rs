//! Messages that wait in the store, and which of them is sent next.

use std::collections::BTreeSet;

use cc_devops_alerts::{Delivery, Message};
use cc_devops_kernel::ports::{PortResult, Record, RecordKind, StateStore};
use jiff::{SignedDuration, Timestamp};

/// How many of a channel are looked at together.
const MOST: usize = 256;

/// For how long a message is tried.
pub(crate) const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long a message belongs to whoever sends it; a little longer than the longest try.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(45);

/// A message that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) record: Record,
    pub(crate) delivery: Delivery,
}

impl Waiting {
    /// When it may be tried next; one that is being sent by somebody is due when their time is over.
    pub(crate) fn due_at(&self) -> Timestamp {
        self.record.content.due_at.unwrap_or(Timestamp::MAX)
    }

    /// Whether it was tried for long enough.
    pub(crate) fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.delivery.first_at) >= GIVEN_UP_AFTER
    }
}

/// The messages that wait for a channel, the earliest decision first. What cannot be read is passed over and said.
pub(crate) async fn of(store: &dyn StateStore, channel: &str) -> PortResult<Vec<Waiting>> {
    let records = store.list(RecordKind::Delivery, Some(channel), None, MOST).await?;
    let mut waiting: Vec<Waiting> = records.into_iter().filter_map(read).collect();
    waiting.sort_by(|a, b| {
        let order = |one: &Waiting| (one.delivery.message.at, one.record.key.name.clone());
        order(a).cmp(&order(b))
    });
    Ok(waiting)
}

/// What a record holds.
pub(crate) fn read(record: Record) -> Option<Waiting> {
    match Delivery::of(&record) {
        Ok(delivery) => Some(Waiting { record, delivery }),
        Err(error) => {
            tracing::error!(record = record.key.name, %error, "a message that waits cannot be read and is passed over");
            None
        }
    }
}

/// Which one is sent next: the earliest that is due, and of one thread none before an earlier one is gone. Where the
/// channel is only tried, the one that was tried least: else a message that is refused for its own sake would hide
/// that the channel works.
pub(crate) fn next(waiting: &[Waiting], now: Timestamp, only_a_try: bool) -> Option<&Waiting> {
    let mut threads = BTreeSet::new();
    let mut first = waiting.iter().filter(|one| {
        let own: BTreeSet<&str> = threads_of(&one.delivery.message).collect();
        let earlier = !threads.is_disjoint(&own);
        threads.extend(own);
        !earlier && one.due_at() <= now
    });
    if only_a_try {
        first.min_by_key(|one| one.delivery.attempts)
    } else {
        first.next()
    }
}

/// The threads of all that a message tells.
fn threads_of(message: &Message) -> impl Iterator<Item = &str> {
    let others = message.threads.iter().map(String::as_str);
    std::iter::once(message.thread.as_str()).chain(others)
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::ports::{Content, RecordKey};

    use super::*;
    use crate::render::samples::{at, down};

    fn waiting(name: &str, thread: &str, due: &str, attempts: u32) -> Waiting {
        let mut message = down();
        message.thread = thread.into();
        message.threads = vec![thread.into(), format!("{thread}-other")];
        Waiting {
            record: Record {
                key: RecordKey::new(RecordKind::Delivery, name),
                version: 1,
                content: Content {
                    due_at: Some(at(due)),
                    list: Some("chat".into()),
                    body: String::new(),
                },
            },
            delivery: Delivery {
                attempts,
                ..Delivery::new(message, "chat", None)
            },
        }
    }

    #[test]
    fn a_thread_keeps_its_order_and_other_threads_pass() {
        let now = at("2026-06-01T12:00:00Z");
        let (past, future) = ("2026-06-01T11:00:00Z", "2026-06-01T13:00:00Z");
        let all = [
            waiting("1", "a", future, 1),
            waiting("2", "a", past, 0),
            waiting("3", "b", past, 2),
            waiting("4", "c", past, 1),
        ];
        let name = |found: Option<&Waiting>| found.map(|one| one.record.key.name.clone());
        assert_eq!(name(next(&all, now, false)).as_deref(), Some("3"));
        assert_eq!(name(next(&all, now, true)).as_deref(), Some("4"));
        assert_eq!(name(next(&all[..2], now, false)), None);
    }

    #[test]
    fn a_message_of_several_threads_waits_for_each_of_them() {
        let now = at("2026-06-01T12:00:00Z");
        let past = "2026-06-01T11:00:00Z";
        let first = waiting("1", "a", "2026-06-01T13:00:00Z", 1);
        let mut both = waiting("2", "b", past, 0);
        both.delivery.message.threads.push("a-other".into());
        let all = [first, both];
        assert!(next(&all, now, false).is_none());
        assert!(next(&all[1..], now, false).is_some());
    }
}
