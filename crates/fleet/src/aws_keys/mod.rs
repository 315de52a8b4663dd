//! Access keys as AWS has them: an agent's AWS SDK signs with one what it asks for here.
//!
//! A secret is kept nowhere: it is made of the key's id and a key of the store's each time it is needed. What is kept
//! is whose a key is, and when it ends. A short-lived key is not kept at all: its session token states when it ends and
//! which token it was asked for with, and it is good for as long as that token is.
//!
//! Keys end with their agent: revoking it takes them away, and a new token ends them as it ends the older tokens.

pub(crate) mod ending;
mod form;
mod kept;
mod short_lived;

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{AuditTrail, Clock, PortError, PortErrorKind, PortResult, Record, StateStore};
use cc_devops_kernel::secret::SecretValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::TokenHash;
use crate::ports::Agents;
use crate::rows::of_agent;
pub use form::AwsKeyId;
use kept::{Kept, records_of};
use short_lived::Stated;

/// What the key of the store's for access keys is derived for.
pub const PURPOSE: &str = "aws-keys";

/// How many keys an agent has at most that go on until somebody ends them.
pub const MOST_KEYS: usize = 10;

/// How long a short-lived key is good. SDKs fetch another one some minutes before it ends.
pub const SHORT_LIVED_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// How often it is tried where others write at the same time.
const TRIES: usize = 5;

/// An access key, as its owner is given it.
#[derive(Clone)]
pub struct AwsKey {
    /// Its id.
    pub id: AwsKeyId,
    /// Its secret.
    pub secret: SecretValue,
}

/// A short-lived access key, as its owner is given it.
#[derive(Clone)]
pub struct ShortLivedKey {
    /// Its id.
    pub id: AwsKeyId,
    /// Its secret.
    pub secret: SecretValue,
    /// What is sent along with each signature.
    pub session_token: SecretValue,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// An access key that is good, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its id.
    pub id: AwsKeyId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, because its agent has a newer token; none where it is good until somebody ends it.
    pub ends_at: Option<Timestamp>,
}

/// The access keys.
#[derive(Clone, Copy)]
pub struct AwsKeys<'a> {
    /// Where it is kept whose they are.
    pub state: &'a dyn StateStore,
    /// Which agents there are.
    pub agents: &'a dyn Agents,
    /// The audit trail.
    pub audit: &'a dyn AuditTrail,
    /// Time.
    pub clock: &'a dyn Clock,
    /// The store's key for them: what is derived for [`PURPOSE`].
    pub key: [u8; 32],
}

