//! From a workflow's health and the issues about it to what is to be done.

use jiff::Timestamp;

use super::runs::{self, Health, Streak};
use super::{Decision, HealthName, RunKey, Watch, Watched, WorkflowReport, issue};
use crate::findings::writable;
use crate::issues::life::{self, Draft, Look, Outcome, Standing, Words};
use crate::issues::{self, ActionTaken, CloseReason, Issue, IssueStanding};
use crate::policy::Workflows;
use crate::snapshot::{Fact, Repository, RunStatus, Workflow, WorkflowId, WorkflowState};
use cc_devops_kernel::health::Mode;

/// A workflow, or what is left of it.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// It is there.
    Listed(&'a Workflow),
    /// The repository was listed as a whole, and it is not there any more.
    Gone(WorkflowId),
}

/// What a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The workflow.
    pub workflow: Seen<'a>,
    /// Every issue with a marker of this workflow, and the one that was kept, wherever they are.
    pub issues: &'a Fact<Vec<Issue>>,
    /// What was kept.
    pub watch: Option<&'a Watch>,
    /// How failing workflows are told.
    pub settings: &'a Workflows,
    /// Whether anything may be written.
    pub mode: Mode,
}

impl Seen<'_> {
    fn id(&self) -> WorkflowId {
        match self {
            Self::Listed(workflow) => workflow.id,
            Self::Gone(id) => *id,
        }
    }
}

const WORDS: Words = Words {
    wrong: "the workflow fails, and no issue says so",
    later: "the workflow failed again",
    told: "the issue tells of the latest failure",
    told_before: "the last issue told of this failure already",
    right: "the workflow works again",
    older: "the success that was listed is older than the failure the issue tells of",
    gone: "the workflow was deleted",
    put_away: "the workflow has not recovered since",
};

/// Decides what is to be done about a workflow.
pub fn decide(situation: &Situation<'_>) -> Decision {
    let health = match situation.workflow {
        Seen::Listed(workflow) => runs::judge(situation.repository, workflow),
        Seen::Gone(_) => Health::Gone,
    };
    let mut watch = situation.watch.cloned().unwrap_or_default();
    if let Seen::Listed(workflow) = situation.workflow {
        watch.path.clone_from(&workflow.path);
    }
    match &health {
        Health::Passing(run) => {
            watch.failing_since = None;
            if watch.passed.is_none_or(|(known, _)| known < RunKey::from(*run)) {
                watch.passed = Some((RunKey::from(*run), run.updated));
            }
        }
        Health::Failing(streak) => {
            watch.failing_since = Some(streak.since(watch.failing_since));
            if let Some(before) = streak.before
                && watch.passed.is_none_or(|(known, _)| known < RunKey::from(before))
            {
                watch.passed = Some((RunKey::from(before), before.updated));
            }
        }
        _ => {}
    }
    let outcome = outcome(situation, &health, &mut watch);
    let report = report(situation, &health, &outcome, &watch);
    let (actions, withheld) = match situation.mode {
        Mode::Normal => (outcome.actions, Vec::new()),
        Mode::Maintenance => (Vec::new(), outcome.actions),
    };
    if !withheld.is_empty() {
        // What was not told must be told later.
        watch.memory = situation.watch.map(|watch| watch.memory.clone()).unwrap_or_default();
    }
    Decision {
        why: outcome.why,
        report: WorkflowReport {
            action_taken: report.action_taken.filter(|_| withheld.is_empty()),
            ..report
        },
        actions,
        withheld,
        watch,
    }
}

