#![doc = include_str!("../README.md")]

mod agents;
mod audit;
mod batches;
mod bus;
mod checks;
mod clients;
mod conditions;
mod deploy_role;
mod error;
mod handed_over;
mod heartbeat_source;
mod heartbeats;
mod invoke;
mod keys;
mod ledger;
mod log;
mod metrics;
mod outbox;
mod places;
mod queue;
mod repositories;
mod resources;
mod retention;
mod revenue;
mod schedule;
mod sealing_keys;
mod secrets;
mod stacks;
mod state;
mod table;
mod times;
mod topics;
mod walk;
mod watching;
mod webhooks;

use std::sync::Arc;

use cc_devops_alerts::maintenance_mode::StoredMode;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::ports::{Clock, PortResult};
use cc_devops_requests::conditions::LoggedConditions;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::ports::Ports;

pub use clients::{Account, Clients};
pub use deploy_role::DeployRole;
pub use queue::Queue;
pub use resources::Resources;
pub use stacks::PollBackoff;
pub use watching::SyncedAgents;

/// What the adapters share.
pub(crate) struct Shared {
    pub(crate) clients: Clients,
    pub(crate) resources: Resources,
    pub(crate) installation: Installation,
    pub(crate) places: places::Places,
    pub(crate) sequencer: log::Sequencer,
    pub(crate) outbox: outbox::PendingEvents,
    pub(crate) chains: audit::chains::Chains,
    pub(crate) clock: Arc<dyn Clock>,
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
    pub fn new(clients: Clients, resources: Resources, installation: Installation, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                clients,
                resources,
                installation,
                places: places::Places::default(),
                sequencer: log::Sequencer::default(),
                outbox: outbox::PendingEvents::default(),
                chains: audit::chains::Chains::default(),
                clock,
                keys: keys::Keys::default(),
            }),
        }
    }

    /// Every port.
    pub fn ports(&self) -> Ports {
        Ports {
            at_once: None,
            ledger: self.ledger(),
            audit: self.audit(),
            secrets: self.secrets(),
            sealing_keys: self.sealing_keys(),
            stacks: self.stacks(PollBackoff::default()),
            agents: self.agents(),
            heartbeats: self.heartbeats(),
            outbox: self.outbox(),
            bus: Some(self.bus()),
            // Each event is in the log by the transaction that it came to be with.
            log: None,
            events: self.events(),
            completion_queues: None,
            webhooks: self.webhooks(),
            conditions: Arc::new(LoggedConditions),
            maintenance: Arc::new(StoredMode::new(self.state())),
            left_conditions: Some(self.left_conditions()),
            schedule: self.schedule(),
            metrics: self.metrics(),
            revenue: self.revenue(),
            repositories: self.repositories(),
            state: self.state(),
            retention: self.retention(),
            checks: self.checks(),
            clock: self.shared.clock.clone(),
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

    /// Has the chains of the audit trail that are begun from now on begin with `writer` and a hyphen: for a program whose
    /// role may write no others. Said once, before anything is on record.
    pub fn name_chains(&self, writer: &'static str) {
        self.shared.chains.name(writer);
    }

    /// The key of the requests' fingerprints; the first call reads the ledger's key.
    pub async fn fingerprint_key(&self) -> PortResult<FingerprintKey> {
        Ok(self.shared.keys().await?.fingerprint_key())
    }
}
