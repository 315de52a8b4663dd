//! What an issue about a failing workflow says.

use jiff::Timestamp;

use super::RunKey;
use super::marker::{MARKS, Marker, VERSION};
use super::runs::Streak;
use crate::issues::CloseReason;
use crate::issues::text::{TITLE, code, link, minute};
use crate::snapshot::{Repository, Run, Workflow};

/// More jobs than these are counted, not listed.
const JOBS: usize = 20;

/// The title of a new issue.
pub fn title(repository: &Repository, workflow: &Workflow) -> String {
    let name = if workflow.name.trim().is_empty() {
        &workflow.path
    } else {
        &workflow.name
    };
    let branch = repository.default_branch.as_ref().map_or("", |branch| &branch.name);
    let text = format!(
        "Workflow {} fails on {} of {}",
        code(name),
        code(branch),
        code(&repository.full_name())
    );
    text.chars().take(TITLE).collect()
}

/// Our part of the body, markers included.
pub fn text(repository: &Repository, workflow: &Workflow, streak: &Streak<'_>, since: Timestamp) -> String {
    let run = streak.latest;
    let marker = Marker {
        version: VERSION,
        repository: repository.id,
        workflow: workflow.id,
        told: RunKey::from(run),
    };
    let branch = repository.default_branch.as_ref().map_or("", |branch| &branch.name);
    let ended = run.conclusion.as_ref().map_or("failure", |c| c.as_str());
    let attempt = if run.attempt > 1 {
        format!(", attempt {}", run.attempt)
    } else {
        String::new()
    };
    let mut lines = vec![
        marker.render(),
        format!(
            "The workflow {} ({}) of {} fails on its default branch {}.",
            code(&workflow.name),
            code(&workflow.path),
            code(&repository.full_name()),
            code(branch)
        ),
        String::new(),
        format!(
            "- Latest failure: {} of {}, ended with {}{attempt}",
            link(&format!("run {}", run.id), &run.url),
            minute(run.updated),
            code(ended)
        ),
        format!("- Failing since: {}", minute(since)),
    ];
    lines.extend(jobs(run));
    lines.extend([
        String::new(),
        "This issue is closed when a run on the default branch succeeds. If you close it before, no other is opened until the workflow has recovered and fails again.".to_owned(),
        MARKS.end.to_owned(),
    ]);
    lines.join("\n")
}

fn jobs(run: &Run) -> Vec<String> {
    if run.failed_jobs.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["- Failing jobs:".to_owned()];
    for job in run.failed_jobs.iter().take(JOBS) {
        let step = job
            .step
            .as_ref()
            .map_or_else(String::new, |step| format!(", in the step {}", code(step)));
        lines.push(format!("  - {}{step}", link(&code(&job.name), &job.url)));
    }
    let rest = run.failed_jobs.len().saturating_sub(JOBS);
    if rest > 0 {
        lines.push(format!("  - and {rest} more"));
    }
    lines
}

/// What is written when an issue is closed because the workflow works, or is gone.
pub fn farewell(reason: CloseReason, passed: Option<&Run>) -> String {
    match (reason, passed) {
        (CloseReason::NotPlanned, _) => "The workflow was deleted.".to_owned(),
        (_, Some(run)) => format!(
            "{} of {} succeeded: the workflow works again.",
            link(&format!("Run {}", run.id), &run.url),
            minute(run.updated)
        ),
        (_, None) => "The workflow works again.".to_owned(),
    }
}
