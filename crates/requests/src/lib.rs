//! A request's life: receive → admit → authorise → execute → conclude.
//!
//! [`envelope`] reads the wire, [`admission`] makes a typed [`Command`] of it or says why not, after
//! what the registry of [`actions`] says of its action; [`engine`] carries it out through the [`ports`],
//! and [`record`] is what the ledger remembers. [`relay`] publishes what was concluded, and [`bus`] takes what others
//! put on the event bus. [`sealed_values`] opens what came encrypted; [`retention`] forgets what need not be kept.
//!
//! What all domains share is in `cc_devops_kernel`; who may do what is decided by `cc_devops_policy`, which is handed
//! the registry's rows. None of them does I/O.

pub mod actions;
pub mod admission;
pub mod bus;
mod conclusion;
pub mod effects;
pub mod engine;
pub mod envelope;
pub mod execution;
pub mod fingerprint;
pub mod ports;
pub mod record;
pub mod relay;
mod renewing;
pub mod retention;
pub mod running;
pub mod sealed_values;
pub mod stacks;
pub mod standing;
pub mod sweep;
pub mod task;
pub mod waiting;
mod waits;

pub use actions::put_secret::GivenValue;
pub use actions::{Action, Command};
pub use effects::{DeployLambda, MAX_SECRET_BYTES, PutSecret, RepositoryWork, Template};
pub use engine::ControlPlane;
