//! The functions: that of the control plane, the one that reports MRR, the one that looks after repositories.
//!
//! The first tells payloads apart, hands them over, answers. It takes an SQS batch of requests, a request
//! given directly, CloudFormation's status events, the tasks of section 3 of the wire contract, and the
//! ticks of the schedule. [`revenue`] and [`repositories`] are programs of their own, each with a role and a
//! rhythm of its own. What they do is the domains'; what they do it through are whatever ports they are given.

use std::time::Duration;

use jiff::Timestamp;

pub mod function;
pub mod logging;
pub mod payload;
pub mod repositories;
pub mod revenue;
pub mod wiring;

pub use function::{Function, Setup};
pub use payload::Payload;

/// What is left of an invocation that ends at `deadline`, in milliseconds since 1970.
pub fn left(deadline: u64, now: Timestamp) -> Duration {
    let now = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Duration::from_millis(deadline.saturating_sub(now))
}
