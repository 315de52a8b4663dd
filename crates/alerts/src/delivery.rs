//! A message on its way to one channel.

use cc_devops_kernel::port_error::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::written;
use crate::message::Message;

/// A message for one channel. Its record is there for as long as it was not sent, stands in the channel's list, and is
/// named so that names sort by the time of the decision: that is the order in which they are sent.
///
/// A record that is gone while its message is being sent was replaced by a truer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// The channel's name.
    pub channel: String,
    /// The list of the group it is of; none where it is of none (a test).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How often it was tried. From 1 on it may have been told.
    #[serde(default)]
    pub attempts: u32,
    /// When it was put there; of one that takes the place of others, when the first of them was.
    pub first_at: Timestamp,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Whether it is not tried any more.
    #[serde(default)]
    pub given_up: bool,
}

impl Delivery {
    /// A delivery that was not tried yet.
    pub fn new(message: Message, channel: &str, group: Option<&str>) -> Self {
        Self {
            first_at: message.at,
            message,
            channel: channel.to_owned(),
            group: group.map(str::to_owned),
            attempts: 0,
            tried_at: None,
            last_error: None,
            given_up: false,
        }
    }

    /// The name of a delivery's record. `order` orders what is decided at the same instant.
    pub fn name_of(at: Timestamp, order: u64, message: &str, channel: &str) -> String {
        let millis = at.as_millisecond().max(0);
        format!("{millis:015}-{order:010}-{message}-{channel}")
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` where it is none of a delivery.
    pub fn of(record: &Record) -> PortResult<Self> {
        serde_json::from_str(&record.content.body).map_err(|error| {
            let message = format!("the delivery {:?} cannot be read", record.key.name);
            PortError::new(PortErrorKind::Corrupt, message).because(error)
        })
    }

    /// The change that keeps it, to be tried at `due_at`; never where that is none.
    pub fn change(&self, name: &str, version: u64, due_at: Option<Timestamp>) -> PortResult<StateChange> {
        Ok(StateChange {
            key: RecordKey::new(RecordKind::Delivery, name),
            version,
            content: Some(Content {
                due_at,
                list: Some(self.channel.clone()),
                body: written(self)?,
            }),
        })
    }
}
