//! What pages about agents may touch. None of them reads all agents.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use cc_devops_fleet::watch::Status;
use cc_devops_fleet::watching::{History, Life, Listed, Ping, Wanted, WatchedAgent};
use cc_devops_fleet::{AgentStatus, Enrolment, Token};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::AgentName;
use cc_devops_requests::record::{RequestFilter, RequestRecord};
use jiff::{SignedDuration, Timestamp};

use super::{ListAgents, Permitted, Privilege, Question};
use crate::problem::Problem;

/// How many failing agents are named where agents are counted by their state.
const FAILING: usize = 20;

/// How many agents of the register are read at once.
const REGISTER_PAGE: usize = 500;

/// How many agents of the register are looked at for a page of revoked ones.
const REGISTER_REACH: usize = 2_000;

/// How many requests are looked at for an agent's last ones, where they are not found by an index.
const REQUESTS_REACH: usize = 1_000;

/// The agents by their state.
#[derive(Debug, Clone, PartialEq)]
pub struct ByState {
    /// How many there are in each state.
    pub counts: BTreeMap<Status, u64>,
    /// The first of those that are down, and then of those that are late, by name.
    pub failing: Vec<WatchedAgent>,
}

/// Revoked agents, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The agents.
    pub agents: Vec<AgentStatus>,
    /// Behind which name to look for more; none at the end. There need not be more.
    pub next: Option<AgentName>,
}

/// An agent's newest token, as far as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMade {
    /// When it was made.
    pub at: Timestamp,
    /// Who made it; none where it was done on the machine itself.
    pub by: Option<AgentName>,
    /// Whether it replaced another one.
    pub is_rotated: bool,
}

impl Permitted<ListAgents> {
    /// How many agents there are in each state, and the first of those that fail. The sweep is seconds behind.
    ///
    /// # Errors
    /// Agents are not watched here; what the store says.
    pub async fn by_state(&self) -> Result<ByState, Problem> {
        let (watching, now) = (&self.watched()?.watching, self.now());
        let counts = watching.counts(now).await?;
        let some_fail = [Status::Down, Status::Late]
            .iter()
            .any(|status| counts.get(status) > Some(&0));
        let failing = if some_fail {
            watching.failing(FAILING, now).await?
        } else {
            Vec::new()
        };
        Ok(ByState { counts, failing })
    }

    /// Watched agents, those that fail first, each with its last 30 days; from behind the place `after`, `limit` at most.
    ///
    /// # Errors
    /// Agents are not watched here; what the store says.
    pub async fn page(&self, wanted: &Wanted, after: Option<&str>, limit: usize) -> Result<Listed, Problem> {
        let watching = &self.watched()?.watching;
        Ok(watching.listed(wanted, after, limit, self.now()).await?)
    }

    /// Revoked agents whose names begin with `prefix`, from behind `after`, `limit` at most. Of a large register a part is
    /// looked at.
    ///
    /// # Errors
    /// What the store says.
    pub async fn revoked(&self, prefix: &str, after: Option<&AgentName>, limit: usize) -> Result<Revoked, Problem> {
        let (mut agents, mut place, mut seen) = (Vec::new(), after.cloned(), 0);
        while seen < REGISTER_REACH {
            let page = self.app.ports().agents.page(place.as_ref(), REGISTER_PAGE).await?;
            let is_last = page.len() < REGISTER_PAGE;
            seen += page.len();
            for status in page {
                place = Some(status.agent.name.clone());
                if status.revoked_at.is_some() && status.agent.name.as_str().starts_with(prefix) {
                    agents.push(status);
                }
                if agents.len() >= limit {
                    return Ok(Revoked { agents, next: place });
                }
            }
            if is_last {
                return Ok(Revoked { agents, next: None });
            }
        }
        Ok(Revoked { agents, next: place })
    }

    /// An agent as the register has it, and as its watch does; none where there is no such agent.
    ///
    /// # Errors
    /// What the store says.
    pub async fn agent(&self, name: &AgentName) -> Result<Option<(AgentStatus, Option<Life>)>, Problem> {
        let Some(status) = self.app.ports().agents.status(name).await? else {
            return Ok(None);
        };
        let life = match self.watched() {
            Ok(watch) if status.revoked_at.is_none() => watch.watching.life(name, self.now()).await?,
            _ => None,
        };
        Ok(Some((status, life)))
    }

    /// An agent's changes of state, the newest first, from behind the place `after`, `limit` at most; of one that is gone,
    /// too.
    ///
    /// # Errors
    /// Agents are not watched here; what the store says.
    pub async fn flips(&self, name: &AgentName, after: Option<&str>, limit: usize) -> Result<History, Problem> {
        Ok(self.watched()?.watching.history(name, after, limit).await?)
    }

    /// What an agent said lately that was more than a plain heartbeat, the newest first.
    ///
    /// # Errors
    /// Agents are not watched here; what the store says.
    pub async fn pings(&self, name: &AgentName) -> Result<Vec<Ping>, Problem> {
        Ok(self.watched()?.watching.pings(name).await?)
    }

