//! Ending requests: outcome, audit row and event in one transaction.

use cc_devops_core::audit::AuditEntry;
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{PortError, PortErrorKind};
use cc_devops_core::requests::record::{Claim, Conclusion};
use rusqlite::{Connection, OptionalExtension, params};

use super::outbox;
use crate::audit;
use crate::columns;
use crate::error::Fault;
use crate::vault::StoreKeys;

/// A conclusion ready to be written: what can be made beforehand is not made on the writer's time.
pub(super) struct Ending {
    status: &'static str,
    completed: String,
    output: Option<String>,
    audit: AuditEntry,
    keeps_stack: bool,
}

impl Ending {
    /// Prepares a conclusion.
    pub(super) fn of(conclusion: &Conclusion) -> Result<Self, PortError> {
        let completed = columns::json(&conclusion.completed).map_err(|error| {
            PortError::new(PortErrorKind::Refused, "the outcome cannot be written as JSON").because(error)
        })?;
        Ok(Self {
            status: conclusion.completed.status.as_str(),
            completed,
            output: conclusion.output.clone(),
            audit: conclusion.audit.clone(),
            keeps_stack: conclusion.keeps_stack,
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

    /// Writes the audit row and the event of the request at `seq`.
    pub(super) fn tell(&self, conn: &Connection, keys: &StoreKeys, seq: i64) -> Result<(), Fault> {
        conn.prepare_cached("INSERT INTO outbox (request_seq) VALUES (?1)")?
            .execute([seq])?;
        audit::append(conn, keys, &self.audit)
    }

    /// Writes the audit row and the event of what has no request.
    pub(super) fn refuse(&self, conn: &Connection, keys: &StoreKeys, agent: &AgentName) -> Result<(), Fault> {
        outbox::announce(conn, agent, &self.completed)?;
        audit::append(conn, keys, &self.audit)
    }
}

/// Ends the request that `claim` is good for.
pub(super) fn conclude(conn: &Connection, keys: &StoreKeys, claim: &Claim, ending: &Ending) -> Result<(), Fault> {
    let seq: i64 = conn
        .prepare_cached(
            "UPDATE requests SET state = 'concluded', status = ?3, completed = ?4, output = ?5, due_at = NULL, \
             progress = NULL, key_id = NULL, data_key = NULL, detail = NULL \
             WHERE id = ?1 AND attempts = ?2 AND state <> 'concluded' RETURNING seq",
        )?
        .query_row(
            params![
                claim.request.as_str(),
                claim.attempt,
                ending.status,
                ending.completed,
                ending.output
            ],
            |row| row.get(0),
        )
        .optional()?
        .ok_or_else(superseded)?;
    if !ending.keeps_stack {
        conn.prepare_cached("DELETE FROM stack_locks WHERE request_id = ?1")?
            .execute([claim.request.as_str()])?;
    }
    ending.tell(conn, keys, seq)
}

/// The answer to a claim that is not good any more.
pub(super) fn superseded() -> Fault {
    Fault::port(
        PortErrorKind::Superseded,
        "the claim is not good any more: somebody else went on with the request",
    )
}
