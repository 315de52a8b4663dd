//! From a workflow's health and the issues about it to what is to be done.

use jiff::Timestamp;

use super::marker::{self, Marker};
use super::runs::{self, Health, Streak};
use super::{
    Action, ActionTaken, CloseReason, Decision, HealthName, Issue, IssueStanding, RunKey, Watch, WorkflowReport, issue,
};
use crate::findings::writable;
use crate::policy::Workflows;
use crate::snapshot::{Fact, Repository, Run, RunStatus, Workflow, WorkflowId, WorkflowState};
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

/// What came of it, before the mode is looked at.
struct Outcome {
    actions: Vec<Action>,
    why: String,
}

fn nothing(why: impl Into<String>) -> Outcome {
    Outcome {
        actions: Vec::new(),
        why: why.into(),
    }
}

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
        watch.told = situation.watch.and_then(|watch| watch.told);
        watch.closed = situation.watch.and_then(|watch| watch.closed);
        watch.issue = situation.watch.and_then(|watch| watch.issue.clone());
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

fn outcome(situation: &Situation<'_>, health: &Health<'_>, watch: &mut Watch) -> Outcome {
    if !writable(situation.repository) {
        return nothing("the repository is archived, disabled or locked");
    }
    if situation.settings.ignores(&watch.path) {
        return nothing("the policy ignores this workflow");
    }
    let issues = match situation.issues {
        Fact::Known(issues) => issues,
        Fact::Unknown(gap) => return nothing(format!("the issues are not known: {gap}")),
        Fact::Unavailable(why) => return nothing(format!("there are no issues: {why}")),
    };
    let kept = watch.issue.clone();
    // One that was kept is ours, also if another account of ours wrote it.
    let is_ours = |issue: &&Issue| issue.ours || kept.as_ref().is_some_and(|kept| kept.is(issue));
    let mut ours: Vec<&Issue> = issues.iter().filter(is_ours).collect();
    let target = target(situation);
    // The lowest number wins, so that two processes choose the same; where new issues go comes first.
    ours.sort_by_key(|issue| {
        let here = target
            .as_ref()
            .is_some_and(|target| target.eq_ignore_ascii_case(&issue.repository));
        let elsewhere = !here;
        (elsewhere, &issue.repository, issue.number)
    });
    let mut open = ours.iter().filter(|issue| issue.standing == IssueStanding::Open);
    let first = open.next().copied();
    let mut outcome = match (health, first) {
        (Health::Unknown(gap), _) => return nothing(format!("its runs are not known: {gap}")),
        (Health::Undecided(why), _) => nothing(*why),
        (Health::Disabled(state), _) => nothing(asleep(state)),
        (Health::Passing(run), None) => {
            // What an older failure was told of is of no use any more.
            if watch.told.is_none_or(|told| told < RunKey::from(*run)) {
                (watch.issue, watch.told) = (None, None);
            }
            nothing("there is no open issue about it")
        }
        (Health::Gone, None) => nothing("there is no open issue about it"),
        (Health::Passing(run), Some(issue)) => recovered(run, issue, watch),
        (Health::Gone, Some(issue)) => Outcome {
            actions: vec![close(issue, CloseReason::NotPlanned, None, None)],
            why: "the workflow was deleted".to_owned(),
        },
        (Health::Failing(streak), Some(issue)) => update(situation, streak, issue, watch),
        (Health::Failing(streak), None) => anew(situation, streak, &ours, target, watch),
    };
    if let Some(first) = first {
        watch.issue = Some(first.place());
        for other in open {
            let number = (other.repository == first.repository).then_some(first.number);
            outcome.actions.push(close(other, CloseReason::Duplicate, None, number));
        }
    }
    outcome
}

fn asleep(state: &WorkflowState) -> &'static str {
    match state {
        WorkflowState::DisabledInactivity => "GitHub switched it off for inactivity, which is no recovery",
        WorkflowState::DisabledFork => "it does not run in a fork",
        _ => "a person switched it off, which is no recovery",
    }
}

/// The last failure an issue told of.
fn told(issue: &Issue, watch: &Watch) -> Option<RunKey> {
    let kept = watch
        .told
        .filter(|_| watch.issue.as_ref().is_some_and(|kept| kept.is(issue)));
    Marker::find(&issue.body).map(|marker| marker.told).max(kept)
}

fn recovered(run: &Run, issue: &Issue, watch: &mut Watch) -> Outcome {
    let told = told(issue, watch);
    if told.is_some_and(|told| told >= RunKey::from(run)) {
        return nothing("the success that was listed is older than the failure the issue tells of");
    }
    if told.is_some() && watch.closed == told {
        return nothing("a person opened the issue again after the recovery");
    }
    watch.closed = told;
    Outcome {
        actions: vec![close(issue, CloseReason::Completed, Some(run), None)],
        why: "the workflow works again".to_owned(),
    }
}

