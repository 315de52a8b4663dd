//! The record of runs: one row per request and command, written before the command starts.

use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployResult, Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::StackEnd;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealed_plans;
use crate::columns;
use crate::db::Db;
use crate::error::Fault;

/// Which of a stack's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The one that writes down what would change, and changes nothing.
    Plan,
    /// The one that changes the stack.
    Deploy,
}

impl Phase {
    /// The command, as people read it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Plan => "the plan command",
            Self::Deploy => "the command",
        }
    }

    /// The folder of its runs' files.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Plan => "plans",
            Self::Deploy => "runs",
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Plan => "stack_plans",
            Self::Deploy => "stack_runs",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// With an end of the request, unless it is looked for elsewhere.
    Stack(StackEnd),
    /// With a plan, which is kept beside it.
    Planned { output: Option<String> },
}

/// A run on record.
pub(super) struct Run {
    pub(super) request: RequestId,
    pub(super) stack: FullStackName,
    /// The process id of its command's supervisor, and so its command's session. Versions before kept the
    /// command's own process group here.
    pub(super) supervisor: Option<i32>,
    pub(super) started_at: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) end: Option<RunEnd>,
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
    /// Not begun: another run has changed the stack since it was planned.
    Moved,
}

/// The record of one phase's runs.
pub(super) struct Runs {
    db: Db,
    phase: Phase,
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
    /// What was planned stands in the same row.
    Planned {},
}

const COLUMNS: &str = "request_id, stack, pid, deadline, outcome, output, started_at";

impl Runs {
    pub(super) fn new(db: Db, phase: Phase) -> Self {
        Self { db, phase }
    }

    pub(super) async fn find(&self, request: &RequestId) -> PortResult<Option<Run>> {
        let (phase, request) = (self.phase, request.clone());
        self.db.read(move |conn| find(conn, phase, &request)).await
    }

