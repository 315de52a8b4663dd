//! Acts: what is changed without a request of the ledger, and who is behind it.
//!
//! An act and its trail are one. Where the state is ours, the port's method that changes it takes the audit row
//! and writes both in one transaction. Where the state is another system's (a repository, an issue), no
//! transaction reaches both: the act is put on record before it is begun, and what came of it after it. So nothing
//! is changed that the trail does not know of, and an act that was begun and of which no end is on record is one
//! that somebody should look at.

use std::future::Future;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::access::Access;
use crate::agent::Agent;
use crate::audit::AuditEntry;
use crate::decision::Decision;
use crate::door::Door;
use crate::names::{AgentName, RequestId};
use crate::outcome::{Failure, Reason, Status};
use crate::ports::{AuditTrail, Clock, PortError, PortResult};

/// Who asks for an act.
#[derive(Clone, Copy)]
pub enum Actor<'a> {
    /// Whoever has the machine or the account: the data folder, the stack's credentials. No policy is asked, because
    /// nothing here could keep them from it.
    Operator,
    /// An agent that has proven who it is, and the door it came in by. The policies decide.
    Agent(&'a Agent, &'a dyn Authority, Door),
}

/// Who decides whether an agent may: the policies.
pub trait Authority: Send + Sync {
    /// Whether `agent` may do what `access` says.
    fn decide(&self, agent: &Agent, access: &Access) -> Decision;
}

impl Actor<'_> {
    /// Who is behind an act, if they may do it. That somebody may not is put on record under `action`.
    ///
    /// # Errors
    /// A `security_violation` that says what no policy permits; a port that failed.
    pub async fn author(
        &self,
        access: &Access,
        action: &str,
        audit: &dyn AuditTrail,
        at: Timestamp,
    ) -> Result<Author, ActError> {
        let (agent, policy, door) = match self {
            Self::Operator => return Ok(Author::operator()),
            Self::Agent(agent, policy, door) => (agent, policy, *door),
        };
        let decision = policy.decide(agent, access);
        let message = decision.refusal(&agent.name, access);
        let author = Author(Behind::Agent {
            name: agent.name.clone(),
            policies: decision.policies,
            door,
        });
        if decision.allowed {
            return Ok(author);
        }
        let entry = author.entry(at, action, access.resource(), json!({"error": message}));
        audit.append(&failed(entry, Reason::SecurityViolation)).await?;
        Err(Failure::new(Reason::SecurityViolation, message).into())
    }
}

/// Who is behind an act, and may do it: the control plane by its schedule, unless it was made by
/// [`Actor::author`] or from a request that was authorised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author(Behind);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
enum Behind {
    #[default]
    Schedule,
    Operator,
    Invocation,
    Agent {
        name: AgentName,
        policies: Vec<String>,
        #[serde(default)]
        door: Door,
    },
    Request {
        id: RequestId,
        principal: AgentName,
        agent: AgentName,
    },
}

impl Author {
    /// Whoever asked for a request, which was authorised when it was begun.
    pub fn of(request: impl Into<Self>) -> Self {
        request.into()
    }

    /// Whoever was proven to ask for a request, for `agent`: the principal's own, or whom an admin asks for.
    pub fn of_request(id: RequestId, principal: AgentName, agent: AgentName) -> Self {
        Self(Behind::Request { id, principal, agent })
    }

    /// Whoever has the machine or the account: the data folder, the stack's credentials.
    pub fn operator() -> Self {
        Self(Behind::Operator)
    }

    /// Whoever may invoke a function of the stack, which the account's policies decide.
    pub fn invoked() -> Self {
        Self(Behind::Invocation)
    }

    /// An act on record, done by this author. `detail` is an object.
    pub fn entry(&self, at: Timestamp, action: &str, resource: String, detail: Value) -> AuditEntry {
        let mut fields = match detail {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let (by, principal, agent, request) = match &self.0 {
            Behind::Schedule => ("schedule", None, None, None),
            Behind::Operator => ("operator", None, None, None),
            Behind::Invocation => ("invocation", None, None, None),
            Behind::Agent { name, policies, door } => {
                fields.insert("policies".to_owned(), json!(policies));
                door.mention(&mut fields);
                ("agent", Some(name), Some(name), None)
            }
            Behind::Request { id, principal, agent } => ("request", Some(principal), Some(agent), Some(id)),
        };
        fields.insert("by".to_owned(), json!(by));
        if let Some(id) = request {
            // Its own row, which tells its outcome, has the id in its place.
            fields.insert("request".to_owned(), json!(id));
        }
        AuditEntry {
            at,
            principal: principal.cloned(),
            agent: agent.cloned(),
            action: action.to_owned(),
            request_id: None,
            stage: None,
            resource: Some(resource),
            status: Status::Success,
            reason: None,
            detail: Value::Object(fields),
        }
    }
}

/// An act on another system.
pub struct ExternalAct<'a> {
    /// On record before it.
    pub begun: &'static str,
    /// On record after it.
    pub done: &'static str,
    /// What it is done to.
    pub resource: String,
    /// What it changes: safe to keep.
    pub detail: Value,
    /// Who is behind it.
    pub author: &'a Author,
}

impl ExternalAct<'_> {
    /// Does it, on record before and after. `at` says what it was done to, where that is known after it only.
    ///
    /// # Errors
    /// What the other system says; that it could not be put on record. Where that comes before the act, nothing was
    /// done; where it comes after, the error says that it was done.
    pub async fn done<T>(
        self,
        (audit, clock): (&dyn AuditTrail, &dyn Clock),
        act: impl Future<Output = PortResult<T>> + Send,
        at: impl FnOnce(&T) -> Option<String> + Send,
    ) -> PortResult<T> {
        let Self {
            begun,
            done,
            resource,
            detail,
            author,
        } = self;
        audit
            .append(&author.entry(clock.now(), begun, resource.clone(), detail.clone()))
            .await?;
        let outcome = act.await;
        let entry = match &outcome {
            Ok(value) => author.entry(clock.now(), done, at(value).unwrap_or(resource), detail),
            Err(error) => {
                let mut entry = author.entry(clock.now(), done, resource, detail);
                if let Value::Object(fields) = &mut entry.detail {
                    fields.insert("error".to_owned(), json!(error.message));
                }
                failed(entry, Reason::ApiError)
            }
        };
        let recorded = audit.append(&entry).await;
        match (outcome, recorded) {
            (Ok(_), Err(error)) => {
                let message = format!("it was done, and that could not be put on record: {}", error.message);
                Err(PortError::new(error.kind, message).because(error))
            }
            (outcome, _) => outcome,
        }
    }
}

/// The same act, which was not done.
fn failed(entry: AuditEntry, reason: Reason) -> AuditEntry {
    AuditEntry {
        status: Status::Error,
        reason: Some(reason),
        ..entry
    }
}

/// Makes a call once more whose answer may have been lost. The call must change nothing where it is made again.
pub async fn surely<'c>(call: impl Fn() -> BoxFuture<'c, PortResult<()>> + Send) -> PortResult<()> {
    match call().await {
        Err(error) if error.kind.is_transient() => call().await,
        answer => answer,
    }
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No policy permits it, or what is asked for cannot be.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// An outside system failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<Failure> for ActError {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}
