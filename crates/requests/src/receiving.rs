//! Receiving: what arrives is admitted or refused, and is durable before it is acknowledged.

use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::input::{self, InputError};
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Completed, Failure, Reason, Status};
use cc_devops_kernel::secret::SecretValue;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::actions::{Arrival, Carrying, Command};
use crate::admission::{Admission, admit, readmit};
use crate::conclusion::conclusion;
use crate::engine::{ControlPlane, later};
use crate::envelope::{Envelope, UNKNOWN, Unreadable};
use crate::ports::{Done, PortErrorKind, PortResult};
use crate::record::{ClaimedRequest, Conclusion, NewRequest, Receipt, RequestHead, RequestRecord};

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

impl ControlPlane {
    /// Takes one event. With `take` it is done at once where the store can, or the caller carries it out;
    /// without, it is left for a sweep. `Ok` means that what it says is durable.
    pub async fn receive(&self, principal: &Principal, event: Value, take: bool) -> PortResult<Received> {
        self.receive_by(Door::Api, principal, Envelope::read(event), take).await
    }

    /// The same of what an event was read as, which came by this door; that is put on record.
    pub async fn receive_by(
        &self,
        door: Door,
        principal: &Principal,
        read: Result<Envelope, Unreadable>,
        take: bool,
    ) -> PortResult<Received> {
        match read {
            Ok(envelope) => self.receive_envelope(door, principal, envelope, take).await,
            Err(unreadable) => {
                self.refuse_unreadable(Some(principal), unreadable, door, self.now())
                    .await
            }
        }
    }

    /// The same of an event that was read.
    pub(super) async fn receive_envelope(
        &self,
        door: Door,
        principal: &Principal,
        envelope: Envelope,
        take: bool,
    ) -> PortResult<Received> {
        let now = self.now();
        let names = (&self.installation, &self.registry);
        let Admission { mut head, verdict } = admit(&envelope, principal, names, &self.fingerprints, now);
        head.via = door;
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
        self.receive_unreadable_by(Door::Api, principal, failure).await
    }

    /// The same of what came by this door, which is put on record.
    pub async fn receive_unreadable_by(
        &self,
        door: Door,
        principal: Option<&Principal>,
        failure: Failure,
    ) -> PortResult<Received> {
        self.refuse_unreadable(principal, Unreadable { failure, id: None }, door, self.now())
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
        door: Door,
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
            approval: None,
        };
        let mut detail = json!({"error": failure.message});
        if let Value::Object(fields) = &mut detail {
            door.mention(fields);
        }
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
            detail,
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
}
