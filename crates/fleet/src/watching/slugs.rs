//! Slugs: agents' names in small letters, below a key of the installation's; and agents that pings make.

use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{PortResult, Record, RecordKey, StateChange};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::addresses::{KEY, MADE, Number, Whose, kept, number_key, number_of, slug_key};
use super::record::{Watched, read};
use super::turn::Turn;
use super::{TRIES, Watching, met_another, never_alone};

/// How long a slug is at most, in bytes.
const MAX_SLUG: usize = 64;

/// Whom a slug is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BySlug {
    /// An agent.
    Agent {
        /// Its name.
        name: AgentName,
        /// Whether it was made by this ping.
        created: bool,
    },
    /// Nobody, or the key is wrong.
    Unknown,
    /// It would be too much like another agent's name.
    Ambiguous,
    /// Pings made as many agents as they may.
    Full,
}

/// The slug of an agent: its name in small letters, which has no other characters than a slug may have. Two agents'
/// names never differ in the case of letters alone.
pub(super) fn slug_of(name: &AgentName) -> String {
    name.as_str().to_ascii_lowercase()
}

/// The name of an agent that is made for a slug: the slug, behind `job-` where it does not begin with a letter.
fn name_for(slug: &str) -> Option<AgentName> {
    if let Ok(name) = AgentName::new(slug) {
        return Some(name);
    }
    let name = AgentName::new(format!("job-{slug}"));
    // What does not fit has the beginning, and a code over the whole.
    name.or_else(|_| {
        let code = hex::encode(Sha256::digest(slug));
        let (begin, code) = (slug.get(..40).unwrap_or(slug), code.get(..12).unwrap_or_default());
        AgentName::new(format!("job-{begin}-{code}"))
    })
    .ok()
}

fn is_slug(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
    !text.is_empty() && text.len() <= MAX_SLUG && text.bytes().all(allowed)
}

impl Watching {
    /// The agent of a slug. With `create` one is made where there is none, without a token.
    ///
    /// # Errors
    /// What the store and the register say.
    pub async fn by_slug(&self, key: &str, slug: &str, create: bool) -> PortResult<BySlug> {
        if !is_slug(slug) {
            return Ok(BySlug::Unknown);
        }
        for _ in 0..TRIES {
            let records = self.ports.state.read(&[number_key(KEY), slug_key(slug)]).await?;
            let mut records = records.into_iter();
            let (number, record) = (records.next().flatten(), records.next().flatten());
            if !self.is_key(key, number_of(number.as_ref())?.1) {
                return Ok(BySlug::Unknown);
            }
            if let Some(record) = record {
                let name = self.registered(&record).await?;
                return Ok(BySlug::Agent { name, created: false });
            }
            let outcome = self.for_slug(slug, create).await;
            if !met_another(&outcome) {
                return outcome;
            }
        }
        Err(never_alone(slug))
    }

    /// An agent for a slug that is nobody's yet.
    async fn for_slug(&self, slug: &str, create: bool) -> PortResult<BySlug> {
        let now = self.now();
        // An older store has agents that were not watched yet.
        let named = AgentName::new(slug).ok();
        if let Some(name) = &named
            && self.ports.agents.find(name).await?.is_some()
        {
            return self.taken_in(name.clone(), now).await;
        }
        if !create {
            return Ok(BySlug::Unknown);
        }
        let made = self.ports.state.read_one(&number_key(MADE)).await?;
        let (version, number) = number_of(made.as_ref())?;
        if number >= self.max_auto {
            return Ok(BySlug::Full);
        }
        let Some(name) = name_for(slug) else {
            return Ok(BySlug::Unknown);
        };
        let agents = self.ports.agents.list().await?;
        let alike: Vec<_> = agents
            .iter()
            .filter(|other| other.agent.name.collides_with(&name))
            .collect();
        if let Some(same) = alike
            .iter()
            .find(|other| slug_of(&other.agent.name) == slug && other.revoked_at.is_none())
        {
            return self.taken_in(same.agent.name.clone(), now).await;
        }
        if !alike.is_empty() {
            return Ok(BySlug::Ambiguous);
        }
        self.informed(now).await?;
        let mut watched = self.fresh(&name, now);
        watched.kept.slug = slug.to_owned();
        watched.kept.auto = true;
        let mut turn = Turn::of(watched);
        turn.beside = vec![
            kept(number_key(MADE), version, &Number { number: number + 1 })?,
            kept(
                slug_key(slug),
                0,
                &Whose {
                    agent: name.clone(),
                    pending: true,
                },
            )?,
        ];
        self.write(turn, now, Some(&made_by_ping(&name, now))).await?;
        let record = self.ports.state.read_one(&slug_key(slug)).await?;
        if let Some(record) = record {
            self.registered(&record).await?;
        }
        Ok(BySlug::Agent { name, created: true })
    }

    /// Watches an agent that is there, so that its slug is its own.
    async fn taken_in(&self, name: AgentName, now: Timestamp) -> PortResult<BySlug> {
        let mut turn = self.turn(self.found_or_fresh(&name, now).await?);
        turn.beside = self.slug_change(&turn.watched).await?;
        self.write(turn, now, None).await?;
        Ok(BySlug::Agent { name, created: false })
    }

    /// The agent of a slug's record, which is registered where that is still to be done.
    async fn registered(&self, record: &Record) -> PortResult<AgentName> {
        let whose: Whose = read(record)?;
        if whose.pending {
            self.ports.agents.register(&whose.agent, self.now()).await?;
            let done = Whose {
                pending: false,
                ..whose.clone()
            };
            let outcome = self
                .ports
                .state
                .write(&[kept(record.key.clone(), record.version, &done)?], None)
                .await;
            if !met_another(&outcome) {
                outcome?;
            }
        }
        Ok(whose.agent)
    }

    /// What is to be written so that a watch is found by its slug: nothing where it is, or another's has it.
    pub(super) async fn slug_change(&self, watched: &Watched) -> PortResult<Vec<StateChange>> {
        Ok(self.slug_changes(&[watched]).await?.into_iter().flatten().collect())
    }

    /// The same for each of several, at most as many as a store reads at once.
    pub(super) async fn slug_changes(&self, watched: &[&Watched]) -> PortResult<Vec<Option<StateChange>>> {
        let keys: Vec<_> = watched.iter().map(|watched| slug_key(&watched.kept.slug)).collect();
        let there = self.ports.state.read(&keys).await?;
        let change = |((watched, key), record): ((&&Watched, RecordKey), Option<Record>)| {
            let whose = Whose {
                agent: watched.name.clone(),
                pending: false,
            };
            record.is_none().then(|| kept(key, 0, &whose)).transpose()
        };
        watched.iter().zip(keys).zip(there).map(change).collect()
    }
}

/// The audit row of an agent that a ping made. Whoever sent it has the key of slugs.
fn made_by_ping(name: &AgentName, at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        principal: None,
        agent: Some(name.clone()),
        action: actions::AGENT_MADE_BY_PING.to_owned(),
        request_id: None,
        stage: None,
        resource: Some(name.to_string()),
        status: Status::Success,
        reason: None,
        detail: json!({"by": "ping"}),
    }
}
