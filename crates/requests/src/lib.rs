#![doc = include_str!("../README.md")]

pub mod actions;
pub mod admission;
pub mod bus;
mod conclusion;
pub mod conditions;
pub mod cost_reports;
pub mod deploys;
pub mod effects;
pub mod engine;
pub mod envelope;
pub mod execution;
pub mod fingerprint;
mod json_kind;
pub mod ports;
pub mod receiving;
pub mod record;
pub mod relay;
mod renewing;
pub mod retention;
pub mod running;
pub mod sealed_values;
pub mod secret_edits;
pub mod secret_lists;
pub mod secret_looks;
pub mod secret_reads;
pub mod settings;
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
