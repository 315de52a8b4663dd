//! Walks along a list that is spread over several keys of an index: in one order, page by page.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_kernel::ports::PortResult;
use futures::future::try_join_all;

use crate::Shared;
use crate::error::port_error;
use crate::places::keys_of;
use crate::table::{Item, TIME, WORK, text};

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
