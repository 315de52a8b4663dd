//! A workflow's runs: at a glance for all, attempt by attempt where a glance does not tell enough. What such a close
//! look found is kept, so that a workflow that goes on failing takes no request of its own.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_repos::snapshot::{
    Conclusion, Fact, FailedJob, Gap, Repository, RepositoryId, Run, RunStatus, Workflow, WorkflowId,
};
use cc_devops_repos::workflows::RunKey;
use cc_devops_repos::workflows::runs::{self, Health};
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::index::{CloseLook, Deciding, Index, RunSummary};
use super::{ACTIONS, AT_ONCE, BATCH, Wanted};
use crate::batches::{self, Looked, Lookup};
use crate::client::{Ask, Client, Error, get};
use crate::queries;
use crate::scan::wire;

/// How many runs of each workflow are looked at first. Where none of them says anything, more are read.
pub(super) const RUNS: usize = 10;

/// How many runs are read of a workflow that is looked at closely.
const CLOSELY: usize = 30;

/// How many runs of one event are read where the newest are all other people's: pull requests from forks have branches
/// of the same name, and a busy repository has hundreds between two pushes.
const OF_AN_EVENT: usize = 100;

/// What starts a run on the branch itself.
/// Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>.
const EVENTS: [&str; 5] = [
    "push",
    "schedule",
    "workflow_dispatch",
    "repository_dispatch",
    "workflow_run",
];

/// How many runs are kept of a workflow before the one that decides.
const KEPT: usize = 10;

/// A close look larger than this is not kept, in bytes: a run may have hundreds of failing jobs.
const LARGEST: usize = 20_000;

/// The newest runs. GraphQL tells neither their attempt nor the repository of their branch, so what seems to
/// fail is looked at closely.
pub(super) fn glance(runs: &wire::Runs, repository: &Repository) -> Vec<Run> {
    runs.nodes
        .iter()
        .flatten()
        .filter_map(|run| {
            Some(Run {
                id: run.url.rsplit('/').next()?.parse().ok()?,
                attempt: 1,
                event: run.event.clone(),
                head_branch: run.check_suite.branch.as_ref().map(|branch| branch.name.clone()),
                head_repository: Some(repository.id),
                status: RunStatus::from(run.check_suite.status.to_ascii_lowercase().as_str()),
                conclusion: run
                    .check_suite
                    .conclusion
                    .as_ref()
                    .map(|conclusion| Conclusion::from(conclusion.to_ascii_lowercase().as_str())),
                created: run.created_at,
                updated: run.updated_at,
                url: run.url.clone(),
                failed_jobs: Vec::new(),
            })
        })
        .collect()
}

/// A workflow of which a glance does not tell enough.
#[derive(Clone, Copy)]
struct Task<'w> {
    /// Which of the repositories that are looked at.
    place: usize,
    repository: &'w Repository,
    workflow: &'w Workflow,
    /// What the last close look found.
    known: Option<&'w CloseLook>,
}

/// Whether what was found before still holds.
enum Standing {
    /// It does.
    Same,
    /// It does if this run is as it was; none of the newest is that run.
    If(Deciding),
    /// Something happened since.
    Changed,
}

/// What a close look came to.
struct Seen {
    look: CloseLook,
    /// Whether the next look may begin with it.
    whole: bool,
}

/// Which repository, which workflow, and what a look at it found.
type Found = (usize, WorkflowId, Result<Seen, Gap>);

