//! Forgetting what need not be kept, and giving its room back.

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;
use jiff::Timestamp;

use crate::record::Cursor;

/// What is forgotten when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// What commands printed. Their requests stay.
    Outputs,
    /// Webhook deliveries that were given up.
    DeadLetters,
    /// The event log.
    Events,
    /// Requests with their outcome, and the record of their deploys.
    Requests,
    /// The values of a secret's versions that are neither the newest nor the one before.
    SecretValues,
    /// What is on record of a secret's versions whose value is gone: it only serves to know a repeated request.
    SecretVersions,
    /// What the watch and the alerts keep as history: each carries its own end.
    Records,
}

impl Kept {
    /// In the order in which they are forgotten: what others refer to comes last.
    pub const ALL: [Self; 7] = [
        Self::Outputs,
        Self::DeadLetters,
        Self::Events,
        Self::Requests,
        Self::SecretValues,
        Self::SecretVersions,
        Self::Records,
    ];

    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outputs => "outputs",
            Self::DeadLetters => "dead_letters",
            Self::Events => "events",
            Self::Requests => "requests",
            Self::SecretValues => "secret_values",
            Self::SecretVersions => "secret_versions",
            Self::Records => "records",
        }
    }
}

/// What one step of forgetting came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How many were removed.
    pub removed: u64,
    /// Where to go on; none when there is nothing older.
    pub next: Option<Cursor>,
}

/// A part of what is stored, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Which part, in one word.
    pub part: &'static str,
    /// Its bytes.
    pub bytes: u64,
}

/// The store's own housekeeping. Every call is a short transaction of its own, so that other writes wait for
/// none of them for long; whoever calls it pauses in between.
///
/// Never removed, however old: requests without an outcome, requests whose event is still to be told or is
/// still in the event log, events that are still to be delivered or are dead letters, stack locks.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Whether what is stored ends by itself at its time, so that [`Retention::forget`] has nothing to do.
    fn ends_by_itself(&self) -> bool;

    /// Removes what ended before `before`. Looks at `limit` of them at most, oldest first, behind the place
    /// where the call before ended.
    async fn forget(&self, what: Kept, before: Timestamp, after: Option<Cursor>, limit: usize)
    -> PortResult<Forgotten>;

    /// Gives room that is not used any more back to the system, a little of it; how many bytes. Zero when there
    /// is nothing more to give back.
    async fn shrink(&self) -> PortResult<u64>;

    /// What the store weighs; nothing where it cannot be told.
    async fn weigh(&self) -> PortResult<Vec<Weight>>;
}
