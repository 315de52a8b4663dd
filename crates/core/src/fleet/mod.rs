//! The agents: who they are, how they prove it, and whether they are alive.

pub mod enrolment;
pub mod liveness;
pub mod token;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{AgentName, SecretPrefix, StackName};
use crate::requests::Role;
pub use enrolment::Enrolment;
pub use liveness::{Liveness, Rhythm};
pub use token::{Token, TokenHash};

/// An agent as the policies see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Its name.
    pub name: AgentName,
    /// What it is to the policies.
    pub role: Role,
    /// Prefixes it was given beside its own.
    pub secret_prefixes: Vec<SecretPrefix>,
    /// Stacks it was given beside its own.
    pub stacks: Vec<StackName>,
}

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
    /// A sentence with it, at most [`MAX_MESSAGE_CHARS`] characters.
    pub message: Option<String>,
}

/// The longest message of a heartbeat, in characters.
pub const MAX_MESSAGE_CHARS: usize = 1_024;

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
