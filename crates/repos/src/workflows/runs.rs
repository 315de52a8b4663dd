//! Whether a workflow works: what its runs on the default branch say.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{HealthName, RunKey};
use crate::snapshot::{Fact, Gap, Repository, Run, RunStatus, Workflow, WorkflowState};

/// Whether a workflow works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health<'r> {
    /// It does not.
    Failing(Streak<'r>),
    /// It does.
    Passing(&'r Run),
    /// Nobody can tell from its runs; the sentence says why.
    Undecided(&'static str),
    /// It does not run.
    Disabled(WorkflowState),
    /// There is no such workflow any more.
    Gone,
    /// Its runs could not be read.
    Unknown(Gap),
}

/// Failures without a success between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streak<'r> {
    /// The latest.
    pub latest: &'r Run,
    /// The first of those that were listed.
    pub first: &'r Run,
    /// The success before the first, if it was listed.
    pub before: Option<&'r Run>,
}

impl Health<'_> {
    /// Its name in reports.
    pub fn name(&self) -> HealthName {
        match self {
            Self::Failing(_) => HealthName::Failing,
            Self::Passing(_) => HealthName::Passing,
            Self::Undecided(_) => HealthName::Undecided,
            Self::Disabled(_) => HealthName::Disabled,
            Self::Gone => HealthName::Gone,
            Self::Unknown(_) => HealthName::Unknown,
        }
    }
}

/// The runs that count: those of the default branch of the repository itself, each in its latest attempt,
/// the latest first. The order is that of their creation, whichever ended first.
pub fn counting<'r>(repository: &Repository, runs: &'r [Run]) -> Vec<&'r Run> {
    let Some(branch) = &repository.default_branch else {
        return Vec::new();
    };
    let mut latest: BTreeMap<u64, &Run> = BTreeMap::new();
    for run in runs {
        // A fork may have a branch of the same name, and a pull request's run is about that request.
        if run.head_branch.as_ref() == Some(&branch.name)
            && run.head_repository == Some(repository.id)
            && !run.event.starts_with("pull_request")
        {
            let known = latest.entry(run.id).or_insert(run);
            if RunKey::from(run) > RunKey::from(*known) {
                *known = run;
            }
        }
    }
    latest.into_values().rev().collect()
}

/// How a run ended, if it says anything: `true` for a failure.
fn decisive(run: &Run) -> Option<bool> {
    if run.status == RunStatus::Completed {
        run.conclusion.as_ref()?.failed()
    } else {
        None
    }
}

/// Whether the workflow works. The latest run that ended and says anything decides.
pub fn judge<'r>(repository: &Repository, workflow: &'r Workflow) -> Health<'r> {
    match &workflow.state {
        WorkflowState::Deleted => return Health::Gone,
        // That it does not run any more is no recovery, and no failure either.
        WorkflowState::DisabledFork | WorkflowState::DisabledInactivity | WorkflowState::DisabledManually => {
            return Health::Disabled(workflow.state.clone());
        }
        WorkflowState::Active | WorkflowState::Other(_) => {}
    }
    let runs = match &workflow.runs {
        Fact::Known(runs) => counting(repository, runs),
        Fact::Unknown(gap) => return Health::Unknown(gap.clone()),
        Fact::Unavailable(_) => return Health::Undecided("workflows do not run here"),
    };
    if runs.is_empty() {
        return Health::Undecided("there is no run on the default branch");
    }
    for (place, run) in runs.iter().enumerate() {
        match decisive(run) {
            Some(false) => return Health::Passing(run),
            Some(true) => return Health::Failing(streak(run, runs.get(place + 1..).unwrap_or_default())),
            // It ended before, nobody knows how, and an older run must not decide in its place.
            None if run.attempt > 1 && run.status != RunStatus::Completed => {
                return Health::Undecided("a run is tried again right now");
            }
            None => {}
        }
    }
    Health::Undecided("no run ended with success or failure")
}

fn streak<'r>(latest: &'r Run, older: &[&'r Run]) -> Streak<'r> {
    let mut streak = Streak {
        latest,
        first: latest,
        before: None,
    };
    for run in older {
        match decisive(run) {
            Some(true) => streak.first = run,
            Some(false) => {
                streak.before = Some(run);
                break;
            }
            None => {}
        }
    }
    streak
}

impl Streak<'_> {
    /// Since when it fails: the end of the first failure, or an earlier time that was kept if the success
    /// before it is not listed.
    pub fn since(&self, kept: Option<Timestamp>) -> Timestamp {
        match (self.before, kept) {
            (None, Some(kept)) => kept.min(self.first.updated),
            _ => self.first.updated,
        }
    }
}