    /// The newest run of a stack that has no end on record.
    pub(super) async fn running_on(&self, stack: &FullStackName) -> PortResult<Option<Run>> {
        let (table, stack) = (self.phase.table(), stack.clone());
        self.db
            .read(move |conn| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM {table} WHERE stack = ?1 AND outcome IS NULL ORDER BY started_at DESC LIMIT 1"
                );
                Ok(conn.prepare_cached(&sql)?.query_row([stack.as_str()], run).optional()?)
            })
            .await
    }

    /// Records that a request's deploy is about to start, unless it was before, or the stack was changed since `basis`,
    /// the run that had last changed it when this one was planned.
    pub(super) async fn begin(
        &self,
        request: &RequestId,
        stack: &FullStackName,
        basis: Option<String>,
        at: Timestamp,
        deadline: Timestamp,
    ) -> PortResult<Begun> {
        let (phase, request, stack) = (self.phase, request.clone(), stack.clone());
        self.db
            .write(move |conn, _| {
                if let Some(run) = find(conn, phase, &request)? {
                    return Ok(Begun::Found(Box::new(run)));
                }
                if last_change(conn, &stack)? != basis {
                    return Ok(Begun::Moved);
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
                conn.prepare_cached(
                    "INSERT INTO stack_changes (stack, request_id) VALUES (?1, ?2) \
                     ON CONFLICT (stack) DO UPDATE SET request_id = excluded.request_id",
                )?
                .execute([stack.as_str(), request.as_str()])?;
                Ok(Begun::New)
            })
            .await
    }

    /// Records that a command that was never begun is about to start after all.
    pub(super) async fn begin_again(&self, request: &RequestId, at: Timestamp, deadline: Timestamp) -> PortResult<()> {
        let (table, request) = (self.phase.table(), request.clone());
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(&format!(
                    "UPDATE {table} SET pid = NULL, started_at = ?2, deadline = ?3
                     WHERE request_id = ?1 AND outcome IS NULL"
                ))?
                .execute(params![request.as_str(), columns::nanos(at), columns::nanos(deadline)])?;
                Ok(())
            })
            .await
    }

    /// Records the process that is about to be told what to run.
    pub(super) async fn set_supervisor(&self, request: &RequestId, pid: i32) -> PortResult<()> {
        let (table, request) = (self.phase.table(), request.clone());
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(&format!("UPDATE {table} SET pid = ?2 WHERE request_id = ?1"))?
                    .execute(params![request.as_str(), pid])?;
                Ok(())
            })
            .await
    }

    /// The requests of all runs that have no end on record.
    pub(super) async fn open(&self) -> PortResult<Vec<RequestId>> {
        let table = self.phase.table();
        self.db
            .read(move |conn| {
                let sql = format!("SELECT request_id FROM {table} WHERE outcome IS NULL");
                let mut open = conn.prepare_cached(&sql)?;
                let open = open.query_map([], |row| columns::name_at(row, 0))?;
                Ok(open.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Records a run's end and gives the one on record: the first one stays. With the end of a deploy its plan is
    /// forgotten; with that of a plan command, what it wrote is kept, or there is no plan.
    pub(super) async fn end(
        &self,
        request: &RequestId,
        at: Timestamp,
        end: RunEnd,
        file: Option<Zeroizing<Vec<u8>>>,
    ) -> PortResult<RunEnd> {
        let (phase, request) = (self.phase, request.clone());
        self.db
            .write(move |conn, keys| {
                let (outcome, output) = stored(&end);
                let sql = format!(
                    "UPDATE {} SET ended_at = ?2, outcome = ?3, output = ?4
                     WHERE request_id = ?1 AND outcome IS NULL",
                    phase.table()
                );
                let ended = conn.prepare_cached(&sql)?.execute(params![
                    request.as_str(),
                    columns::nanos(at),
                    columns::json(&outcome)?,
                    output
                ])?;
                if ended == 1 {
                    match file {
                        Some(file) => sealed_plans::keep_file(conn, keys, &request, &file)?,
                        None => sealed_plans::forget(conn, &request)?,
                    }
                }
                Ok(find(conn, phase, &request)?.and_then(|run| run.end).unwrap_or(end))
            })
            .await
    }
}

/// An outcome as a row holds it, and what was printed.
fn stored(end: &RunEnd) -> (Stored, Option<&str>) {
    match end {
        RunEnd::Planned { output } => (Stored::Planned {}, output.as_deref()),
        RunEnd::Stack(end) => {
            let outcome = match &end.outcome {
                Ok(result) => Stored::Done(result.clone()),
                Err(Failure { reason, message }) => Stored::Failed {
                    reason: *reason,
                    message: message.clone(),
                    fate_unknown: !end.fate_known,
                },
            };
            (outcome, end.output.as_deref())
        }
    }
}

/// The outcome of what needs no run to be planned.
pub(super) fn planned_at_once() -> rusqlite::Result<String> {
    columns::json(&Stored::Planned {})
}

/// The run of a request, of either phase.
pub(super) fn find(conn: &Connection, phase: Phase, request: &RequestId) -> Result<Option<Run>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM {} WHERE request_id = ?1", phase.table());
    Ok(conn
        .prepare_cached(&sql)?
        .query_row([request.as_str()], run)
        .optional()?)
}

/// The request whose run last changed a stack.
pub(super) fn last_change(conn: &Connection, stack: &FullStackName) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT request_id FROM stack_changes WHERE stack = ?1")?
        .query_row([stack.as_str()], |row| row.get(0))
        .optional()
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let outcome: Option<Stored> = columns::optional_json_at(row, 4)?;
    let output: Option<String> = row.get(5)?;
    let end = outcome.map(|outcome| {
        let (outcome, fate_known) = match outcome {
            Stored::Planned {} => return RunEnd::Planned { output },
            Stored::Done(result) => (Ok(result), true),
            Stored::Failed {
                reason,
                message,
                fate_unknown,
            } => (Err(Failure { reason, message }), !fate_unknown),
        };
        RunEnd::Stack(StackEnd {
            outcome,
            output,
            fate_known,
        })
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
        let planned = include_str!("../../../testkit/data/stored/stack_end/planned.json");
        assert!(matches!(serde_json::from_str(planned).unwrap(), Stored::Planned {}));
    }
}
