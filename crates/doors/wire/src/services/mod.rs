//! What is served, service by service: each file has the models of its operations and what carries them out.

mod events;
pub(crate) mod sqs;

#[cfg(test)]
mod agents_house;

use crate::operation::Operation;

/// Everything that is served.
pub(crate) fn table() -> Vec<Operation> {
    // Each service adds its own: `cloudwatch::operations()` and so on.
    let services: [Vec<Operation>; 2] = [events::operations(), sqs::operations()];
    services.into_iter().flatten().collect()
}
