//! The fake of where pairs of keys are kept. Their private keys count up, so that each is another.

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::SealingKeys;
use cc_devops_requests::sealed_values::Replacing;
use cc_devops_requests::sealed_values::{SealingKey, SealingKeyId, SealingPair};
use zeroize::Zeroizing;

use super::Memory;

/// The pairs, oldest first, and what was published last.
#[derive(Default)]
pub(super) struct SealingModel {
    pairs: Vec<SealingPair>,
    made: u8,
    published: Option<SealingKey>,
}

impl Memory {
    /// The key that was published last.
    pub fn published_sealing_key(&self) -> Option<SealingKey> {
        self.peek().sealing.published.clone()
    }
}

#[async_trait]
impl SealingKeys for Memory {
    async fn pairs(&self) -> PortResult<Vec<SealingPair>> {
        Ok(self.lock()?.sealing.pairs.iter().rev().cloned().collect())
    }

    async fn replace(&self, replacing: &Replacing) -> PortResult<Option<SealingPair>> {
        let mut model = self.lock()?;
        if model.sealing.pairs.last().map(SealingPair::id) != replacing.instead_of.as_ref() {
            return Ok(None);
        }
        model.sealing.made += 1;
        let pair = SealingPair::new(Zeroizing::new([model.sealing.made; 32]), replacing.at);
        model.sealing.pairs.push(pair.clone());
        model.audit.append(&replacing.entry(&pair));
        Ok(Some(pair))
    }

    async fn forget(&self, pairs: &[SealingKeyId]) -> PortResult<()> {
        self.lock()?.sealing.pairs.retain(|pair| !pairs.contains(pair.id()));
        Ok(())
    }

    async fn publish(&self, key: &SealingKey) -> PortResult<()> {
        self.lock()?.sealing.published = Some(key.clone());
        Ok(())
    }
}
