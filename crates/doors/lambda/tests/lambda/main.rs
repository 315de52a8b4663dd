//! The functions: over fakes, against the template, and the whole way on the emulator.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod e2e;
mod fleet_watch;
mod function;
#[path = "../../../../aws/tests/aws/harness/mod.rs"]
mod harness;
mod invocations;
#[path = "../../../../aws/tests/aws/line/mod.rs"]
mod line;
mod mrr;
mod repositories;
mod template;
