//! A clock that a test moves by hand.

use std::sync::{Arc, Mutex, PoisonError};

use cc_devops_kernel::ports::Clock;
use jiff::{SignedDuration, Timestamp};

/// A clock that stands still until it is told otherwise. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the hands to `now`, backwards too.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves the hands by `step` and says what they show then.
    pub fn advance(&self, step: SignedDuration) -> Timestamp {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add(step).expect("the step stays within the calendar");
        *now
    }
}

impl Default for ManualClock {
    /// Stands at [`crate::sample::START`].
    fn default() -> Self {
        Self::at(crate::sample::START)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
