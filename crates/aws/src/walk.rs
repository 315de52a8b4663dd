//! Walks along a list that is spread over several keys of an index: in one order, page by page.

use std::collections::{HashMap, VecDeque};

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use crate::Shared;
use crate::error::port_error;
use crate::places::{keys_of, sortable};
use crate::table::{BATCH, Item, TIME, WORK, key, text};

/// The fewest and the most rows that are asked of a key at once.
const PAGE: (usize, usize) = (8, 1_000);

/// An index of the ledger's table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Index {
    /// What is due or waits.
    Work,
    /// What is listed.
    Time,
}

impl Index {
    fn name(self) -> &'static str {
        match self {
            Self::Work => WORK,
            Self::Time => TIME,
        }
    }

    fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Work => ("WPK", "WSK"),
            Self::Time => ("TPK", "TSK"),
        }
    }
}

/// Which part of a list, and which end first.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// All, lowest first.
    All,
    /// What is at or below a place, lowest first.
    UpTo(String),
    /// What is at or above a place, lowest first.
    From(String),
    /// All, highest first.
    Newest,
    /// What is below a place, highest first.
    Before(String),
}

impl Part {
    fn bound(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::All | Self::Newest => None,
            Self::UpTo(place) => Some(("<=", place)),
            Self::From(place) => Some((">=", place)),
            Self::Before(place) => Some(("<", place)),
        }
    }

    fn ascends(&self) -> bool {
        matches!(self, Self::All | Self::UpTo(_) | Self::From(_))
    }
}

/// One key on the way.
struct Lane {
    key: String,
    read: VecDeque<(String, Item)>,
    /// Where to go on; nothing before the first page.
    start: Option<Item>,
    ended: bool,
}

/// A walk.
pub(crate) struct Walk<'a> {
    shared: &'a Shared,
    index: Index,
    part: Part,
    lanes: Vec<Lane>,
    page: i32,
}

impl<'a> Walk<'a> {
    /// A walk along the keys of `list`; `about` is how many rows the caller thinks it needs.
    pub(crate) fn new(shared: &'a Shared, index: Index, list: &str, part: Part, about: usize) -> Self {
        let lanes: Vec<Lane> = keys_of(list)
            .into_iter()
            .map(|key| Lane {
                key,
                read: VecDeque::new(),
                start: None,
                ended: false,
            })
            .collect();
        // An even share, and some more because shares are not even.
        let share = (about / lanes.len())
            .saturating_mul(2)
            .clamp(PAGE.0, PAGE.1)
            .min(about.max(1));
        Self {
            shared,
            index,
            part,
            lanes,
            page: i32::try_from(share).unwrap_or(100),
        }
    }

    /// The next rows, at most so many, each with its place; none at the end.
    pub(crate) async fn next(&mut self, limit: usize) -> PortResult<Vec<(String, Item)>> {
        let mut rows = Vec::new();
        while rows.len() < limit {
            self.refill().await?;
            let ascends = self.part.ascends();
            let heads = self.lanes.iter_mut().filter(|lane| !lane.read.is_empty());
            let head = |lane: &Lane| lane.read.front().map(|(place, _)| place.clone());
            let next = if ascends {
                heads.min_by_key(|lane| head(lane))
            } else {
                heads.max_by_key(|lane| head(lane))
            };
            match next.and_then(|lane| lane.read.pop_front()) {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }

    /// How many rows are left; the walk is over then.
    pub(crate) async fn rest(mut self) -> PortResult<u64> {
        let mut count = 0;
        loop {
            self.refill().await?;
            let read: usize = self
                .lanes
                .iter_mut()
                .map(|lane| std::mem::take(&mut lane.read).len())
                .sum();
            if read == 0 {
                return Ok(count);
            }
            count += u64::try_from(read).unwrap_or(0);
        }
    }

    /// Reads on where nothing read is left. Until that is done nobody knows which row is next.
    async fn refill(&mut self) -> PortResult<()> {
        let (shared, index, part, page) = (self.shared, self.index, &self.part, self.page);
        let reading = self
            .lanes
            .iter_mut()
            .filter(|lane| lane.read.is_empty() && !lane.ended)
            .map(|lane| lane.fill(shared, index, part, page));
        try_join_all(reading).await.map(drop)
    }
}

impl Lane {
    async fn fill(&mut self, shared: &Shared, index: Index, part: &Part, page: i32) -> PortResult<()> {
        let (key, place) = index.keys();
        while self.read.is_empty() && !self.ended {
            let call = shared.clients.dynamodb().query().table_name(shared.table());
            let call = call
                .index_name(index.name())
                .expression_attribute_values(":key", text(&self.key));
            let call = match part.bound() {
                None => call.key_condition_expression(format!("{key} = :key")),
                Some((than, bound)) => call
                    .key_condition_expression(format!("{key} = :key AND {place} {than} :place"))
                    .expression_attribute_values(":place", text(bound)),
            };
            let call = call.scan_index_forward(part.ascends()).limit(page);
            let answer = call.set_exclusive_start_key(self.start.take()).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                if let Some(AttributeValue::S(at)) = item.get(place) {
                    self.read.push_back((at.clone(), item));
                }
            }
            self.start = answer.last_evaluated_key;
            self.ended = self.start.is_none();
        }
        Ok(())
    }
}

/// The most rows that are looked at for a page that has a reach: ten reads of 100 rows.
const MOST_LOOKED_AT: usize = 1_000;

/// By how much a row's place may differ from its time: what clocks differ by, and how long a write takes.
const ASTRAY: SignedDuration = SignedDuration::from_mins(5);

/// What is looked for in a list, newest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    /// Only what stands before.
    pub(crate) before: Option<Cursor>,
    /// How many rows a page has.
    pub(crate) limit: usize,
    /// How many rows are looked at for it.
    pub(crate) reach: Option<usize>,
    /// At or after which time and before which, where there is a reach.
    pub(crate) times: (Option<Timestamp>, Option<Timestamp>),
}

