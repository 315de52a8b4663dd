//! The adapter against the fake GitHub.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod acts;
mod agreement;
mod breaches;
mod daily;
mod gaps;
mod harness;
mod issues;
mod kept;
mod looks;
mod notices;
mod planning;
mod posture;
mod reading;
mod settings;
mod trees;
mod trouble;
mod writing;
