//! What is kept of workflows between two looks: which there are, and what a close look at their runs found.

use std::collections::{BTreeMap, HashSet};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_repos::snapshot::{Conclusion, Run, RunStatus, WorkflowId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::scan::kept_documents::KeptDocuments;

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
    pub(super) glance: Vec<RunSummary>,
    /// The runs that say how the workflow stands.
    pub(super) runs: Vec<Run>,
    /// The run that decides.
    pub(super) decides: Option<Deciding>,
}

/// A run at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunSummary {
    id: u64,
    updated: Timestamp,
    status: RunStatus,
    conclusion: Option<Conclusion>,
}

impl From<&Run> for RunSummary {
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
pub(in crate::scan) struct Index(KeptDocuments<Kept>);

impl Index {
    /// What was kept. What cannot be read is listed anew.
    pub(in crate::scan) async fn load(store: &dyn RepositoryStore, owner: &str) -> PortResult<Self> {
        KeptDocuments::load(store, owner, DocumentKind::Workflows)
            .await
            .map(Self)
    }

    /// Keeps none of repositories that are not among these.
    pub(in crate::scan) fn retain(&mut self, repositories: &HashSet<u64>) {
        self.0.retain(|id, _| repositories.contains(&id));
    }

    /// Keeps what changed.
    pub(in crate::scan) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) -> PortResult<()> {
        self.0.save(store, owner).await
    }

    pub(super) fn of(&self, repository: u64) -> Option<&Kept> {
        self.0.get(repository)
    }

    /// What a close look at a workflow found.
    pub(super) fn look(&self, repository: u64, workflow: WorkflowId) -> Option<&CloseLook> {
        self.0.get(repository)?.looks.get(&workflow)
    }

    /// Keeps which workflows there are; what close looks at them found stays.
    pub(super) fn list(&mut self, repository: u64, tree: String, workflows: Vec<KeptWorkflow>) {
        let looks = self.0.get(repository).map(|kept| kept.looks.clone());
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
        if let Some(kept) = self.0.get(repository)
            && kept.looks != looks
        {
            let kept = Kept { looks, ..kept.clone() };
            self.keep(repository, kept);
        }
    }

    fn keep(&mut self, repository: u64, mut kept: Kept) {
        if serde_json::to_string(&kept).is_ok_and(|text| text.len() > LARGEST) {
            kept.looks.clear();
        }
        self.0.put(repository, Some(kept));
    }

    pub(super) fn forget(&mut self, repository: u64) {
        self.0.put(repository, None);
    }
}
