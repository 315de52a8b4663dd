//! What is heard of an agent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Beat;

/// What a message says, by Healthchecks' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// It works; a run ended well.
    Success,
    /// It fails; a run ended badly.
    Failure,
    /// A run begins.
    Start,
    /// Something to be kept, which changes nothing.
    Log,
}

impl Signal {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Start => "start",
            Self::Log => "log",
        }
    }

    /// What a process's exit status says: 0 is a success, everything else a failure.
    pub fn of_exit(status: u8) -> Self {
        if status == 0 { Self::Success } else { Self::Failure }
    }
}

/// A message of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSignal {
    /// When it was received, or sent where the sender's time is trusted.
    pub at: Timestamp,
    /// What it says.
    pub signal: Signal,
    /// The exit status that it gives.
    pub exit: Option<u8>,
    /// Which run it is of: compared byte by byte, so one form of each (a UUID in lower case).
    pub rid: Option<String>,
    /// A sentence, as [`message`](crate::message) keeps it.
    pub message: Option<String>,
    /// The beginning of what was sent along.
    pub body: Option<Vec<u8>>,
    /// How it came: `GET`, `HEAD`, `POST`, or what else there is.
    pub how: Option<String>,
    /// That whoever recorded it can send it again: it counts only where nothing newer was heard.
    pub is_repeatable: bool,
}

impl ReceivedSignal {
    /// A message that says this and nothing more.
    pub fn new(at: Timestamp, signal: Signal) -> Self {
        Self {
            at,
            signal,
            exit: None,
            rid: None,
            message: None,
            body: None,
            how: None,
            is_repeatable: false,
        }
    }
}

impl From<Beat> for ReceivedSignal {
    fn from(beat: Beat) -> Self {
        let signal = if beat.healthy { Signal::Success } else { Signal::Failure };
        Self {
            message: beat.message,
            ..Self::new(beat.at, signal)
        }
    }
}
