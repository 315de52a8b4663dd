//! Silences that people make, and maintenance mode.

use cc_devops_kernel::port_error::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::written;
use crate::policy::Match;

/// A time in which what matches is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its id: 12 hexadecimal digits.
    pub id: String,
    /// Of what.
    #[serde(rename = "match")]
    pub matches: Match,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub by: String,
}

impl Silence {
    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` where it is none of a silence.
    pub fn of(record: &Record) -> PortResult<Self> {
        serde_json::from_str(&record.content.body).map_err(|error| {
            let message = format!("the silence {:?} cannot be read", record.key.name);
            PortError::new(PortErrorKind::Corrupt, message).because(error)
        })
    }

    /// The change that makes it.
    pub(crate) fn change(&self) -> PortResult<StateChange> {
        Ok(StateChange {
            key: RecordKey::new(RecordKind::Silence, self.id.as_str()),
            version: 0,
            content: Some(Content {
                due_at: Some(self.to),
                list: None,
                body: written(self)?,
            }),
        })
    }
}

/// Maintenance mode: nothing is done unasked, and every alert says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintenance {
    /// Why.
    pub reason: String,
    /// Who switched it on.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; until somebody ends it where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The name of the record of maintenance mode.
pub(crate) const MODE: &str = "mode";

impl Maintenance {
    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` where it is none of maintenance mode.
    pub fn of(record: &Record) -> PortResult<Self> {
        serde_json::from_str(&record.content.body).map_err(|error| {
            PortError::new(PortErrorKind::Corrupt, "the record of maintenance mode cannot be read").because(error)
        })
    }

    /// Whether it is on at `now`.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// The change that switches it on.
    pub(crate) fn change(&self, version: u64) -> PortResult<StateChange> {
        Ok(StateChange {
            key: RecordKey::new(RecordKind::Maintenance, MODE),
            version,
            content: Some(Content {
                due_at: self.until,
                list: None,
                body: written(self)?,
            }),
        })
    }
}
