//! What people see of the watch.

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortResult, Record, RecordKind};
use jiff::Timestamp;

use super::Watching;
use super::minutes::BeatMinute;
use super::record::{MAX_PINGS, Ping, Watched, read};
use crate::uptime::{Spans, Uptime, reach};
use crate::watch::{Flip, WatchSettings, WatchState};

/// How many records are read at once.
pub(super) const PAGE: usize = 1_000;

/// An agent as the watch sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchedAgent {
    /// The agent.
    pub name: AgentName,
    /// The settings that hold for it.
    pub settings: WatchSettings,
    /// Whether they are its own and not the installation's.
    pub is_own: bool,
    /// Its state by now, also where nobody has swept.
    pub state: WatchState,
    /// When its next heartbeat is due.
    pub due: Option<Timestamp>,
    /// When it is down unless it is heard before.
    pub down_at: Option<Timestamp>,
    /// Since when it is watched.
    pub created: Timestamp,
    /// Whether a ping made it.
    pub auto: bool,
    /// Its slug.
    pub slug: String,
}

/// Some of an agent's flips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The newest first.
    pub flips: Vec<Flip>,
    /// What to ask for the older ones with; none at the end.
    pub next: Option<String>,
}

impl Watching {
    /// An agent; none where it is not watched.
    ///
    /// # Errors
    /// What the store says.
    pub async fn watched(&self, name: &AgentName, now: Timestamp) -> PortResult<Option<WatchedAgent>> {
        self.informed(now).await?;
        Ok(self.find(name).await?.map(|watched| self.seen_now(watched, now)))
    }

    /// Agents by name, from behind `after`, `limit` at most.
    ///
    /// # Errors
    /// What the store says.
    pub async fn page(&self, after: Option<&AgentName>, limit: usize, now: Timestamp) -> PortResult<Vec<WatchedAgent>> {
        self.informed(now).await?;
        let after = after.map(AgentName::as_str);
        let records = self.ports.state.list(RecordKind::Watch, None, after, limit).await?;
        let seen = |record: &Record| Ok(self.seen_now(Watched::of(record)?, now));
        records.iter().map(seen).collect()
    }

    /// All agents by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn list(&self, now: Timestamp) -> PortResult<Vec<WatchedAgent>> {
        let mut all: Vec<WatchedAgent> = Vec::new();
        loop {
            let page = self.page(all.last().map(|last| &last.name), PAGE, now).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// An agent's flips, the newest first, from behind `after`, `limit` at most. Of an agent that is gone, too.
    ///
    /// # Errors
    /// What the store says.
    pub async fn history(&self, name: &AgentName, after: Option<&str>, limit: usize) -> PortResult<History> {
        // A place in another agent's history is none in this one.
        let own = format!("{name}/");
        let after = after.map(|place| format!("{own}{place}"));
        let records = self
            .ports
            .state
            .list(RecordKind::Flip, Some(name.as_str()), after.as_deref(), limit)
            .await?;
        let last = records.last().filter(|_| records.len() == limit);
        let next = last.map(|record| record.key.name.strip_prefix(&own).unwrap_or_default().to_owned());
        let flips = records.iter().map(read).collect::<PortResult<_>>()?;
        Ok(History { flips, next })
    }

    /// How much of the time an agent was up; none where it is not watched.
    ///
    /// # Errors
    /// What the store says.
    pub async fn uptime(&self, name: &AgentName, now: Timestamp) -> PortResult<Option<Uptime>> {
        self.informed(now).await?;
        let Some(watched) = self.find(name).await? else {
            return Ok(None);
        };
        // What time made of it that nobody swept yet is history too.
        let (watched, unswept) = self.passed(watched, now);
        let mut spans = Spans::until(now, watched.kept.state.status);
        for flip in unswept.iter().rev() {
            spans.add(flip);
        }
        let reach = reach(now);
        let mut after = None;
        loop {
            let page = self.history(name, after.as_deref(), PAGE).await?;
            for flip in &page.flips {
                spans.add(flip);
            }
            let is_far_enough = page.flips.last().is_none_or(|flip| flip.at < reach);
            after = page.next;
            if after.is_none() || is_far_enough {
                return Ok(Some(spans.uptime()));
            }
        }
    }

    /// What an agent said lately that was more than a plain heartbeat, the newest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn pings(&self, name: &AgentName) -> PortResult<Vec<Ping>> {
        let most = usize::try_from(MAX_PINGS).unwrap_or(usize::MAX);
        let records = self
            .ports
            .state
            .list(RecordKind::Ping, Some(name.as_str()), None, most)
            .await?;
        let mut pings: Vec<Ping> = records.iter().map(read).collect::<PortResult<_>>()?;
        pings.sort_by_key(|ping| std::cmp::Reverse(ping.number));
        Ok(pings)
    }

    /// In which minutes of its last day an agent was heard, the newest first. Of one that is heard unevenly it may be
    /// less than a day.
    ///
    /// # Errors
    /// What the store says.
    pub async fn minutes(&self, name: &AgentName) -> PortResult<Vec<BeatMinute>> {
        let watched = self.find(name).await?;
        Ok(watched.map_or_else(Vec::new, |watched| watched.kept.minutes.newest_first().collect()))
    }

    pub(super) fn seen_now(&self, watched: Watched, now: Timestamp) -> WatchedAgent {
        self.seen_with_flips(watched, now).0
    }

    /// An agent by now, with the flips that nobody swept yet.
    pub(super) fn seen_with_flips(&self, watched: Watched, now: Timestamp) -> (WatchedAgent, Vec<Flip>) {
        let (watched, unswept) = self.passed(watched, now);
        let settings = watched.settings(&self.defaults).clone();
        let kept = watched.kept;
        let agent = WatchedAgent {
            name: watched.name,
            is_own: kept.settings.is_some(),
            due: kept.state.due(),
            down_at: kept.state.down_at(&settings),
            settings,
            state: kept.state,
            created: kept.created,
            auto: kept.auto,
            slug: kept.slug,
        };
        (agent, unswept)
    }

    /// A watch as it is at `now`, and what time made of it. Where heartbeats are asked for, silence is known only once
    /// they were.
    fn passed(&self, watched: Watched, now: Timestamp) -> (Watched, Vec<Flip>) {
        let mut turn = self.turn(watched);
        if self.heartbeat_source.is_none() {
            turn.let_happen(&self.defaults, None, |state, settings| state.step(settings, now));
        }
        (turn.watched, turn.flips)
    }
}
