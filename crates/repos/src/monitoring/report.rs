//! What a look at workflows came to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::audit::ScanGap;
use crate::issues::ActionTaken;
use crate::snapshot::Gap;
use crate::workflows::{Action, HealthName, WorkflowReport};

/// What a look at workflows came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MonitorReport {
    /// The owner.
    pub owner: String,
    /// When it ended.
    pub timestamp: Timestamp,
    /// Whether all workflows were read, which a permission that is missing prevents too, and every action succeeded.
    pub complete: bool,
    /// Repositories that are known to be there and were not read.
    pub missing: Vec<String>,
    /// What was not read, and why.
    pub gaps: Vec<ScanGap>,
    /// How many requests it took to read.
    pub requests: u64,
    /// How many points of GitHub's GraphQL limit it took.
    pub points: u64,
    /// How many of what.
    pub summary: MonitorSummary,
    /// The workflows that do not plainly work, and those whose issue was changed.
    pub workflows: Vec<WatchedWorkflow>,
}

/// How many of what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MonitorSummary {
    /// Repositories that were read.
    pub repositories: u64,
    /// Those among them whose workflows are not known, because they could not be read.
    #[serde(skip_serializing_if = "is_none")]
    pub unread: u64,
    /// Workflows by their health.
    pub workflows: BTreeMap<HealthName, u64>,
    /// Issues by what was done.
    pub issues: BTreeMap<ActionTaken, u64>,
}

/// A workflow that was decided about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchedWorkflow {
    /// How it stands.
    #[serde(flatten)]
    pub report: WorkflowReport,
    /// What would be done, if anything might be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Action>,
    /// Why an action failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// Why something is not known, as a fragment.
pub(super) fn reason(gap: &Gap) -> String {
    match gap {
        Gap::Permission(_) => gap.to_string(),
        Gap::NotRead(why) => why.clone(),
    }
}

impl MonitorSummary {
    pub(super) fn count(&mut self, health: HealthName) {
        *self.workflows.entry(health).or_default() += 1;
    }
}

impl MonitorReport {
    pub(super) fn missed(&mut self, name: String, why: &str) {
        self.gap(&name, why);
        self.missing.push(name);
    }

    /// A repository whose workflows are not known.
    pub(super) fn unread_workflows(&mut self, repository: &str, gap: &Gap) {
        self.summary.unread += 1;
        self.gap(repository, &reason(gap));
    }

    pub(super) fn gap(&mut self, repository: &str, why: &str) {
        self.gaps.push(ScanGap {
            repository: Some(repository.to_owned()),
            why: why.to_owned(),
        });
    }

    pub(super) fn broke_off(&mut self, why: String) {
        self.gaps.push(ScanGap { repository: None, why });
    }

    /// Adds a workflow; `all`: also if it plainly works.
    pub(super) fn add(&mut self, told: WatchedWorkflow, all: bool) {
        if let Some(taken) = told.report.action_taken.filter(|_| told.error.is_none()) {
            *self.summary.issues.entry(taken).or_default() += 1;
        }
        let noteworthy = matches!(told.report.health, HealthName::Failing | HealthName::Unknown)
            || told.report.action_taken.is_some()
            || told.error.is_some()
            || !told.withheld.is_empty();
        if all || noteworthy {
            self.workflows.push(told);
        }
    }

    pub(super) fn end(&mut self, owner: &str, at: Timestamp) {
        owner.clone_into(&mut self.owner);
        self.timestamp = at;
        self.missing.sort();
        self.gaps.sort();
        self.complete = self.gaps.is_empty() && self.workflows.iter().all(|told| told.error.is_none());
        self.workflows.sort_by(|a, b| {
            (&a.report.repository, &a.report.workflow).cmp(&(&b.report.repository, &b.report.workflow))
        });
    }
}
