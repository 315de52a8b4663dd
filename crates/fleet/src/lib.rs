#![doc = include_str!("../README.md")]

pub mod aws_keys;
pub mod badges;
pub mod days;
pub mod enrolment;
pub mod liveness;
pub mod parameters;
pub mod ports;
mod rows;
pub mod sessions;
pub mod simulate;
pub mod slack_users;
pub mod token;
pub mod uptime;
pub mod watch;
pub mod watching;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::text::cleaned;
pub use cc_devops_schedule as schedule;
pub use enrolment::Enrolment;
pub use liveness::{HeartbeatInterval, Liveness};
pub use slack_users::{SlackUserId, SlackUsers};
pub use token::{Token, TokenHash};

/// An agent to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgent {
    /// The agent.
    pub agent: Agent,
    /// When.
    pub created_at: Timestamp,
}

/// A token to store; only its hash is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The hash.
    pub hash: TokenHash,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Beat {
    /// When it was received.
    pub at: Timestamp,
    /// Whether the agent says it works.
    pub healthy: bool,
    /// A sentence with it: what [`message`] keeps, at most [`MAX_MESSAGE_CHARS`] characters.
    pub message: Option<String>,
}

/// The longest message of a heartbeat, in characters.
pub const MAX_MESSAGE_CHARS: usize = 1_024;

/// What is kept of the sentence that an agent says with its heartbeat: one line of it, without what would turn or
/// move the text around it wherever people read it. Nothing where nothing is left.
///
/// # Errors
/// It is longer than [`MAX_MESSAGE_CHARS`].
pub fn message(text: &str) -> Result<Option<String>, String> {
    if text.chars().count() > MAX_MESSAGE_CHARS {
        return Err(format!("`message` may have {MAX_MESSAGE_CHARS} characters at most"));
    }
    Ok(Some(cleaned(text)).filter(|message| !message.is_empty()))
}

/// An agent with what is known of its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// The agent.
    pub agent: Agent,
    /// When it was added or registered.
    pub created_at: Timestamp,
    /// When its tokens were revoked.
    pub revoked_at: Option<Timestamp>,
    /// Its last heartbeat.
    pub last_beat: Option<Beat>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeats_sentence_is_one_line_of_bounded_length() {
        let kept = |text: &str| message(text).unwrap();
        assert_eq!(
            kept("queue full\nagent B: all is well"),
            Some("queue full agent B: all is well".to_owned())
        );
        assert_eq!(kept("\u{202e}lleh\u{1b}[2J"), Some("lleh [2J".to_owned()));
        assert_eq!(kept(" \n\u{2066}"), None);
        assert!(message(&"\u{e9}".repeat(MAX_MESSAGE_CHARS)).is_ok());
        assert!(message(&"\u{e9}".repeat(MAX_MESSAGE_CHARS + 1)).is_err());
    }
}
