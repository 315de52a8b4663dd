//! Ending requests: outcome, audit row and event in one transaction.

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use cc_devops_kernel::stored;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::record::Conclusion;
use rusqlite::{Connection, OptionalExtension, params};

use crate::audit::Prepared;
use crate::columns::nanos;
use crate::error::Fault;
use crate::events::{self, EventSource};
use crate::vault::StoreKeys;

/// A conclusion ready to be written: what can be made beforehand is not made on the writer's time.
pub(crate) struct Ending {
    status: &'static str,
    completed: String,
    output: Option<String>,
    audit: Prepared,
    keeps_stack: bool,
    /// When, in nanoseconds.
    at: i64,
}

impl Ending {
    /// Prepares a conclusion.
    pub(crate) fn of(conclusion: &Conclusion) -> Result<Self, PortError> {
        Ok(Self {
            status: conclusion.completed.status.as_str(),
            completed: stored::write_completed(&conclusion.completed).map_err(unwritable)?,
            output: conclusion.output.clone(),
            audit: Prepared::of(conclusion.audit.clone()).map_err(unwritable)?,
            keeps_stack: conclusion.keeps_stack,
            at: nanos(conclusion.completed.timestamp),
        })
    }

    /// Its status.
    pub(super) fn status(&self) -> &'static str {
        self.status
    }

    /// The outcome as JSON text.
    pub(super) fn completed(&self) -> &str {
        &self.completed
    }

    /// What the effect printed.
    pub(super) fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }

    /// Writes the audit row and the event of the request at `seq`, for an agent.
    pub(super) fn write_event(&self, conn: &Connection, keys: &StoreKeys, seq: i64, agent: &str) -> Result<(), Fault> {
        events::append(conn, agent, EventSource::Request(seq), self.at)?;
        self.audit.append(conn, keys)
    }

    /// Writes the audit row and the event of what has no request.
    pub(super) fn refuse(&self, conn: &Connection, keys: &StoreKeys, agent: &AgentName) -> Result<(), Fault> {
        events::append(conn, agent.as_str(), EventSource::Body(&self.completed), self.at)?;
        self.audit.append(conn, keys)
    }
}

fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::new(PortErrorKind::Refused, "the outcome cannot be written as JSON").because(error)
}

/// Ends the request that `claim` is good for.
pub(super) fn conclude(conn: &Connection, keys: &StoreKeys, claim: &Claim, ending: &Ending) -> Result<(), Fault> {
    let (seq, agent): (i64, String) = conn
        .prepare_cached(
            "UPDATE requests SET state = 'concluded', status = ?3, completed = ?4, output = ?5, due_at = NULL, \
             rests_since = NULL, progress = NULL, key_id = NULL, data_key = NULL, detail = NULL \
             WHERE id = ?1 AND attempts = ?2 AND state <> 'concluded' RETURNING seq, agent",
        )?
        .query_row(
            params![
                claim.request.as_str(),
                claim.attempt,
                ending.status,
                ending.completed,
                ending.output
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?
        .ok_or_else(superseded)?;
    if !ending.keeps_stack {
        conn.prepare_cached("DELETE FROM stack_locks WHERE request_id = ?1")?
            .execute([claim.request.as_str()])?;
    }
    ending.write_event(conn, keys, seq, &agent)
}

/// The answer to a claim that is not good any more.
pub(super) fn superseded() -> Fault {
    Fault::port(
        PortErrorKind::Superseded,
        "the claim is not good any more: somebody else went on with the request",
    )
}
