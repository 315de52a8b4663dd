//! The AWS backend: one adapter per port on the official SDK.
//!
//! ```text
//!  ledger, audit, events, webhooks, schedule   one DynamoDB table
//!  revenue                                     another one, which others read
//!  agents                                      an SSM parameter, and the table for what they may
//!  heartbeats, metrics                         CloudWatch
//!  secrets                                     Secrets Manager
//!  stacks                                      CloudFormation
//!  bus                                         EventBridge
//!  alerts                                      SNS
//! ```
//!
//! [`Clients`] are built once, [`Resources`] says what everything is called, and [`Backend`] puts
//! the adapters together.

mod agents;
mod alerts;
mod audit;
mod batches;
mod bus;
mod checks;
mod clients;
mod error;
mod events;
mod handed_over;
mod heartbeats;
mod invoke;
mod keys;
mod ledger;
mod metrics;
mod places;
mod queue;
mod repositories;
mod resources;
mod revenue;
mod schedule;
mod secrets;
mod stacks;
mod table;
mod webhooks;

use std::sync::Arc;

use cc_devops_core::Installation;
use cc_devops_core::ports::{Clock, PortResult, Ports};
use cc_devops_core::requests::fingerprint::FingerprintKey;

pub use clients::{Account, Clients};
pub use events::SETTLED;
pub use queue::Queue;
pub use resources::Resources;
pub use stacks::Pace;

/// What the adapters share.
pub(crate) struct Shared {
    pub(crate) clients: Clients,
    pub(crate) resources: Resources,
    pub(crate) installation: Installation,
    pub(crate) places: places::Places,
    pub(crate) chains: audit::chains::Chains,
    keys: keys::Keys,
}

impl Shared {
    /// The ledger's keys.
    pub(crate) async fn keys(&self) -> PortResult<&keys::Derived> {
        self.keys.get(&self.clients, &self.resources.ledger_key).await
    }
}

/// The adapters of one stage in one account and region.
#[derive(Clone)]
pub struct Backend {
    shared: Arc<Shared>,
}

impl Backend {
    /// Puts the backend together. No call is made yet.
    pub fn new(clients: Clients, resources: Resources, installation: Installation) -> Self {
        Self {
            shared: Arc::new(Shared {
                clients,
                resources,
                installation,
                places: places::Places::default(),
                chains: audit::chains::Chains::default(),
                keys: keys::Keys::default(),
            }),
        }
    }

    /// Every port.
    pub fn ports(&self, clock: Arc<dyn Clock>) -> Ports {
        Ports {
            ledger: self.ledger(),
            audit: self.audit(),
            secrets: self.secrets(),
            stacks: self.stacks(Pace::default()),
            agents: self.agents(),
            heartbeats: self.heartbeats(),
            bus: self.bus(),
            events: self.events(SETTLED),
            webhooks: self.webhooks(SETTLED),
            alerts: self.alerts(),
            schedule: self.schedule(),
            metrics: self.metrics(),
            revenue: self.revenue(),
            repositories: self.repositories(),
            checks: self.checks(),
            clock,
        }
    }

    /// The clients.
    pub fn clients(&self) -> &Clients {
        &self.shared.clients
    }

    /// What this installation is called.
    pub fn installation(&self) -> &Installation {
        &self.shared.installation
    }

    /// What everything is called.
    pub fn resources(&self) -> &Resources {
        &self.shared.resources
    }

    /// The key of the requests' fingerprints; the first call reads the ledger's key.
    pub async fn fingerprint_key(&self) -> PortResult<FingerprintKey> {
        Ok(self.shared.keys().await?.fingerprint_key())
    }
}
