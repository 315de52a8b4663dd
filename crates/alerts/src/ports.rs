//! How the sources of conditions say what is the matter, and what is over.

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortResult, StateChange};
use jiff::Timestamp;

use crate::condition::ConditionChange;

/// Takes in what the sources say. Whom to tell of it, when and how, is decided behind it.
#[async_trait]
pub trait ConditionSink: Send + Sync {
    /// Takes changes in, as many as there are. When this returns they are durable. They may come again, and in an order
    /// that is not the one they came to be in: a key that is open stays open, and one that is not open cannot end.
    async fn note(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<()>;

    /// The changes of records that make them, for who writes them in one transaction with others of the same store; those of
    /// one key once. A sink that keeps no records takes them in at once, and has none.
    async fn records(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<Vec<StateChange>> {
        self.note(changes, now).await?;
        Ok(Vec::new())
    }
}

/// What programs left to be said that may not write alerts themselves.
#[async_trait]
pub trait LeftConditions: Send + Sync {
    /// Hands over to `sink` what was left, in the order it was left, and takes it away then; how many changes. What is of
    /// another kind than such a program looks after is never handed over.
    async fn hand_over(&self, sink: &dyn ConditionSink, now: Timestamp) -> PortResult<u64>;
}