/// Reads the runs of the default branch attempt by attempt, where a glance does not tell enough.
pub(super) async fn look_closely(
    client: &Client,
    index: &mut Index,
    wanted: &mut [Wanted<'_>],
    closely: &BTreeSet<WorkflowId>,
) -> Result<(), Error> {
    let found = read(client, index, wanted, closely).await?;
    let mut looks: BTreeMap<usize, BTreeMap<WorkflowId, CloseLook>> = BTreeMap::new();
    for (place, id, seen) in found {
        let Some(Fact::Known(workflows)) = wanted.get_mut(place).map(|each| &mut each.repository.workflows) else {
            continue;
        };
        let Some(workflow) = workflows.iter_mut().find(|workflow| workflow.id == id) else {
            continue;
        };
        match seen {
            Ok(seen) => {
                workflow.runs = Fact::Known(seen.look.runs.clone());
                if seen.whole {
                    looks.entry(place).or_default().insert(id, seen.look);
                }
            }
            Err(gap) => workflow.runs = Fact::Unknown(gap),
        }
    }
    for (place, each) in wanted.iter().enumerate() {
        if matches!(each.repository.workflows, Fact::Known(_)) {
            index.remember(each.repository.id.0, looks.remove(&place).unwrap_or_default());
        }
    }
    Ok(())
}

async fn read(
    client: &Client,
    index: &Index,
    wanted: &[Wanted<'_>],
    closely: &BTreeSet<WorkflowId>,
) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let (mut unsure, mut changed) = (Vec::new(), Vec::new());
    for (place, each) in wanted.iter().enumerate() {
        let repository = &*each.repository;
        for workflow in repository.workflows.known().into_iter().flatten() {
            if is_enough(repository, workflow, closely) {
                continue;
            }
            let task = Task {
                place,
                repository,
                workflow,
                known: index.look(repository.id.0, workflow.id),
            };
            match task.standing() {
                Standing::Same => found.extend(task.again()),
                Standing::If(deciding) => unsure.push((task, deciding)),
                Standing::Changed => changed.push(task),
            }
        }
    }
    let nodes: Vec<String> = unsure.iter().map(|(_, deciding)| deciding.node.clone()).collect();
    let lookup = Lookup {
        query: queries::RUN_NODES,
        size: BATCH,
        permission: ACTIONS,
        what: "read runs",
    };
    let looked: Looked<wire::RunNode> = batches::look_up(client, lookup, &nodes, &json!({})).await?;
    for (task, deciding) in unsure {
        match looked.get(&deciding.node) {
            Some(Ok(Some(run))) if run.updated_at == deciding.updated => found.extend(task.again()),
            _ => changed.push(task),
        }
    }
    let mut reads = Vec::with_capacity(changed.len());
    for task in changed {
        reads.push(async move { (task.place, task.workflow.id, task.look(client).await) });
    }
    let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
    while let Some(read) = reads.next().await {
        found.push(read);
    }
    Ok(found)
}

/// Whether a glance told enough.
fn is_enough(repository: &Repository, workflow: &Workflow, closely: &BTreeSet<WorkflowId>) -> bool {
    match runs::judge(repository, workflow) {
        Health::Failing(_) => false,
        Health::Passing(_) => !closely.contains(&workflow.id),
        // None of the newest runs says anything, but there may be older ones that do.
        Health::Undecided(_) => workflow.runs.known().is_none_or(|runs| runs.len() < RUNS),
        Health::Disabled(_) | Health::Gone | Health::Unknown(_) => true,
    }
}

impl Task<'_> {
    fn branch(&self) -> &str {
        let branch = self.repository.default_branch.as_ref();
        branch.map_or("", |branch| &branch.name)
    }

    /// The runs of the glance, other people's too.
    fn all(&self) -> &[Run] {
        self.workflow.runs.known().map(Vec::as_slice).unwrap_or_default()
    }

    /// The runs of the glance that count.
    fn counting(&self) -> Vec<RunSummary> {
        let counting = runs::counting(self.repository, self.all());
        counting.into_iter().map(RunSummary::from).collect()
    }

    fn standing(&self) -> Standing {
        let Some(known) = self.known.filter(|known| known.branch == self.branch()) else {
            return Standing::Changed;
        };
        let oldest = self.all().iter().map(|run| run.id).min();
        // Between the newest that was known and the oldest that is shown there may be others.
        let all_are_seen = self.all().len() < RUNS || oldest.is_some_and(|oldest| oldest <= known.newest);
        let nothing_new = self.counting().iter().all(|run| known.glance.contains(run));
        if !(all_are_seen && nothing_new) {
            return Standing::Changed;
        }
        match &known.decides {
            Some(deciding) if !self.all().iter().any(|run| run.id == deciding.run) => Standing::If(deciding.clone()),
            _ => Standing::Same,
        }
    }

    /// What was found before, as of now.
    fn again(&self) -> Option<Found> {
        let newest = self.all().iter().map(|run| run.id).max();
        let look = CloseLook {
            newest: newest.max(self.known.map(|known| known.newest)).unwrap_or_default(),
            glance: self.counting(),
            ..self.known?.clone()
        };
        Some((self.place, self.workflow.id, Ok(Seen { look, whole: true })))
    }

    /// Reads the runs, and the jobs of the latest failure.
    async fn look(&self, client: &Client) -> Result<Seen, Gap> {
        let read = self.search(client).await?;
        let newest = read.iter().map(|run| run.id).chain(self.all().iter().map(|run| run.id));
        let newest = newest.max().unwrap_or_default();
        let nodes: BTreeMap<u64, String> = read
            .iter()
            .filter_map(|run| Some((run.id, run.node_id.clone()?)))
            .collect();
        let runs: Vec<Run> = read.into_iter().map(run).collect();
        let (decides, failure, mut runs) = self.worth(runs);
        let mut whole = true;
        if let Some(failure) = failure
            && let Some(run) = runs.iter_mut().find(|run| RunKey::from(&**run) == failure)
        {
            if let Some(jobs) = self.known_jobs(failure) {
                run.failed_jobs = jobs;
            } else {
                (run.failed_jobs, whole) = failed_jobs(client, self.repository, failure.run).await;
            }
        }
        let decides = decides.and_then(|decides| {
            Some(Deciding {
                run: decides,
                node: nodes.get(&decides)?.clone(),
                updated: runs.iter().find(|run| run.id == decides)?.updated,
            })
        });
        let look = CloseLook {
            branch: self.branch().to_owned(),
            newest,
            glance: self.counting(),
            runs,
            decides,
        };
        whole &= serde_json::to_string(&look).is_ok_and(|text| text.len() <= LARGEST);
        Ok(Seen { look, whole })
    }

    /// The jobs of an attempt that ended do not change.
    fn known_jobs(&self, failure: RunKey) -> Option<Vec<FailedJob>> {
        let known = self.known?;
        let run = known.runs.iter().find(|run| RunKey::from(*run) == failure)?;
        (!run.failed_jobs.is_empty()).then(|| run.failed_jobs.clone())
    }

    /// The newest runs of the branch's name, and where these are all other people's those that the branch itself had.
    async fn search(&self, client: &Client) -> Result<Vec<RestRun>, Gap> {
        let (newest, more) = self.page(client, None, CLOSELY).await?;
        if !more || self.is_decided(&newest) {
            return Ok(newest);
        }
        let mut all: BTreeMap<u64, RestRun> = newest.into_iter().map(|run| (run.id, run)).collect();
        let mut cut_off = None;
        for event in EVENTS {
            let (of_event, more) = self.page(client, Some(event), OF_AN_EVENT).await?;
            cut_off = cut_off.or((more && !self.is_decided(&of_event)).then_some(event));
            all.extend(of_event.into_iter().map(|run| (run.id, run)));
        }
        let all: Vec<RestRun> = all.into_values().collect();
        match cut_off {
            Some(event) if !self.is_decided(&all) => Err(Gap::NotRead(format!(
                "none of the newest {OF_AN_EVENT} runs of {} by {event} says anything, and older ones are not looked at",
                self.workflow.path
            ))),
            _ => Ok(all),
        }
    }

    /// Whether one of these runs decides.
    fn is_decided(&self, read: &[RestRun]) -> bool {
        let workflow = self.with(read.iter().cloned().map(run).collect());
        matches!(
            runs::judge(self.repository, &workflow),
            Health::Failing(_) | Health::Passing(_)
        )
    }

    /// The workflow with these runs.
    fn with(&self, runs: Vec<Run>) -> Workflow {
        Workflow {
            runs: Fact::Known(runs),
            ..self.workflow.clone()
        }
    }

    /// The newest runs of the branch's name, and whether there are more.
    async fn page(&self, client: &Client, event: Option<&str>, size: usize) -> Result<(Vec<RestRun>, bool), Gap> {
        let (owner, name) = (&self.repository.owner, &self.repository.name);
        let id = self.workflow.id.to_string();
        let ask = Ask::new(
            get(&["repos", owner, name, "actions", "workflows", &id, "runs"]),
            format!("read the runs of {} in {owner}/{name}", self.workflow.path),
        );
        // Its filter for the status lacks `startup_failure`, so what they came to is judged here.
        let mut ask = ask.with("branch", self.branch()).with("per_page", size);
        if let Some(event) = event {
            ask = ask.with("event", event);
        }
        match client.json::<RunPage>(&ask).await {
            Ok(page) => {
                let more = page.workflow_runs.len() >= size;
                Ok((page.workflow_runs, more))
            }
            Err(error) => Err(error.gap(ACTIONS)),
        }
    }

    /// The run that decides, the latest failure if it is one, and the runs that are enough to say both again.
    fn worth(&self, runs: Vec<Run>) -> (Option<u64>, Option<RunKey>, Vec<Run>) {
        let workflow = self.with(runs);
        let all = workflow.runs.known().map(Vec::as_slice).unwrap_or_default();
        let counting = runs::counting(self.repository, all);
        let mut keys: BTreeSet<RunKey> = counting.iter().take(KEPT).map(|run| RunKey::from(*run)).collect();
        let (mut decides, mut failure) = (None, None);
        match runs::judge(self.repository, &workflow) {
            Health::Failing(streak) => {
                let others = [Some(streak.latest), Some(streak.first), streak.before];
                keys.extend(others.into_iter().flatten().map(RunKey::from));
                decides = Some(streak.latest.id);
                failure = Some(RunKey::from(streak.latest));
            }
            Health::Passing(run) => {
                keys.insert(RunKey::from(run));
                decides = Some(run.id);
            }
            // What is newest may be tried again.
            _ => decides = counting.first().map(|run| run.id).or(decides),
        }
        let kept = counting.into_iter().filter(|run| keys.contains(&RunKey::from(*run)));
        (decides, failure, kept.cloned().collect())
    }
}

