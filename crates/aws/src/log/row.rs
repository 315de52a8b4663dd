//! How an event stands in the table: at its place in the log, with who still waits for it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, Put};
use cc_devops_kernel::events::EventBody;
use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::stored;
use cc_devops_outbox::ports::Consumer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FIRST, Place};
use crate::error::corrupt;
use crate::ledger::incomplete;
use crate::outbox::{ASIDE, CONSUMERS, WAITING};
use crate::places::{sharded, sortable, sortable_time};
use crate::table::{Item, from_item, key, number, to_item};

/// How many events share a partition key, as a power of two. 128 events are 512 write units at most, so
/// no key is ever asked for the 1,000 a second that it takes, however fast the log grows.
const BLOCK: u32 = 7;

/// The partition where a place is.
pub(super) fn partition(place: i64) -> String {
    format!("LOG#{}", (place - FIRST) >> BLOCK)
}

/// The last place of the partition that a place is in.
pub(super) fn last_of_block(place: i64) -> i64 {
    let block = (place - FIRST) >> BLOCK;
    FIRST + ((block + 1) << BLOCK) - 1
}

/// How many places a partition has.
pub(super) const IN_BLOCK: i64 = 1 << BLOCK;

/// The key of an event.
pub(crate) fn event_key(place: i64) -> Item {
    key(partition(place), sortable(place))
}

/// What holds a place that nobody wrote to, so that nobody ever does.
pub(super) fn mark(place: i64, expires: i64) -> Item {
    let mut item = event_key(place);
    item.insert("void".to_owned(), AttributeValue::Bool(true));
    item.insert("expires".to_owned(), number(expires));
    item
}

/// Whether an item is such a mark.
pub(super) fn is_mark(item: &Item) -> bool {
    item.get("void") == Some(&AttributeValue::Bool(true))
}

/// How telling a consumer fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failing {
    pub(crate) failures: u32,
    /// When it is tried again.
    pub(crate) due: Timestamp,
    pub(crate) error: String,
}

/// That a consumer is not told any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetAsideMark {
    pub(crate) failures: u32,
    pub(crate) error: String,
    pub(crate) at: Timestamp,
}

/// Who still waits for an event, by the consumers' names: a later version may know more of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    #[serde(
        default,
        with = "serde_dynamo::string_set",
        skip_serializing_if = "BTreeSet::is_empty"
    )]
    pub(crate) pending: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) failing: BTreeMap<String, Failing>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) aside: BTreeMap<String, SetAsideMark>,
    /// Until when it is left to its writer, who tells it at once as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reserved: Option<Timestamp>,
    /// Grows with each change.
    pub(crate) revision: u32,
}

impl Progress {
    /// Everybody is to be told.
    pub(crate) fn new(reserved: Option<Timestamp>) -> Self {
        Self {
            pending: CONSUMERS.iter().map(|consumer| consumer.as_str().to_owned()).collect(),
            reserved,
            ..Self::default()
        }
    }

    /// Whether a consumer waits for it.
    pub(crate) fn waits(&self, consumer: Consumer) -> bool {
        self.pending.contains(consumer.as_str())
    }

    /// Whether somebody waits, and nobody was told yet.
    pub(crate) fn is_untold(&self) -> bool {
        CONSUMERS.iter().all(|consumer| self.waits(*consumer))
    }

    /// When a consumer that waits is to be told.
    pub(crate) fn due(&self, name: &str) -> Option<Timestamp> {
        self.failing.get(name).map(|failing| failing.due).or(self.reserved)
    }

    /// Where it stands in the index of work; nowhere once nothing is left to do.
    pub(crate) fn work(&self, place: i64) -> Option<(String, String)> {
        let what = event_name(place);
        let at = |due: Option<Timestamp>| format!("{}#{what}", sortable_time(due.unwrap_or(Timestamp::UNIX_EPOCH)));
        if let Some(first) = self.pending.iter().map(|name| self.due(name)).min() {
            return Some((sharded(WAITING, &what), at(first)));
        }
        let aside = self.aside.values().map(|aside| aside.at).min()?;
        Some((sharded(ASIDE, &what), at(Some(aside))))
    }
}

fn event_name(place: i64) -> String {
    sortable(place)
}

/// A new event.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    agent: AgentName,
    /// As it is kept.
    event: String,
    at: Timestamp,
    body: EventBody,
    request: Option<RequestId>,
    reserved: Option<Timestamp>,
}

/// The item of an event.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    agent: &'a AgentName,
    event: &'a str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a RequestId>,
}

