//! Real commands: what they see, what is kept of them, and what becomes of them when things stop.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bench;
mod crashing;
mod ending;
mod plan_crashing;
mod plan_files;
mod planning;
mod running;
