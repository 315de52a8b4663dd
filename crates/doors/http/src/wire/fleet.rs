//! The shapes of heartbeats, agents and secrets.

use cc_devops_fleet::{AgentStatus, Liveness, Rhythm, message};
use cc_devops_kernel::agent::Role;
use cc_devops_requests::sealed_values::SealingKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A heartbeat.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Heartbeat {
    /// Whether the agent says it works.
    pub(crate) healthy: bool,
    /// A sentence with it. One line of it is kept: blanks, control characters and marks of direction become a blank.
    #[schema(max_length = 1024)]
    pub(crate) message: Option<String>,
}

impl Heartbeat {
    /// What is kept of the message, if it is short enough.
    pub(crate) fn checked_message(&self) -> Result<Option<String>, String> {
        self.message.as_deref().map_or(Ok(None), message)
    }
}

/// Every agent and how it does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentList {
    /// By name.
    pub(crate) agents: Vec<AgentView>,
    /// Seconds between two heartbeats.
    pub(crate) period_seconds: i64,
    /// Seconds a heartbeat may come later before the agent counts as down.
    pub(crate) grace_seconds: i64,
}

/// An agent and how it does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Agent)]
pub(crate) struct AgentView {
    name: String,
    /// What it is to the policies.
    #[schema(value_type = RoleName)]
    role: Role,
    /// Whether it is alive.
    #[schema(value_type = LivenessName)]
    state: Liveness,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its tokens were revoked.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// When it was last heard.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_heartbeat: Option<Timestamp>,
    /// What it said of itself then.
    #[schema(required)]
    healthy: Option<bool>,
    /// The sentence it said with it.
    #[schema(required)]
    message: Option<String>,
}

/// What an agent is to the policies.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum RoleName {
    /// A service that asks for itself.
    Agent,
    /// An operator.
    Admin,
}

/// Whether an agent is alive.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schema(as = Liveness)]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum LivenessName {
    /// It was never heard.
    New,
    /// It was heard within its period and said it works.
    Up,
    /// Its heartbeat is overdue, within the grace.
    Late,
    /// Its heartbeat is overdue beyond the grace, or its last one said it fails.
    Down,
}

impl AgentView {
    /// The agent as it is at `now`.
    pub(crate) fn of(status: AgentStatus, now: Timestamp, rhythm: Rhythm) -> Self {
        let state = Liveness::of(status.last_beat.as_ref(), now, rhythm);
        let beat = status.last_beat;
        Self {
            name: status.agent.name.into(),
            role: status.agent.role,
            state,
            created_at: status.created_at,
            revoked_at: status.revoked_at,
            last_heartbeat: beat.as_ref().map(|beat| beat.at),
            healthy: beat.as_ref().map(|beat| beat.healthy),
            message: beat.and_then(|beat| beat.message),
        }
    }
}

/// A secret's value. Neither printed nor kept: it goes straight into the answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Secret)]
pub(crate) struct SecretView<'a> {
    /// The full name, with its leading slash.
    pub(crate) name: &'a str,
    /// The value.
    pub(crate) value: &'a str,
    /// The version.
    pub(crate) version_id: &'a str,
    /// When the version was written.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
}

/// The key that values are sealed to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SealingKey)]
pub(crate) struct SealingKeyView {
    /// What it is called; goes with each value that is sealed to it.
    #[schema(example = "3f1c0a52b7d94e68", pattern = "^[0-9a-f]{16}$")]
    key_id: String,
    /// The public key, 32 bytes in base64.
    public_key: String,
    /// How values are sealed: by libsodium's function of this name.
    #[schema(example = "crypto_box_seal")]
    algorithm: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the next one is made, unless that is done before.
    #[schema(value_type = String, format = DateTime)]
    rotates_at: Timestamp,
}

impl From<SealingKey> for SealingKeyView {
    fn from(key: SealingKey) -> Self {
        Self {
            key_id: key.key_id.to_string(),
            public_key: key.public_key,
            algorithm: key.algorithm,
            created_at: key.created_at,
            rotates_at: key.rotates_at,
        }
    }
}
