//! Adding agents, replacing their tokens, and revoking them.
//!
//! Each act and its audit row are one transaction. A token is made by the caller, from the randomness it has, and
//! is known to it before anything is written: what could not be put on record has not happened, and an answer that
//! was lost is asked for again with the same token.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Agent, NewAgent, NewToken, Token};
use crate::aws_keys::ending::Ending;
use crate::ports::EnrolmentPorts;
use crate::rows::of_agent;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor, Author, surely};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::PortResult;

/// Who may ask the control plane, and by which tokens.
pub struct Enrolment<'a> {
    ports: EnrolmentPorts<'a>,
    installation: &'a Installation,
    actor: Actor<'a>,
    aws_keys_key: Option<[u8; 32]>,
}

impl<'a> Enrolment<'a> {
    /// Acts that `actor` asks for.
    pub fn new(ports: impl Into<EnrolmentPorts<'a>>, installation: &'a Installation, actor: Actor<'a>) -> Self {
        Self {
            ports: ports.into(),
            installation,
            actor,
            aws_keys_key: None,
        }
    }

    /// The same, with the store's key for access keys: so that these can go on for a while beside older tokens. Without
    /// it, they end at once where an agent is given a new token.
    #[must_use]
    pub fn with_aws_keys(mut self, key: [u8; 32]) -> Self {
        self.aws_keys_key = Some(key);
        self
    }

    /// Adds an agent with its first token.
    ///
    /// # Errors
    /// `invalid_parameter` for a prefix outside the namespace, and for a name or prefix under which the control plane
    /// keeps secrets of its own; `Exists` where the name collides with another's;
    /// what no policy permits.
    pub async fn add(&self, agent: Agent, token: &Token) -> Result<(), ActError> {
        let namespace = format!("/{}/", self.installation.namespace);
        let outside = agent
            .secret_prefixes
            .iter()
            .find(|prefix| !prefix.as_str().starts_with(&namespace));
        if let Some(outside) = outside {
            let message = format!("the secret prefix {outside} must lie under {namespace}");
            return Err(Failure::new(Reason::InvalidParameter, message).into());
        }
        if let Err(message) = self.installation.check_agent(&agent) {
            return Err(Failure::new(Reason::InvalidParameter, message).into());
        }
        let now = self.ports.clock.now();
        let detail = json!({
            "role": agent.role, "secretPrefixes": agent.secret_prefixes, "stacks": agent.stacks,
        });
        let (_, audit) = self.authored(actions::AGENT_ADDED, &agent.name, now, detail).await?;
        let (new, token) = (NewAgent { agent, created_at: now }, stored(token, now));
        let agents = self.ports.agents;
        Ok(surely(|| agents.add(&new, &token, &audit)).await?)
    }

    /// Gives an agent a new token; the older ones and its access keys go on for `keep_old`. A revoked agent may ask
    /// again after it, by the new token alone. When the older tokens end.
    ///
    /// # Errors
    /// `NotFound` for a name there is no agent of; what no policy permits.
    pub async fn rotate(
        &self,
        name: &AgentName,
        token: &Token,
        keep_old: SignedDuration,
    ) -> Result<Timestamp, ActError> {
        let now = self.ports.clock.now();
        let old_until = now.saturating_add(keep_old).unwrap_or(Timestamp::MAX);
        let detail = json!({"oldTokensEnd": old_until});
        let (author, audit) = self.authored(actions::TOKEN_ROTATED, name, now, detail).await?;
        let (agents, token) = (self.ports.agents, stored(token, now));
        // First: what cannot be ended keeps an agent from a new token, and no key of a revoked one comes to life by it.
        let goes_on = keep_old.is_positive() && agents.find(name).await?.is_some();
        let until = self.aws_keys_key.filter(|_| goes_on).map(|key| (old_until, key));
        self.end_keys(name, &author, now, until).await?;
        surely(|| agents.rotate(name, &token, old_until, &audit)).await?;
        Ok(old_until)
    }

    /// Ends all tokens and access keys of an agent. Its record stays. An agent that is revoked already stays so, and no
    /// row is written.
    ///
    /// # Errors
    /// `NotFound` for a name there is no agent of; what no policy permits.
    pub async fn revoke(&self, name: &AgentName) -> Result<(), ActError> {
        let now = self.ports.clock.now();
        let (author, audit) = self.authored(actions::AGENT_REVOKED, name, now, Value::Null).await?;
        let agents = self.ports.agents;
        surely(|| agents.revoke(name, now, &audit)).await?;
        // From here on none of its keys is good; what is left of them must not come back with a new token.
        Ok(self.end_keys(name, &author, now, None).await?)
    }

    async fn end_keys(
        &self,
        name: &AgentName,
        author: &Author,
        at: Timestamp,
        until: Option<(Timestamp, [u8; 32])>,
    ) -> PortResult<()> {
        let state = self.ports.state;
        Ending { state, at, until }.of(name, author).await
    }

    /// Who is behind an act, and its audit row, if the actor may do it.
    async fn authored(
        &self,
        action: &str,
        agent: &AgentName,
        at: Timestamp,
        detail: Value,
    ) -> Result<(Author, AuditEntry), ActError> {
        let access = Access::ManageAgents;
        let author = self.actor.author(&access, action, self.ports.audit, at).await?;
        let entry = of_agent(&author, at, action, agent, detail);
        Ok((author, entry))
    }
}

fn stored(token: &Token, at: Timestamp) -> NewToken {
    NewToken {
        hash: token.hash(),
        created_at: at,
    }
}
