//! Workflows, their runs and jobs.

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    pub(crate) id: u64,
    /// What it is called.
    pub name: String,
    /// Such as `.github/workflows/ci.yml`.
    pub path: String,
    /// `active`, `deleted`, `disabled_fork`, `disabled_inactivity` or `disabled_manually`.
    pub state: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Seconds since 1970.
    pub updated: i64,
}

/// One run of a workflow, as its last attempt left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub(crate) id: u64,
    /// The id of its workflow.
    pub workflow: u64,
    /// Counts the runs of the workflow, from 1.
    pub number: u64,
    /// Counts the attempts of this run, from 1.
    pub attempt: u32,
    /// Such as `push`, `schedule` or `pull_request`.
    pub event: String,
    /// The branch it ran for.
    pub head_branch: String,
    /// The commit it ran for.
    pub head_sha: String,
    /// The repository the branch is in: another one for a fork's pull request, `None` if that is gone.
    pub head_repository: Option<String>,
    /// `queued`, `in_progress`, `completed`, `waiting`, `requested` or `pending`.
    pub status: String,
    /// Once completed: `success`, `failure`, `cancelled`, `skipped`, `neutral`, `stale`, `timed_out`,
    /// `action_required` or `startup_failure`.
    pub conclusion: Option<String>,
    /// Who caused it, by login.
    pub actor: String,
    /// Seconds since 1970.
    pub created: i64,
    /// When the last attempt began, seconds since 1970.
    pub started: i64,
    /// Seconds since 1970.
    pub updated: i64,
    /// The jobs of every attempt.
    pub jobs: Vec<Job>,
}

/// A job of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Which attempt it is of.
    pub attempt: u32,
    /// What it is called.
    pub name: String,
    /// As of a run.
    pub status: String,
    /// As of a run.
    pub conclusion: Option<String>,
    /// Its steps: the name of each and its conclusion.
    pub steps: Vec<(String, Option<String>)>,
}

impl Workflow {
    /// Its id.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Run {
    /// Its id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Completes it with this conclusion.
    pub fn conclude(&mut self, conclusion: &str) {
        "completed".clone_into(&mut self.status);
        self.conclusion = Some(conclusion.to_owned());
        let (attempt, status) = (self.attempt, self.status.clone());
        if conclusion == "startup_failure" {
            // What did not start has no job.
            self.jobs.retain(|job| job.attempt != attempt);
        }
        for job in self.jobs.iter_mut().filter(|job| job.attempt == attempt) {
            job.status.clone_from(&status);
            job.conclusion = Some(conclusion.to_owned());
        }
    }

    /// Adds a job to the last attempt, concluded as given.
    pub fn job(&mut self, name: &str, conclusion: Option<&str>) {
        let status = if conclusion.is_some() {
            "completed"
        } else {
            "in_progress"
        };
        self.jobs.push(Job {
            attempt: self.attempt,
            name: name.to_owned(),
            status: status.to_owned(),
            conclusion: conclusion.map(str::to_owned),
            steps: vec![("Set up job".to_owned(), Some("success".to_owned()))],
        });
    }
}
