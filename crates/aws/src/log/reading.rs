//! Reading the log, in the order of its places and without passing one that may still be filled.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::EventLog;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use super::row::{Entry, IN_BLOCK, last_of_block, mark, partition, place_of};
use super::{FIRST, Place, old, sequencer};
use crate::batches::pages;
use crate::error::{is_condition, port_error};
use crate::places::sortable;
use crate::table::{Item, expiry, text};
use crate::{Backend, Shared};

/// How long an empty place is waited for, by the reader's own watch. A writer takes milliseconds from
/// its number to its event; one that takes longer finds its place marked, and takes another.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Between two looks at an empty place.
const LOOK: Duration = Duration::from_millis(25);

/// How many places of the end are looked through for one that is still empty.
const NEAR: i64 = 8 * IN_BLOCK;

/// An empty partition so far behind the end held events that have been forgotten.
const FAR: i64 = 65_536;

/// How many partitions are read at once.
const AT_ONCE: usize = 8;

impl Backend {
    /// The event log.
    pub fn events(&self) -> Arc<dyn EventLog> {
        Arc::new(DynamoEvents(self.shared.clone()))
    }
}

struct DynamoEvents(Arc<Shared>);

/// Which empty places are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// None: what there is can be shown.
    None,
    /// The first, without which nothing can be shown.
    First,
    /// All.
    All,
}

#[async_trait]
impl EventLog for DynamoEvents {
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, limit: usize) -> PortResult<Vec<LoggedEvent>> {
        let shared = &*self.0;
        let after = cursor.0.max(0);
        let mut events = Vec::new();
        if limit == 0 {
            return Ok(events);
        }
        if after < FIRST {
            events = old::between(shared, after, agent, limit).await?;
        }
        if events.len() < limit {
            shared.read_log(after.max(FIRST), agent, limit, &mut events).await?;
        }
        Ok(events)
    }

    async fn newest(&self) -> PortResult<Cursor> {
        let shared = &*self.0;
        match sequencer::last(shared).await? {
            None => old::newest(shared).await.map(Cursor),
            Some(last) => {
                // What is on its way to a place before the end would otherwise be passed by whoever begins here.
                let first = (last - NEAR + 1).max(FIRST + 1);
                shared.places(first, last, Wait::All).await?;
                Ok(Cursor(last))
            }
        }
    }
}

impl Shared {
    /// Adds the events behind a counted place, until there are `limit`.
    async fn read_log(
        &self,
        after: i64,
        agent: Option<&AgentName>,
        limit: usize,
        events: &mut Vec<LoggedEvent>,
    ) -> PortResult<()> {
        let Some(last) = sequencer::last(self).await? else {
            return Ok(());
        };
        let mut next = after + 1;
        // One at first: most readers are near the end, or want no more.
        let mut blocks = 1;
        while next <= last && events.len() < limit {
            let ranges = ranges(next, last, blocks);
            let wait = |first: i64| {
                if first == next && events.is_empty() {
                    Wait::First
                } else {
                    Wait::None
                }
            };
            let reading = ranges
                .iter()
                .map(|(first, last)| self.places(*first, *last, wait(*first)));
            for ((first, end), read) in ranges.iter().zip(try_join_all(reading).await?) {
                if *first != next {
                    break;
                }
                let mut expected = *first;
                for item in read {
                    let Some(place) = place_of(&item) else { continue };
                    if place != expected {
                        // It is waited for by whoever comes back from here.
                        return Ok(());
                    }
                    expected = place + 1;
                    take(item, agent, events);
                    if events.len() == limit {
                        return Ok(());
                    }
                }
                if expected == *first && last - end > FAR {
                    next = self.first_kept(*end + 1, last).await?;
                } else if expected <= *end {
                    return Ok(());
                } else {
                    next = expected;
                }
            }
            blocks = AT_ONCE;
        }
        Ok(())
    }

