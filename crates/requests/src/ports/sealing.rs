//! The pairs of keys that values are sealed to.

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;

use crate::sealed_values::{Replacing, SealingKey, SealingKeyId, SealingPair};

/// Where the pairs are kept, their private keys sealed.
#[async_trait]
pub trait SealingKeys: Send + Sync {
    /// The pairs that are kept, in the order they were made, the newest first.
    async fn pairs(&self) -> PortResult<Vec<SealingPair>>;

    /// Makes a pair and puts it before the others; its audit row ([`Replacing::entry`]) is written in the same
    /// transaction. None, and nothing is written, where the newest is another than was thought.
    async fn replace(&self, replacing: &Replacing) -> PortResult<Option<SealingPair>>;

    /// Forgets pairs for good, never the newest. Those that are gone are passed over.
    async fn forget(&self, pairs: &[SealingKeyId]) -> PortResult<()>;

    /// Whether keys are published beside the HTTP API.
    fn is_published(&self) -> bool {
        false
    }

    /// Publishes the newest key beside the HTTP API, where that is done. Again, it changes nothing.
    async fn publish(&self, key: &SealingKey) -> PortResult<()> {
        let _here = key;
        Ok(())
    }
}
