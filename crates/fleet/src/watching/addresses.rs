//! Ping addresses: a UUID for each agent, and a key of the installation's for slugs.
//!
//! Both are codes over what they stand for, made with a secret: only how often they were made anew is stored, and what
//! finds an agent by its UUID is kept under a hash.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange,
};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::record::{Watched, read, written};
use super::{TRIES, Watching, met_another, never_alone};
use crate::rows::of_agent;

/// The names of the records that are no agent's.
pub(super) const KEY: &str = "key";
pub(super) const MADE: &str = "made-by-pings";

/// What the names of the records begin with that are: by the hash of a UUID, and by a slug.
pub(super) const UUIDS: &str = "uuid/";
pub(super) const SLUGS: &str = "slug/";

/// Where an agent is pinged. It is a secret: whoever has it can speak for the agent.
#[derive(Clone, PartialEq, Eq)]
pub struct PingAddress {
    /// `/ping/{uuid}`.
    pub uuid: String,
    /// `/ping/{key}/{slug}`.
    pub key: String,
    /// The slug.
    pub slug: String,
}

impl PingAddress {
    /// The path of the agent's own address, `/ping/{uuid}`.
    pub fn path(&self) -> String {
        format!("/ping/{}", self.uuid)
    }

    /// The path by the slug, `/ping/{key}/{slug}`.
    pub fn slug_path(&self) -> String {
        format!("/ping/{}/{}", self.key, self.slug)
    }
}

impl std::fmt::Debug for PingAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PingAddress")
            .field("slug", &self.slug)
            .finish_non_exhaustive()
    }
}

/// What is kept under an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Whose {
    pub(super) agent: AgentName,
    /// That the agent is to be registered yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) pending: bool,
}

/// A number that is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Number {
    pub(super) number: u64,
}

/// A UUID's one form, in small letters; none where it is none.
fn uuid(text: &str) -> Option<String> {
    let is_one = text.len() == 36
        && text.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        });
    is_one.then(|| text.to_ascii_lowercase())
}

fn address_key(uuid: &str) -> RecordKey {
    RecordKey::new(
        RecordKind::PingAddress,
        format!("{UUIDS}{}", hex::encode(Sha256::digest(uuid))),
    )
}

pub(super) fn slug_key(slug: &str) -> RecordKey {
    RecordKey::new(RecordKind::PingAddress, format!("{SLUGS}{slug}"))
}

pub(super) fn number_key(name: &str) -> RecordKey {
    RecordKey::new(RecordKind::PingAddress, name)
}

pub(super) fn kept<T: Serialize>(key: RecordKey, version: u64, value: &T) -> PortResult<StateChange> {
    Ok(StateChange {
        key,
        version,
        content: Some(Content {
            due_at: None,
            list: None,
            body: written(value)?,
        }),
    })
}

pub(super) fn number_of(record: Option<&Record>) -> PortResult<(u64, u64)> {
    record.map_or(Ok((0, 0)), |record| {
        Ok((record.version, read::<Number>(record)?.number))
    })
}

/// Which address of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Its first.
    First,
    /// The one it has, or its first.
    Present,
    /// A new one.
    Another,
}

impl Watching {
    /// Where an agent is pinged, which is put on record. The address is made where there is none yet.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there; what no policy permits.
    pub async fn ping_address(&self, name: &AgentName, actor: Actor<'_>) -> Result<PingAddress, ActError> {
        let audit = self.act_on_address(name, actor, actions::PING_ADDRESS_READ).await?;
        Ok(self.addressed(name, Some(&audit), Which::Present).await?)
    }

    /// Where an agent is pinged that was added just now: that it was added is on record already.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there; `Exists` where its address was made before.
    pub async fn first_address(&self, name: &AgentName) -> PortResult<PingAddress> {
        self.addressed(name, None, Which::First).await
    }

    /// Gives an agent another UUID; the older one ends at once.
    ///
    /// # Errors
    /// `NotFound` for an agent that is not there; what no policy permits.
    pub async fn rotate(&self, name: &AgentName, actor: Actor<'_>) -> Result<PingAddress, ActError> {
        let audit = self.act_on_address(name, actor, actions::PING_ADDRESS_ROTATED).await?;
        Ok(self.addressed(name, Some(&audit), Which::Another).await?)
    }

    async fn act_on_address(&self, name: &AgentName, actor: Actor<'_>, action: &str) -> Result<AuditEntry, ActError> {
        let now = self.now();
        let author = actor
            .author(&Access::ManageAgents, action, &*self.ports.audit, now)
            .await?;
        Ok(of_agent(&author, now, action, name, json!({})))
    }