    /// What stands at these places, in their order; they are of one partition, or few. What is waited for
    /// is not empty in the end, but where all are, far behind the log's end.
    async fn places(&self, first: i64, last: i64, wait: Wait) -> PortResult<Vec<Item>> {
        let began = Instant::now();
        loop {
            let ranges = ranges(first, last, usize::MAX);
            let reading = ranges.iter().map(|(first, last)| self.in_block(*first, *last));
            let found = try_join_all(reading).await?.concat();
            let missing = missing(first, last, &found);
            let waits = match wait {
                Wait::None => false,
                Wait::First => missing.first() == Some(&first),
                Wait::All => !missing.is_empty(),
            };
            if !waits || self.is_forgotten(&found, last).await? {
                return Ok(found);
            }
            if began.elapsed() < PATIENCE {
                tokio::time::sleep(LOOK).await;
            } else {
                tracing::warn!(
                    places = missing.len(),
                    "places of the event log stayed empty; they are closed"
                );
                self.close(missing).await?;
            }
        }
    }

    /// Whether nothing is left of a partition because it is so old.
    async fn is_forgotten(&self, found: &[Item], last: i64) -> PortResult<bool> {
        Ok(found.is_empty() && sequencer::last(self).await?.is_some_and(|end| end - last > FAR))
    }

    /// What stands at places of one partition.
    async fn in_block(&self, first: i64, last: i64) -> PortResult<Vec<Item>> {
        let block = partition(first);
        let query = || {
            self.query(&block, "SK BETWEEN :first AND :last")
                .expression_attribute_values(":first", text(sortable(first)))
                .expression_attribute_values(":last", text(sortable(last)))
        };
        pages(query, usize::MAX).await
    }

    /// Closes a place that was taken and is not written to, so that no reader waits for it.
    pub(crate) async fn leave(&self, place: Place) {
        if let Err(error) = self.close(vec![place.number]).await {
            tracing::debug!(place = place.number, %error, "a place of the event log was left open; a reader closes it");
        }
    }

    /// Closes places for good; where an event came first, it stays.
    async fn close(&self, places: Vec<i64>) -> PortResult<()> {
        let expires = expiry(self.clock.now(), self.resources.events_days);
        stream::iter(places)
            .map(|place| async move {
                let put = self.clients.dynamodb().put_item().table_name(self.table());
                let put = put.set_item(Some(mark(place, expires)));
                match put.condition_expression("attribute_not_exists(PK)").send().await {
                    Ok(_) => Ok(()),
                    Err(error) if is_condition(&error) => Ok(()),
                    Err(error) => Err(port_error("dynamodb:PutItem", error)),
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// The first place of the first partition of which something is kept, from a place on. What is
    /// forgotten is the beginning of the log, so halving finds its end.
    async fn first_kept(&self, from: i64, last: i64) -> PortResult<i64> {
        let (mut gone, mut kept) = ((from - FIRST) / IN_BLOCK - 1, (last - FIRST) / IN_BLOCK);
        while kept - gone > 1 {
            let middle = gone + (kept - gone) / 2;
            let first = FIRST + middle * IN_BLOCK;
            if self.in_block(first, last_of_block(first)).await?.is_empty() {
                gone = middle;
            } else {
                kept = middle;
            }
        }
        Ok((FIRST + kept * IN_BLOCK).max(from))
    }
}

/// Cuts places into those of one partition each, at most so many.
fn ranges(first: i64, last: i64, most: usize) -> Vec<(i64, i64)> {
    let mut ranges = Vec::new();
    let mut next = first;
    while next <= last && ranges.len() < most {
        let end = last_of_block(next).min(last);
        ranges.push((next, end));
        next = end + 1;
    }
    ranges
}

/// The places where nothing stands.
fn missing(first: i64, last: i64, found: &[Item]) -> Vec<i64> {
    let mut missing = Vec::new();
    let mut next = first;
    for place in found.iter().filter_map(place_of) {
        missing.extend(next..place);
        next = place + 1;
    }
    missing.extend(next..=last);
    missing
}

/// Adds what stands at a place, if it is an event and the reader's.
fn take(item: Item, agent: Option<&AgentName>, events: &mut Vec<LoggedEvent>) {
    let Some(entry) = Entry::of(item) else { return };
    let place = entry.place;
    match entry.logged() {
        Ok(logged) if agent.is_none_or(|agent| *agent == logged.event.agent) => events.push(logged),
        Ok(_) => {}
        Err(error) => tracing::error!(place, %error, "an event of the log is passed over"),
    }
}
