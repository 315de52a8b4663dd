//! What the spine says of conditions: what became of requests, and how things stand.

mod faults;
mod logged;
mod looking;
mod newest_requests;
pub mod outcomes;
pub(crate) mod spend;
pub mod standing;

pub use logged::LoggedConditions;
pub use looking::Thoroughness;
