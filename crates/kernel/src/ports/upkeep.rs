//! The schedule, the systems' own health, and how agents are told.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::events::Announcement;
use crate::health::{Check, Mode};
use crate::names::AgentName;
use crate::port_error::PortResult;
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

/// Whether people switched the control plane to maintenance, by a command that is kept in the store.
#[async_trait]
pub trait MaintenanceMode: Send + Sync {
    /// Whether it is on.
    async fn is_on(&self, now: Timestamp) -> PortResult<bool>;

    /// The mode, by what is configured and by what is kept: maintenance where either says so.
    async fn mode(&self, configured: Mode, now: Timestamp) -> PortResult<Mode> {
        let kept = configured == Mode::Maintenance || self.is_on(now).await?;
        Ok(if kept { Mode::Maintenance } else { Mode::Normal })
    }
}

/// Where news is put that no request asked for, so that it leaves with everything else that is told.
#[async_trait]
pub trait Announcements: Send + Sync {
    /// Puts news into the outbox for an agent. News with the key of earlier news is put there again.
    async fn announce(&self, agent: &AgentName, news: &Announcement) -> PortResult<()>;
}