fn outcome(situation: &Situation<'_>, health: &Health<'_>, watch: &mut Watch) -> Outcome<RunKey> {
    if !writable(situation.repository) {
        return Outcome::nothing("the repository is archived, disabled or locked");
    }
    if situation.settings.ignores(&watch.path) {
        return Outcome::nothing("the policy ignores this workflow");
    }
    let standing = match health {
        Health::Unknown(gap) => Standing::Unknown(format!("its runs are not known: {gap}")),
        Health::Undecided(why) => Standing::Undecided((*why).to_owned()),
        Health::Disabled(state) => Standing::Undecided(asleep(state).to_owned()),
        Health::Passing(run) => Standing::Right(RunKey::from(*run)),
        Health::Failing(streak) => Standing::Wrong(RunKey::from(streak.latest)),
        Health::Gone => Standing::Gone,
    };
    let (since, passed) = (watch.failing_since, watch.passed);
    let look = Look {
        subject: Watched {
            repository: situation.repository.id,
            workflow: situation.workflow.id(),
        },
        standing,
        issues: situation.issues,
        target: issues::target(
            situation.repository.issues_enabled,
            &situation.repository.full_name(),
            situation.settings.fallback_repository.as_ref(),
        ),
        words: &WORDS,
        draft: &|| draft(situation, health, since),
        // Each failure is another run.
        says_it: &|_| false,
        is_news: &|issue, told| matches!(health, Health::Failing(streak) if passed_since(issue, streak, told, passed)),
        farewell: &|reason| {
            let run = match health {
                Health::Passing(run) if reason == CloseReason::Completed => Some(*run),
                _ => None,
            };
            issue::farewell(reason, run)
        },
    };
    life::follow(&look, &mut watch.memory)
}

/// What an issue says of what fails; of anything else there is none.
fn draft(situation: &Situation<'_>, health: &Health<'_>, since: Option<Timestamp>) -> Draft {
    match (situation.workflow, health) {
        (Seen::Listed(workflow), Health::Failing(streak)) => Draft {
            title: issue::title(situation.repository, workflow),
            text: issue::text(situation.repository, workflow, streak, streak.since(since)),
            labels: situation.settings.labels.clone(),
        },
        _ => Draft::default(),
    }
}

fn asleep(state: &WorkflowState) -> &'static str {
    match state {
        WorkflowState::DisabledInactivity => "GitHub switched it off for inactivity, which is no recovery",
        WorkflowState::DisabledFork => "it does not run in a fork",
        _ => "a person switched it off, which is no recovery",
    }
}

/// Whether the workflow had a success after the failure the issue told of, and did not fail when a person
/// closed it. Where nobody can tell, it had none.
fn passed_since(issue: &Issue, streak: &Streak<'_>, told: Option<RunKey>, passed: Option<(RunKey, Timestamp)>) -> bool {
    let later = |key: RunKey| told.is_none_or(|told| key > told);
    let closed: Option<Timestamp> = match issue.standing {
        IssueStanding::Closed { at, .. } => Some(at),
        _ => None,
    };
    if let Some(before) = streak.before {
        return later(RunKey::from(before)) && closed.is_none_or(|at| streak.first.updated > at);
    }
    passed.is_some_and(|(key, at)| later(key) && closed.is_none_or(|closed| at > closed))
}

fn report(situation: &Situation<'_>, health: &Health<'_>, outcome: &Outcome<RunKey>, watch: &Watch) -> WorkflowReport {
    let (name, latest) = match situation.workflow {
        Seen::Listed(workflow) => {
            let runs = workflow.runs.known().map(Vec::as_slice).unwrap_or_default();
            let latest = runs::counting(situation.repository, runs).first().copied();
            (workflow.name.clone(), latest)
        }
        Seen::Gone(_) => (String::new(), None),
    };
    let status = match latest {
        Some(run) => match &run.status {
            RunStatus::Completed => "completed".to_owned(),
            RunStatus::InProgress => "in_progress".to_owned(),
            RunStatus::Queued => "queued".to_owned(),
            RunStatus::Other(name) => name.clone(),
        },
        None if health.name() == HealthName::Unknown => "unknown".to_owned(),
        None => "no_runs_found".to_owned(),
    };
    WorkflowReport {
        repository: situation.repository.full_name(),
        workflow: watch.path.clone(),
        name,
        status,
        conclusion: latest
            .and_then(|run| run.conclusion.as_ref())
            .map(|conclusion| conclusion.as_str().to_owned()),
        health: health.name(),
        action_taken: outcome.actions.first().map(ActionTaken::from),
        issue: watch.memory.issue.clone(),
        why: outcome.why.clone(),
    }
}
