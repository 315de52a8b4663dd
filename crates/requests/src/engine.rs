//! The control plane, over its ports.
//!
//! A front door calls [`ControlPlane::receive`] and, where that says so, hands the claimed request
//! to [`ControlPlane::carry_out`]. Everything else (recovery, waiting requests, the relay) is
//! called by whoever drives the control plane; nothing here spawns or sleeps.

use std::sync::{Arc, Mutex, PoisonError};

use cc_devops_fleet::Beat;
use cc_devops_kernel::health::{Check, Condition, Health, Mode};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use cc_devops_policy::Policy;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use crate::actions::Registry;
use crate::fingerprint::FingerprintKey;
use crate::ports::{PortErrorKind, PortResult, Ports, RepositoryWorker};
use crate::record::WaitingRequest;
use crate::running::Running;
use crate::sealed_values::SealingKey;
use crate::sealed_values::keeping::SealingKeeper;
use crate::settings::RequestSettings;
use crate::waits::{Stopwatch, Waits};

/// Ends when a consumer has had as much time as it gets to take what it is told in one go.
pub type ConsumerTimeout = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The control plane: its names, its ports, its policies.
pub struct ControlPlane {
    pub(super) installation: Installation,
    pub(super) ports: Ports,
    pub(super) policy: Arc<Policy>,
    pub(super) registry: Registry,
    pub(super) settings: RequestSettings,
    pub(super) fingerprints: FingerprintKey,
    pub(super) repository_worker: Option<Arc<dyn RepositoryWorker>>,
    pub(super) running: Arc<Running>,
    /// Where a look at the parked requests that was cut short goes on.
    pub(super) looked_at: Mutex<Option<WaitingRequest>>,
    pub(super) waits: Waits,
    pub(super) consumer_timeout: Option<ConsumerTimeout>,
    /// What the last checkpoint of the audit trail found wrong.
    pub(super) doubt: Mutex<Option<String>>,
}

impl ControlPlane {
    /// Puts a control plane together.
    pub fn new(
        installation: Installation,
        ports: Ports,
        policy: impl Into<Arc<Policy>>,
        fingerprints: FingerprintKey,
        settings: RequestSettings,
    ) -> Self {
        Self {
            installation,
            ports,
            policy: policy.into(),
            registry: Registry::shipped().clone(),
            settings,
            fingerprints,
            repository_worker: None,
            running: Arc::default(),
            looked_at: Mutex::default(),
            waits: Waits::default(),
            consumer_timeout: None,
            doubt: Mutex::default(),
        }
    }

    /// The same, with these actions instead of those that ship. Its policies must know them, too.
    #[must_use]
    pub fn taking(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// The same, with a stopwatch: what waits is measured by it, because a clock may be set.
    #[must_use]
    pub fn measuring(mut self, stopwatch: Stopwatch) -> Self {
        self.waits = Waits::by(stopwatch);
        self
    }

    /// The same, with how long a consumer of the outbox gets; without, it is waited for.
    #[must_use]
    pub fn with_consumer_timeout(mut self, consumer_timeout: ConsumerTimeout) -> Self {
        self.consumer_timeout = Some(consumer_timeout);
        self
    }

    /// The same, with what looks after repositories.
    #[must_use]
    pub fn with_repository_worker(mut self, worker: Arc<dyn RepositoryWorker>) -> Self {
        self.repository_worker = Some(worker);
        self
    }

    /// What looks after repositories.
    pub fn repository_worker(&self) -> Option<&Arc<dyn RepositoryWorker>> {
        self.repository_worker.as_ref()
    }

    /// The actions it takes.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The names.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The policies.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A key for another purpose than requests, the same for as long as the ledger lives: of the store's key, which whoever
    /// can write its file alone does not have.
    pub fn derived_key(&self, purpose: &str) -> [u8; 32] {
        self.fingerprints.derive(purpose)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Binds the ends of the audit trail together, and remembers what is wrong with them.
    ///
    /// # Errors
    /// The trail was changed from outside, or cannot be read or written.
    pub async fn checkpoint(&self) -> PortResult<()> {
        let bound = self.ports.audit.checkpoint(self.now()).await;
        let mut doubt = self.doubt.lock().unwrap_or_else(PoisonError::into_inner);
        match &bound {
            Ok(()) => *doubt = None,
            Err(error) if error.kind == PortErrorKind::Corrupt => *doubt = Some(error.message.clone()),
            Err(_) => {}
        }
        bound
    }

    /// What the last checkpoint found wrong.
    pub(super) fn doubted(&self) -> Option<String> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that values are to be sealed to; made where there is none.
    pub async fn sealing_key(&self) -> PortResult<SealingKey> {
        SealingKeeper::new(&self.ports).current().await
    }

    /// Replaces the sealing key where it is time, forgets old ones, and publishes the new one.
    pub async fn keep_sealing_keys(&self) -> PortResult<()> {
        SealingKeeper::new(&self.ports).keep().await
    }

    /// Registers this agent and sends its own heartbeat: healthy when every check is.
    pub async fn own_heartbeat(&self) -> PortResult<()> {
        let beat = self.own_beat().await?;
        self.ports.heartbeats.beat(&self.installation.agent, &beat).await
    }

    /// What this agent, which is registered with it, has to say of itself: that it is healthy, when every check is.
    pub async fn own_beat(&self) -> PortResult<Beat> {
        let now = self.now();
        let name: &AgentName = &self.installation.agent;
        self.ports.agents.register(name, now).await?;
        let checks = self.probed_checks().await;
        let failing: Vec<&str> = checks
            .iter()
            .filter(|c| c.status == Condition::Degraded)
            .map(|c| c.name.as_str())
            .collect();
        let message = (!failing.is_empty()).then(|| format!("degraded: {}", failing.join(", ")));
        Ok(Beat {
            at: now,
            healthy: failing.is_empty(),
            message,
        })
    }

    /// The control plane's own health, from what is known.
    pub async fn health(&self, mode: Mode) -> Health {
        self.health_of(mode, self.checks().await)
    }

    /// The control plane's own health, after trying what can be tried.
    pub async fn probed_health(&self, mode: Mode) -> Health {
        self.health_of(mode, self.probed_checks().await)
    }

    /// The control plane's own health, as these checks found it.
    pub fn health_of(&self, mode: Mode, checks: Vec<Check>) -> Health {
        Health::of(&self.installation, mode, checks, self.now())
    }
}

/// `at` plus `span`, at the end of time at the latest.
pub(super) fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
