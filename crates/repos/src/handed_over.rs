//! Work of a request that another process does: who does it says how it stands, who handed it over looks.

use async_trait::async_trait;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::work::Progress;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What became of a run that wanted to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The work is this run's; how often it was begun, this time included.
    Claimed {
        /// From 1.
        tries: u32,
    },
    /// Another run is at it.
    Elsewhere,
    /// It has ended.
    Ended,
}

/// How work stands.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkRecord {
    /// Until when the run that is at it, or was, has its lease.
    pub until: Timestamp,
    /// How far it is, where it says so.
    pub progress: Option<Progress>,
    /// What came of it.
    pub answer: Option<WorkOutcome>,
}

/// What [`RepositoryWorker`](crate::ports::RepositoryWorker) answers, as one process tells it to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkOutcome {
    /// What came of it.
    Done(Value),
    /// Why it is refused.
    Refused {
        /// The code.
        reason: Reason,
        /// The sentence.
        error: String,
    },
    /// A system failed.
    Failed {
        /// What failed.
        error: String,
        /// Whether the same may succeed later.
        transient: bool,
    },
}

impl From<PortResult<Result<Value, Failure>>> for WorkOutcome {
    fn from(answer: PortResult<Result<Value, Failure>>) -> Self {
        match answer {
            Ok(Ok(value)) => Self::Done(value),
            Ok(Err(failure)) => Self::Refused {
                reason: failure.reason,
                error: failure.message,
            },
            Err(error) => Self::Failed {
                transient: error.kind.is_transient(),
                error: error.message,
            },
        }
    }
}

impl From<WorkOutcome> for PortResult<Result<Value, Failure>> {
    fn from(answer: WorkOutcome) -> Self {
        match answer {
            WorkOutcome::Done(value) => Ok(Ok(value)),
            WorkOutcome::Refused { reason, error } => Ok(Err(Failure::new(reason, error))),
            WorkOutcome::Failed { error, transient } => Err(PortError::new(
                if transient {
                    PortErrorKind::Unavailable
                } else {
                    PortErrorKind::Refused
                },
                error,
            )),
        }
    }
}

/// Work that was handed over, by its request. A request's work is done by one run at a time; a run has a name
/// and a lease, which it renews.
#[async_trait]
pub trait HandedOver: Send + Sync {
    /// Begins a run, unless the work has ended or another run's lease goes on. A run that died may begin again
    /// under its own name at once.
    async fn begin(&self, request: &RequestId, run: &str, now: Timestamp, until: Timestamp) -> PortResult<Begun>;

    /// Renews a run's lease and keeps how far it is. False where the work is not this run's any more.
    async fn renew(
        &self,
        request: &RequestId,
        run: &str,
        until: Timestamp,
        progress: Option<&Progress>,
    ) -> PortResult<bool>;

    /// Leaves what came of the work. False where it is not this run's any more; then nothing is left.
    async fn end(&self, request: &RequestId, run: &str, answer: &WorkOutcome) -> PortResult<bool>;

    /// How a request's work stands, if a run has begun.
    async fn standing(&self, request: &RequestId) -> PortResult<Option<WorkRecord>>;

    /// Tells whoever handed it over that it has ended. Only a shortcut: they look from time to time.
    async fn notify_ended(&self, request: &RequestId) -> PortResult<()>;
}
