//! What Stripe sends: read in every shape, from the API and from files, and computed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod account;
mod backfill;
mod cases;
mod client_fake;
mod compute;
mod notices;
mod shapes;
