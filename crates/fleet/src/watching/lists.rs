//! Agents by their state, for pages: with ten thousand agents no page reads all of them. An agent stands in the list of
//! its state as it was last written; the sweep is seconds behind.

use std::collections::BTreeMap;

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortResult, Record, RecordKind};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::record::Watched;
use super::views::PAGE;
use super::{WatchedAgent, Watching};
use crate::days::{DayMark, last_days, share_up};
use crate::uptime::{Spans, Uptime, reach};
use crate::watch::{Flip, Status};

/// How many flips are read for an agent's last days in a list. Of one that flaps more, the days before are not known.
pub const FLIPS_IN_A_LIST: usize = 200;

/// How many flips are read for an agent's uptime on its own page.
pub const FLIPS_OF_ONE: usize = 5_000;

/// How many agents' flips are read at once.
const AT_ONCE: usize = 16;

/// Which agents are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those in this state; all, those that fail first, where none is given.
    pub status: Option<Status>,
    /// Those whose names begin so.
    pub prefix: String,
}

/// An agent with its last days.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedAgent {
    /// The agent by now.
    pub agent: WatchedAgent,
    /// The last 30 days, the oldest first.
    pub days: Vec<DayMark>,
    /// Since when its flips are known, where it has more than were read.
    pub known_since: Option<Timestamp>,
}

impl ListedAgent {
    /// The share of these days, 0 to 1, in which it was up or late.
    pub fn share_up(&self) -> Option<f64> {
        share_up(&self.days)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The agents.
    pub agents: Vec<ListedAgent>,
    /// What to ask for the next ones with; none at the end.
    pub next: Option<String>,
}

/// An agent's last 90 days.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// The agent with its last days.
    pub listed: ListedAgent,
    /// How much of the time it was up. A time that begins before `known_since` has no share.
    pub uptime: Uptime,
}

/// Agents that stand in the list together, by name: those that fail come first.
static GROUPS: [&[Status]; 3] = [
    &[Status::Down],
    &[Status::Late],
    &[Status::New, Status::Up, Status::Paused],
];

impl Watching {
    /// How many agents there are in each status, as they were last written.
    ///
    /// # Errors
    /// What the store says.
    pub async fn counts(&self, now: Timestamp) -> PortResult<BTreeMap<Status, u64>> {
        let mut counts: BTreeMap<Status, u64> = Status::ALL.into_iter().map(|status| (status, 0)).collect();
        let lists = self.ports.state.counts(RecordKind::Watch).await?;
        let of = |list: &Option<String>| {
            Status::ALL
                .into_iter()
                .find(|status| list.as_deref() == Some(status.as_str()))
        };
        if lists.keys().all(|list| of(list).is_some()) {
            counts.extend(lists.iter().filter_map(|(list, count)| Some((of(list)?, *count))));
            return Ok(counts);
        }
        // Some were written by an earlier version.
        for agent in self.list(now).await? {
            *counts.entry(agent.state.status).or_default() += 1;
        }
        Ok(counts)
    }

