//! What is kept of an alert, and how a condition's changes change it.

use std::collections::BTreeMap;

use cc_devops_kernel::port_error::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange};
use cc_devops_kernel::text::cleaned;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::condition::{Condition, Severity};
use crate::policy::{OVER, Route};

/// How an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Its condition is there.
    Open,
    /// Its condition is there, and somebody takes care of it.
    Acknowledged,
    /// Its condition is over.
    Resolved,
    /// Nobody waits for its end any more.
    Closed,
}

impl AlertState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// Whether the condition is there.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged)
    }
}

/// The alert of a condition: the one that is open, or the last one. It is named by the condition's key; of a condition
/// that takes several routes there is one more for each further route, named `KEY @ROUTE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// The same from its opening to its end: 12 hexadecimal digits.
    pub id: String,
    /// The condition, as it was last said to be there.
    pub condition: Condition,
    /// How it stands.
    pub state: AlertState,
    /// How the condition ended, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// When the last change was noted, which is what a group's waiting counts from.
    pub noted_at: Timestamp,
    /// When it has to be decided upon next; none where nothing is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waiting>,
    /// Reported failures in a row.
    #[serde(default)]
    pub failures: u32,
    /// When the condition came and went lately, the earliest first; at most [`MOST_FLIPS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flips: Vec<Timestamp>,
    /// Since when it comes and goes too often for each time to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Timestamp>,
    /// What was told last, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, LastMessage>,
    /// When anything was told of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
    /// When it was first told: escalation counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_told: Option<Timestamp>,
    /// The id of the first message that told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// A number that rises with each telling: it makes each decision's id another, and orders those of one instant.
    #[serde(default)]
    pub tellings: u64,
    /// How many steps of escalation are done.
    #[serde(default)]
    pub escalated: usize,
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// What came and went while quiet hours held it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Missed>,
    /// The id of the route it is told by.
    pub route: String,
    /// The list it stands in while something is to come.
    pub list: String,
    /// The routes that have records of their own for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<String>,
    /// Whether this is the record of a further route.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_further: bool,
}

/// How many flips are remembered of an alert.
pub const MOST_FLIPS: usize = 60;

/// How long an alert is kept that is over.
const KEEP_OVER: SignedDuration = SignedDuration::from_hours(24 * 90);

/// How many times that nobody was told of are remembered for the morning.
const MOST_MISSED: usize = 20;

/// How a condition ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// One line: what is true now, or who closed it.
    pub line: String,
}

/// What an alert waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// For what.
    pub what: WaitsFor,
    /// Until when, as far as it is known now.
    pub until: Timestamp,
    /// In words.
    pub words: String,
}

/// What holds a message back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitsFor {
    /// The group's other members.
    Group,
    /// The end of quiet hours.
    Quiet,
    /// The end of a silence.
    Silence,
    /// Calm.
    Calm,
}

/// What a channel was told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMessage {
    /// What those who read it believe.
    pub belief: NotifiedState,
    /// When it was told.
    pub at: Timestamp,
    /// The severity that was told.
    pub severity: Severity,
    /// The message's id.
    pub message: String,
    /// The name of the message's delivery, which is there for as long as it was not sent.
    pub delivery: String,
    /// The thread it was told in.
    pub thread: String,
    /// What the next reminder counts from.
    pub remind_from: Timestamp,
}

/// What those who read a channel believe of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifiedState {
    /// It is there.
    Open,
    /// It comes and goes.
    Flapping,
    /// It is over.
    Over,
}

/// Who takes care of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Why or how; none where they did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A time at which it was there and nobody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

impl Alert {
    /// The name of the record that a condition's alert has, and of that of a further route.
    pub fn name_of(key: &str, further: Option<&str>) -> String {
        further.map_or_else(|| key.to_owned(), |route| format!("{key} @{route}"))
    }

    /// The name of its record.
    pub fn name(&self) -> String {
        Self::name_of(&self.condition.key, self.is_further.then_some(self.route.as_str()))
    }

    /// Since when what is true of it is true: the opening, or the end.
    pub fn since(&self) -> Timestamp {
        self.ended.as_ref().map_or(self.condition.since, |ended| ended.at)
    }

    /// Whether anybody believes that it is there.
    pub fn is_believed(&self) -> bool {
        self.told.values().any(|told| told.belief != NotifiedState::Over)
    }

    /// Whether nothing is to come of it.
    pub fn is_done(&self) -> bool {
        !self.state.is_open() && !self.is_believed() && self.missed.is_empty()
    }

    /// A new alert of a condition.
    fn new(condition: Condition, route: &Route, further: bool, now: Timestamp) -> Self {
        let mut id = hex::encode(Sha256::digest(format!("{}\n{}", condition.key, condition.since)));
        id.truncate(12);
        Self {
            id,
            state: AlertState::Open,
            ended: None,
            noted_at: now,
            due_at: None,
            waits: None,
            failures: u32::from(condition.counts),
            flips: vec![condition.since],
            flapping: None,
            told: BTreeMap::new(),
            told_at: None,
            first_told: None,
            thread: None,
            tellings: 0,
            escalated: 0,
            acknowledged: None,
            missed: Vec::new(),
            route: route.id.clone(),
            list: route.list_of(&condition),
            further: Vec::new(),
            is_further: further,
            condition,
        }
    }

