//! The control plane's use cases, over the ports.
//!
//! A front door calls [`ControlPlane::receive`] and, where that says so, hands the claimed request
//! to [`ControlPlane::carry_out`]. Everything else (recovery, waiting requests, the relay) is
//! called by whoever drives the control plane; nothing here spawns or sleeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actions::{Arrival, Carrying, Command, Registry};
use crate::admission::{Admission, admit, readmit};
use crate::conclusion::conclusion;
use crate::envelope::{Envelope, UNKNOWN, Unreadable};
use crate::fingerprint::FingerprintKey;
use crate::ports::{Done, PortError, PortErrorKind, PortResult, Ports, RepositoryCare, SecretRead, SecretVersion};
use crate::record::{ClaimedRequest, Conclusion, NewRequest, Receipt, RequestHead, RequestRecord, WaitingRequest};
use crate::running::Running;
use crate::sealed_values::SealingKey;
use crate::sealed_values::keeping::SealingKeeper;
use crate::waits::{Stopwatch, Waits};
use cc_devops_fleet::Beat;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::health::{Check, Condition, Health, Mode};
use cc_devops_kernel::input::{self, InputError};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{AgentName, RequestId, SecretName, Stage};
use cc_devops_kernel::outcome::{Completed, Failure, Reason, Status};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_policy::{Access, Policy};

/// How patient the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a claimed request belongs to its holder before another may take it, unless the
    /// claim is renewed.
    pub lease: SignedDuration,
    /// How often a request is tried before it ends as an error; at least 1.
    pub max_attempts: u32,
    /// How long a stack's change may take before its request ends as a timeout.
    pub deploy_timeout: SignedDuration,
    /// The same for other work that is done elsewhere.
    pub work_timeout: SignedDuration,
    /// The same for the stages that have their own.
    pub stage_deploy_timeouts: BTreeMap<Stage, SignedDuration>,
    /// The stage whose requests are taken from the bus, where each stage has a control plane of
    /// its own; without it, every stage's.
    pub serves: Option<Stage>,
    /// How far behind a consumer of the outbox may be, and how much longer than a deploy may take a
    /// request may stay open, before the health check says so.
    pub lag: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: SignedDuration::from_secs(60),
            max_attempts: 5,
            deploy_timeout: SignedDuration::from_hours(1),
            work_timeout: SignedDuration::from_hours(1),
            stage_deploy_timeouts: BTreeMap::new(),
            serves: None,
            lag: SignedDuration::from_mins(5),
        }
    }
}

/// Ends when a consumer has had as much time as it gets to take what it is told in one go.
pub type Patience = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The control plane: its names, its ports, its policies.
pub struct ControlPlane {
    pub(super) installation: Installation,
    pub(super) ports: Ports,
    pub(super) policy: Policy,
    registry: Registry,
    pub(super) settings: Settings,
    fingerprints: FingerprintKey,
    pub(super) care: Option<Arc<dyn RepositoryCare>>,
    pub(super) running: Arc<Running>,
    /// Where a look at the parked requests that was cut short goes on.
    pub(super) looked_at: Mutex<Option<WaitingRequest>>,
    pub(super) waits: Waits,
    pub(super) patience: Option<Patience>,
}

/// What became of an event on arrival.
#[derive(Clone)]
pub enum Received {
    /// It cannot be read or has no usable requestId. It is on record, under no id.
    Unreadable(Failure),
    /// It is durable, and the caller must carry it out.
    Claimed(Claimed),
    /// It is durable, and a sweep will carry it out.
    Recorded(RequestId),
    /// Its outcome is known already and on record.
    Concluded(Completed),
    /// It is a repeat; its outcome, if it has one, will be published again.
    Known(Box<RequestRecord>),
}

/// A claimed request to carry out, with what it asks for where that was read on its arrival just now. What a sweep
/// takes up has nothing with it, and is read from what was stored.
#[derive(Clone)]
pub struct Claimed {
    /// The request, with the right to carry it out.
    pub request: ClaimedRequest,
    /// What it asks for.
    pub admitted: Option<Command>,
}

impl From<ClaimedRequest> for Claimed {
    fn from(request: ClaimedRequest) -> Self {
        Self {
            request,
            admitted: None,
        }
    }
}

