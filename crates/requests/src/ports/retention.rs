//! Forgetting what need not be kept, and giving its room back.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PortResult;
use crate::record::Cursor;
use crate::retention::Kept;

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
