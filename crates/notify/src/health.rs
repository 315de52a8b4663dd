//! How a channel does, kept in the store so that every server knows.

use cc_devops_kernel::ports::StateStore;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::settings::ChannelKind;

/// How long a channel may fail before that is told on the others.
pub(crate) const TOLD_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// How a channel does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelState {
    /// What was sent last arrived, or nothing was sent yet.
    #[default]
    Working,
    /// What was sent last did not arrive; it may pass.
    Failing,
    /// It was refused for good, and is tried once an hour until somebody mends it.
    SetAside,
}

/// What is kept of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Health {
    pub(crate) state: ChannelState,
    /// Since when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// How many tries failed in a row.
    pub(crate) failures: u32,
    /// Why the last one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Nothing is sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold_until: Option<Timestamp>,
    /// The versions of its secrets when it was set aside: with others it is tried at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) versions: Vec<String>,
    /// Whether the condition `channel/NAME` was noted.
    pub(crate) noted: bool,
}

/// How a channel does, for people and for metrics. It holds no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelHealth {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub kind: ChannelKind,
    /// How it does.
    pub state: ChannelState,
    /// Since when it does not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why, and what to do: the last failure, or a secret that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many messages wait, as far as they are counted: up to [`MOST_COUNTED`].
    pub waiting: u64,
    /// When the oldest of them was put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// How many were given up, up to 100.
    pub dead_letters: u64,
}

impl ChannelHealth {
    /// Whether people can be told by it, as far as is known.
    pub fn is_working(&self) -> bool {
        self.state == ChannelState::Working && self.error.is_none()
    }
}

/// How many waiting messages are counted.
pub const MOST_COUNTED: usize = 256;

/// A channel's health, with the version that a change needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) version: u64,
    pub(crate) health: Health,
}

pub(crate) fn key(channel: &str) -> RecordKey {
    RecordKey::new(RecordKind::Channel, channel)
}

/// What a record says; nothing is known where there is none, or where nobody can read it.
pub(crate) fn of(record: Option<&Record>) -> Kept {
    record.map_or_else(Kept::default, |record| Kept {
        version: record.version,
        health: serde_json::from_str(&record.content.body).unwrap_or_default(),
    })
}

/// How often a change is made again because somebody else was quicker.
const TRIES: usize = 8;

/// Changes a channel's health.
pub(crate) async fn change(
    store: &dyn StateStore,
    channel: &str,
    change: impl Fn(&mut Health) + Send,
) -> PortResult<()> {
    for _ in 0..TRIES {
        let kept = of(store.read_one(&key(channel)).await?.as_ref());
        let mut health = kept.health.clone();
        change(&mut health);
        if health == kept.health && kept.version > 0 {
            return Ok(());
        }
        let written = StateChange {
            key: key(channel),
            version: kept.version,
            content: Some(Content {
                due_at: None,
                list: None,
                body: body(&health)?,
            }),
        };
        match store.write(&[written], None).await {
            Err(error) if error.kind == PortErrorKind::Superseded => {}
            done => return done,
        }
    }
    Err(PortError::new(
        PortErrorKind::Unavailable,
        "others change the channel's record all the time; it is tried again",
    ))
}

pub(crate) fn body(value: &impl Serialize) -> PortResult<String> {
    serde_json::to_string(value)
        .map_err(|error| PortError::new(PortErrorKind::Corrupt, "a record could not be written as JSON").because(error))
}
