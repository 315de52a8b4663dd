//! What is served, service by service: each file has the models of its operations and what carries them out.

mod cloudwatch;
mod ssm;
mod sts;

use crate::operation::Operation;

/// Everything that is served.
pub(crate) fn table() -> Vec<Operation> {
    // Each service adds its own: `cloudwatch::operations()` and so on.
    let services = [cloudwatch::operations(), ssm::operations(), sts::operations()];
    services.into_iter().flatten().collect()
}