impl AwsKeys<'_> {
    /// Gives an agent a key, whose id is made of these bits, which must come from a cryptographic source.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there or was revoked, `invalid_parameter` where it has [`MOST_KEYS`] already;
    /// what no policy permits.
    pub async fn add(&self, name: &AgentName, bits: [u8; 32], actor: Actor<'_>) -> Result<AwsKey, ActError> {
        let (now, action) = (self.clock.now(), actions::AWS_KEY_ADDED);
        let author = actor.author(&Access::ManageAgents, action, self.audit, now).await?;
        self.is_there(name).await?;
        let kept = self.list(name).await?;
        if kept.iter().filter(|key| key.ends_at.is_none()).count() >= MOST_KEYS {
            let message = format!(
                "{name} has {MOST_KEYS} access keys, and no agent has more: end one first, with `cc-devops agents key \
                 end ID`"
            );
            return Err(Failure::new(Reason::InvalidParameter, message).into());
        }
        let id = AwsKeyId::lasting(&bits);
        let kept = Kept {
            agent: name.clone(),
            created: now,
            ends: None,
        };
        let entry = of_agent(&author, now, action, name, json!({"awsAccessKeyId": id}));
        let change = kept.change(&id, 0, &self.key)?;
        self.state.write(&[change], Some(&entry)).await?;
        Ok(self.known(id))
    }

    /// The keys of an agent that are good, the oldest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn list(&self, name: &AgentName) -> PortResult<Vec<ListedKey>> {
        let now = self.clock.now();
        let mut keys = Vec::new();
        for record in records_of(self.state, name).await? {
            let good = Kept::open(&record, &self.key)?.filter(|(_, kept)| kept.is_good(now));
            keys.extend(good.map(|(id, kept)| ListedKey {
                id,
                created_at: kept.created,
                ends_at: kept.ends,
            }));
        }
        keys.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(keys)
    }

    /// Ends a key at once; where an agent is named, only one of its own. Whose it was.
    ///
    /// # Errors
    /// `NotFound` where there is no such key, or it has ended; what no policy permits.
    pub async fn end(&self, id: &AwsKeyId, of: Option<&AgentName>, actor: Actor<'_>) -> Result<AgentName, ActError> {
        let (now, action) = (self.clock.now(), actions::AWS_KEY_ENDED);
        let author = actor.author(&Access::ManageAgents, action, self.audit, now).await?;
        if !id.is_lasting() {
            let message = format!(
                "{id} is short-lived and ends by itself within the hour; a new token ends it at once, with \
                 `cc-devops agents rotate NAME`"
            );
            return Err(Failure::new(Reason::InvalidParameter, message).into());
        }
        for _ in 0..TRIES {
            let found = self.kept(id, now).await?;
            let found = found.filter(|(_, kept)| of.is_none_or(|of| kept.agent == *of));
            let Some((record, Kept { agent, .. })) = found else {
                let message = format!(
                    "there is no access key {id}, or it has ended: `cc-devops agents key list NAME` shows those of an \
                     agent"
                );
                return Err(PortError::new(PortErrorKind::NotFound, message).into());
            };
            let entry = of_agent(&author, now, action, &agent, json!({"awsAccessKeyIds": [id]}));
            match self.state.write(&[record.removal()], Some(&entry)).await {
                // Somebody else ends it, or sets when it ends.
                Err(error) if error.kind == PortErrorKind::Superseded => {}
                written => {
                    written?;
                    return Ok(agent);
                }
            }
        }
        let message = "others change the key at the same time; try again";
        Err(PortError::new(PortErrorKind::Unavailable, message).into())
    }

    /// The newest key of an agent that goes on, or else the newest, with its secret, on record; none where it has none.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there or was revoked; what no policy permits.
    pub async fn reveal(&self, name: &AgentName, actor: Actor<'_>) -> Result<Option<AwsKey>, ActError> {
        let (now, action) = (self.clock.now(), actions::AWS_KEY_READ);
        let author = actor.author(&Access::ManageAgents, action, self.audit, now).await?;
        self.is_there(name).await?;
        let Some(newest) = newest(self.list(name).await?) else {
            return Ok(None);
        };
        let entry = of_agent(&author, now, action, name, json!({"awsAccessKeyId": newest.id}));
        self.audit.append(&entry).await?;
        Ok(Some(self.known(newest.id)))
    }

    /// A short-lived key for whoever has this token. It may what the token may, and nothing is kept of it, so it is not
    /// on record: what is done with it is.
    pub fn short_lived(&self, token: &TokenHash, now: Timestamp) -> ShortLivedKey {
        let ends = now.saturating_add(SHORT_LIVED_LASTS).unwrap_or(Timestamp::MAX);
        let stated = Stated {
            // It is stated to the second.
            ends: Timestamp::from_second(ends.as_second()).unwrap_or(ends),
            token: *token,
        };
        let (id, token) = (stated.id(&self.key), stated.token(&self.key));
        ShortLivedKey {
            secret: form::secret(&self.key, &id, Some(&token)),
            id,
            session_token: SecretValue::new(token),
            ends_at: stated.ends,
        }
    }

    /// Whose a key is, and what it signs with, while it is good: none where it does not exist, has ended, or its agent
    /// was revoked, and none where the session token is not its own. Whoever asks holds a signature against the secret.
    ///
    /// # Errors
    /// What the store says.
    pub async fn find(
        &self,
        id: &str,
        session_token: Option<&str>,
        now: Timestamp,
    ) -> PortResult<Option<(Agent, SecretValue)>> {
        // What cannot be an id is looked up nowhere.
        let Ok(id) = id.parse::<AwsKeyId>() else {
            return Ok(None);
        };
        let agent = match session_token {
            None if id.is_lasting() => self.owner(&id, now).await?,
            Some(token) if !id.is_lasting() => self.bearer(&id, token, now).await?,
            None | Some(_) => None,
        };
        Ok(agent.map(|agent| (agent, form::secret(&self.key, &id, session_token))))
    }

    /// Whether that was a short-lived key with its own session token, and its time is over: why it is not found any more.
    pub fn is_expired(&self, id: &str, session_token: Option<&str>, now: Timestamp) -> bool {
        let stated = session_token.and_then(|token| Stated::read(token, &self.key));
        stated.is_some_and(|stated| now >= stated.ends && stated.id(&self.key).as_str() == id)
    }

    async fn owner(&self, id: &AwsKeyId, now: Timestamp) -> PortResult<Option<Agent>> {
        match self.kept(id, now).await? {
            Some((_, kept)) => self.agents.find(&kept.agent).await,
            None => Ok(None),
        }
    }

    async fn bearer(&self, id: &AwsKeyId, session_token: &str, now: Timestamp) -> PortResult<Option<Agent>> {
        let stated = Stated::read(session_token, &self.key);
        match stated.filter(|stated| now < stated.ends && stated.id(&self.key) == *id) {
            Some(stated) => self.agents.by_token(&stated.token, now).await,
            None => Ok(None),
        }
    }

    /// What is kept of a key that is good.
    async fn kept(&self, id: &AwsKeyId, now: Timestamp) -> PortResult<Option<(Record, Kept)>> {
        let Some(record) = self.state.read_one(&id.record()).await? else {
            return Ok(None);
        };
        let kept = Kept::open(&record, &self.key)?;
        let good = kept.filter(|(_, kept)| kept.is_good(now));
        Ok(good.map(|(_, kept)| (record, kept)))
    }

    async fn is_there(&self, name: &AgentName) -> PortResult<()> {
        if self.agents.find(name).await?.is_some() {
            return Ok(());
        }
        let message = format!(
            "there is no agent {name}, or it was revoked: `cc-devops agents add` makes one, and `agents rotate` lets a \
             revoked one in again"
        );
        Err(PortError::new(PortErrorKind::NotFound, message))
    }

    fn known(&self, id: AwsKeyId) -> AwsKey {
        AwsKey {
            secret: form::secret(&self.key, &id, None),
            id,
        }
    }
}

/// The newest key that goes on, or else the newest.
pub fn newest(keys: Vec<ListedKey>) -> Option<ListedKey> {
    keys.into_iter()
        .max_by_key(|key| (key.ends_at.is_none(), key.created_at, key.id.clone()))
}