impl Search {
    /// The place before which to look, and the first one to look at: a place is a time in microseconds.
    fn stretch(self) -> (Option<i64>, Option<i64>) {
        let before = self.before.map(|Cursor(place)| place);
        if self.reach.is_none() {
            return (before, None);
        }
        let (since, until) = self.times;
        let until = until.map(|at| at.saturating_add(ASTRAY).unwrap_or(Timestamp::MAX).as_microsecond());
        let since = since.map(|at| at.saturating_sub(ASTRAY).unwrap_or(Timestamp::MIN).as_microsecond());
        let before = match (before, until.map(|until| until.max(0))) {
            (Some(before), Some(until)) => Some(before.min(until)),
            (one, other) => one.or(other),
        };
        (before, since)
    }
}

impl Shared {
    /// A page of a list, newest first. `read` says what an item is to the caller; nothing, where
    /// the filter leaves it out.
    ///
    /// A page does not end between rows of the same place, which two writers may give out.
    pub(crate) async fn newest_first<T>(
        &self,
        list: &str,
        search: Search,
        read: impl Fn(Item) -> PortResult<Option<T>>,
    ) -> PortResult<Page<T>> {
        let mut items: Vec<T> = Vec::new();
        let mut ended: Option<String> = None;
        let (before, since) = search.stretch();
        let part = before.map_or(Part::Newest, |place| Part::Before(sortable(place)));
        let about = search.limit.saturating_add(1).min(BATCH);
        let mut walk = Walk::new(self, Index::Time, list, part, about);
        let reach = search.reach.map_or(usize::MAX, |reach| reach.min(MOST_LOOKED_AT));
        let (mut looked, mut seen): (usize, Option<String>) = (0, None);
        let cursor = |place: Option<&String>| place.and_then(|place| place.parse().ok()).map(Cursor);
        loop {
            let rows = walk.next(about).await?;
            if rows.is_empty() {
                return Ok(Page { items, next: None });
            }
            let rows = rows.into_iter().map(|(_, row)| row).collect();
            for (place, item) in self.of_keys(Index::Time, rows).await? {
                if since.is_some_and(|since| place.parse().is_ok_and(|place: i64| place < since)) {
                    return Ok(Page { items, next: None });
                }
                if items.len() >= search.limit && ended.as_ref() != Some(&place) {
                    let next = cursor(ended.as_ref());
                    return Ok(Page { items, next });
                }
                if looked >= reach && seen.as_ref() != Some(&place) {
                    let next = cursor(seen.as_ref());
                    return Ok(Page { items, next });
                }
                looked += 1;
                seen = Some(place.clone());
                if let Some(row) = read(item)? {
                    items.push(row);
                    ended = Some(place);
                }
            }
        }
    }

    /// The items of an index's keys, in the index's order, each with its place.
    pub(crate) async fn of_keys(&self, index: Index, rows: Vec<Item>) -> PortResult<Vec<(String, Item)>> {
        let (_, place) = index.keys();
        let of = |item: &Item, name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let keys: Vec<Item> = rows
            .iter()
            .filter_map(|row| Some(key(of(row, "PK")?, of(row, "SK")?)))
            .collect();
        let mut items: HashMap<_, _> = self
            .get_many(&keys)
            .await?
            .into_iter()
            .map(|item| ((of(&item, "PK"), of(&item, "SK")), item))
            .collect();
        Ok(rows
            .iter()
            .filter_map(|row| {
                let item = items.remove(&(of(row, "PK"), of(row, "SK")))?;
                Some((of(row, place)?, item))
            })
            .collect())
    }
}
