//! The embedded backend: the ports' contracts, a crash at every call, and real commands.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod contract;
mod crash_points;
mod stacks;