    /// The first of those that are down and then of those that are late, by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn failing(&self, limit: usize, now: Timestamp) -> PortResult<Vec<WatchedAgent>> {
        self.informed(now).await?;
        let mut failing: Vec<WatchedAgent> = Vec::new();
        for status in [Status::Down, Status::Late] {
            let left = limit.saturating_sub(failing.len());
            for record in self.in_state(status, None, left).await? {
                failing.push(self.seen_now(Watched::of(&record)?, now));
            }
        }
        Ok(failing)
    }

    /// Agents that are wanted, those that are down first, then those that are late, each by name; from behind the place
    /// `after`, `limit` at most. What is no place of this list is its beginning.
    ///
    /// # Errors
    /// What the store says.
    pub async fn listed(
        &self,
        wanted: &Wanted,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> PortResult<Listed> {
        self.informed(now).await?;
        let own = wanted.status.map(|status| [status]);
        let alone = own.as_ref().map(|own| [own.as_slice()]);
        let groups = alone.as_ref().map_or(GROUPS.as_slice(), |alone| alone.as_slice());
        let place = after.and_then(|after| after.split_once('/'));
        let place = place.and_then(|(group, name)| Some((group.parse::<usize>().ok()?, name)));
        let (first, mut after) = place.map_or((0, None), |(group, name)| (group, Some(name.to_owned())));
        let mut found: Vec<(usize, Watched)> = Vec::new();
        for (number, group) in groups.iter().enumerate().skip(first) {
            let begin = after.take().max(before(&wanted.prefix));
            // One more tells whether there is more.
            let left = (limit + 1).saturating_sub(found.len());
            if left == 0 {
                break;
            }
            let mut together = Vec::new();
            for status in *group {
                together.extend(self.in_state(*status, begin.as_deref(), left).await?);
            }
            together.sort_by(|one, other| one.key.name.cmp(&other.key.name));
            together.retain(|record| record.key.name.starts_with(&wanted.prefix));
            together.truncate(left);
            for record in &together {
                found.push((number, Watched::of(record)?));
            }
        }
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let last = found.last().filter(|_| !is_last);
        let next = last.map(|(number, watched)| format!("{number}/{}", watched.name));
        let agents = stream::iter(found)
            .map(|(_, watched)| self.with_days(watched, FLIPS_IN_A_LIST, now))
            .buffered(AT_ONCE)
            .map_ok(|(listed, _)| listed)
            .try_collect()
            .await?;
        Ok(Listed { agents, next })
    }

    /// An agent with its uptime and its last days; none where it is not watched. Of one that flaps, only the newest
    /// [`FLIPS_OF_ONE`] flips are read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn life(&self, name: &AgentName, now: Timestamp) -> PortResult<Option<Life>> {
        self.informed(now).await?;
        let Some(watched) = self.find(name).await? else {
            return Ok(None);
        };
        let (listed, flips) = self.with_days(watched, FLIPS_OF_ONE, now).await?;
        let mut spans = Spans::until(now, listed.agent.state.status);
        for flip in &flips {
            spans.add(flip);
        }
        let is_known = listed.known_since.is_none_or(|since| since <= reach(now));
        let uptime = if is_known {
            spans.uptime()
        } else {
            spans.uptime_as_known()
        };
        Ok(Some(Life { listed, uptime }))
    }

    /// Puts watches into the list of their state that an earlier version left in none.
    pub(super) async fn put_into_lists(&self, now: Timestamp) -> PortResult<()> {
        if !self.ports.state.counts(RecordKind::Watch).await?.contains_key(&None) {
            return Ok(());
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.ports.state.list(RecordKind::Watch, None, after.as_deref(), PAGE);
            let page = page.await?;
            let unlisted = page.iter().filter(|record| record.content.list.is_none());
            let turns = unlisted.map(|record| Ok(self.turn(Watched::of(record)?)));
            // Who is written by somebody else meanwhile is in its list by that.
            self.write_all(turns.collect::<PortResult<_>>()?, now).await?;
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.into_iter().last().map(|last| last.key.name);
        }
    }

    async fn in_state(&self, status: Status, after: Option<&str>, limit: usize) -> PortResult<Vec<Record>> {
        let state = &self.ports.state;
        state.list(RecordKind::Watch, Some(status.as_str()), after, limit).await
    }

    /// A watch by now with its last days, and the flips that they are of, the newest first.
    async fn with_days(&self, watched: Watched, most: usize, now: Timestamp) -> PortResult<(ListedAgent, Vec<Flip>)> {
        let kept = watched.kept.flips;
        let (agent, mut flips) = self.seen_with_flips(watched, now);
        flips.reverse();
        let mut is_all = true;
        if kept > 0 {
            let history = self.history(&agent.name, None, most).await?;
            is_all = history.next.is_none();
            flips.extend(history.flips);
        }
        let days = last_days(&flips, is_all, agent.state.status, now);
        let known_since = flips.last().filter(|_| !is_all).map(|flip| flip.at);
        let listed = ListedAgent {
            agent,
            days,
            known_since,
        };
        Ok((listed, flips))
    }
}

/// The place right before all names that begin so: names have nothing behind `z`.
fn before(prefix: &str) -> Option<String> {
    let mut before: Vec<char> = prefix.chars().collect();
    let last = before.pop()?;
    let code = u32::from(last).checked_sub(1)?;
    before.extend([char::from_u32(code).unwrap_or('\0'), '\u{7f}']);
    Some(before.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_begins_before_its_names() {
        assert_eq!(before(""), None);
        for prefix in ["A", "Ab", "a_", "Zz9", "z"] {
            let place = before(prefix).unwrap();
            for name in [prefix.to_owned(), format!("{prefix}-"), format!("{prefix}z9")] {
                assert!(name > place, "{name} {place:?}");
            }
            let mut other = prefix.to_owned();
            let last = other.pop().unwrap();
            other.push(char::from_u32(u32::from(last) - 1).unwrap());
            assert!(format!("{other}zzz") < place, "{other}");
        }
    }
}
