//! The spine of the control plane: requests and their registry of actions, the policies that decide on them,
//! retention and sealed values, over the ports that a backend implements.
//!
//! What all domains share is in `cc_devops_kernel`; the other domains are `cc_devops_revenue`, `cc_devops_repos`,
//! `cc_devops_fleet` and `cc_devops_outbox`. None of them does I/O.

pub mod policy;
pub mod ports;
pub mod requests;
pub mod retention;
pub mod sealed_values;

pub(crate) use cc_devops_kernel::{acts, alerts, audit, events, health, input, installation, names, secret, text};

pub(crate) use installation::Installation;
pub use requests::engine::ControlPlane;

/// The agents, and their heartbeats.
pub(crate) mod fleet {
    pub(crate) use cc_devops_fleet::*;
    pub(crate) use cc_devops_kernel::agent::Agent;
}
