//! The control plane: its domain crates under the paths that they had when they were one.
//!
//! New code names the crate that holds what it needs: `cc_devops_kernel`, `cc_devops_revenue`, `cc_devops_repos`,
//! `cc_devops_fleet`, `cc_devops_outbox`. What is left here is the spine and the policies.

pub mod policy;
pub mod ports;
pub mod requests;
pub mod retention;
pub mod sealed_values;

pub use cc_devops_kernel::{
    acts, alerts, audit, events, health, input, installation, names, schedule, sealing, secret, signing, stored, text,
};
pub use cc_devops_outbox::webhooks;
pub use {cc_devops_repos as repos, cc_devops_revenue as revenue};

pub use installation::Installation;
pub use requests::engine::ControlPlane;

/// The agents: who they are, how they prove it, and whether they are alive.
pub mod fleet {
    pub use cc_devops_fleet::*;
    pub use cc_devops_kernel::agent::Agent;
}
