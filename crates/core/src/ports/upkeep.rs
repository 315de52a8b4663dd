//! The schedule, the request metrics and the systems' own health.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PortResult;
use crate::health::Check;
use crate::requests::outcome::Status;
use crate::schedule::Job;

/// When jobs are due; persisted, so that a restart neither skips nor repeats one.
#[async_trait]
pub trait Schedule: Send + Sync {
    /// When the job is due next; `first` where it was never set, and that is kept.
    async fn due(&self, job: Job, first: Timestamp) -> PortResult<Timestamp>;

    /// Moves the due time from `from` to `to`. False where it was not `from` any more: somebody
    /// else runs the job.
    async fn advance(&self, job: Job, from: Timestamp, to: Timestamp) -> PortResult<bool>;
}

/// One concluded request, for the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSample {
    /// The action as it was asked for.
    pub action: String,
    /// How it ended.
    pub status: Status,
    /// Milliseconds from arrival to outcome.
    pub latency_ms: u64,
    /// When it ended.
    pub at: Timestamp,
}

/// The sums since the metrics began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTotals {
    /// The action; `unknown` where it was none of ours.
    pub action: String,
    /// How they ended.
    pub status: Status,
    /// How many.
    pub count: u64,
    /// The sum of their milliseconds.
    pub latency_ms_sum: u64,
}

/// Where request metrics go.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// Counts concluded requests.
    async fn record(&self, samples: &[RequestSample]) -> PortResult<()>;

    /// The sums, by action and status.
    async fn totals(&self) -> PortResult<Vec<RequestTotals>>;
}

/// Whether the systems behind the ports work.
#[async_trait]
pub trait Checks: Send + Sync {
    /// One entry per dependency, from what is known and can be read: nothing is changed, so anybody
    /// may cause it. Never fails: a check that cannot be made is a failed check.
    async fn check(&self) -> Vec<Check>;

    /// The same after trying: where the backend writes to a disk of its own, a small write is made
    /// durable first. What it found counts for [`Checks::check`] too. It may be skipped where a
    /// write has just succeeded.
    async fn probe(&self) -> Vec<Check> {
        self.check().await
    }
}
