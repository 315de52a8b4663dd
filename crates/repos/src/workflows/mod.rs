//! The workflow monitor's decision: from a workflow's runs and the issues about it to what is to be done.
//!
//! [`judge`](runs::judge) says whether the workflow works, [`decide`] what follows, by the life that all our
//! [`issues`](crate::issues) have. An issue that a person closed while the workflow fails stays closed until it has
//! recovered; the next failure then gets a new one.

pub(crate) mod condition;
mod decide;
pub mod issue;
pub mod marker;
pub mod runs;
#[cfg(test)]
mod tests;
pub mod uses;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use decide::{Seen, Situation, decide};

use super::issues::marks::Marks;
use super::issues::{ActionTaken, IssueRef, Memory, Subject};
use super::snapshot::{RepositoryId, Run, WorkflowId};

/// What is to be done about a workflow's issue.
pub type Action = super::issues::Action<RunKey>;

/// A workflow as what an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Watched {
    pub(crate) repository: RepositoryId,
    pub(crate) workflow: WorkflowId,
}

impl Subject for Watched {
    type LastTold = RunKey;

    fn told(&self, body: &str) -> Option<RunKey> {
        marker::Marker::find(body)
            .filter(|marker| marker.repository == self.repository && marker.workflow == self.workflow)
            .map(|marker| marker.told)
    }

    fn told_by(body: &str) -> Vec<Self> {
        let first = marker::Marker::find(body).map(|marker| Self {
            repository: marker.repository,
            workflow: marker.workflow,
        });
        first.into_iter().collect()
    }

    fn marks(&self) -> Marks {
        marker::MARKS
    }

    fn record(&self) -> Map<String, Value> {
        Map::from_iter([
            ("repositoryId".to_owned(), json!(self.repository)),
            ("workflowId".to_owned(), json!(self.workflow)),
        ])
    }

    fn duplicate(&self, number: Option<u64>) -> String {
        match number {
            Some(number) => format!("Another issue is about the same workflow: #{number}."),
            None => "Another issue is about the same workflow.".to_owned(),
        }
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is to be done, in this order.
    pub actions: Vec<Action>,
    /// What would be done, were the control plane not in maintenance.
    pub withheld: Vec<Action>,
    /// Why, in a sentence.
    pub why: String,
    /// What to keep once the actions are done; as it was if nothing was learnt.
    pub watch: Watch,
    /// How it is told.
    pub report: WorkflowReport,
}

/// A workflow in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkflowReport {
    /// The repository, `owner/name`.
    pub repository: String,
    /// The workflow's file.
    pub workflow: String,
    /// Its name.
    pub name: String,
    /// How far the latest run on the default branch is; `no_runs_found` without one, `unknown` if that
    /// could not be read.
    pub status: String,
    /// How that run ended.
    pub conclusion: Option<String>,
    /// Whether the workflow works.
    pub health: HealthName,
    /// What was done about its issue.
    pub action_taken: Option<ActionTaken>,
    /// The issue about it, where there is one.
    pub issue: Option<IssueRef>,
    /// Why that was done, or nothing, in a sentence.
    pub why: String,
}

/// Whether a workflow works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthName {
    /// Its latest run that says anything failed.
    Failing,
    /// Its latest run that says anything succeeded.
    Passing,
    /// No run says anything, or one is tried again right now.
    Undecided,
    /// It does not run.
    Disabled,
    /// There is no such workflow any more.
    Gone,
    /// Its runs could not be read.
    Unknown,
}

/// Which attempt of which run. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// The run's id.
    pub run: u64,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl From<&Run> for RunKey {
    fn from(run: &Run) -> Self {
        Self {
            run: run.id,
            attempt: run.attempt,
        }
    }
}

/// What is kept of a workflow between two looks at it. Without it the marker and the runs still tell
/// enough; with it, what happened before the runs that GitHub lists is known too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The workflow's file when it was last seen.
    pub path: String,
    /// The issue about it, and the failure it told of.
    #[serde(flatten)]
    pub memory: Memory<RunKey>,
    /// The last success, and when it ended.
    #[serde(default)]
    pub passed: Option<(RunKey, Timestamp)>,
    /// Since when it fails.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// The key of the condition that is open because it fails: by the names of the time when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// What is kept of every workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watches {
    /// By repository and workflow.
    #[serde(default)]
    pub repositories: BTreeMap<RepositoryId, BTreeMap<WorkflowId, Watch>>,
}

impl Watches {
    /// What is kept of a workflow.
    pub fn of(&self, repository: RepositoryId, workflow: WorkflowId) -> Option<&Watch> {
        self.repositories.get(&repository)?.get(&workflow)
    }

    /// Keeps what was decided about.
    pub fn keep(&mut self, repository: RepositoryId, workflow: WorkflowId, watch: Watch) {
        self.repositories.entry(repository).or_default().insert(workflow, watch);
    }

    /// Forgets a workflow that is gone and whose issue is closed.
    pub fn forget(&mut self, repository: RepositoryId, workflow: WorkflowId) {
        if let Some(workflows) = self.repositories.get_mut(&repository) {
            workflows.remove(&workflow);
            if workflows.is_empty() {
                self.repositories.remove(&repository);
            }
        }
    }
}
