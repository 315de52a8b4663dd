//! The health as it was last found, for those who ask again at once.

use std::time::Duration;

use cc_devops_kernel::health::{Condition, Health};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);

/// What was found last, by looking and by trying. Who asks while somebody looks waits for that.
#[derive(Default)]
pub(crate) struct HealthCache {
    pub(crate) looked: Mutex<Option<Found>>,
    pub(crate) tried: Mutex<Option<Found>>,
}

/// A health, and when it was found.
pub(crate) struct Found {
    at: Instant,
    pub(crate) health: Health,
}

impl Found {
    pub(crate) fn now(health: Health) -> Self {
        Self {
            at: Instant::now(),
            health,
        }
    }

    /// What is worth keeping of a look: that all is well. What is not well is looked at again, so
    /// that it is said no longer than it holds.
    pub(crate) fn good(health: &Health) -> Option<Self> {
        (health.status == Condition::Healthy).then(|| Self::now(health.clone()))
    }

    /// The health, where it is new enough to be an answer.
    pub(crate) fn fresh(&self) -> Option<Health> {
        (self.at.elapsed() < FRESH).then(|| self.health.clone())
    }
}
