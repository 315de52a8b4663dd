//! What a look at a workflow says of its condition.

use cc_devops_alerts::{Condition, ConditionChange, ConditionKind, Severity, wording};
use jiff::Timestamp;

use super::runs::{Health, Streak, judge};
use super::{Seen, Situation, Watch};
use crate::findings::writable;
use crate::snapshot::{Repository, Workflow};

/// What is said of a workflow's condition, and kept of it in `watch`. A workflow that is switched off has not recovered,
/// and of one whose runs cannot be read nothing is known.
pub(crate) fn change(situation: &Situation<'_>, watch: &mut Watch, now: Timestamp) -> Option<ConditionChange> {
    let repository = situation.repository;
    let health = match situation.workflow {
        Seen::Listed(workflow) => judge(repository, workflow),
        Seen::Gone(_) => Health::Gone,
    };
    let unwatched = if !writable(repository) {
        Some("the repository is archived, disabled or locked")
    } else if situation.settings.ignores(&watch.path) {
        Some("the policy ignores this workflow")
    } else if health == Health::Gone {
        Some("the workflow was deleted")
    } else {
        None
    };
    if let Some(why) = unwatched {
        return watch.condition.take().map(|key| ConditionChange::Closed {
            key,
            at: now,
            why: why.to_owned(),
        });
    }
    match (situation.workflow, &health) {
        (Seen::Listed(workflow), Health::Failing(streak)) => {
            let key = watch.condition.get_or_insert_with(|| key(repository, workflow)).clone();
            Some(failing(key, repository, workflow, streak, watch.failing_since))
        }
        (_, Health::Passing(run)) => watch.condition.take().map(|key| ConditionChange::Resolved {
            title: wording::title(&format!("{} works again", key.trim_start_matches("workflow/"))),
            key,
            at: run.updated,
        }),
        _ => None,
    }
}

fn key(repository: &Repository, workflow: &Workflow) -> String {
    let file = workflow.path.rsplit('/').next().unwrap_or(&workflow.path);
    format!("workflow/{}/{file}", repository.full_name())
}

fn failing(
    key: String,
    repository: &Repository,
    workflow: &Workflow,
    streak: &Streak<'_>,
    since: Option<Timestamp>,
) -> ConditionChange {
    let full_name = repository.full_name();
    let branch = repository.default_branch.as_ref().map_or("", |branch| &branch.name);
    let ended = streak.latest.conclusion.as_ref().map_or("failure", |how| how.as_str());
    let title = wording::title(&format!("Workflow {} fails on {branch} of {full_name}", workflow.path));
    let known = format!(
        "The workflow {} ({}) of {full_name} fails on its default branch {branch}. Its latest run ended with {ended}: \
         {}\n\nSee it with: cc-devops workflows check --repo {} --dry-run",
        workflow.name, workflow.path, streak.latest.url, repository.name,
    );
    let ends = "with the next run on the default branch that succeeds";
    let text = wording::text(ConditionKind::Workflow, &known, ends);
    let kind = (ConditionKind::Workflow, Severity::Warning);
    Condition::new(key, kind, streak.since(since), title, text)
        .tagged("repository", full_name)
        .tagged("workflow", workflow.path.clone())
        .opened()
}