fn close(issue: &Issue, reason: CloseReason, passed: Option<&Run>, other: Option<u64>) -> Action {
    Action::Close {
        repository: issue.repository.clone(),
        number: issue.number,
        reason,
        comment: (!issue.locked).then(|| issue::farewell(reason, passed, other)),
        passed: passed.map(RunKey::from),
    }
}

fn update(situation: &Situation<'_>, streak: &Streak<'_>, issue: &Issue, watch: &mut Watch) -> Outcome {
    let Seen::Listed(workflow) = situation.workflow else {
        return nothing("the workflow is gone");
    };
    let latest = RunKey::from(streak.latest);
    if told(issue, watch).is_some_and(|told| told >= latest) {
        return nothing("the issue tells of the latest failure");
    }
    let since = streak.since(watch.failing_since);
    let ours = issue::text(situation.repository, workflow, streak, since);
    let Some(body) = marker::replace(&issue.body, &ours) else {
        return nothing("a person took the markers out of the issue, so its text is theirs");
    };
    watch.told = Some(latest);
    Outcome {
        actions: vec![Action::Update {
            repository: issue.repository.clone(),
            number: issue.number,
            body,
        }],
        why: "the workflow failed again".to_owned(),
    }
}

/// The repository new issues go to.
fn target(situation: &Situation<'_>) -> Option<String> {
    if situation.repository.issues_enabled {
        Some(situation.repository.full_name())
    } else {
        situation.settings.fallback_repository.clone()
    }
}

fn anew(
    situation: &Situation<'_>,
    streak: &Streak<'_>,
    ours: &[&Issue],
    target: Option<String>,
    watch: &mut Watch,
) -> Outcome {
    let Seen::Listed(workflow) = situation.workflow else {
        return nothing("the workflow is gone");
    };
    let last = ours
        .iter()
        .filter(|issue| !matches!(issue.standing, IssueStanding::Closed { duplicate: true, .. }))
        .max_by_key(|issue| (told(issue, watch), issue.number));
    if let Some(last) = last {
        let latest = RunKey::from(streak.latest);
        if told(last, watch).is_some_and(|told| told >= latest) {
            return nothing("the last issue told of this failure already");
        }
        if !closed_by_us(last, watch) && !passed_since(last, streak, watch) {
            return nothing(format!(
                "a person put the issue {}#{} away, and the workflow has not recovered since",
                last.repository, last.number
            ));
        }
    }
    let Some(repository) = target else {
        return nothing("issues are disabled here, and the policy names no fallback repository");
    };
    let since = streak.since(watch.failing_since);
    watch.told = Some(RunKey::from(streak.latest));
    watch.issue = None;
    Outcome {
        actions: vec![Action::Create {
            repository,
            title: issue::title(situation.repository, workflow),
            body: issue::text(situation.repository, workflow, streak, since),
            labels: situation.settings.labels.clone(),
        }],
        why: "the workflow fails, and no issue says so".to_owned(),
    }
}

/// Whether the control plane closed an issue. With its account alone that is not said: a person may use the same,
/// and what is kept then still has the issue as open.
fn closed_by_us(issue: &Issue, watch: &Watch) -> bool {
    let by_account = matches!(issue.standing, IssueStanding::Closed { by_us: true, .. });
    let kept = watch.issue.as_ref().is_some_and(|kept| kept.is(issue));
    by_account && (!kept || watch.closed == told(issue, watch))
}

/// Whether the workflow had a success after the failure the issue told of, and did not fail when a person
/// closed it. Where nobody can tell, it had none.
fn passed_since(issue: &Issue, streak: &Streak<'_>, watch: &Watch) -> bool {
    let told = told(issue, watch);
    let later = |key: RunKey| told.is_none_or(|told| key > told);
    let closed: Option<Timestamp> = match issue.standing {
        IssueStanding::Closed { at, .. } => Some(at),
        _ => None,
    };
    if let Some(before) = streak.before {
        return later(RunKey::from(before)) && closed.is_none_or(|at| streak.first.updated > at);
    }
    watch
        .passed
        .is_some_and(|(key, at)| later(key) && closed.is_none_or(|closed| at > closed))
}

fn report(situation: &Situation<'_>, health: &Health<'_>, outcome: &Outcome, watch: &Watch) -> WorkflowReport {
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
        action_taken: outcome.actions.first().map(|action| match action {
            Action::Create { .. } => ActionTaken::IssueCreated,
            Action::Update { .. } => ActionTaken::IssueUpdated,
            Action::Close { .. } => ActionTaken::IssueClosed,
        }),
        issue: watch.issue.clone(),
        why: outcome.why.clone(),
    }
}
