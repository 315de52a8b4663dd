//! Metrics that agents report of themselves: kept since this process started, for `/metrics` and for whoever reported
//! them. How many there are is bounded, and what is over the bound is refused, not lost.

mod meters;
mod minutes;
mod sample;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};

use minutes::MinuteRing;
pub use sample::{Datum, Metric, Point, Sample};

pub(crate) use meters::of_reported;

/// After how long of not being reported a series makes room for another one, where there is none.
const STALE: SignedDuration = SignedDuration::from_hours(24);

/// One metric of one agent, in one unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesName {
    pub(crate) agent: AgentName,
    pub(crate) metric: Metric,
    pub(crate) unit: String,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Series {
    /// All that was reported.
    pub(crate) total: Sample,
    /// What was reported last.
    pub(crate) last: f64,
}

/// The same as it is kept.
struct Kept {
    told: Series,
    /// When it was reported last.
    reported_at: Timestamp,
    minutes: MinuteRing,
}

/// Why metrics are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// None are, by the configuration.
    SwitchedOff,
    /// There are as many series as there may be.
    Full {
        /// How many there may be.
        most: usize,
    },
    /// The agent has as many as it may have.
    FullForAgent {
        /// How many that are.
        most: usize,
    },
}

/// The metrics that agents reported.
pub(crate) struct Reported {
    most: usize,
    series: Mutex<HashMap<SeriesName, Kept>>,
}

impl Reported {
    /// Room for so many series; for none at all with 0.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            series: Mutex::default(),
        }
    }

    /// Whether there is room for what an agent reports; others may have taken it by the time it is kept.
    pub(crate) fn check_room(&self, agent: &AgentName, data: &[(Metric, Datum)], now: Timestamp) -> Result<(), NoRoom> {
        if data.is_empty() {
            return Ok(());
        }
        let named: Vec<SeriesName> = data
            .iter()
            .map(|(metric, datum)| SeriesName {
                agent: agent.clone(),
                metric: metric.clone(),
                unit: datum.unit.clone(),
            })
            .collect();
        self.make_room(&mut self.series(), agent, &named.iter().collect(), now)
    }

    /// Keeps what an agent reports by a message that was sent then, all of it or nothing.
    pub(crate) fn keep(
        &self,
        agent: &AgentName,
        data: Vec<(Metric, Datum)>,
        (sent, now): (Timestamp, Timestamp),
    ) -> Result<(), NoRoom> {
        if data.is_empty() {
            return Ok(());
        }
        let data: Vec<(SeriesName, Sample, Timestamp)> = data
            .into_iter()
            .map(|(metric, datum)| {
                let name = SeriesName {
                    agent: agent.clone(),
                    metric,
                    unit: datum.unit,
                };
                (name, datum.sample, datum.at.unwrap_or(sent))
            })
            .collect();
        let mut series = self.series();
        self.make_room(&mut series, agent, &data.iter().map(|(name, _, _)| name).collect(), now)?;
        for (name, sample, at) in data {
            let kept = series.entry(name).or_insert_with(|| Kept::new(now));
            kept.take(sample, at, now);
        }
        Ok(())
    }

    /// What was reported of a metric, by minute, oldest first: by one agent, or by all of them.
    pub(crate) fn points(&self, agent: Option<&AgentName>, metric: &Metric) -> Vec<Point> {
        let mut points: BTreeMap<(i64, String), Sample> = BTreeMap::new();
        for (name, kept) in &*self.series() {
            if name.metric != *metric || agent.is_some_and(|agent| name.agent != *agent) {
                continue;
            }
            for (minute, sample) in kept.minutes.iter() {
                let sum = points.entry((minute, name.unit.clone())).or_default();
                *sum = sum.and(sample);
            }
        }
        let each = points.into_iter();
        each.map(|((minute, unit), sample)| Point { minute, unit, sample })
            .collect()
    }

    /// Every series, in the order of their names.
    pub(crate) fn all(&self) -> Vec<(SeriesName, Series)> {
        let mut all: Vec<(SeriesName, Series)> = self
            .series()
            .iter()
            .map(|(name, kept)| (name.clone(), kept.told))
            .collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    fn series(&self) -> MutexGuard<'_, HashMap<SeriesName, Kept>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for what is new among those that are named.
    fn make_room(
        &self,
        series: &mut HashMap<SeriesName, Kept>,
        agent: &AgentName,
        named: &HashSet<&SeriesName>,
        now: Timestamp,
    ) -> Result<(), NoRoom> {
        if self.most == 0 {
            return Err(NoRoom::SwitchedOff);
        }
        let new = named.iter().filter(|name| !series.contains_key(**name)).count();
        if new == 0 {
            return Ok(());
        }
        // No agent takes everybody's room.
        let most_of_one = self.most.div_ceil(4);
        let fits = |all: usize, own: usize| all + new <= self.most && own + new <= most_of_one;
        if !fits(series.len(), of_agent(series, agent)) {
            series.retain(|name, kept| now.duration_since(kept.reported_at) < STALE || named.contains(name));
        }
        let own = of_agent(series, agent);
        if fits(series.len(), own) {
            Ok(())
        } else if own + new > most_of_one {
            Err(NoRoom::FullForAgent { most: most_of_one })
        } else {
            Err(NoRoom::Full { most: self.most })
        }
    }
}

/// How many series an agent has.
fn of_agent(series: &HashMap<SeriesName, Kept>, agent: &AgentName) -> usize {
    series.keys().filter(|name| name.agent == *agent).count()
}

impl Kept {
    fn new(now: Timestamp) -> Self {
        Self {
            told: Series::default(),
            reported_at: now,
            minutes: MinuteRing::default(),
        }
    }

    fn take(&mut self, sample: Sample, at: Timestamp, now: Timestamp) {
        self.told.total = self.told.total.and(sample);
        self.told.last = sample.average();
        self.reported_at = now;
        self.minutes.take(at, sample);
    }
}

#[cfg(test)]
mod tests;