    /// When an agent's newest token was made; none where that is not on record any more.
    ///
    /// # Errors
    /// What the trail says.
    pub async fn token_made(&self, name: &AgentName) -> Result<Option<TokenMade>, Problem> {
        for action in [actions::TOKEN_ROTATED, actions::AGENT_ADDED] {
            let rows = self
                .app
                .ports()
                .audit
                .about(name.as_str(), Some(action), None, 1)
                .await?;
            let made = rows.items.into_iter().next().map(|row| TokenMade {
                at: row.entry.at,
                by: row.entry.principal,
                is_rotated: action == actions::TOKEN_ROTATED,
            });
            if made.is_some() {
                return Ok(made);
            }
        }
        Ok(None)
    }

    /// The last requests of an agent; none where the caller may not see them.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn last_requests(&self, name: &AgentName, limit: usize) -> Result<Option<Vec<RequestRecord>>, Problem> {
        let agent = Some(name.clone());
        if !self.may(&Access::ReadRequests { agent: agent.clone() }) {
            return Ok(None);
        }
        let filter = RequestFilter {
            agent,
            reach: Some(REQUESTS_REACH),
            ..RequestFilter::default()
        };
        Ok(Some(self.app.ports().ledger.list(&filter, None, limit).await?.items))
    }
}

impl<P> Permitted<P> {
    /// Whether an agent may be given tokens and keys: the control plane itself has none.
    pub(super) fn is_given_proofs(&self, name: &AgentName) -> Result<(), Problem> {
        if self.installation().agent != *name {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::CONFLICT,
            "this agent is the control plane itself, which has no token",
        ))
    }
}

/// Replace an agent's tokens, and revoke them.
#[derive(Clone)]
pub struct ManageAgents(AgentName);

impl Privilege for ManageAgents {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        let agent = question.named()?;
        question.require(&Access::ManageAgents)?;
        Ok(Self(agent))
    }
}

/// What is to be known of an agent before its tokens are ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// The agent.
    pub status: AgentStatus,
    /// Whether the caller is that agent.
    pub is_self: bool,
    /// Whether it is the only operator whose tokens are good.
    pub is_last_admin: bool,
}

impl Permitted<ManageAgents> {
    /// Which agent.
    pub fn name(&self) -> &AgentName {
        &self.privilege.0
    }

    /// What is to be known of the agent that the path names before it is acted on.
    ///
    /// # Errors
    /// There is no such agent, or it has no tokens; what the store says.
    pub async fn managed(&self) -> Result<Managed, Problem> {
        let name = self.name();
        self.is_given_proofs(self.name())?;
        let status = self.app.ports().agents.status(name).await?;
        let status = status.ok_or_else(|| Problem::not_found("there is no such agent"))?;
        let is_admin = status.agent.role == Role::Admin && status.revoked_at.is_none();
        Ok(Managed {
            is_self: self.caller.agent().name == *name,
            is_last_admin: is_admin && !self.has_other_admin().await?,
            status,
        })
    }

    /// Gives the agent this token; the older ones go on for `keep_old`. When these end.
    ///
    /// # Errors
    /// There is no such agent, or it has no tokens; what the store says.
    pub async fn rotate(&self, token: &Token, keep_old: SignedDuration) -> Result<Timestamp, Problem> {
        self.is_given_proofs(self.name())?;
        Ok(self.enrolment().rotate(self.name(), token, keep_old).await?)
    }

    /// Ends all tokens of the agent, and watches it no longer.
    ///
    /// # Errors
    /// There is no such agent, or it has no tokens; what the store says. What was not done is done by the same call again.
    pub async fn revoke(&self) -> Result<(), Problem> {
        self.is_given_proofs(self.name())?;
        let name = self.name();
        self.enrolment().revoke(name).await?;
        if let Ok(watch) = self.watched() {
            let why = format!("revoked by {}", self.caller.agent().name);
            watch.watching.watch_no_longer(name, &why).await?;
            // What was open is closed.
            self.app.notifying.notify_one();
        }
        Ok(())
    }

    fn enrolment(&self) -> Enrolment<'_> {
        let enrolment = Enrolment::new(self.app.ports(), self.app.control.installation(), self.asking());
        enrolment.with_aws_keys(self.app.aws_keys_key)
    }

    /// Whether another operator's tokens are good. All agents are read only where there is none.
    async fn has_other_admin(&self) -> Result<bool, Problem> {
        let mut after = None;
        loop {
            let page = self.app.ports().agents.page(after.as_ref(), REGISTER_PAGE).await?;
            let other = |status: &AgentStatus| {
                let agent = &status.agent;
                agent.role == Role::Admin && status.revoked_at.is_none() && agent.name != *self.name()
            };
            if page.iter().any(other) {
                return Ok(true);
            }
            if page.len() < REGISTER_PAGE {
                return Ok(false);
            }
            after = page.into_iter().last().map(|last| last.agent.name);
        }
    }
}
