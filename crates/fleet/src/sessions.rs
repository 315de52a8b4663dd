//! Sessions with the dashboard: a person's browser, for as long as the operator's token behind it is good.
//!
//! A session is a random secret in a cookie, of which only the hash is kept, with the token it was begun with (as its hash)
//! and the role the person had. It ends when it was not used for [`IDLE`], [`LONGEST`] after it began, and with its token.
//! A session is begun with the token itself, or with a link that was asked for with it: good once, for [`LINK_LASTS`].
//!
//! Each record has a code under a key of the store's: who can write the file, and reads a token's hash there, begins no
//! session by that.

use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use cc_devops_kernel::secret::SecretValue;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::TokenHash;

/// How long a session goes on that nobody uses.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);

/// How long a session goes on at most.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a link is good.
pub const LINK_LASTS: SignedDuration = SignedDuration::from_mins(1);

/// How often it is tried to end a session that others note the use of at the same time.
const TRIES: usize = 5;

/// How old the note of a session's last use gets before it is written anew, so that not every page writes.
const NOTED: SignedDuration = SignedDuration::from_mins(10);

/// The secret of a session or of a link, as the cookie or the address has it: 256 random bits in hex.
#[derive(Clone)]
pub struct SessionSecret(SecretValue);

impl SessionSecret {
    /// A secret of these bits, which must come from a cryptographic source.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(SecretValue::new(hex::encode(bits)))
    }

    /// The secret that a cookie or an address holds, if it can be one.
    pub fn read(text: &str) -> Option<Self> {
        let good = text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(SecretValue::new(text.to_owned())))
    }

    /// The secret as its cookie or its address has it.
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

/// A link that begins a session, as it was found; nothing is used up by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Who asked for it.
    pub agent: AgentName,
    /// The role that person had then.
    pub role: Role,
    /// The token it was asked for with.
    pub token: TokenHash,
    /// When it ends.
    pub ends: Timestamp,
    record: Record,
}

/// What is kept of a session, and of a link, which is used never; with the code over it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sealed {
    #[serde(flatten)]
    kept: Kept,
    code: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    agent: AgentName,
    role: Role,
    token: String,
    begun: Timestamp,
    used: Timestamp,
}

impl Kept {
    fn new(agent: &Agent, token: &TokenHash, now: Timestamp) -> Self {
        Self {
            agent: agent.name.clone(),
            role: agent.role,
            token: hex::encode(token.0),
            begun: now,
            used: now,
        }
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
            ends: self.session_ends(),
            agent: self.agent,
            role: self.role,
            begun: self.begun,
        })
    }

    fn session_ends(&self) -> Timestamp {
        after(self.used, IDLE).min(after(self.begun, LONGEST))
    }

    fn link_ends(&self) -> Timestamp {
        after(self.begun, LINK_LASTS)
    }

    /// The code over what is kept under a name.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn code(&self, at: &RecordKey, key: &[u8; 32]) -> Hmac<Sha256> {
        let Self {
            agent,
            role,
            token,
            begun,
            used,
        } = self;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        // None of them has a line feed in it.
        let (kind, name, role) = (at.kind.as_str(), &at.name, role.as_str());
        mac.update(format!("{kind}\n{name}\n{agent}\n{role}\n{token}\n{begun}\n{used}").as_bytes());
        mac
    }
}

fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// The sessions.
#[derive(Clone, Copy)]
pub struct Sessions<'a> {
    /// Where they are kept.
    pub state: &'a dyn StateStore,
    /// The store's key for their codes.
    pub key: [u8; 32],
}

