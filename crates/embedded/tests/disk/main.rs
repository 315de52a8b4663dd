//! What stands on the disk: keys, damage, tampering, backups, old schemas.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod backup;
mod damage;
mod ended;
mod folder;
mod forgetting;
mod keys;
mod looking;
mod migrations;
mod place;
mod planted_secret;
mod records;
mod register;
mod resting;
mod restore;
mod roll_back;
mod rotation;
mod tampering;
