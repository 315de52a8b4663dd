//! What computes MRR, keeps it and tells it.

use std::sync::Arc;

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::ports::RevenuePorts;
use cc_devops_revenue::reporting::{Reporter, ReportingSettings};
use cc_devops_stripe::account::Account;

use crate::rates::rates;
use crate::settings::RevenueSettings;

/// Puts it together over an account; no call is made yet.
///
/// # Errors
/// An address of rates that is none, or would be reached in the clear.
pub fn reporter(
    settings: &RevenueSettings,
    installation: Installation,
    account: Arc<Account>,
    ports: impl Into<RevenuePorts>,
) -> PortResult<Reporter> {
    let ports = ports.into();
    let how = ReportingSettings {
        installation,
        policy: settings.policy,
        reader: settings.cost_control.clone(),
    };
    let rates = rates(&settings.rates, Arc::clone(&ports.clock))?;
    Ok(Reporter::new(account, rates, ports, how).telling_falls_over(settings.told_falls_over))
}