    async fn addressed(&self, name: &AgentName, audit: Option<&AuditEntry>, which: Which) -> PortResult<PingAddress> {
        let now = self.now();
        let another = which == Which::Another;
        self.informed(now).await?;
        for _ in 0..TRIES {
            let mut turn = self.turn(self.found_or_fresh(name, now).await?);
            if turn.watched.version == 0 {
                turn.beside = self.slug_change(&turn.watched).await?;
            }
            let old = turn.watched.kept.address;
            if which == Which::First && old > 0 {
                let message = format!("the agent {name} has a ping address already");
                return Err(PortError::new(PortErrorKind::Exists, message));
            }
            let number = if another { old + 1 } else { old.max(1) };
            let is = self.uuid_of(name, number);
            let mut keys = vec![address_key(&is), number_key(KEY)];
            if another {
                keys.push(address_key(&self.uuid_of(name, old)));
            }
            let mut records = self.ports.state.read(&keys).await?.into_iter();
            let (there, key, before) = (
                records.next().flatten(),
                records.next().flatten(),
                records.next().flatten(),
            );
            if there.is_none() {
                let whose = Whose {
                    agent: name.clone(),
                    pending: false,
                };
                turn.beside.push(kept(address_key(&is), 0, &whose)?);
            }
            turn.beside.extend(before.map(Record::removal));
            turn.watched.kept.address = number;
            let slug = turn.watched.kept.slug.clone();
            let outcome = self.write(turn, now, audit).await;
            if met_another(&outcome) {
                continue;
            }
            outcome?;
            let (_, made) = number_of(key.as_ref())?;
            return Ok(PingAddress {
                uuid: is,
                key: self.key_of(made),
                slug,
            });
        }
        Err(never_alone(name))
    }

    /// The agent of a UUID; none where it is nobody's.
    ///
    /// # Errors
    /// What the store says.
    pub async fn by_ping(&self, text: &str) -> PortResult<Option<AgentName>> {
        let Some(uuid) = uuid(text) else { return Ok(None) };
        let record = self.ports.state.read_one(&address_key(&uuid)).await?;
        record
            .map(|record| read::<Whose>(&record).map(|whose| whose.agent))
            .transpose()
    }

    /// Another key for slugs from now on; the older one ends at once.
    ///
    /// # Errors
    /// What no policy permits; what the store says.
    pub async fn rotate_key(&self, actor: Actor<'_>) -> Result<String, ActError> {
        let (now, action) = (self.now(), actions::PING_KEY_ROTATED);
        let author = actor
            .author(&Access::ManageAgents, action, &*self.ports.audit, now)
            .await?;
        let audit = author.entry(now, action, "ping key".to_owned(), json!({}));
        loop {
            let record = self.ports.state.read_one(&number_key(KEY)).await?;
            let (version, number) = number_of(record.as_ref())?;
            let next = Number { number: number + 1 };
            let change = kept(number_key(KEY), version, &next)?;
            let outcome = self.ports.state.write(&[change], Some(&audit)).await;
            if !met_another(&outcome) {
                outcome?;
                return Ok(self.key_of(next.number));
            }
        }
    }

    /// What is to be written so that an agent is found by no address any more.
    pub(super) async fn address_removals(&self, watched: &Watched) -> PortResult<Vec<StateChange>> {
        let uuid = self.uuid_of(&watched.name, watched.kept.address);
        let keys = [address_key(&uuid), slug_key(&watched.kept.slug), number_key(MADE)];
        let mut records = self.ports.state.read(&keys).await?.into_iter();
        let (address, slug, made) = (
            records.next().flatten(),
            records.next().flatten(),
            records.next().flatten(),
        );
        let mut changes: Vec<StateChange> = address.map(Record::removal).into_iter().collect();
        if let Some(record) = slug
            && read::<Whose>(&record)?.agent == watched.name
        {
            changes.push(record.removal());
        }
        if watched.kept.auto {
            let (version, number) = number_of(made.as_ref())?;
            let less = Number {
                number: number.saturating_sub(1),
            };
            changes.push(kept(number_key(MADE), version, &less)?);
        }
        Ok(changes)
    }

    /// The UUID of an agent, made anew for the given time.
    fn uuid_of(&self, name: &AgentName, number: u64) -> String {
        let code = self
            .mac(b"ping address\0", name.as_str(), number)
            .finalize()
            .into_bytes();
        let mut bits = u128::from_be_bytes(std::array::from_fn(|at| code.get(at).copied().unwrap_or_default()));
        // The marks of a random UUID, which it is for whoever does not have the key (RFC 9562, version 4).
        bits = (bits & !(0xf << 76)) | (0x4 << 76);
        bits = (bits & !(0x3 << 62)) | (0x2 << 62);
        let mut text = format!("{bits:032x}");
        for at in [20, 16, 12, 8] {
            text.insert(at, '-');
        }
        text
    }

    /// The key of slugs: 32 hex digits.
    fn key_of(&self, number: u64) -> String {
        let mut key = hex::encode(self.mac(b"ping key\0", "", number).finalize().into_bytes());
        key.truncate(32);
        key
    }

    pub(super) fn is_key(&self, key: &str, number: u64) -> bool {
        let code = Some(key)
            .filter(|key| key.len() == 32)
            .and_then(|key| hex::decode(key).ok());
        code.is_some_and(|code| self.mac(b"ping key\0", "", number).verify_truncated_left(&code).is_ok())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, what: &[u8], name: &str, number: u64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(what);
        mac.update(name.as_bytes());
        mac.update(&number.to_be_bytes());
        mac
    }
}
