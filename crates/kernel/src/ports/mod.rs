//! The ports: what the domain needs of the world, in the domain's verbs.
//!
//! They are object-safe, because the backend is chosen by configuration at run time; that is what
//! `async_trait` is for here, and it appears on ports and their adapters and nowhere else. Each
//! port's contract is a suite in `testkit`, run against the fake and every adapter alike.
//!
//! What every adapter keeps: an `Ok` that says something was written is durable; a call that
//! returns `Err` may or may not have taken effect, and may be made again.

mod audit_trail;
mod secrets;
mod state;
mod upkeep;

use jiff::Timestamp;

pub use crate::port_error::{PortError, PortErrorKind, PortResult};
pub use audit_trail::{AuditArchive, AuditTrail};
pub use secrets::{
    MAX_SECRET_BYTES, MOST_VALUES, MOST_VERSIONS, NewVersion, PutSecret, SecretChange, SecretChanged,
    SecretDescription, SecretRead, SecretStore, SecretSummary, SecretTarget, SecretVersion, SecretWrite, SecretWritten,
    VALUE_DAYS, VALUE_KEPT, VersionSummary,
};
pub use state::{
    Content, MAX_BODY_BYTES, MAX_LIST_BYTES, MAX_NAME_BYTES, MOST_KEYS, Record, RecordKey, RecordKind, StateChange,
    StateStore, check_changes, check_keys,
};
pub use upkeep::{Announcements, Checks, MaintenanceMode, Schedule};

/// Time, so that tests decide it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock port's way to the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
