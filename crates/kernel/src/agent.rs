//! Who asks, and what they are to the policies.

use serde::{Deserialize, Serialize};

use crate::names::{AgentName, SecretPrefix, StackName};

/// Who was proven to ask: by a bearer token over HTTP, by IAM in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The agent the proof belongs to.
    pub agent: AgentName,
    /// What the agent is to the policies.
    pub role: Role,
}

/// What an agent is to the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A service that asks for itself.
    Agent,
    /// An operator, who may also ask on behalf of any agent.
    Admin,
    /// A person who looks and changes nothing.
    Observer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Admin, Self::Observer];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Observer => "observer",
        }
    }

    /// The role of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

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
