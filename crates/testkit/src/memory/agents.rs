//! The fake register of agents, and their heartbeats.

use async_trait::async_trait;
use cc_devops_fleet::ports::{Agents, Heartbeats};
use cc_devops_fleet::{AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;

use super::{Memory, Model};

/// An agent with its tokens.
pub(super) struct StoredAgent {
    status: AgentStatus,
    tokens: Vec<StoredToken>,
}

struct StoredToken {
    hash: TokenHash,
    ends_at: Option<Timestamp>,
}

impl StoredAgent {
    fn new(agent: Agent, created_at: Timestamp) -> Self {
        let status = AgentStatus {
            agent,
            created_at,
            revoked_at: None,
            last_beat: None,
        };
        Self {
            status,
            tokens: Vec::new(),
        }
    }

    fn has(&self, token: &NewToken) -> bool {
        self.tokens.iter().any(|known| known.hash == token.hash)
    }

    fn end_tokens(&mut self, at: Timestamp) {
        for token in &mut self.tokens {
            token.ends_at = Some(token.ends_at.map_or(at, |ends_at| ends_at.min(at)));
        }
    }
}

impl Model {
    fn agent_mut(&mut self, name: &AgentName) -> PortResult<&mut StoredAgent> {
        let found = self.agents.iter_mut().find(|stored| stored.status.agent.name == *name);
        found.ok_or_else(|| PortError::new(PortErrorKind::NotFound, format!("there is no agent {name}")))
    }
}

#[async_trait]
impl Agents for Memory {
    async fn add(&self, agent: &NewAgent, token: &NewToken, audit: &AuditEntry) -> PortResult<()> {
        let mut model = self.lock()?;
        let name = &agent.agent.name;
        let is_addition = |stored: &StoredAgent| {
            let status = &stored.status;
            (&status.agent, status.created_at) == (&agent.agent, agent.created_at) && stored.has(token)
        };
        if model.agents.iter().any(is_addition) {
            return Ok(());
        }
        if let Some(other) = model
            .agents
            .iter()
            .find(|stored| stored.status.agent.name.collides_with(name))
        {
            let message = format!("agent {name} is too much like agent {}", other.status.agent.name);
            return Err(PortError::new(PortErrorKind::Exists, message));
        }
        let mut stored = StoredAgent::new(agent.agent.clone(), agent.created_at);
        stored.tokens.push(StoredToken {
            hash: token.hash,
            ends_at: None,
        });
        model.agents.push(stored);
        model.audit.append(audit);
        Ok(())
    }

    async fn rotate(
        &self,
        name: &AgentName,
        token: &NewToken,
        old_until: Timestamp,
        audit: &AuditEntry,
    ) -> PortResult<()> {
        let mut model = self.lock()?;
        let stored = model.agent_mut(name)?;
        if stored.has(token) {
            return Ok(());
        }
        stored.end_tokens(old_until);
        stored.tokens.push(StoredToken {
            hash: token.hash,
            ends_at: None,
        });
        stored.status.revoked_at = None;
        model.audit.append(audit);
        Ok(())
    }

    async fn revoke(&self, name: &AgentName, at: Timestamp, audit: &AuditEntry) -> PortResult<()> {
        let mut model = self.lock()?;
        let stored = model.agent_mut(name)?;
        if stored.status.revoked_at.is_some() {
            return Ok(());
        }
        stored.end_tokens(at);
        stored.status.revoked_at = Some(at);
        model.audit.append(audit);
        Ok(())
    }

    async fn by_token(&self, token: &TokenHash, now: Timestamp) -> PortResult<Option<Agent>> {
        let model = self.lock()?;
        let owner = model.agents.iter().find(|stored| {
            let good = |known: &StoredToken| known.hash == *token && known.ends_at.is_none_or(|ends_at| now < ends_at);
            stored.tokens.iter().any(good)
        });
        Ok(owner.map(|stored| stored.status.agent.clone()))
    }

    async fn find(&self, name: &AgentName) -> PortResult<Option<Agent>> {
        let model = self.lock()?;
        let found = model
            .agents
            .iter()
            .find(|stored| stored.status.agent.name == *name && stored.status.revoked_at.is_none());
        Ok(found.map(|stored| stored.status.agent.clone()))
    }

    async fn register(&self, name: &AgentName, at: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        if model.agent_mut(name).is_ok() {
            return Ok(());
        }
        let agent = Agent {
            name: name.clone(),
            role: Role::Agent,
            secret_prefixes: Vec::new(),
            stacks: Vec::new(),
        };
        model.agents.push(StoredAgent::new(agent, at));
        Ok(())
    }

    async fn list(&self) -> PortResult<Vec<AgentStatus>> {
        let model = self.lock()?;
        let mut all: Vec<AgentStatus> = model.agents.iter().map(|stored| stored.status.clone()).collect();
        all.sort_by(|a, b| a.agent.name.cmp(&b.agent.name));
        Ok(all)
    }

    async fn page(&self, after: Option<&AgentName>, limit: usize) -> PortResult<Vec<AgentStatus>> {
        let mut all = Agents::list(self).await?;
        all.retain(|status| after.is_none_or(|after| status.agent.name > *after));
        all.truncate(limit);
        Ok(all)
    }

    async fn status(&self, name: &AgentName) -> PortResult<Option<AgentStatus>> {
        let all = Agents::list(self).await?;
        Ok(all.into_iter().find(|status| status.agent.name == *name))
    }
}

#[async_trait]
impl Heartbeats for Memory {
    async fn beat(&self, name: &AgentName, beat: &Beat) -> PortResult<()> {
        let mut model = self.lock()?;
        model.agent_mut(name)?.status.last_beat = Some(beat.clone());
        Ok(())
    }
}
