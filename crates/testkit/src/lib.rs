#![doc = include_str!("../README.md")]
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
pub mod outbox;
pub mod peers;
pub mod sample;
pub mod strategy;

pub use billing::FakeBilling;
pub use clock::ManualClock;
pub use memory::Memory;
