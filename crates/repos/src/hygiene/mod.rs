//! What the last audits found, as it is kept for whoever looks: a line for each repository, what each rule came to in it,
//! and how things went day by day. An audit writes it; looking asks no code host.

mod days;
mod record;
mod register;
mod score;
#[cfg(test)]
mod tests;
mod writing;

use jiff::Timestamp;

pub use days::{AuditDay, AuditDays, DAYS_KEPT, Gaps, RuleDay};
pub use record::{KeptFinding, Remedy, RepositoryRecord};
pub use register::{Filter, Mark, Register, RegisterPage, RegisterRow, RuleCount};
pub use score::Tally;
pub(super) use writing::keep;

use super::audit::State;
use super::issues::IssueRef;
use super::keeping;
use super::snapshot::{RepositoryId, WorkflowId};
use super::workflows::Watch;
use crate::ports::RepositoryStore;
use cc_devops_kernel::ports::PortResult;
use std::collections::BTreeMap;

/// Looks at what is kept of an owner's repositories.
pub struct Looking<'s> {
    store: &'s dyn RepositoryStore,
    owner: &'s str,
}

/// A workflow that fails on a repository's default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingWorkflow {
    /// The repository's name, as far as it is known; without the owner.
    pub repository: Option<String>,
    /// The workflow's file.
    pub path: String,
    /// Since when.
    pub since: Timestamp,
    /// The issue about it, where there is one.
    pub issue: Option<IssueRef>,
}

impl<'s> Looking<'s> {
    /// At what the store keeps of this owner's repositories.
    pub fn at(store: &'s dyn RepositoryStore, owner: &'s str) -> Self {
        Self { store, owner }
    }

    /// How the audits of the last 400 days went: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn days(&self) -> PortResult<AuditDays> {
        AuditDays::read(self.store, self.owner).await
    }

    /// Every repository, and what each rule came to in it: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn register(&self) -> PortResult<Register> {
        Register::read(self.store, self.owner).await
    }

    /// What the last audit saw in a repository: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn record(&self, id: RepositoryId) -> PortResult<Option<RepositoryRecord>> {
        RepositoryRecord::read(self.store, self.owner, id).await
    }

    /// The breaches that are open, with since when: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn breaches(&self) -> PortResult<State> {
        keeping::load_state(self.store, self.owner).await
    }

    /// The workflows that fail, the longest first, with the names that the register has: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn failing(&self, register: &Register) -> PortResult<Vec<FailingWorkflow>> {
        let all: BTreeMap<RepositoryId, BTreeMap<WorkflowId, Watch>> = keeping::load(self.store, self.owner).await?;
        let mut failing = Vec::new();
        for (id, workflows) in all {
            for watch in workflows.into_values() {
                let Some(since) = watch.failing_since else { continue };
                let of_issue = |issue: &IssueRef| issue.repository.rsplit('/').next().map(ToOwned::to_owned);
                let issue = watch.memory.issue;
                failing.push(FailingWorkflow {
                    repository: register
                        .row(id)
                        .map(|row| row.name.clone())
                        .or_else(|| issue.as_ref().and_then(of_issue)),
                    path: watch.path,
                    since,
                    issue,
                });
            }
        }
        failing.sort_by(|a, b| (a.since, &a.repository, &a.path).cmp(&(b.since, &b.repository, &b.path)));
        Ok(failing)
    }
}
