//! The workflow monitor's decision: from a workflow's runs and the issues about it to what is to be done.
//!
//! [`judge`](runs::judge) says whether the workflow works, [`decide`] what follows. An issue is found
//! again by a hidden marker in its body ([`marker`]), so that a crash or a second process makes no second
//! one. An issue that a person closed while the workflow fails stays closed until it has recovered; the
//! next failure then gets a new one.

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

pub use decide::{Seen, Situation, decide};

use super::snapshot::{RepositoryId, Run, WorkflowId};

/// An issue that the control plane wrote about a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Where it is: `owner/name`.
    pub repository: String,
    /// Its number there.
    pub number: u64,
    /// Whether it counts, for anybody can copy a marker: the account that asks wrote it, one that this installation
    /// asked as before, or somebody who may write to the repository.
    pub ours: bool,
    /// How it stands.
    pub standing: IssueStanding,
    /// Whether its conversation is locked. No comment is then written.
    #[serde(default)]
    pub locked: bool,
    /// Its body.
    pub body: String,
}

/// How an issue stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueStanding {
    /// Open.
    Open,
    /// Closed.
    Closed {
        /// Whether the account that asks closed it.
        by_us: bool,
        /// Whether it was closed as a duplicate of another.
        #[serde(default)]
        duplicate: bool,
        /// When.
        at: Timestamp,
    },
    /// In another repository now. A person decided so, and looks after it there.
    Transferred,
    /// Deleted by a person.
    Deleted,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Write a new issue. Look its marker up once more before.
    Create {
        /// Where: `owner/name`.
        repository: String,
        /// The title.
        title: String,
        /// The body, with the marker.
        body: String,
        /// Labels.
        labels: Vec<String>,
    },
    /// Replace the body. Title and labels belong to people.
    Update {
        /// Where: `owner/name`.
        repository: String,
        /// Which.
        number: u64,
        /// The new body, with what people wrote around ours.
        body: String,
    },
    /// Close an issue.
    Close {
        /// Where: `owner/name`.
        repository: String,
        /// Which.
        number: u64,
        /// Why, as GitHub's `state_reason`.
        reason: CloseReason,
        /// What to write before; `None` in a locked conversation.
        comment: Option<String>,
        /// The success it is closed for. If the issue tells of a later failure by then, it stays open.
        #[serde(skip)]
        passed: Option<RunKey>,
    },
}

/// Why an issue is closed. Source: <https://docs.github.com/en/rest/issues/issues#update-an-issue>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The workflow works again.
    Completed,
    /// The workflow is gone.
    NotPlanned,
    /// There is another issue about it.
    Duplicate,
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

/// What was done about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionTaken {
    /// A new one was written.
    IssueCreated,
    /// It was brought up to date.
    IssueUpdated,
    /// It was closed.
    IssueClosed,
}

/// Where an issue is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssueRef {
    /// The repository, `owner/name`.
    pub repository: String,
    /// Its number there.
    pub number: u64,
}

impl IssueRef {
    /// Whether this is the issue's place. Names of repositories differ in case at times.
    pub fn is(&self, issue: &Issue) -> bool {
        self.same(&issue.place())
    }

    /// Whether both are the same place.
    pub fn same(&self, other: &Self) -> bool {
        self.number == other.number && self.repository.eq_ignore_ascii_case(&other.repository)
    }
}

impl Issue {
    /// Where it is.
    pub fn place(&self) -> IssueRef {
        IssueRef {
            repository: self.repository.clone(),
            number: self.number,
        }
    }
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
    /// The issue about it, once it is known.
    #[serde(default)]
    pub issue: Option<IssueRef>,
    /// The last failure an issue told of.
    #[serde(default)]
    pub told: Option<RunKey>,
    /// The failure an issue told of when it was closed. If that issue is open again, a person opened it.
    #[serde(default)]
    pub closed: Option<RunKey>,
    /// The last success, and when it ended.
    #[serde(default)]
    pub passed: Option<(RunKey, Timestamp)>,
    /// Since when it fails.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
}

impl Watch {
    /// Whether there is something to look up about it.
    pub fn is_open(&self) -> bool {
        self.issue.is_some() || self.told.is_some()
    }

    /// Keeps where an issue was written, once it was.
    pub fn created(&mut self, issue: IssueRef) {
        self.issue = Some(issue);
    }
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
