//! What a look is compared with: what was found at the last one.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use cc_devops_kernel::audit::ChainHash;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{PortError, PortResult};
use tokio::time::Instant;

use super::Areas;
use crate::problem::Chain;

/// What was found at the last look.
#[derive(Default)]
pub(super) struct Looker {
    pub(super) is_begun: bool,
    pub(super) newest: Option<Cursor>,
    pub(super) trail: HashSet<ChainHash>,
    pub(super) requests: ChangeDetector,
    pub(super) alerts: ChangeDetector,
    pub(super) groups: ChangeDetector,
    pub(super) backlog: ChangeDetector,
    pub(super) webhooks: ChangeDetector,
    pub(super) revenue: ChangeDetector,
    pub(super) channels: ChangeDetector,
    pub(super) watches: ChangeDetector,
    pub(super) states: ChangeDetector,
    pub(super) open_alerts: ChangeDetector,
    pub(super) health: ChangeDetector,
    /// When it was last looked at what changes without a row.
    pub(super) slowly: Option<Instant>,
    /// What may have changed, and is told at the next of those looks.
    pub(super) perhaps: Areas,
    pub(super) beats: bool,
    pub(super) beats_told: Option<Instant>,
}

/// A number that is another one when what it stands for has changed.
#[derive(Default)]
pub(super) struct ChangeDetector(Option<u64>);

impl ChangeDetector {
    /// Whether it is another than the last time. What cannot be read has not changed.
    pub(super) fn moved<T: Hash>(&mut self, found: PortResult<T>) -> bool {
        let Some(found) = read(found) else { return false };
        let mut hasher = DefaultHasher::new();
        found.hash(&mut hasher);
        let found = hasher.finish();
        self.0.replace(found).is_some_and(|before| before != found)
    }
}

pub(super) fn read<T>(found: PortResult<T>) -> Option<T> {
    found.inspect_err(unread).ok()
}

fn unread(error: &PortError) {
    tracing::debug!(error = %Chain(error), "it cannot be said to open pages whether something changed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_has_not_changed() {
        let mut detector = ChangeDetector::default();
        assert!(!detector.moved(Ok(1)), "there is nothing to compare with");
        assert!(!detector.moved(Ok(1)));
        assert!(detector.moved(Ok(2)));
        let failed = PortError::new(cc_devops_kernel::ports::PortErrorKind::Unavailable, "it is away");
        assert!(!detector.moved::<u8>(Err(failed)));
        assert!(!detector.moved(Ok(2)));
        assert!(detector.moved(Ok(3)));
    }
}
