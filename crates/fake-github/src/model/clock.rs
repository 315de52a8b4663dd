//! What time it is at the fake.

use std::time::Duration;

use cc_devops_kernel::ports::{Clock as _, SystemClock};
use jiff::Timestamp;

/// A clock that stands until it is moved, or one that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// Milliseconds since 1970.
    Still(i64),
    /// The machine's clock.
    Running,
}

impl Clock {
    /// Milliseconds since 1970.
    pub(crate) fn millis(self) -> i64 {
        match self {
            Self::Still(millis) => millis,
            Self::Running => SystemClock.now().as_millisecond(),
        }
    }

    /// Moves a clock that stands.
    pub(super) fn advance(&mut self, by: Duration) {
        match self {
            Self::Still(millis) => *millis += i64::try_from(by.as_millis()).expect("a test does not take so long"),
            Self::Running => panic!("the machine's clock cannot be moved; make the model with Model::at"),
        }
    }
}

/// Seconds since 1970 as GitHub writes them: `2026-11-23T04:00:00Z`.
pub(crate) fn written(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .expect("a time within jiff's range")
        .to_string()
}
