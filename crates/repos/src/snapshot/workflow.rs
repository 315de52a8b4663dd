//! Workflows and their runs.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fact, RepositoryId};

/// A workflow's id. It stays when the file is changed; a renamed file is another workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkflowId(pub u64);

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its file, such as `.github/workflows/ci.yml`.
    pub path: String,
    /// Its name, which anybody may change.
    pub name: String,
    /// Whether it runs.
    pub state: WorkflowState,
    /// Its latest runs, in any order.
    pub runs: Fact<Vec<Run>>,
}

/// Whether a workflow runs.
/// Source: <https://docs.github.com/en/rest/actions/workflows#get-a-workflow>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowState {
    /// It does.
    Active,
    /// Its file was deleted.
    Deleted,
    /// Switched off because the repository is a fork.
    DisabledFork,
    /// Switched off by GitHub, because nothing happened in the repository for 60 days.
    DisabledInactivity,
    /// Switched off by a person.
    DisabledManually,
    /// One that GitHub added later.
    Other(String),
}

/// A run of a workflow, as of one attempt.
/// Source: <https://docs.github.com/en/rest/actions/workflow-runs>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id, the same for every attempt. Later runs have greater ids.
    pub id: u64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What started it, such as `push`.
    pub event: String,
    /// The branch it ran on.
    pub head_branch: Option<String>,
    /// The repository that branch is in; `None` if it is gone.
    pub head_repository: Option<RepositoryId>,
    /// How far it is.
    pub status: RunStatus,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// When it was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Where a person sees it.
    pub url: String,
    /// The jobs that failed, if that was asked.
    #[serde(default)]
    pub failed_jobs: Vec<FailedJob>,
}

/// A job that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedJob {
    /// Its name.
    pub name: String,
    /// The step that failed, if one did.
    pub step: Option<String>,
    /// Where a person sees it.
    pub url: String,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It ended.
    Completed,
    /// It runs.
    InProgress,
    /// It waits for a runner.
    Queued,
    /// Requested, waiting for a person, pending, or one that GitHub added later.
    Other(String),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// It succeeded.
    Success,
    /// It failed.
    Failure,
    /// It took too long.
    TimedOut,
    /// It could not be started, as with a workflow file that is wrong.
    StartupFailure,
    /// Somebody, or a later run, stopped it.
    Cancelled,
    /// It was not needed.
    Skipped,
    /// It says nothing.
    Neutral,
    /// GitHub gave up on it.
    Stale,
    /// It waits for a person's approval.
    ActionRequired,
    /// One that GitHub added later.
    Other(String),
}

impl Conclusion {
    /// Whether it says that the workflow is broken (`true`) or works (`false`); `None` if it says neither.
    pub fn failed(&self) -> Option<bool> {
        match self {
            Self::Failure | Self::TimedOut | Self::StartupFailure => Some(true),
            Self::Success => Some(false),
            Self::Cancelled | Self::Skipped | Self::Neutral | Self::Stale | Self::ActionRequired | Self::Other(_) => {
                None
            }
        }
    }

    /// As GitHub writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::TimedOut => "timed_out",
            Self::StartupFailure => "startup_failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Neutral => "neutral",
            Self::Stale => "stale",
            Self::ActionRequired => "action_required",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Conclusion {
    fn from(text: &str) -> Self {
        match text {
            "success" => Self::Success,
            "failure" => Self::Failure,
            "timed_out" => Self::TimedOut,
            "startup_failure" => Self::StartupFailure,
            "cancelled" => Self::Cancelled,
            "skipped" => Self::Skipped,
            "neutral" => Self::Neutral,
            "stale" => Self::Stale,
            "action_required" => Self::ActionRequired,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl From<&str> for RunStatus {
    fn from(text: &str) -> Self {
        match text {
            "completed" => Self::Completed,
            "in_progress" => Self::InProgress,
            "queued" => Self::Queued,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl From<&str> for WorkflowState {
    fn from(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "deleted" => Self::Deleted,
            "disabled_fork" => Self::DisabledFork,
            "disabled_inactivity" => Self::DisabledInactivity,
            "disabled_manually" => Self::DisabledManually,
            other => Self::Other(other.to_owned()),
        }
    }
}
