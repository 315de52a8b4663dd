//! Stateful fakes of every port, the contract suites that every adapter passes, and the machinery
//! to crash a process between any two port calls. For tests only; nothing ships with it.
//!
//! - [`billing`]: subscriptions and exchange rates as a test says
//! - [`fuzz`]: hostile input from a few examples, as many as are asked for
//! - [`memory`]: one model in memory from which the fake of every port derives
//! - [`contract`]: what each port promises, as suites that run on the fake and on adapters alike
//! - [`crash`]: ports that die at a chosen call, and the enumeration of every such call
//! - [`peers`]: emulators of AWS, started and ended by the tests
//! - [`sample`]: requests, conclusions and agents to test with
//! - [`telling`]: the outbox as a test looks at it
//! - [`strategy`]: arbitrary JSON and nearly valid request envelopes for proptest
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this crate is test code: it fails by panicking, with a message"
)]

pub mod billing;
pub mod clock;
pub mod contract;
pub mod crash;
pub mod fuzz;
pub mod memory;
pub mod peers;
pub mod sample;
pub mod strategy;
pub mod telling;

pub use billing::FakeBilling;
pub use clock::ManualClock;
pub use memory::Memory;
