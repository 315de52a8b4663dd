//! What the watch and the alerts remember: versioned records, found by name, by due time or in a list.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::audit::AuditEntry;
use crate::port_error::{PortError, PortErrorKind, PortResult};

/// The most bytes of a record's name.
pub const MAX_NAME_BYTES: usize = 500;

/// The most bytes of a list's name.
pub const MAX_LIST_BYTES: usize = 200;

/// The most bytes of a record's body.
pub const MAX_BODY_BYTES: usize = 300_000;

/// How many keys one read takes at most.
pub const MOST_KEYS: usize = 100;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// An agent's watch; named by the agent.
    Watch,
    /// A flip of an agent's state; listed by the agent, named so that names sort by time.
    Flip,
    /// What an agent said lately, with what was sent along; listed by the agent.
    Ping,
    /// Which agent a ping address is of; named by the address's hash.
    PingAddress,
    /// When the watch was seen to be awake.
    Mark,
    /// An alert; named by its condition's key.
    Alert,
    /// Alerts that are told together.
    Group,
    /// A message on its way to one channel; listed by the channel.
    Delivery,
    /// How a channel does; named by the channel.
    Channel,
    /// A silence; named by its id.
    Silence,
    /// Whether the control plane does nothing unasked.
    Maintenance,
    /// What else a source of conditions has to remember between two looks.
    Source,
    /// A plan; named by its id; listed under `open` until it has ended, then under its stack's name.
    Plan,
    /// A part of a plan's rows; listed by the plan's id.
    PlanPart,
    /// When a plan was made; listed by the stack with its stage, named so that the newest comes first.
    PlanTime,
    /// Which plan of a stack counts; named by the stack with its stage.
    PlannedStack,
    /// What was deployed to a stack; listed by the stack with its stage, named so that the newest comes first.
    Deployed,
    /// What a deploy was made of (a template), in parts; listed by its digest.
    DeployedPart,
    /// Which operator a Slack user is; named by the user's id. Which Slack user an operator is; named `@` and the
    /// operator, in a list of its own.
    SlackUser,
    /// A person's session with the dashboard; named by the hash of its secret, listed by the person.
    Session,
    /// A link that begins a session, good once; named by the hash of its secret.
    SessionLink,
    /// Which version of a parameter is known; named by the parameter.
    Parameter,
    /// Whose an access key is; named by its id, listed by the agent. Due when it ends, where that is set.
    AwsKey,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 23] = [
        Self::Watch,
        Self::Flip,
        Self::Ping,
        Self::PingAddress,
        Self::Mark,
        Self::Alert,
        Self::Group,
        Self::Delivery,
        Self::Channel,
        Self::Silence,
        Self::Maintenance,
        Self::Source,
        Self::Plan,
        Self::PlanPart,
        Self::PlanTime,
        Self::PlannedStack,
        Self::Deployed,
        Self::DeployedPart,
        Self::SlackUser,
        Self::Session,
        Self::SessionLink,
        Self::Parameter,
        Self::AwsKey,
    ];

    /// Whether a record of this kind is history: when it is due it is forgotten, by the store itself or by its
    /// housekeeping.
    pub fn ends_when_due(self) -> bool {
        matches!(
            self,
            Self::Flip
                | Self::Ping
                | Self::PlanPart
                | Self::PlanTime
                | Self::Deployed
                | Self::DeployedPart
                | Self::Session
                | Self::SessionLink
                | Self::AwsKey
        )
    }

    /// The kind as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Flip => "flip",
            Self::Ping => "ping",
            Self::PingAddress => "ping-address",
            Self::Mark => "mark",
            Self::Alert => "alert",
            Self::Group => "group",
            Self::Delivery => "delivery",
            Self::Channel => "channel",
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
            Self::Source => "source",
            Self::Plan => "plan",
            Self::PlanPart => "plan-part",
            Self::PlanTime => "plan-time",
            Self::PlannedStack => "planned-stack",
            Self::Deployed => "deployed",
            Self::DeployedPart => "deployed-part",
            Self::SlackUser => "slack-user",
            Self::Session => "session",
            Self::SessionLink => "session-link",
            Self::Parameter => "parameter",
            Self::AwsKey => "aws-key",
        }
    }
}

/// A record's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// What it is about.
    pub kind: RecordKind,
    /// Its name, the only one of its kind; 1 to 500 bytes.
    pub name: String,
}

