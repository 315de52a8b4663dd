mod issues;
mod lives;
mod runs;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::issues::{CloseReason, Issue, IssueStanding};
use crate::policy::Workflows;
use crate::samples::{issue as open, repository};
use crate::snapshot::{
    Conclusion, Fact, FailedJob, Gap, Repository, Run, RunStatus, Workflow, WorkflowId, WorkflowState,
};
use cc_devops_kernel::health::Mode;

/// Hours after the beginning of the tests' time.
fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000 + hours)
}

/// A run that was created and ended in the hour of its id.
fn run(id: u64, conclusion: &str) -> Run {
    Run {
        id,
        attempt: 1,
        event: "push".to_owned(),
        head_branch: Some("main".to_owned()),
        head_repository: Some(RepositoryId(42)),
        status: RunStatus::Completed,
        conclusion: Some(Conclusion::from(conclusion)),
        created: at(i64::try_from(id).unwrap()),
        updated: at(i64::try_from(id).unwrap()),
        url: format!("https://github.com/deepfoundai/web/actions/runs/{id}"),
        failed_jobs: Vec::new(),
    }
}

fn running(id: u64, attempt: u32) -> Run {
    Run {
        attempt,
        status: RunStatus::InProgress,
        conclusion: None,
        ..run(id, "success")
    }
}

fn workflow(runs: Vec<Run>) -> Workflow {
    Workflow {
        id: WorkflowId(9),
        path: ".github/workflows/ci.yml".to_owned(),
        name: "CI".to_owned(),
        state: WorkflowState::Active,
        runs: Fact::Known(runs),
    }
}

fn closed_by(by_us: bool, hours: i64) -> IssueStanding {
    IssueStanding::Closed {
        by_us,
        duplicate: false,
        at: at(hours),
    }
}

/// An issue that told of this run.
fn told(number: u64, run_id: u64) -> Issue {
    let marker = marker::Marker {
        version: 1,
        repository: RepositoryId(42),
        workflow: WorkflowId(9),
        told: RunKey {
            run: run_id,
            attempt: 1,
        },
    };
    open(number, format!("{}\ntext\n{}", marker.render(), marker::MARKS.end))
}

fn decided(workflow: &Workflow, issues: Vec<Issue>) -> Decision {
    decided_with(&repository(), workflow, issues, None, &Workflows::default())
}

fn decided_with(
    repository: &Repository,
    workflow: &Workflow,
    issues: Vec<Issue>,
    watch: Option<&Watch>,
    settings: &Workflows,
) -> Decision {
    decide(&Situation {
        repository,
        workflow: Seen::Listed(workflow),
        issues: &Fact::Known(issues),
        watch,
        settings,
        mode: Mode::Normal,
    })
}

/// What was decided, in short.
fn short(decision: &Decision) -> Vec<String> {
    decision
        .actions
        .iter()
        .map(|action| match action {
            Action::Create { repository, .. } => format!("create in {repository}"),
            Action::Update { number, .. } => format!("update {number}"),
            Action::Close { number, reason, .. } => format!("close {number} {reason:?}"),
        })
        .collect()
}
