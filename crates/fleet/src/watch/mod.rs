//! Whether an agent is alive: a state machine without a clock of its own.
//!
//! What is heard of an agent goes in by [`WatchState::after`], time by [`WatchState::step`]; out come the flips, with the
//! instants at which they were due, however late somebody looked. The deadlines are part of the state, so that time in
//! which nobody could hear moves them ([`WatchState::shift`]).

mod conditions;
mod settings;
mod signal;
mod state;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use conditions::{condition_key, conditions};
pub use settings::{Keywords, MAX_GRACE, MAX_RUNTIME, MAX_TAGS, WatchSettings};
pub use signal::{ReceivedSignal, Signal};
pub use state::{Cause, Run, WatchState};

/// The state of a watched agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Never heard, or resumed and not heard since.
    #[default]
    New,
    /// Heard in time.
    Up,
    /// Due, and within the grace.
    Late,
    /// Silent beyond the grace, running for too long, or failing by its own word.
    Down,
    /// Nobody waits for it.
    Paused,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::New, Self::Up, Self::Late, Self::Down, Self::Paused];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
            Self::Paused => "paused",
        }
    }
}

/// Why a status changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// A success was heard.
    Ping,
    /// A deadline passed.
    Timeout,
    /// A failure was heard.
    Fail,
    /// A run began within the grace, where runs have a time limit of their own.
    Start,
    /// Somebody paused it.
    Pause,
    /// Somebody resumed it.
    Resume,
    /// Its settings were changed, and by the new ones it is not late.
    Set,
}

impl Reason {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Timeout => "timeout",
            Self::Fail => "fail",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Set => "set",
        }
    }
}

/// A change of an agent's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flip {
    /// When: the deadline that passed or the instant of what was heard, not when it was found.
    pub at: Timestamp,
    /// What it was.
    pub from: Status,
    /// What it is from then on.
    pub to: Status,
    /// Why.
    pub reason: Reason,
    /// Who did it, of a pause and a resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
