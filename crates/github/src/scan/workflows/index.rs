//! What is kept of workflows between two looks: which there are, and what a close look at their runs found.

use std::collections::{BTreeMap, HashMap};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_repos::snapshot::{Conclusion, Run, RunStatus, WorkflowId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest document that is kept of a repository, in bytes; the port takes 300,000. Without its close looks
/// it is far smaller.
const LARGEST: usize = 250_000;

/// What is kept of a repository's workflows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The id of the folder's content.
    pub(super) tree: String,
    pub(super) workflows: Vec<KeptWorkflow>,
    /// What close looks at runs found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) looks: BTreeMap<WorkflowId, CloseLook>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptWorkflow {
    pub(super) id: WorkflowId,
    pub(super) node: String,
    pub(super) path: String,
}

/// What a close look at a workflow's runs found. It holds as long as a glance shows nothing new: what a concluded
/// attempt came to, its jobs included, never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CloseLook {
    /// The default branch.
    pub(super) branch: String,
    /// The greatest id among all runs that were seen, other people's included.
    pub(super) newest: u64,
    /// The runs that count as a glance showed them.
    pub(super) glance: Vec<Glimpse>,
    /// The runs that say how the workflow stands.
    pub(super) runs: Vec<Run>,
    /// The run that decides.
    pub(super) decides: Option<Deciding>,
}

/// A run at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Glimpse {
    id: u64,
    updated: Timestamp,
    status: RunStatus,
    conclusion: Option<Conclusion>,
}

impl From<&Run> for Glimpse {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id,
            updated: run.updated,
            status: run.status.clone(),
            conclusion: run.conclusion.clone(),
        }
    }
}

/// The run that decides, and how it is asked for by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deciding {
    pub(super) run: u64,
    pub(super) node: String,
    /// A run that is tried again is changed by that.
    pub(super) updated: Timestamp,
}

/// Which workflows there are, from the last looks and this one.
pub(in crate::scan) struct Index {
    kept: HashMap<u64, Kept>,
    changed: BTreeMap<String, Option<Value>>,
}

impl Index {
    /// What was kept. What cannot be read is listed anew.
    pub(in crate::scan) async fn load(store: &dyn RepositoryStore, owner: &str) -> PortResult<Self> {
        let documents = store.load(owner, DocumentKind::Workflows).await?;
        let read = |(key, document): (String, Value)| Some((key.parse().ok()?, serde_json::from_value(document).ok()?));
        Ok(Self {
            kept: documents.into_iter().filter_map(read).collect(),
            changed: BTreeMap::new(),
        })
    }

    /// Keeps what changed.
    pub(in crate::scan) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) -> PortResult<()> {
        if !self.changed.is_empty() {
            store.save(owner, DocumentKind::Workflows, &self.changed).await?;
            self.changed.clear();
        }
        Ok(())
    }

    pub(super) fn of(&self, repository: u64) -> Option<&Kept> {
        self.kept.get(&repository)
    }

    /// What a close look at a workflow found.
    pub(super) fn look(&self, repository: u64, workflow: WorkflowId) -> Option<&CloseLook> {
        self.kept.get(&repository)?.looks.get(&workflow)
    }

    /// Keeps which workflows there are; what close looks at them found stays.
    pub(super) fn list(&mut self, repository: u64, tree: String, workflows: Vec<KeptWorkflow>) {
        let looks = self.kept.remove(&repository).map(|kept| kept.looks);
        self.keep(
            repository,
            Kept {
                tree,
                looks: looks.unwrap_or_default(),
                workflows,
            },
        );
    }

    /// Keeps what close looks found, in the place of all earlier ones.
    pub(super) fn remember(&mut self, repository: u64, looks: BTreeMap<WorkflowId, CloseLook>) {
        if let Some(kept) = self.kept.get(&repository)
            && kept.looks != looks
        {
            let kept = Kept { looks, ..kept.clone() };
            self.keep(repository, kept);
        }
    }

    fn keep(&mut self, repository: u64, mut kept: Kept) {
        let document = |kept: &Kept| serde_json::to_value(kept).ok();
        let mut written = document(&kept);
        if written.as_ref().is_some_and(|value| value.to_string().len() > LARGEST) {
            kept.looks.clear();
            written = document(&kept);
        }
        if written.is_some() {
            self.changed.insert(repository.to_string(), written);
        }
        self.kept.insert(repository, kept);
    }

    pub(super) fn forget(&mut self, repository: u64) {
        if self.kept.remove(&repository).is_some() {
            self.changed.insert(repository.to_string(), None);
        }
    }
}
