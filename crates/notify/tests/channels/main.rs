//! Channels against receivers that answer as the real ones do, and against a real mail server.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod addresses;
mod failing;
mod harness;
mod mail;
mod receiver;
mod settings;
mod shapes;
mod slack;
