//! What is kept of a watch, and of what it saw.

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange,
};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::minutes::Minutes;
use crate::watch::{Flip, ReceivedSignal, Signal, WatchSettings, WatchState};

/// How long flips are kept: longer than [`UPTIME_REACH`](crate::uptime::UPTIME_REACH) looks back.
const FLIPS_KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How long what was sent along is kept at most.
const PINGS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How many messages with something to keep are kept of an agent.
pub const MAX_PINGS: u64 = 100;

/// How much of a message's body is kept, in bytes.
pub const MAX_BODY_BYTES: usize = 10_000;

/// An agent's watch as it is stored: short names, and nothing that is as it always is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// Its own settings; none where the installation's hold.
    #[serde(rename = "set", skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Box<WatchSettings>>,
    /// Its state.
    #[serde(rename = "is")]
    pub(super) state: WatchState,
    /// How many flips were written.
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    pub(super) flips: u64,
    /// How many messages were kept.
    #[serde(rename = "p", skip_serializing_if = "is_zero")]
    pub(super) pings: u64,
    /// Which of them the last heartbeat was, if it was one of them.
    #[serde(rename = "l", skip_serializing_if = "is_zero")]
    pub(super) last_ping: u64,
    /// Up to which time in which nobody could hear its deadlines were moved.
    #[serde(rename = "e", skip_serializing_if = "is_zero")]
    pub(super) epoch: u64,
    /// How often its ping address was made anew; 0 where it has none yet.
    #[serde(rename = "a", skip_serializing_if = "is_zero")]
    pub(super) address: u64,
    /// Its slug.
    #[serde(rename = "s")]
    pub(super) slug: String,
    /// Whether a ping made it.
    #[serde(rename = "auto", skip_serializing_if = "std::ops::Not::not")]
    pub(super) auto: bool,
    /// Since when it is watched.
    #[serde(rename = "c")]
    pub(super) created: Timestamp,
    /// When its heartbeats were asked for last, where they are asked for.
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<Timestamp>,
    /// In which minutes it was heard lately.
    #[serde(rename = "m", skip_serializing_if = "Minutes::is_empty")]
    pub(super) minutes: Minutes,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A watch that was read, or is to be made: version 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watched {
    pub(super) name: AgentName,
    pub(super) version: u64,
    pub(super) due_at: Option<Timestamp>,
    pub(super) kept: Kept,
}

impl Watched {
    pub(super) fn key(name: &AgentName) -> RecordKey {
        RecordKey::new(RecordKind::Watch, name.as_str())
    }

    pub(super) fn of(record: &Record) -> PortResult<Self> {
        let name = AgentName::new(record.key.name.as_str());
        Ok(Self {
            name: name.map_err(|error| unreadable(&record.key, error))?,
            version: record.version,
            due_at: record.content.due_at,
            kept: read(record)?,
        })
    }

    /// The settings that hold for it.
    pub(super) fn settings<'a>(&'a self, defaults: &'a WatchSettings) -> &'a WatchSettings {
        self.kept.settings.as_deref().unwrap_or(defaults)
    }

    /// What is to be written of it.
    pub(super) fn change(&self, due_at: Option<Timestamp>) -> PortResult<StateChange> {
        Ok(StateChange {
            key: Self::key(&self.name),
            version: self.version,
            content: Some(Content {
                due_at,
                // So agents are found and counted by their state.
                list: Some(self.kept.state.status.as_str().to_owned()),
                body: written(&self.kept)?,
            }),
        })
    }

    /// Takes it away.
    pub(super) fn removal(&self) -> StateChange {
        StateChange {
            key: Self::key(&self.name),
            version: self.version,
            content: None,
        }
    }

    /// What is to be written for its flips, which are counted.
    pub(super) fn flip_changes(&mut self, flips: &[Flip]) -> PortResult<Vec<StateChange>> {
        let changes = flips.iter().map(|flip| {
            self.kept.flips += 1;
            Ok(StateChange {
                key: RecordKey::new(RecordKind::Flip, flip_name(&self.name, flip.at, self.kept.flips)),
                version: 0,
                content: Some(Content {
                    due_at: flip.at.checked_add(FLIPS_KEPT).ok(),
                    list: Some(self.name.to_string()),
                    body: written(flip)?,
                }),
            })
        });
        changes.collect()
    }
}

/// A flip's name: the newest comes first among those of an agent.
fn flip_name(agent: &AgentName, at: Timestamp, number: u64) -> String {
    let millis = 99_999_999_999_999 - at.as_millisecond().clamp(0, 99_999_999_999_999);
    format!("{agent}/{millis:014}-{:06}", 999_999 - number % 1_000_000)
}

/// A message of an agent that is kept, because something was sent along or it was no plain heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ping {
    /// Its number among those that were kept of the agent.
    pub number: u64,
    /// When it was received.
    pub at: Timestamp,
    /// What it says.
    pub signal: Signal,
    /// That it counted for nothing, because of the settings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// The exit status that it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
    /// Which run it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// How it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// The sentence with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The first [`MAX_BODY_BYTES`] bytes of what was sent along, where that is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The same in hex digits, where it is no text in UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
}

