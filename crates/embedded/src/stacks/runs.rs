//! The record of runs: one row per request, written before its command starts.

use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployResult, Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::StackEnd;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::columns;
use crate::db::Db;
use crate::error::Fault;

/// A run on record.
pub(super) struct Run {
    pub(super) request: RequestId,
    pub(super) stack: FullStackName,
    /// The process id of its command's supervisor, and so its command's session. Versions before kept the
    /// command's own process group here.
    pub(super) supervisor: Option<i32>,
    pub(super) started_at: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) end: Option<StackEnd>,
}

impl Run {
    /// How many seconds its command may run.
    pub(super) fn limit(&self) -> i64 {
        self.deadline.duration_since(self.started_at).as_secs()
    }
}

pub(super) enum Begun {
    New,
    Found(Box<Run>),
}

pub(super) struct Runs {
    db: Db,
}

/// An outcome as it is stored.
#[derive(Serialize, Deserialize)]
enum Stored {
    Done(DeployResult),
    Failed {
        reason: Reason,
        message: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fate_unknown: bool,
    },
}

const COLUMNS: &str = "request_id, stack, pid, deadline, outcome, output, started_at";

impl Runs {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn find(&self, request: &RequestId) -> PortResult<Option<Run>> {
        let request = request.clone();
        self.db.read(move |conn| find(conn, &request)).await
    }

    /// The newest run of a stack that has no end on record.
    pub(super) async fn running_on(&self, stack: &FullStackName) -> PortResult<Option<Run>> {
        let stack = stack.clone();
        self.db
            .read(move |conn| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM stack_runs WHERE stack = ?1 AND outcome IS NULL ORDER BY started_at DESC LIMIT 1"
                );
                Ok(conn.prepare_cached(&sql)?.query_row([stack.as_str()], run).optional()?)
            })
            .await
    }

    /// Records that a request's command is about to start, unless it was before.
    pub(super) async fn begin(
        &self,
        request: &RequestId,
        stack: &FullStackName,
        at: Timestamp,
        deadline: Timestamp,
    ) -> PortResult<Begun> {
        let (request, stack) = (request.clone(), stack.clone());
        self.db
            .write(move |conn, _| {
                if let Some(run) = find(conn, &request)? {
                    return Ok(Begun::Found(Box::new(run)));
                }
                conn.prepare_cached(
                    "INSERT INTO stack_runs (request_id, stack, started_at, deadline) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    request.as_str(),
                    stack.as_str(),
                    columns::nanos(at),
                    columns::nanos(deadline)
                ])?;
                Ok(Begun::New)
            })
            .await
    }

    /// Records that a command that was never begun is about to start after all.
    pub(super) async fn begin_again(&self, request: &RequestId, at: Timestamp, deadline: Timestamp) -> PortResult<()> {
        let request = request.clone();
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(
                    "UPDATE stack_runs SET pid = NULL, started_at = ?2, deadline = ?3
                     WHERE request_id = ?1 AND outcome IS NULL",
                )?
                .execute(params![request.as_str(), columns::nanos(at), columns::nanos(deadline)])?;
                Ok(())
            })
            .await
    }

    /// Records the process that is about to be told what to run.
    pub(super) async fn set_supervisor(&self, request: &RequestId, pid: i32) -> PortResult<()> {
        let request = request.clone();
        self.db
            .write(move |conn, _| {
                conn.prepare_cached("UPDATE stack_runs SET pid = ?2 WHERE request_id = ?1")?
                    .execute(params![request.as_str(), pid])?;
                Ok(())
            })
            .await
    }

    /// The requests of all runs that have no end on record.
    pub(super) async fn open(&self) -> PortResult<Vec<RequestId>> {
        self.db
            .read(|conn| {
                let mut open = conn.prepare_cached("SELECT request_id FROM stack_runs WHERE outcome IS NULL")?;
                let open = open.query_map([], |row| columns::name_at(row, 0))?;
                Ok(open.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Records a run's end and gives the one on record: the first one stays.
    pub(super) async fn end(&self, request: &RequestId, at: Timestamp, end: StackEnd) -> PortResult<StackEnd> {
        let request = request.clone();
        self.db
            .write(move |conn, _| {
                let outcome = match &end.outcome {
                    Ok(result) => Stored::Done(result.clone()),
                    Err(Failure { reason, message }) => Stored::Failed {
                        reason: *reason,
                        message: message.clone(),
                        fate_unknown: !end.fate_known,
                    },
                };
                conn.prepare_cached(
                    "UPDATE stack_runs SET ended_at = ?2, outcome = ?3, output = ?4
                     WHERE request_id = ?1 AND outcome IS NULL",
                )?
                .execute(params![
                    request.as_str(),
                    columns::nanos(at),
                    columns::json(&outcome)?,
                    end.output
                ])?;
                Ok(find(conn, &request)?.and_then(|run| run.end).unwrap_or(end))
            })
            .await
    }
}

fn find(conn: &Connection, request: &RequestId) -> Result<Option<Run>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM stack_runs WHERE request_id = ?1");
    Ok(conn
        .prepare_cached(&sql)?
        .query_row([request.as_str()], run)
        .optional()?)
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let outcome: Option<Stored> = columns::optional_json_at(row, 4)?;
    let output: Option<String> = row.get(5)?;
    let end = outcome.map(|outcome| {
        let (outcome, fate_known) = match outcome {
            Stored::Done(result) => (Ok(result), true),
            Stored::Failed {
                reason,
                message,
                fate_unknown,
            } => (Err(Failure { reason, message }), !fate_unknown),
        };
        StackEnd {
            outcome,
            output,
            fate_known,
        }
    });
    Ok(Run {
        request: columns::name_at(row, 0)?,
        stack: FullStackName::from_stored(row.get(1)?),
        supervisor: row.get(2)?,
        deadline: columns::time_at(row, 3)?,
        started_at: columns::time_at(row, 6)?,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_end_that_ever_landed_is_read() {
        let done = include_str!("../../../testkit/data/stored/stack_end/done.json");
        assert!(matches!(serde_json::from_str(done).unwrap(), Stored::Done(_)));
        let failed = include_str!("../../../testkit/data/stored/stack_end/failed.json");
        assert!(matches!(serde_json::from_str(failed).unwrap(), Stored::Failed { .. }));
    }
}
