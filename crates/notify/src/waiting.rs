//! Messages that wait in the store, and which of them is sent next.

use std::collections::BTreeSet;

use cc_devops_alerts::Message;
use cc_devops_kernel::ports::{PortResult, Record, RecordKind, StateStore};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How many of a channel are looked at together.
const MOST: usize = 256;

/// For how long a message is tried.
pub(crate) const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What is kept of a message on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    pub(crate) channel: String,
    #[serde(default)]
    pub(crate) attempts: u32,
    pub(crate) first_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    #[serde(default)]
    pub(crate) given_up: bool,
    /// What its writer keeps beside.
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, serde_json::Value>,
}

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
    match serde_json::from_str(&record.content.body) {
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
        let earlier = !threads.insert(one.delivery.message.thread.as_str());
        !earlier && one.due_at() <= now
    });
    if only_a_try {
        first.min_by_key(|one| one.delivery.attempts)
    } else {
        first.next()
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::ports::{Content, RecordKey};

    use super::*;
    use crate::render::samples::{at, down};

    fn waiting(name: &str, thread: &str, due: &str, attempts: u32) -> Waiting {
        let mut message = down();
        message.thread = thread.into();
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
                message,
                channel: "chat".into(),
                attempts,
                first_at: at("2026-06-01T12:00:00Z"),
                last_error: None,
                given_up: false,
                rest: serde_json::Map::new(),
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
    fn what_its_writer_keeps_beside_stays() {
        let message = serde_json::to_value(down()).unwrap();
        let body = serde_json::json!({
            "message": message, "channel": "chat", "firstAt": "2026-06-01T12:00:00Z", "group": "g1",
        });
        let delivery: Delivery = serde_json::from_value(body).unwrap();
        assert_eq!((delivery.attempts, delivery.given_up), (0, false));
        assert_eq!(serde_json::to_value(&delivery).unwrap()["group"], "g1");
    }
}