impl Ping {
    /// The ping of a message that counts as that, or for nothing.
    pub(super) fn new(number: u64, heard: &ReceivedSignal, counts_as: Option<Signal>) -> Self {
        let text = heard.body.as_deref().map(std::str::from_utf8);
        Self {
            number,
            at: heard.at,
            signal: counts_as.unwrap_or(heard.signal),
            ignored: counts_as.is_none(),
            exit: heard.exit,
            rid: heard.rid.clone(),
            how: heard.how.clone(),
            message: heard.message.clone(),
            body: text.and_then(Result::ok).map(str::to_owned),
            bytes: heard
                .body
                .as_ref()
                .filter(|_| matches!(text, Some(Err(_))))
                .map(hex::encode),
        }
    }

    /// What was sent along, to the byte.
    pub fn sent(&self) -> Option<Vec<u8>> {
        match (&self.body, &self.bytes) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(digits)) => hex::decode(digits).ok(),
            (None, None) => None,
        }
    }

    /// Where the ping of a number is kept: where the one was that is the oldest by then.
    pub(super) fn key(agent: &AgentName, number: u64) -> RecordKey {
        RecordKey::new(RecordKind::Ping, format!("{agent}/{:02}", number % MAX_PINGS))
    }

    pub(super) fn change(&self, agent: &AgentName, version: u64) -> PortResult<StateChange> {
        Ok(StateChange {
            key: Self::key(agent, self.number),
            version,
            content: Some(Content {
                due_at: self.at.checked_add(PINGS_KEPT).ok(),
                list: Some(agent.to_string()),
                body: written(self)?,
            }),
        })
    }
}

/// Reads a record's body.
pub(super) fn read<T: DeserializeOwned>(record: &Record) -> PortResult<T> {
    serde_json::from_str(&record.content.body).map_err(|error| unreadable(&record.key, error))
}

/// Writes a record's body.
pub(super) fn written<T: Serialize>(value: &T) -> PortResult<String> {
    serde_json::to_string(value)
        .map_err(|error| PortError::new(PortErrorKind::Refused, "what the watch remembers is no JSON").because(error))
}

fn unreadable(key: &RecordKey, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    let message = format!(
        "the record {} {} of the watch cannot be read",
        key.kind.as_str(),
        key.name
    );
    PortError::new(PortErrorKind::Corrupt, message).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Reason, Status};

    #[test]
    fn the_newest_flip_comes_first_by_its_name() {
        let agent = AgentName::new("Writer").unwrap();
        let name = |at: &str, number| flip_name(&agent, at.parse().unwrap(), number);
        let names = [
            name("2026-06-02T00:00:00Z", 1),
            name("2026-06-01T10:00:00.002Z", 9),
            name("2026-06-01T10:00:00.001Z", 3),
            name("2026-06-01T10:00:00.001Z", 2),
            name("1970-01-01T00:00:00Z", 1),
        ];
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn a_plain_watch_is_short() {
        let mut kept = Kept {
            slug: "writer".to_owned(),
            ..Kept::default()
        };
        let at = "2026-06-01T10:00:00Z".parse().unwrap();
        kept.state = kept
            .state
            .after(&WatchSettings::default(), &ReceivedSignal::new(at, Signal::Success))
            .0;
        let body = written(&kept).unwrap();
        assert!(body.len() < 250, "{body}");
        assert_eq!(serde_json::from_str::<Kept>(&body).unwrap(), kept);
    }

    #[test]
    fn what_was_sent_is_kept_to_the_byte() {
        let at = Timestamp::UNIX_EPOCH;
        for body in [
            b"all is well".to_vec(),
            vec![0xff, 0, 0xc3],
            "\u{1f600}".as_bytes()[..3].to_vec(),
        ] {
            let heard = ReceivedSignal {
                body: Some(body.clone()),
                ..ReceivedSignal::new(at, Signal::Log)
            };
            let ping = Ping::new(1, &heard, Some(Signal::Log));
            let stored: Ping = serde_json::from_str(&written(&ping).unwrap()).unwrap();
            assert_eq!(stored.sent(), Some(body));
        }
    }

    #[test]
    fn flips_are_counted_and_listed_under_their_agent() {
        let mut watched = Watched {
            name: AgentName::new("Writer").unwrap(),
            version: 3,
            due_at: None,
            kept: Kept::default(),
        };
        let flip = Flip {
            at: Timestamp::UNIX_EPOCH,
            from: Status::New,
            to: Status::Up,
            reason: Reason::Ping,
            by: None,
        };
        let changes = watched.flip_changes(&[flip.clone(), flip]).unwrap();
        assert_eq!(watched.kept.flips, 2);
        assert_ne!(changes[0].key, changes[1].key);
        let lists: Vec<_> = changes
            .iter()
            .map(|change| change.content.as_ref().unwrap().list.as_deref())
            .collect();
        assert_eq!(lists, [Some("Writer"); 2]);
    }
}
