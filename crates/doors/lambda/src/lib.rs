#![doc = include_str!("../README.md")]

use std::time::Duration;

use jiff::Timestamp;

pub mod function;
pub mod logging;
pub mod payload;
pub mod repositories;
pub mod revenue;
pub mod watch;
pub mod wiring;

pub use function::{Function, Setup};
pub use payload::Payload;
pub use watch::Watch;

/// What is left of an invocation that ends at `deadline`, in milliseconds since 1970.
pub fn left(deadline: u64, now: Timestamp) -> Duration {
    let now = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Duration::from_millis(deadline.saturating_sub(now))
}