/// What of an item says what happened.
#[derive(Deserialize)]
struct Content {
    agent: AgentName,
    event: String,
    at: Timestamp,
}

impl NewEvent {
    /// An event of a moment, which others than its writer tell from `reserved` on.
    pub(crate) fn new(
        agent: AgentName,
        body: EventBody,
        request: Option<RequestId>,
        at: Timestamp,
        reserved: Option<Timestamp>,
    ) -> PortResult<Self> {
        let event = stored::write_event(&body).map_err(|error| {
            PortError::new(PortErrorKind::Refused, "an event cannot be written as JSON").because(error)
        })?;
        Ok(Self {
            agent,
            event,
            at,
            body,
            request,
            reserved,
        })
    }

    /// The write that puts it at a place where nothing stands yet.
    pub(crate) fn put(&self, table: &str, place: Place) -> PortResult<Put> {
        let row = Row {
            pk: partition(place.number),
            sk: sortable(place.number),
            agent: &self.agent,
            event: &self.event,
            at: self.at,
            request: self.request.as_ref(),
        };
        let progress = Progress::new(self.reserved);
        let mut item = to_item(&row)?;
        item.extend(progress_item(&progress, place.number)?);
        Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(incomplete)
    }

    /// The entry for the process that wrote it, which may tell it at once.
    pub(crate) fn written(self, place: Place) -> Entry {
        Entry {
            place: place.number,
            event: Ok(OutgoingEvent {
                agent: self.agent,
                body: self.body,
            }),
            at: Some(self.at),
            progress: Some(Progress::new(None)),
        }
    }
}

/// The attributes that say who waits.
pub(crate) fn progress_item(progress: &Progress, place: i64) -> PortResult<Item> {
    let mut item = to_item(progress)?;
    if let Some((list, due)) = progress.work(place) {
        item.insert("WPK".to_owned(), AttributeValue::S(list));
        item.insert("WSK".to_owned(), AttributeValue::S(due));
    }
    Ok(item)
}

/// An event as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) place: i64,
    /// What happened, or why that cannot be read.
    pub(crate) event: Result<OutgoingEvent, String>,
    pub(crate) at: Option<Timestamp>,
    /// Who waits; none where that cannot be read.
    pub(crate) progress: Option<Progress>,
}

impl Entry {
    /// Reads an item; none where no event stands there.
    pub(crate) fn of(item: Item) -> Option<Self> {
        let place = place_of(&item)?;
        if is_mark(&item) {
            return None;
        }
        let progress = from_item::<Progress>(item.clone(), "who waits for an event").ok();
        let content = from_item::<Content>(item, "an event");
        let at = content.as_ref().ok().map(|content| content.at);
        let event = content.map_err(|error| error.message).and_then(|content| {
            let body = stored::read_event(&content.event).map_err(|error| error.to_string())?;
            Ok(OutgoingEvent {
                agent: content.agent,
                body,
            })
        });
        Some(Self {
            place,
            event,
            at,
            progress,
        })
    }

    /// Who waits for it. Where that cannot be read, it is taken that everybody does.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone().unwrap_or_else(|| Progress::new(None))
    }

    /// The event as readers of the log have it.
    pub(super) fn logged(self) -> PortResult<LoggedEvent> {
        let event = self.event.map_err(|why| corrupt("an event").because(why))?;
        Ok(LoggedEvent {
            cursor: Cursor(self.place),
            published_at: self.at.unwrap_or_default(),
            event,
        })
    }
}

/// The place of an item of the log.
pub(super) fn place_of(item: &Item) -> Option<i64> {
    item.get("SK")?.as_s().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_128_places_in_their_order() {
        let first = FIRST + 1;
        assert_eq!(partition(FIRST), partition(last_of_block(first)));
        assert_ne!(partition(first), partition(last_of_block(first) + 1));
        assert_eq!(last_of_block(FIRST) - FIRST + 1, IN_BLOCK);
    }

    #[test]
    fn what_nobody_waits_for_is_in_no_index() {
        let mut progress = Progress::new(None);
        let (list, _) = progress.work(FIRST + 1).unwrap();
        assert!(list.starts_with("event#"));
        progress.pending.clear();
        assert_eq!(progress.work(FIRST + 1), None);
        let aside = SetAsideMark {
            failures: 1,
            error: String::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        progress.aside.insert("bus".to_owned(), aside);
        assert!(progress.work(FIRST + 1).unwrap().0.starts_with("aside#"));
    }
}
