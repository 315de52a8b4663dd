//! What people are told: one decision, the same on every channel.

use std::collections::BTreeMap;

use cc_devops_kernel::names::AgentName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::condition::{ConditionKind, Severity};
use crate::plan_notice::PlanNotice;

/// What kind of news a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A condition opened.
    Down,
    /// It is over.
    Up,
    /// It is still open, and nobody took it on.
    Reminder,
    /// Nobody waits for its end any more.
    Closed,
    /// It comes and goes too often for each time to be told.
    Flapping,
    /// What waited for the end of quiet hours and is over.
    Digest,
    /// Somebody tries a channel. It is of no alert.
    Test,
}

impl MessageKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::Reminder => "reminder",
            Self::Closed => "closed",
            Self::Flapping => "flapping",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

/// One of the conditions that a message tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// The condition's key.
    pub key: String,
    /// The id of its alert, for `alerts show` and `alerts ack`.
    pub alert: String,
    /// What it is of.
    pub kind: ConditionKind,
    /// How much it matters.
    pub severity: Severity,
    /// The agent it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// Whether it is open.
    pub open: bool,
    /// When that began.
    pub since: Timestamp,
    /// One line: what is the matter, or what is true now.
    pub title: String,
    /// What is known of it and what to do. Others may have written parts of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What the agent sent with its last ping, with our own tokens blotted out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The plan that it waits for a decision on, for as long as it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanNotice>,
}

/// A message. It is serialised as a webhook's `data` and as `fleet simulate` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The decision's id, `[A-Za-z0-9_-]{1,64}`: the same on every copy, channel and try.
    pub id: String,
    /// What kind of news it is.
    pub kind: MessageKind,
    /// When it was decided to tell it.
    pub at: Timestamp,
    /// When what it tells began.
    pub since: Timestamp,
    /// The agent, where it is of one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// Of a group: how many conditions are open now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Of a group: the agents (or keys of what is of no agent) that no message named before; at most [`MOST_NEW`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Vec<String>>,
    /// The channel, where one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Why it is told now, in words; who, where a person did it.
    pub reason: String,
    /// The worst severity of what it tells.
    pub severity: Severity,
    /// The id that all messages of one alert share (one thread in mail, one incident in PagerDuty): the first message's.
    pub thread: String,
    /// The threads of all the alerts it tells, `thread` first; at most [`MOST_NAMED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<String>,
    /// Those of them in which nothing is open any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<String>,
    /// The labels that everything in it shares.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// One line that says it all, without a line break.
    pub title: String,
    /// What it tells of, the worst first; at most [`MOST_NAMED`].
    #[serde(default)]
    pub alerts: Vec<Named>,
    /// How many more there are than `alerts` names.
    #[serde(default)]
    pub left_out: u64,
    /// Why nothing is done unasked at the moment, while maintenance mode is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<String>,
}

/// How many conditions a message names at most.
pub const MOST_NAMED: usize = 200;

/// How many new ones a message lists at most.
pub const MOST_NEW: usize = 1_000;
