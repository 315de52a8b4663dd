//! What every port promises, as suites that run on the fake and on every adapter alike.
//!
//! A suite is given a factory and asks it for fresh, empty ports for each of its cases. Times are
//! passed in, so nothing here waits for a clock; only the stacks suite waits, for real commands.

mod agents;
mod at_once;
mod audit;
mod completion_queues;
mod events;
mod handed_over;
mod ledger;
mod movements;
mod outbox;
mod repositories;
pub(crate) mod retention;
mod revenue;
mod sealing_keys;
mod secret_changes;
mod secrets;
mod sessions;
mod slack_users;
mod stacks;
mod state;
mod unreadable;
mod upkeep;
mod webhooks;

use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_requests::ports::Ports;

pub use agents::{agents, heartbeats};
pub use at_once::at_once;
pub use audit::audit;
pub use completion_queues::completion_queues;
pub use events::events;
pub use handed_over::handed_over;
pub use ledger::{ledger, ledger_steps};
pub use outbox::outbox;
pub use repositories::repositories;
pub use retention::{cutting, retention};
pub use revenue::revenue;
pub use sealing_keys::sealing_keys;
pub use secrets::{secrets, secrets_of_a_provider};
pub use stacks::stacks;
pub use state::state;
pub use unreadable::{Damage, unreadable};
pub use upkeep::{checks, clock, metrics, schedule};
pub use webhooks::webhooks;

/// Every suite, one after the other.
pub async fn all(fresh: impl AsyncFn() -> Ports) {
    ledger(&fresh).await;
    outbox(&fresh).await;
    audit(&fresh).await;
    cutting(&fresh).await;
    retention(&fresh).await;
    secrets(&fresh).await;
    sealing_keys(&fresh).await;
    stacks(&fresh).await;
    agents(&fresh).await;
    heartbeats(&fresh).await;
    events(&fresh).await;
    webhooks(&fresh).await;
    schedule(&fresh).await;
    revenue(&fresh).await;
    repositories(&fresh).await;
    state(&fresh).await;
    metrics(&fresh).await;
    checks(&fresh).await;
    clock(&fresh).await;
}

/// Checks that a call was refused for the right reason.
#[track_caller]
fn refused<T>(answer: PortResult<T>, kind: PortErrorKind, what: &str) {
    match answer {
        Ok(_) => panic!("{what}: must be refused with {kind:?}, and was not"),
        Err(error) => assert_eq!(error.kind, kind, "{what}: refused for another reason: {error}"),
    }
}
