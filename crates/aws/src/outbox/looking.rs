//! Finding in the table what others left: what is due, how everybody stands, what was set aside.

use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Consumer, SetAside, Standing};
use jiff::Timestamp;

use super::{ASIDE, CONSUMERS, WAITING, is_due};
use crate::Shared;
use crate::log::Entry;
use crate::places::sortable_time;
use crate::table::{Item, key};
use crate::walk::{Index, Part, Walk};

/// How many events are read at once.
const BATCH: usize = 100;

/// How many events are looked at to say how everybody stands; those beyond count for everybody.
const LOOKED_AT: usize = 2_000;

impl Shared {
    /// The events that one of these consumers is to be told of now, at most so many; the longest due first.
    pub(super) async fn find_due(
        &self,
        consumers: &[Consumer],
        now: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<Entry>> {
        // Behind every event that is due by now: `#`, which follows the time, comes before `$`.
        let until = format!("{}$", sortable_time(now));
        let mut walk = Walk::new(self, Index::Work, WAITING, Part::UpTo(until), limit.min(BATCH));
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(entries) = self.next_entries(&mut walk, BATCH.min(limit)).await? else {
                break;
            };
            // The index may lag, and knows of the first consumer that waits alone.
            due.extend(entries.into_iter().filter(|entry| is_due(entry, consumers, now)));
        }
        due.sort_by_key(|entry| entry.place);
        due.truncate(limit);
        Ok(due)
    }

    /// The next events of a walk, as they are now; none at the end.
    async fn next_entries(&self, walk: &mut Walk<'_>, limit: usize) -> PortResult<Option<Vec<Entry>>> {
        let rows = walk.next(limit).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let keys: Vec<Item> = rows.iter().filter_map(|(_, row)| key_in(row)).collect();
        let items = self.get_many(&keys).await?;
        Ok(Some(items.into_iter().filter_map(Entry::of).collect()))
    }

    /// How each consumer stands.
    pub(super) async fn standings(&self) -> PortResult<Vec<Standing>> {
        let mut standings: Vec<Standing> = CONSUMERS
            .iter()
            .map(|consumer| Standing {
                consumer: *consumer,
                oldest: None,
                waiting: 0,
                failing: 0,
                set_aside: 0,
            })
            .collect();
        for list in [WAITING, ASIDE] {
            let mut walk = Walk::new(self, Index::Work, list, Part::All, BATCH);
            let mut seen = 0;
            while seen < LOOKED_AT {
                let Some(entries) = self.next_entries(&mut walk, BATCH).await? else {
                    break;
                };
                seen += entries.len();
                for entry in &entries {
                    for standing in &mut standings {
                        count(standing, entry);
                    }
                }
            }
            if seen >= LOOKED_AT {
                let more = walk.rest().await?;
                for standing in &mut standings {
                    if list == WAITING {
                        standing.waiting += more;
                    } else {
                        standing.set_aside += more;
                    }
                }
            }
        }
        Ok(standings)
    }

    /// Every event that was set aside for a consumer, by its place.
    pub(super) async fn find_aside(&self, consumer: Consumer) -> PortResult<Vec<Entry>> {
        let mut found = Vec::new();
        // One that somebody else still waits for stands among those that are waiting.
        for list in [WAITING, ASIDE] {
            let mut walk = Walk::new(self, Index::Work, list, Part::All, BATCH);
            while let Some(entries) = self.next_entries(&mut walk, BATCH).await? {
                found.extend(entries.into_iter().filter(|entry| {
                    let progress = entry.progress.as_ref();
                    progress.is_some_and(|progress| progress.aside.contains_key(consumer.as_str()))
                }));
            }
        }
        found.sort_by_key(|entry| entry.place);
        found.dedup_by_key(|entry| entry.place);
        Ok(found)
    }

    /// A page of what was set aside for a consumer.
    pub(super) async fn list_aside(
        &self,
        consumer: Consumer,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<SetAside>> {
        let found = self.find_aside(consumer).await?;
        let behind = found
            .into_iter()
            .filter(|entry| after.is_none_or(|Cursor(place)| entry.place > place));
        let mut items: Vec<SetAside> = behind
            .take(limit.saturating_add(1))
            .filter_map(|entry| {
                let aside = entry.progress().aside.remove(consumer.as_str())?;
                Some(SetAside {
                    id: entry.place,
                    event: entry.event,
                    failures: aside.failures,
                    error: aside.error,
                    at: aside.at,
                })
            })
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| Cursor(last.id));
        Ok(Page { items, next })
    }
}

fn count(standing: &mut Standing, entry: &Entry) {
    let progress = entry.progress();
    let name = standing.consumer.as_str();
    standing.set_aside += u64::from(progress.aside.contains_key(name));
    if !progress.waits(standing.consumer) {
        return;
    }
    standing.waiting += 1;
    standing.failing += u64::from(progress.failing.contains_key(name));
    if let (Ok(_), Some(at)) = (&entry.event, entry.at) {
        standing.oldest = Some(standing.oldest.map_or(at, |oldest| oldest.min(at)));
    }
}

/// The key of the item that a row of an index is of.
fn key_in(row: &Item) -> Option<Item> {
    let text = |name: &str| row.get(name)?.as_s().ok().cloned();
    Some(key(text("PK")?, text("SK")?))
}
