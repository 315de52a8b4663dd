//! The only way out: what is connected to, what comes back, and that no other crate has a client.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod answers;
mod connecting;
mod only_way_out;
