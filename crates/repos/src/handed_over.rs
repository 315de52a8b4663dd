//! Work of a request that another process does: who does it says how it stands, who handed it over looks.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ports::CareAnswer;
use cc_devops_kernel::course::Progress;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::ports::PortResult;

/// What became of a run that wanted to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The work is this run's; how often it was begun, this time included.
    Ours {
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
pub struct WorkStanding {
    /// Until when the run that is at it, or was, has its lease.
    pub until: Timestamp,
    /// How far it is, where it says so.
    pub progress: Option<Progress>,
    /// What came of it.
    pub answer: Option<CareAnswer>,
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
    async fn end(&self, request: &RequestId, run: &str, answer: &CareAnswer) -> PortResult<bool>;

    /// How a request's work stands, if a run has begun.
    async fn standing(&self, request: &RequestId) -> PortResult<Option<WorkStanding>>;

    /// Tells whoever handed it over that it has ended. Only a shortcut: they look from time to time.
    async fn tell(&self, request: &RequestId) -> PortResult<()>;
}