#[derive(Debug, Deserialize)]
struct RunPage {
    workflow_runs: Vec<RestRun>,
}

#[derive(Debug, Clone, Deserialize)]
struct RestRun {
    id: u64,
    #[serde(default)]
    node_id: Option<String>,
    #[serde(default)]
    run_attempt: Option<u32>,
    event: String,
    head_branch: Option<String>,
    head_repository: Option<Id>,
    status: Option<String>,
    conclusion: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    html_url: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Id {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct JobPage {
    jobs: Vec<RestJob>,
}

#[derive(Debug, Deserialize)]
struct RestJob {
    name: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    #[serde(default)]
    steps: Vec<RestStep>,
}

#[derive(Debug, Deserialize)]
struct RestStep {
    name: String,
    conclusion: Option<String>,
}

fn run(run: RestRun) -> Run {
    Run {
        id: run.id,
        attempt: run.run_attempt.unwrap_or(1),
        event: run.event,
        head_branch: run.head_branch,
        head_repository: run.head_repository.map(|repository| RepositoryId(repository.id)),
        status: RunStatus::from(run.status.unwrap_or_default().as_str()),
        conclusion: run.conclusion.as_deref().map(Conclusion::from),
        created: run.created_at,
        updated: run.updated_at,
        url: run.html_url,
        failed_jobs: Vec::new(),
    }
}

/// The jobs that failed, and whether they were read. Without them an issue is still worth writing.
async fn failed_jobs(client: &Client, repository: &Repository, run: u64) -> (Vec<FailedJob>, bool) {
    let (owner, name) = (&repository.owner, &repository.name);
    let ask = Ask::new(
        get(&["repos", owner, name, "actions", "runs", &run.to_string(), "jobs"]),
        format!("read the jobs of run {run} in {owner}/{name}"),
    );
    let page: JobPage = match client.json(&ask.with("filter", "latest").with("per_page", 100)).await {
        Ok(page) => page,
        Err(error) => {
            tracing::warn!(%error, "an issue will not say which jobs failed");
            return (Vec::new(), false);
        }
    };
    let failed = |conclusion: &Option<String>| {
        let conclusion = conclusion.as_deref().map(Conclusion::from);
        conclusion.and_then(|conclusion| conclusion.failed()) == Some(true)
    };
    let jobs = page
        .jobs
        .into_iter()
        .filter(|job| failed(&job.conclusion))
        .map(|job| FailedJob {
            step: job
                .steps
                .iter()
                .find(|step| failed(&step.conclusion))
                .map(|step| step.name.clone()),
            name: job.name,
            url: job.html_url.unwrap_or_default(),
        });
    (jobs.collect(), true)
}
