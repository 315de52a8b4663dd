//! The audit trail: who did what to what, in a chain of hashes that shows any change.
//!
//! A row's hash is `SHA-256(previous hash in hex, newline, the row as canonical JSON (RFC 8785))`,
//! so anybody can check an export with a few lines of any language. The newest row's place and
//! hash are kept apart under a keyed MAC (the adapter's), so that cutting off the end shows too.
//!
//! A backend with several writers gives each a chain of its own, so that none waits for another. A
//! named chain starts from [`ChainHash::start_of`] its name, and checkpoints bind the chains' ends.
//!
//! Where rows are not kept for ever, a chain is cut: [`cut`] says how it still shows every change.

mod canonical;
pub mod cut;
mod entry;
mod hash;
mod mark;
mod verifier;

pub use canonical::{Canonical, link};
pub use cut::{Cut, Section};
pub use entry::{AuditEntry, AuditFilter, AuditRow, actions};
pub use hash::ChainHash;
pub use mark::{Mark, NoMark};
pub use verifier::{Break, Verification, Verifier};
