//! Acts: what is changed without a request of the ledger, and who is behind it.
//!
//! An act and its trail are one: the port's method that changes the state takes the audit row and writes both in
//! one transaction.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::audit::AuditEntry;
use crate::fleet::Agent;
use crate::names::AgentName;
use crate::policy::{Access, Policy};
use crate::ports::{AuditTrail, PortError};
use crate::requests::outcome::{Failure, Reason, Status};

/// Who asks for an act.
#[derive(Clone, Copy)]
pub enum Asker<'a> {
    /// Whoever has the machine or the account: the data folder, the stack's credentials. No policy is asked, because
    /// nothing here could keep them from it.
    Operator,
    /// An agent that has proven who it is. The policies decide.
    Agent(&'a Agent, &'a Policy),
}

impl Asker<'_> {
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
        let (agent, policy) = match self {
            Self::Operator => return Ok(Author(Behind::Operator)),
            Self::Agent(agent, policy) => (agent, policy),
        };
        let decision = policy.decide(agent, access);
        let author = Author(Behind::Agent {
            name: agent.name.clone(),
            policies: decision.policies,
        });
        if decision.allowed {
            return Ok(author);
        }
        let message = format!(
            "no policy lets {} do {} on {}; an operator can grant it",
            agent.name,
            access.action(),
            access.resource()
        );
        let entry = author.entry(at, action, access.resource(), json!({"error": message}));
        audit.append(&failed(entry, Reason::SecurityViolation)).await?;
        Err(Failure::new(Reason::SecurityViolation, message).into())
    }
}

/// Who is behind an act, and may do it: the control plane by its schedule, unless it was made by
/// [`Asker::author`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author(Behind);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
enum Behind {
    #[default]
    Schedule,
    Operator,
    Agent {
        name: AgentName,
        policies: Vec<String>,
    },
}

impl Author {
    /// An act on record, done by this author. `detail` is an object.
    pub(crate) fn entry(&self, at: Timestamp, action: &str, resource: String, detail: Value) -> AuditEntry {
        let mut fields = match detail {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let (by, agent) = match &self.0 {
            Behind::Schedule => ("schedule", None),
            Behind::Operator => ("operator", None),
            Behind::Agent { name, policies } => {
                fields.insert("policies".to_owned(), json!(policies));
                ("agent", Some(name))
            }
        };
        fields.insert("by".to_owned(), json!(by));
        AuditEntry {
            at,
            principal: agent.cloned(),
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

/// The same act, which was not done.
fn failed(entry: AuditEntry, reason: Reason) -> AuditEntry {
    AuditEntry {
        status: Status::Error,
        reason: Some(reason),
        ..entry
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
