//! The request metrics.

use async_trait::async_trait;
use jiff::Timestamp;

use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::PortResult;

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