/// Why a secret was not handed out.
#[derive(Debug, thiserror::Error)]
pub enum ReadSecretError {
    /// No policy permits it.
    #[error("{0}")]
    Denied(String),
    /// There is no such secret, or no such version of it.
    #[error("there is no such secret, or it has no such version")]
    NotFound,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ControlPlane {
    /// Puts a control plane together.
    pub fn new(
        installation: Installation,
        ports: Ports,
        policy: Policy,
        fingerprints: FingerprintKey,
        settings: Settings,
    ) -> Self {
        Self {
            installation,
            ports,
            policy,
            registry: Registry::shipped().clone(),
            settings,
            fingerprints,
            care: None,
            running: Arc::default(),
            looked_at: Mutex::default(),
            waits: Waits::default(),
            patience: None,
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
    pub fn patient(mut self, patience: Patience) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The same, with what looks after repositories.
    #[must_use]
    pub fn caring(mut self, care: Arc<dyn RepositoryCare>) -> Self {
        self.care = Some(care);
        self
    }

    /// What looks after repositories.
    pub fn care(&self) -> Option<&Arc<dyn RepositoryCare>> {
        self.care.as_ref()
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

    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Takes one event. With `take` it is done at once where the store can, or the caller carries it out;
    /// without, it is left for a sweep. `Ok` means that what it says is durable.
    pub async fn receive(&self, principal: &Principal, event: Value, take: bool) -> PortResult<Received> {
        match Envelope::read(event) {
            Ok(envelope) => self.receive_envelope(principal, envelope, take).await,
            Err(unreadable) => self.refuse_unreadable(Some(principal), unreadable, self.now()).await,
        }
    }

    /// The same of an event that was read.
    pub(super) async fn receive_envelope(
        &self,
        principal: &Principal,
        envelope: Envelope,
        take: bool,
    ) -> PortResult<Received> {
        let now = self.now();
        let names = (&self.installation, &self.registry);
        let Admission { head, verdict } = admit(&envelope, principal, names, &self.fingerprints, now);
        if take
            && let Ok(command) = &verdict
            && let Some(received) = self.do_at_once(&head, command).await?
        {
            return Ok(received);
        }
        let detail = SecretValue::new(Value::Object(envelope.detail).to_string());
        let request = NewRequest { head, detail };
        match verdict {
            Ok(command) => self.record(request, command, take, now).await,
            Err(failure) => self.record_refused(request, &failure, now).await,
        }
    }

    /// Takes a request in and does it in one transaction, where its action and the store can and the policies let
    /// it. None where it has to go the whole way: there it is refused, tried again or given up.
    async fn do_at_once(&self, head: &RequestHead, command: &Command) -> PortResult<Option<Received>> {
        if self.ports.at_once.is_none() || command.action().carrying != Carrying::AtOnce {
            return Ok(None);
        }
        let Ok(policies) = self.authorise(head, command, None).await? else {
            return Ok(None);
        };
        let arrival = Arrival {
            ports: &self.ports,
            head,
            stage: command.stage(),
            detail: json!({"policies": policies}),
        };
        Ok(match command.effect().at_once(arrival).await? {
            None => None,
            Some(Done::Now(completed)) => Some(Received::Concluded(completed)),
            Some(Done::Known(record)) => Some(self.repeat(record).await?),
            Some(Done::Conflict) => Some(self.refuse_conflict(head, self.now()).await?),
        })
    }

    /// Puts on record that something came that is no event at all, or, without a principal, an
    /// event that does not say whose it is.
    pub async fn receive_unreadable(&self, principal: Option<&Principal>, failure: Failure) -> PortResult<Received> {
        self.refuse_unreadable(principal, Unreadable { failure, id: None }, self.now())
            .await
    }

    async fn record(&self, request: NewRequest, command: Command, take: bool, now: Timestamp) -> PortResult<Received> {
        let lease_until = take.then(|| later(now, self.settings.lease));
        let receipt = match self.ports.ledger.receive(&request, lease_until).await {
            // It would never be taken: who asked is told, and what they sent is not kept.
            Err(error) if error.kind == PortErrorKind::TooLarge => {
                let failure = Failure::new(Reason::InvalidParameter, error.message);
                return self.record_refused(request, &failure, now).await;
            }
            receipt => receipt?,
        };
        match receipt {
            Receipt::Claimed(claim) => Ok(Received::Claimed(Claimed {
                request: ClaimedRequest {
                    claim,
                    tries: 1,
                    head: request.head,
                    detail: request.detail,
                },
                admitted: Some(command),
            })),
            Receipt::Recorded => Ok(Received::Recorded(request.head.id)),
            Receipt::Known(record) => self.repeat(record).await,
            Receipt::Conflict => self.refuse_conflict(&request.head, now).await,
        }
    }

    async fn record_refused(&self, request: NewRequest, failure: &Failure, now: Timestamp) -> PortResult<Received> {
        let conclusion = conclusion(&request.head, Err(failure.clone()), Value::Null, None, now);
        match self.ports.ledger.receive_concluded(&request, &conclusion).await? {
            Receipt::Known(record) => self.repeat(record).await,
            Receipt::Conflict => self.refuse_conflict(&request.head, now).await,
            Receipt::Claimed(_) | Receipt::Recorded => Ok(Received::Concluded(conclusion.completed)),
        }
    }

    /// A repeat gets the first outcome again, as an answer and as an event.
    async fn repeat(&self, record: Box<RequestRecord>) -> PortResult<Received> {
        if record.completed.is_some() {
            self.ports.ledger.republish(&record.head.id, self.now()).await?;
        }
        Ok(Received::Known(record))
    }

    async fn refuse_conflict(&self, head: &RequestHead, now: Timestamp) -> PortResult<Received> {
        let failure = Failure::new(
            Reason::RequestIdConflict,
            "this requestId was used before for something else; give the new request an id of its own",
        );
        let conclusion = conclusion(head, Err(failure), Value::Null, None, now);
        self.ports.ledger.refuse(&head.agent, &conclusion).await?;
        Ok(Received::Concluded(conclusion.completed))
    }

    pub(super) async fn refuse_unreadable(
        &self,
        principal: Option<&Principal>,
        unreadable: Unreadable,
        now: Timestamp,
    ) -> PortResult<Received> {
        let Unreadable { failure, id } = unreadable;
        let request_id = id.map_or_else(|| UNKNOWN.to_owned(), String::from);
        let agent = principal.map(|principal| &principal.agent);
        let completed = Completed {
            request_id: request_id.clone(),
            action: UNKNOWN.to_owned(),
            status: Status::Error,
            result: None,
            error: Some(failure.message.clone()),
            reason: Some(failure.reason),
            latency_ms: 0,
            requested_by: agent.map_or_else(|| UNKNOWN.to_owned(), ToString::to_string),
            timestamp: now,
        };
        let audit = AuditEntry {
            at: now,
            principal: agent.cloned(),
            agent: agent.cloned(),
            action: UNKNOWN.to_owned(),
            request_id: Some(request_id),
            stage: None,
            resource: None,
            status: Status::Error,
            reason: Some(failure.reason),
            detail: json!({"error": failure.message}),
        };
        let conclusion = Conclusion {
            completed,
            audit,
            output: None,
            keeps_stack: false,
        };
        let reader = agent.unwrap_or(&self.installation.agent);
        self.ports.ledger.refuse(reader, &conclusion).await?;
        Ok(Received::Unreadable(failure))
    }

    /// Reads again what a claimed request asks for. What was admitted once is admitted again.
    pub(super) fn readmit(&self, claimed: &ClaimedRequest) -> Result<Command, Failure> {
        let broken = |what: &str| {
            Failure::new(
                Reason::InternalError,
                format!("the stored request cannot be read again: {what}"),
            )
        };
        let detail = match input::document(claimed.detail.expose().as_bytes()) {
            Ok(Value::Object(detail)) => detail,
            // An older version let it in.
            Err(InputError::Refused(error)) => {
                return Err(Failure::new(
                    Reason::SchemaValidationFailed,
                    format!("`detail`: {error}"),
                ));
            }
            Ok(_) | Err(InputError::NotJson(_)) => return Err(broken("it is not a JSON object")),
        };
        let head = &claimed.head;
        let envelope = Envelope {
            source: head.agent.clone(),
            id: head.id.clone(),
            detail,
        };
        let principal = Principal {
            agent: head.principal.clone(),
            role: head.role,
        };
        readmit(&envelope, &principal, (&self.installation, &self.registry))
    }

    /// Hands a secret's value to an agent that may have it. Every attempt is on record first.
    pub async fn read_secret(
        &self,
        agent: &Agent,
        name: &SecretName,
        version: SecretVersion,
    ) -> Result<SecretRead, ReadSecretError> {
        let access = Access::ReadSecret { name: name.clone() };
        let decision = self.policy.decide(agent, &access);
        let found = if decision.allowed {
            self.ports.secrets.read(name, version).await?
        } else {
            None
        };
        let mut detail = json!({"policies": decision.policies});
        if let (Some(read), Some(fields)) = (&found, detail.as_object_mut()) {
            fields.insert("versionId".to_owned(), json!(read.version_id));
        }
        let entry = AuditEntry {
            at: self.now(),
            principal: Some(agent.name.clone()),
            agent: Some(agent.name.clone()),
            action: actions::SECRET_READ.to_owned(),
            request_id: None,
            stage: None,
            resource: Some(name.to_string()),
            status: if found.is_some() {
                Status::Success
            } else {
                Status::Error
            },
            reason: (!decision.allowed).then_some(Reason::SecurityViolation),
            detail,
        };
        self.ports.audit.append(&entry).await?;
        if !decision.allowed {
            return Err(ReadSecretError::Denied(decision.refusal(&agent.name, &access)));
        }
        found.ok_or(ReadSecretError::NotFound)
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
        let beat = Beat {
            at: now,
            healthy: failing.is_empty(),
            message,
        };
        self.ports.heartbeats.beat(name, &beat).await
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