impl RecordKey {
    /// The key of a name.
    pub fn new(kind: RecordKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

/// What is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// When somebody has to look at it; none where nobody has to. Of history ([`RecordKind::ends_when_due`]), when it
    /// is forgotten.
    pub due_at: Option<Timestamp>,
    /// The list it stands in, at most 200 bytes; none where it stands in none.
    pub list: Option<String>,
    /// JSON, at most 300,000 bytes.
    pub body: String,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: RecordKey,
    /// Its version: 1 when it was made, one more with each change.
    pub version: u64,
    /// What is kept.
    pub content: Content,
}

impl Record {
    /// The change that takes it away.
    #[must_use]
    pub fn removal(self) -> StateChange {
        StateChange {
            key: self.key,
            version: self.version,
            content: None,
        }
    }
}

/// A change of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The record.
    pub key: RecordKey,
    /// The version it was read in; 0 where there must be none yet.
    pub version: u64,
    /// What is kept from now on; none takes it away. Where there must be none yet, none only makes sure of that.
    pub content: Option<Content>,
}

impl StateChange {
    /// What a store answers that finds the record in another version.
    pub fn superseded(&self) -> PortError {
        PortError::new(
            PortErrorKind::Superseded,
            format!(
                "the {} {:?} was changed by somebody else meanwhile",
                self.key.kind.as_str(),
                self.key.name
            ),
        )
    }

    fn check(&self) -> PortResult<()> {
        let RecordKey { kind, name } = &self.key;
        let refused = |what: String| Err(PortError::new(PortErrorKind::Refused, what));
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return refused(format!(
                "the name of a {} has {} bytes, and may have 1 to {MAX_NAME_BYTES}",
                kind.as_str(),
                name.len()
            ));
        }
        let Some(content) = &self.content else { return Ok(()) };
        if let Some(list) = content.list.as_ref().filter(|list| list.len() > MAX_LIST_BYTES) {
            return refused(format!(
                "the list of the {} {name:?} has {} bytes, and may have {MAX_LIST_BYTES}",
                kind.as_str(),
                list.len()
            ));
        }
        if content.body.len() > MAX_BODY_BYTES {
            let message = format!(
                "what is to be kept of the {} {name:?} has {} bytes, and may have {MAX_BODY_BYTES}",
                kind.as_str(),
                content.body.len()
            );
            return Err(PortError::new(PortErrorKind::TooLarge, message));
        }
        Ok(())
    }
}

/// Whether every adapter takes such changes together, before one looks at what is there.
///
/// # Errors
/// `Refused` for a name or a list of too few or too many bytes and for a record that is changed twice, `TooLarge` for a
/// body that is too large and for more than `most` changes.
pub fn check_changes(changes: &[StateChange], most: usize) -> PortResult<()> {
    if changes.len() > most {
        let message = format!(
            "{} changes are too many for one write, which takes {most}",
            changes.len()
        );
        return Err(PortError::new(PortErrorKind::TooLarge, message));
    }
    changes.iter().try_for_each(StateChange::check)?;
    let mut keys: Vec<&RecordKey> = changes.iter().map(|change| &change.key).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair.first() == pair.last()) {
        None => Ok(()),
        Some(pair) => {
            let name = pair.first().map_or("", |key| key.name.as_str());
            let message = format!("{name:?} is changed twice in one write");
            Err(PortError::new(PortErrorKind::Refused, message))
        }
    }
}

/// Whether one read takes so many keys.
///
/// # Errors
/// `Refused` for more than [`MOST_KEYS`].
pub fn check_keys(keys: &[RecordKey]) -> PortResult<()> {
    if keys.len() <= MOST_KEYS {
        return Ok(());
    }
    let message = format!("{} keys are too many for one read, which takes {MOST_KEYS}", keys.len());
    Err(PortError::new(PortErrorKind::Refused, message))
}

/// Where the watch and the alerts keep what they remember.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// The records of the keys, in their order; none where there is none. At most 100 keys.
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>>;

    /// The record of one key; none where there is none.
    async fn read_one(&self, key: &RecordKey) -> PortResult<Option<Record>> {
        let found = self.read(std::slice::from_ref(key)).await?;
        Ok(found.into_iter().flatten().next())
    }

    /// Records of a kind that are due at `until` or before, the earliest first, `limit` at most. With nothing due one
    /// row is read.
    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>>;

    /// When the earliest record of a kind is due; none where none is.
    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>>;

    /// Records of a kind in one list (all of the kind where none is named), by name, from behind `after`, `limit` at
    /// most.
    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>>;

    /// How many records of a kind stand in each list; under none, those that stand in no list. What it costs grows with
    /// the kind's records, not with what they hold: ten thousand are counted in a millisecond or two here, and in some
    /// pages of keys on AWS, where the newest writes may not count yet.
    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>>;

    /// Makes every change, with the audit row, in one transaction; of each record one change at most. `Superseded` where
    /// a record is not in the version it was read in, and nothing is changed then. What [`check_changes`] refuses is
    /// refused. See [`StateStore::most_changes`].
    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()>;

    /// How many changes one transaction takes at most.
    fn most_changes(&self) -> usize;
}
