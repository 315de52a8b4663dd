//! The agents' register and their heartbeats.

use async_trait::async_trait;
use jiff::Timestamp;

use cc_devops_alerts::{ConditionChange, Conditions};

use crate::{AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{AuditTrail, Clock, PortResult, StateChange, StateStore};

/// What an [`Enrolment`](crate::Enrolment) works with.
#[derive(Clone, Copy)]
pub struct EnrolmentPorts<'a> {
    /// Which agents there are.
    pub agents: &'a dyn Agents,
    /// Where it is kept whose access keys are, which end with tokens.
    pub state: &'a dyn StateStore,
    /// The audit trail.
    pub audit: &'a dyn AuditTrail,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Which agents there are, and how they prove themselves.
///
/// A change and its audit row are one transaction: both are written or neither. A change that is made again changes
/// nothing and writes no row, so that whoever did not hear its answer asks again.
#[async_trait]
pub trait Agents: Send + Sync {
    /// Adds an agent with its first token. `Exists` where the name collides with another's.
    async fn add(&self, agent: &NewAgent, token: &NewToken, audit: &AuditEntry) -> PortResult<()>;

    /// Gives an agent a new token; the older ones end at `old_until` (at once if that is past). A token that the
    /// agent has already was given to it by the same call before.
    async fn rotate(
        &self,
        name: &AgentName,
        token: &NewToken,
        old_until: Timestamp,
        audit: &AuditEntry,
    ) -> PortResult<()>;

    /// Ends all tokens of an agent. Its record stays, for the audit trail's sake.
    async fn revoke(&self, name: &AgentName, at: Timestamp, audit: &AuditEntry) -> PortResult<()>;

    /// The agent a token belongs to, while the token is good.
    async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>>;

    /// The agent of that name, unless it is revoked.
    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>>;

    /// Registers an agent that is not given a token (the control plane itself) as enabled. Doing
    /// it again changes nothing.
    async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()>;

    /// All agents with their last heartbeat, by name.
    async fn list(&self) -> PortResult<Vec<AgentStatus>>;

    /// Agents by name, from behind `after`, `limit` at most, revoked ones too. The last heartbeat is the one that the
    /// register was told of.
    async fn page(&self, after: Option<&AgentName>, limit: usize) -> PortResult<Vec<AgentStatus>>;

    /// One agent as [`Agents::page`] shows it; none where there never was one of that name.
    async fn status(&self, name: &AgentName) -> PortResult<Option<AgentStatus>>;
}

/// Where heartbeats go.
#[async_trait]
pub trait Heartbeats: Send + Sync {
    /// Takes an agent's heartbeat. `NotFound` for an agent that is not registered.
    async fn beat(&self, name: &AgentName, beat: &Beat) -> PortResult<()>;
}

/// Where heartbeats are asked for, where none are told: CloudWatch.
#[async_trait]
pub trait HeartbeatSource: Send + Sync {
    /// The heartbeats of each agent after its instant and up to `now`, the oldest first; agents without any may be left
    /// out. An error says nothing about anybody.
    async fn heard(&self, asked: &[(AgentName, Timestamp)], now: Timestamp) -> PortResult<Vec<(AgentName, Vec<Beat>)>>;
}

/// Where it is noted which agents need a person: the alerts.
#[async_trait]
pub trait AgentConditions: Send + Sync {
    /// What is to be written for these changes, to be put into the write that makes them true. Nothing is written yet.
    async fn changes(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<Vec<StateChange>>;
}

#[async_trait]
impl AgentConditions for Conditions {
    async fn changes(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<Vec<StateChange>> {
        self.changes(changes, now).await
    }
}
