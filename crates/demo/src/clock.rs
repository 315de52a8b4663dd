//! The clock of the demo's month.

use std::sync::{Mutex, PoisonError};

use cc_devops_kernel::ports::Clock;
use jiff::Timestamp;

/// A clock that stands until it is moved.
pub(crate) struct FastClock(Mutex<Timestamp>);

impl FastClock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
