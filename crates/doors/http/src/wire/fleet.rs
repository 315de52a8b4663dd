//! The shapes of heartbeats, agents and secrets.

use cc_devops_alerts::Severity;
use cc_devops_fleet::uptime::Uptime;
use cc_devops_fleet::watch::{Cause, Flip, Reason, Signal, Status};
use cc_devops_fleet::watching::{History, Ping, WatchedAgent};
use cc_devops_fleet::{AgentStatus, HeartbeatInterval, Liveness, message};
use cc_devops_kernel::agent::Role;
use cc_devops_requests::sealed_values::SealingKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alerts::SeverityName;

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
    /// Its state as the watch has it, also where nobody waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WatchStatusName, required = false)]
    status: Option<Status>,
    /// Since when; absent for one that was never anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    since: Option<Timestamp>,
    /// When its next heartbeat is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    due: Option<Timestamp>,
    /// When it is down unless it is heard before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    down_at: Option<Timestamp>,
    /// When heartbeats are due, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    schedule: Option<String>,
    /// Who paused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    paused_by: Option<String>,
}

/// How the watch has an agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Watch)]
pub(crate) struct WatchView {
    /// Its state, also where nobody waits for it.
    #[schema(value_type = WatchStatusName)]
    status: Status,
    /// Since when; absent for one that was never anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    since: Option<Timestamp>,
    /// When its next heartbeat is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    due: Option<Timestamp>,
    /// When it is down unless it is heard before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    down_at: Option<Timestamp>,
    /// When heartbeats are due, in words.
    schedule: String,
    /// How much it matters when it is down.
    #[schema(value_type = SeverityName)]
    severity: Severity,
    /// Who paused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    paused_by: Option<String>,
}

impl From<&WatchedAgent> for WatchView {
    fn from(watched: &WatchedAgent) -> Self {
        Self {
            status: watched.state.status,
            since: watched.state.since,
            due: watched.due,
            down_at: watched.down_at,
            schedule: watched.settings.schedule.in_words(),
            severity: watched.settings.severity,
            paused_by: watched.state.paused_by.clone(),
        }
    }
}

/// What became of an agent lately.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AgentHistory)]
pub(crate) struct HistoryView {
    /// The agent.
    agent: String,
    #[serde(flatten)]
    watch: WatchView,
    /// The share of the time it was up or late, 0 to 1.
    uptime: UptimeView,
    /// Its changes of state, the newest first.
    flips: Vec<FlipView>,
    /// What to ask for the older changes with; none at the end.
    #[schema(required)]
    next: Option<String>,
    /// What it said lately that was more than a plain heartbeat, the newest first; 100 at most are kept.
    pings: Vec<PingView>,
}

/// The share of the time an agent was up or late, 0 to 1; none where it was not watched then.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Uptime)]
pub(crate) struct UptimeView {
    /// Of the last 24 hours.
    #[schema(required)]
    day: Option<f64>,
    /// Of the last 7 days.
    #[schema(required)]
    week: Option<f64>,
    /// Of the last 30 days.
    #[schema(required)]
    month: Option<f64>,
    /// Of the last 90 days.
    #[schema(required)]
    quarter: Option<f64>,
    /// Of each of the last 30 days, the oldest first.
    days: Vec<Option<f64>>,
}

/// A change of an agent's state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flip)]
pub(crate) struct FlipView {
    /// When: the deadline that passed, or when it was heard.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What it was.
    #[schema(value_type = WatchStatusName)]
    from: Status,
    /// What it is from then on.
    #[schema(value_type = WatchStatusName)]
    to: Status,
    /// Why: `ping`, `timeout`, `fail`, `start`, `pause` or `resume`.
    #[schema(value_type = String)]
    reason: Reason,
    /// Who did it, of a pause and a resume.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by: Option<String>,
}

/// What an agent said; what it sent along is shown by `cc-devops agents history`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ping)]
pub(crate) struct PingView {
    /// When it was received.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What it says: `success`, `failure`, `start` or `log`.
    #[schema(value_type = String)]
    signal: Signal,
    /// Whether it counted for nothing, because of the agent's settings.
    ignored: bool,
    /// The exit status that it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exit: Option<u8>,
    /// Which run it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rid: Option<String>,
    /// How it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    how: Option<String>,
    /// How many bytes of what was sent along are kept.
    bytes: usize,
}

impl HistoryView {
    /// An agent's history.
    pub(crate) fn of(watched: &WatchedAgent, uptime: Uptime, history: History, pings: Vec<Ping>) -> Self {
        Self {
            agent: watched.name.to_string(),
            watch: watched.into(),
            uptime: UptimeView {
                day: uptime.day,
                week: uptime.week,
                month: uptime.month,
                quarter: uptime.quarter,
                days: uptime.days,
            },
            flips: history.flips.into_iter().map(FlipView::from).collect(),
            next: history.next,
            pings: pings.into_iter().map(PingView::from).collect(),
        }
    }
}

impl From<Flip> for FlipView {
    fn from(flip: Flip) -> Self {
        Self {
            at: flip.at,
            from: flip.from,
            to: flip.to,
            reason: flip.reason,
            by: flip.by,
        }
    }
}

impl From<Ping> for PingView {
    fn from(ping: Ping) -> Self {
        let bytes = ping.sent().map_or(0, |sent| sent.len());
        Self {
            at: ping.at,
            signal: ping.signal,
            ignored: ping.ignored,
            exit: ping.exit,
            rid: ping.rid,
            how: ping.how,
            bytes,
        }
    }
}

/// The state of a watched agent.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schema(as = WatchStatus)]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum WatchStatusName {
    /// It was never heard.
    New,
    /// It was heard in time.
    Up,
    /// It is due, and within its grace.
    Late,
    /// It is silent beyond its grace, ran for too long, or failed by its own word.
    Down,
    /// Nobody waits for it.
    Paused,
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
    /// A person who looks and changes nothing.
    Observer,
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
    pub(crate) fn of(status: AgentStatus, now: Timestamp, interval: HeartbeatInterval) -> Self {
        let state = Liveness::of(status.last_beat.as_ref(), now, interval);
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
            status: None,
            since: None,
            due: None,
            down_at: None,
            schedule: None,
            paused_by: None,
        }
    }

    /// The agent as its watch has it. Who knows four states is told of a paused one that it is new: nothing is expected
    /// of it.
    pub(crate) fn watched(status: AgentStatus, watched: &WatchedAgent) -> Self {
        let heard = &watched.state;
        let state = match heard.status {
            Status::New | Status::Paused => Liveness::New,
            Status::Up => Liveness::Up,
            Status::Late => Liveness::Late,
            Status::Down => Liveness::Down,
        };
        Self {
            name: status.agent.name.into(),
            role: status.agent.role,
            state,
            created_at: status.created_at,
            revoked_at: status.revoked_at,
            last_heartbeat: heard.heard,
            healthy: heard.heard.map(|_| heard.cause != Some(Cause::Failure)),
            message: heard.message.clone(),
            status: Some(heard.status),
            since: heard.since,
            due: watched.due,
            down_at: watched.down_at,
            schedule: Some(watched.settings.schedule.in_words()),
            paused_by: heard.paused_by.clone(),
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
