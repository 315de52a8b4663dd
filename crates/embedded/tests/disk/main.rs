//! What stands on the disk: keys, damage, tampering, backups, old schemas.

mod backup;
mod damage;
mod folder;
mod keys;
mod migrations;
mod planted_secret;
mod rotation;
mod tampering;
