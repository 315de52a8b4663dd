//! Sessions with the dashboard: a person's browser, for as long as the operator's token behind it is good.
//!
//! A session is a random secret in a cookie, of which only the hash is kept, with the token it was begun with (as its hash)
//! and the role the person had. It ends when it was not used for [`IDLE`], [`LONGEST`] after it began, and with its token.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use cc_devops_kernel::secret::SecretValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::TokenHash;

/// How long a session goes on that nobody uses.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);

/// How long a session goes on at most.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How old the note of a session's last use gets before it is written anew, so that not every page writes.
const NOTED: SignedDuration = SignedDuration::from_mins(10);

/// A session's secret, as the cookie has it: 256 random bits in hex.
#[derive(Clone)]
pub struct SessionSecret(SecretValue);

impl SessionSecret {
    /// A secret of these bits, which must come from a cryptographic source.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(SecretValue::new(hex::encode(bits)))
    }

    /// The secret that a cookie holds, if it can be one.
    pub fn read(text: &str) -> Option<Self> {
        let good = text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(SecretValue::new(text.to_owned())))
    }

    /// The secret as its cookie has it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    fn key(&self, kind: RecordKind) -> RecordKey {
        RecordKey::new(kind, hex::encode(Sha256::digest(self.expose())))
    }
}

/// A session that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub agent: AgentName,
    /// The role that person had when it began.
    pub role: Role,
    /// The token it was begun with.
    pub token: TokenHash,
    /// When it began.
    pub begun: Timestamp,
    /// When it ends, unless it is used before.
    pub ends: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    agent: AgentName,
    role: Role,
    token: String,
    begun: Timestamp,
    used: Timestamp,
}

impl Kept {
    fn of(record: &Record) -> PortResult<Self> {
        serde_json::from_str(&record.content.body).map_err(|error| {
            PortError::new(PortErrorKind::Corrupt, "the record of a session cannot be read").because(error)
        })
    }

    fn ends(&self) -> Timestamp {
        let after = |at: Timestamp, span| at.saturating_add(span).unwrap_or(Timestamp::MAX);
        after(self.used, IDLE).min(after(self.begun, LONGEST))
    }

    fn token(&self) -> PortResult<TokenHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&self.token, &mut bytes).map_err(|error| {
            PortError::new(PortErrorKind::Corrupt, "the record of a session names no token").because(error)
        })?;
        Ok(TokenHash(bytes))
    }

    fn session(self) -> PortResult<Session> {
        Ok(Session {
            token: self.token()?,
            ends: self.ends(),
            agent: self.agent,
            role: self.role,
            begun: self.begun,
        })
    }

    fn content(&self) -> PortResult<Content> {
        let body = serde_json::to_string(self)
            .map_err(|error| PortError::new(PortErrorKind::Refused, "a session cannot be written").because(error))?;
        Ok(Content {
            due_at: Some(self.ends()),
            list: Some(self.agent.to_string()),
            body,
        })
    }
}

/// The sessions.
#[derive(Clone, Copy)]
pub struct Sessions<'a> {
    /// Where they are kept.
    pub state: &'a dyn StateStore,
}

impl Sessions<'_> {
    /// Begins a session of a person who has proven to be `agent` by `token`, on record.
    ///
    /// # Errors
    /// What the store says.
    pub async fn begin(
        &self,
        agent: &Agent,
        token: &TokenHash,
        secret: &SessionSecret,
        now: Timestamp,
    ) -> PortResult<()> {
        let kept = Kept {
            agent: agent.name.clone(),
            role: agent.role,
            token: hex::encode(token.0),
            begun: now,
            used: now,
        };
        let change = StateChange {
            key: secret.key(RecordKind::Session),
            version: 0,
            content: Some(kept.content()?),
        };
        let entry = entry(actions::SESSION_BEGUN, &agent.name, now);
        self.state.write(&[change], Some(&entry)).await
    }

    /// The session of a secret, while it goes on. That it was used is noted now and then.
    ///
    /// # Errors
    /// What the store says.
    pub async fn find(&self, secret: &SessionSecret, now: Timestamp) -> PortResult<Option<Session>> {
        let Some((record, mut kept)) = self.kept(secret, now).await? else {
            return Ok(None);
        };
        if now.duration_since(kept.used) >= NOTED {
            kept.used = now;
            let change = StateChange {
                key: record.key,
                version: record.version,
                content: Some(kept.content()?),
            };
            match self.state.write(&[change], None).await {
                // Another page noted it, or ended it: the next look will tell.
                Err(error) if error.kind == PortErrorKind::Superseded => {}
                written => written?,
            }
        }
        kept.session().map(Some)
    }

    /// The session of a secret, while it goes on, for what a page that is open does by itself: nobody used it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn look(&self, secret: &SessionSecret, now: Timestamp) -> PortResult<Option<Session>> {
        match self.kept(secret, now).await? {
            Some((_, kept)) => kept.session().map(Some),
            None => Ok(None),
        }
    }

    async fn kept(&self, secret: &SessionSecret, now: Timestamp) -> PortResult<Option<(Record, Kept)>> {
        let Some(record) = self.state.read_one(&secret.key(RecordKind::Session)).await? else {
            return Ok(None);
        };
        let kept = Kept::of(&record)?;
        Ok((now < kept.ends()).then_some((record, kept)))
    }

    /// Ends a session, on record; one that is gone stays gone.
    ///
    /// # Errors
    /// What the store says.
    pub async fn end(&self, secret: &SessionSecret, now: Timestamp) -> PortResult<()> {
        let Some(record) = self.state.read_one(&secret.key(RecordKind::Session)).await? else {
            return Ok(());
        };
        let entry = entry(actions::SESSION_ENDED, &Kept::of(&record)?.agent, now);
        match self.state.write(&[record.removal()], Some(&entry)).await {
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(()),
            written => written,
        }
    }
}

/// What is on record of a session. Whose it is, is proven: no policy was asked.
fn entry(action: &str, agent: &AgentName, now: Timestamp) -> AuditEntry {
    let entry = Author::operator().entry(now, action, agent.to_string(), json!({"via": Door::Dashboard}));
    AuditEntry {
        principal: Some(agent.clone()),
        agent: Some(agent.clone()),
        status: Status::Success,
        ..entry
    }
}
