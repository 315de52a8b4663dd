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
pub(super) use writing::keep;

use super::audit::KeptRepository;
use super::issues::IssueRef;
use super::keeping;
use super::snapshot::{RepositoryId, WorkflowId};
use super::workflows::Watch;
use crate::ports::{DocumentKind, RepositoryStore};
use cc_devops_kernel::ports::PortResult;
use std::collections::BTreeMap;

/// Looks at what is kept of an owner's repositories.
pub struct HygieneReader<'s> {
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

impl<'s> HygieneReader<'s> {
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

    /// The breaches of a repository that are open, with since when: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn breaches(&self, id: RepositoryId) -> PortResult<KeptRepository> {
        let (kind, key) = (DocumentKind::Breaches, id.to_string());
        let document = self.store.document(self.owner, kind, &key).await?;
        let kept = document.map(|document| keeping::read(kind, &key, document));
        Ok(kept.transpose()?.unwrap_or_default())
    }

    /// The workflows of a repository that fail, the longest first: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn failing_in(&self, row: &RegisterRow) -> PortResult<Vec<FailingWorkflow>> {
        let (kind, key) = (DocumentKind::Watches, row.id.to_string());
        let Some(document) = self.store.document(self.owner, kind, &key).await? else {
            return Ok(Vec::new());
        };
        let workflows: BTreeMap<WorkflowId, Watch> = keeping::read(kind, &key, document)?;
        let name = Some(row.name.as_str());
        let failing = workflows.into_values();
        Ok(sorted(
            failing.filter_map(|watch| FailingWorkflow::of(watch, name)).collect(),
        ))
    }

    /// The workflows that fail, the longest first, with the names that the register has: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn failing(&self, register: &Register) -> PortResult<Vec<FailingWorkflow>> {
        let all: BTreeMap<RepositoryId, BTreeMap<WorkflowId, Watch>> = keeping::load(self.store, self.owner).await?;
        let mut failing = Vec::new();
        for (id, workflows) in all {
            let name = register.row(id).map(|row| row.name.as_str());
            let of_this = workflows.into_values();
            failing.extend(of_this.filter_map(|watch| FailingWorkflow::of(watch, name)));
        }
        Ok(sorted(failing))
    }
}

impl FailingWorkflow {
    /// A workflow that fails; none where it does not. Without a name, the issue about it has one.
    fn of(watch: Watch, name: Option<&str>) -> Option<Self> {
        let (since, issue) = (watch.failing_since?, watch.memory.issue);
        let of_issue = || issue.as_ref()?.repository.rsplit('/').next();
        Some(Self {
            repository: name.or_else(of_issue).map(ToOwned::to_owned),
            path: watch.path,
            since,
            issue,
        })
    }
}

/// What fails longest comes first.
fn sorted(mut failing: Vec<FailingWorkflow>) -> Vec<FailingWorkflow> {
    failing.sort_by(|a, b| (a.since, &a.repository, &a.path).cmp(&(b.since, &b.repository, &b.path)));
    failing
}
