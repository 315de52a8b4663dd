//! What stands on the disk: keys, damage, tampering, backups, old schemas.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod backup;
mod damage;
mod folder;
mod forgetting;
mod keys;
mod migrations;
mod planted_secret;
mod rotation;
mod tampering;
