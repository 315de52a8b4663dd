//! A request's life: admit → authorise → execute → conclude.
//!
//! [`envelope`] reads the wire, [`admission`] makes a typed [`Command`] of it or says why not, after
//! what the registry of [`actions`] says of its action; [`engine`] carries it out through the ports,
//! [`outcome`] is what everyone is told, and [`record`] is what the ledger remembers. [`relay`]
//! publishes what was concluded, and [`bus`] takes what others put on the event bus.

pub mod actions;
pub mod admission;
pub mod bus;
mod conclusion;
pub mod effects;
pub mod engine;
pub mod envelope;
pub mod execution;
pub mod fingerprint;
pub mod record;
pub mod relay;
mod renewing;
pub mod running;
pub mod stacks;
pub mod standing;
pub mod sweep;
pub mod task;
pub mod waiting;
mod waits;

pub use actions::put_secret::GivenValue;
pub use actions::{Action, Command};
pub use cc_devops_kernel::{agent as principal, course, outcome};
pub use effects::{DeployLambda, MAX_SECRET_BYTES, PutSecret, RepositoryWork, Template};
pub use principal::{Principal, Role};