    /// The alert after its condition was said to be there, and whether there may be something to tell of that; none
    /// where nothing changes.
    pub(crate) fn opened(
        before: Option<&Self>,
        said: &Condition,
        route: &Route,
        further: bool,
        now: Timestamp,
    ) -> Option<(Self, bool)> {
        let said = bounded(said);
        let Some(before) = before else {
            return Some((Self::new(said, route, further, now), true));
        };
        if before.state.is_open() {
            return before.renewed(said, route, now);
        }
        let ended = before.ended.as_ref().map(|ended| ended.at);
        if ended.is_some_and(|ended| said.since < ended) {
            return None;
        }
        let mut alert = Self::new(said, route, further, now);
        alert.told.clone_from(&before.told);
        alert.tellings = before.tellings;
        alert.flapping = before.flapping;
        alert.missed.clone_from(&before.missed);
        alert.further.clone_from(&before.further);
        let mut flips = before.flips.clone();
        flips.append(&mut alert.flips);
        alert.flips = newest(flips);
        if before.is_believed() {
            // Whoever was told has not heard of the end: for them it goes on.
            alert.id.clone_from(&before.id);
            alert.thread.clone_from(&before.thread);
            alert.told_at = before.told_at;
            alert.first_told = before.first_told;
            alert.escalated = before.escalated;
        }
        Some((alert, true))
    }

    fn renewed(&self, said: Condition, route: &Route, now: Timestamp) -> Option<(Self, bool)> {
        let mut alert = self.clone();
        alert.failures = alert.failures.saturating_add(u32::from(said.counts));
        // Silence after failures that were too few to be told is told.
        let silent = self.condition.counts && !said.counts;
        alert.condition = Condition {
            since: self.condition.since,
            ..said
        };
        alert.route.clone_from(&route.id);
        alert.list = route.list_of(&alert.condition);
        let worse = alert.condition.severity < self.condition.severity;
        let enough = self.failures < route.failures && alert.failures >= route.failures;
        let look = worse || silent || enough || alert.list != self.list;
        if look {
            alert.noted_at = now;
        }
        (alert != *self).then_some((alert, look))
    }

    /// The alert after its condition was said to be over, or not to be waited for; none where it was not open then.
    pub(crate) fn ended(&self, at: Timestamp, line: &str, state: AlertState, now: Timestamp) -> Option<Self> {
        if !self.state.is_open() || at < self.condition.since {
            return None;
        }
        let mut alert = Self {
            state,
            ended: Some(Ended {
                at,
                line: shortened(&cleaned(line), 500),
            }),
            noted_at: now,
            failures: 0,
            ..self.clone()
        };
        alert.flips.push(at);
        alert.flips = newest(alert.flips);
        let held = self.waits.as_ref().is_some_and(|waits| waits.what == WaitsFor::Quiet);
        if state == AlertState::Closed {
            alert.missed.clear();
        } else if !alert.is_believed() && held && alert.missed.len() < MOST_MISSED {
            alert.missed.push(Missed {
                from: self.condition.since,
                to: at,
            });
        }
        if alert.is_done() {
            alert.settle(now);
        }
        Some(alert)
    }

    /// Nothing is to come of it: it is kept for a while, for whoever looks back.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.due_at = now.checked_add(KEEP_OVER).ok();
        self.waits = None;
        self.told_at = None;
        self.first_told = None;
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` where it is none of an alert.
    pub fn of(record: &Record) -> PortResult<Self> {
        serde_json::from_str(&record.content.body).map_err(|error| {
            let message = format!("the alert {:?} cannot be read", record.key.name);
            PortError::new(PortErrorKind::Corrupt, message).because(error)
        })
    }

    /// The change that keeps it; `version` is the one it was read in, 0 where there was none.
    pub fn change(&self, version: u64) -> PortResult<StateChange> {
        let list = if self.is_done() { OVER } else { &self.list };
        Ok(StateChange {
            key: RecordKey::new(RecordKind::Alert, self.name()),
            version,
            content: Some(Content {
                due_at: self.due_at,
                list: Some(list.to_owned()),
                body: written(self)?,
            }),
        })
    }
}

/// What is kept, as JSON.
pub(crate) fn written(value: &impl Serialize) -> PortResult<String> {
    serde_json::to_string(value).map_err(|error| {
        PortError::new(PortErrorKind::Corrupt, "what is to be kept cannot be written as JSON").because(error)
    })
}

fn newest(mut flips: Vec<Timestamp>) -> Vec<Timestamp> {
    let surplus = flips.len().saturating_sub(MOST_FLIPS);
    flips.drain(..surplus);
    flips
}

/// The condition as it is kept: what others wrote has a bound.
fn bounded(said: &Condition) -> Condition {
    let mut condition = said.clone();
    condition.title = shortened(&cleaned(&condition.title), 500);
    condition.text = shortened(&condition.text, 10_000);
    condition.body = condition.body.map(|body| shortened(&body, 12_000));
    condition.plan = condition.plan.map(|plan| plan.within(10_000));
    condition
}

/// The text, or its beginning; at most `most` bytes and a sign that something is left out.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\u{2026}", text.get(..end).unwrap_or_default())
}