impl Sessions<'_> {
    /// What is kept in a record; none where somebody else wrote it.
    fn open(&self, record: &Record) -> PortResult<Option<Kept>> {
        let Sealed { kept, code } = serde_json::from_str(&record.content.body).map_err(|error| {
            let message = format!("the record of a {} cannot be read", record.key.kind.as_str());
            PortError::new(PortErrorKind::Corrupt, message).because(error)
        })?;
        let code = hex::decode(code).unwrap_or_default();
        let holds = kept.code(&record.key, &self.key).verify_slice(&code).is_ok();
        Ok(holds.then_some(kept))
    }

    /// The change that writes it.
    fn change(&self, key: RecordKey, version: u64, kept: Kept, ends: Timestamp) -> PortResult<StateChange> {
        let code = hex::encode(kept.code(&key, &self.key).finalize().into_bytes());
        let list = Some(kept.agent.to_string());
        let body = serde_json::to_string(&Sealed { kept, code })
            .map_err(|error| PortError::new(PortErrorKind::Refused, "a session cannot be written").because(error))?;
        let content = Content {
            due_at: Some(ends),
            list,
            body,
        };
        Ok(StateChange {
            key,
            version,
            content: Some(content),
        })
    }

    /// The change that begins a session.
    fn first(&self, secret: &SessionSecret, kept: Kept) -> PortResult<StateChange> {
        let ends = kept.session_ends();
        self.change(secret.key(RecordKind::Session), 0, kept, ends)
    }

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
        let change = self.first(secret, Kept::new(agent, token, now))?;
        let entry = begun(&agent.name, "token", now);
        self.state.write(&[change], Some(&entry)).await
    }

    /// The session of a secret, while it goes on. That it was used is noted now and then.
    ///
    /// # Errors
    /// What the store says when it is read.
    pub async fn find(&self, secret: &SessionSecret, now: Timestamp) -> PortResult<Option<Session>> {
        let Some((record, mut kept)) = self.kept(secret, now).await? else {
            return Ok(None);
        };
        let noted = kept.used;
        kept.used = noted.max(now);
        let session = kept.clone().session()?;
        if now.duration_since(noted) >= NOTED {
            let change = self.change(record.key, record.version, kept, session.ends)?;
            // Another page noted it, or ended it, or there is no room on the disk: whoever may look still may, and the
            // next page tries again. Unnoted, a session ends earlier, never later.
            let _noted = self.state.write(&[change], None).await;
        }
        Ok(Some(session))
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
        let kept = self.open(&record)?.filter(|kept| now < kept.session_ends());
        Ok(kept.map(|kept| (record, kept)))
    }

    /// Ends a session, on record; one that is gone stays gone.
    ///
    /// # Errors
    /// What the store says.
    pub async fn end(&self, secret: &SessionSecret, now: Timestamp) -> PortResult<()> {
        let key = secret.key(RecordKind::Session);
        for _ in 0..TRIES {
            let Some(record) = self.state.read_one(&key).await? else {
                return Ok(());
            };
            let Some(kept) = self.open(&record)? else { return Ok(()) };
            // By its name, so that one that is put back shows.
            let detail = json!({"via": Door::Dashboard, "session": key.name});
            let entry = entry(actions::SESSION_ENDED, &kept.agent, detail, now);
            match self.state.write(&[record.removal()], Some(&entry)).await {
                // Its use was noted meanwhile, or it was ended.
                Err(error) if error.kind == PortErrorKind::Superseded => {}
                written => return written,
            }
        }
        let message = "the session is used too much to be ended; try again";
        Err(PortError::new(PortErrorKind::Unavailable, message))
    }

    /// Makes a link that begins a session of `agent` once, on record. When it ends.
    ///
    /// # Errors
    /// What the store says.
    pub async fn make_link(
        &self,
        agent: &Agent,
        token: &TokenHash,
        link: &SessionSecret,
        now: Timestamp,
    ) -> PortResult<Timestamp> {
        let kept = Kept::new(agent, token, now);
        let ends = kept.link_ends();
        let change = self.change(link.key(RecordKind::SessionLink), 0, kept, ends)?;
        let entry = entry(actions::SESSION_LINK_MADE, &agent.name, json!({"ends": ends}), now);
        self.state.write(&[change], Some(&entry)).await?;
        Ok(ends)
    }

    /// The link of a secret, while it is good. To look at it does not use it up.
    ///
    /// # Errors
    /// What the store says.
    pub async fn find_link(&self, link: &SessionSecret, now: Timestamp) -> PortResult<Option<Link>> {
        let Some(record) = self.state.read_one(&link.key(RecordKind::SessionLink)).await? else {
            return Ok(None);
        };
        let Some(kept) = self.open(&record)?.filter(|kept| now < kept.link_ends()) else {
            return Ok(None);
        };
        let found = Link {
            ends: kept.link_ends(),
            token: kept.token()?,
            agent: kept.agent,
            role: kept.role,
            record,
        };
        Ok(Some(found))
    }

    /// Uses a link up and begins its session, on record: both or neither. False where somebody else was faster. Whoever
    /// calls has looked whether the link's token is still good, and `agent`, whose it is, the same.
    ///
    /// # Errors
    /// What the store says.
    pub async fn follow(&self, link: Link, agent: &Agent, secret: &SessionSecret, now: Timestamp) -> PortResult<bool> {
        let first = self.first(secret, Kept::new(agent, &link.token, now))?;
        let changes = [link.record.removal(), first];
        let entry = begun(&agent.name, "link", now);
        match self.state.write(&changes, Some(&entry)).await {
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(false),
            written => written.map(|()| true),
        }
    }
}

/// That a session was begun, and with what.
fn begun(agent: &AgentName, with: &str, now: Timestamp) -> AuditEntry {
    let detail = json!({"via": Door::Dashboard, "with": with});
    entry(actions::SESSION_BEGUN, agent, detail, now)
}

/// What is on record of a session. Whose it is, is proven: no policy was asked.
fn entry(action: &str, agent: &AgentName, mut detail: Value, now: Timestamp) -> AuditEntry {
    if let Some(fields) = detail.as_object_mut() {
        fields.insert("by".to_owned(), json!("agent"));
    }
    AuditEntry {
        at: now,
        principal: Some(agent.clone()),
        agent: Some(agent.clone()),
        action: action.to_owned(),
        request_id: None,
        stage: None,
        resource: Some(agent.to_string()),
        status: Status::Success,
        reason: None,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_form_and_does_not_show() {
        let secret = SessionSecret::from_random([0xa5; 32]);
        assert_eq!(secret.expose(), "a5".repeat(32));
        assert_eq!(SessionSecret::read(secret.expose()).unwrap().expose(), secret.expose());
        for bad in [
            "",
            "a5",
            &"A5".repeat(32),
            &"a5".repeat(33),
            &"g5".repeat(32),
            &"é".repeat(32),
        ] {
            assert!(SessionSecret::read(bad).is_none(), "{bad}");
        }
        let key = secret.key(RecordKind::Session);
        assert!(!key.name.contains(secret.expose()) && key.name.len() == 64, "{key:?}");
    }
}
