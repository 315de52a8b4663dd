//! Workflows and their runs. GraphQL knows them only by their ids, which REST lists; a list is kept as long
//! as the folder with the workflows is the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::ready;

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_repos::snapshot::{
    Conclusion, Fact, FailedJob, Gap, Repository, Run, RunStatus, Workflow, WorkflowId, WorkflowState,
};
use cc_devops_repos::workflows::runs;
use cc_devops_repos::workflows::runs::Health;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire;
use crate::batches::{self, Looked, Lookup, MOST_IN_LISTS};
use crate::client::{Ask, Client, Error, get};
use crate::queries;

/// How many runs of each workflow are looked at first. Where none of them says anything, more are read.
const RUNS: usize = 10;

/// How many runs are read of a workflow that is looked at closely.
const CLOSELY: usize = 30;

/// How many repositories are read at the same time.
const AT_ONCE: usize = 20;

/// Workflows of one lookup: with ten runs each that is well within GitHub's limit of nodes.
const BATCH: usize = 100;

const ACTIONS: &str = "Actions: read";

/// What is kept of a repository's workflows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// The id of the folder's content.
    tree: String,
    workflows: Vec<KeptWorkflow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptWorkflow {
    id: WorkflowId,
    node: String,
    path: String,
}

/// Which workflows there are, from the last looks and this one.
pub(super) struct Index {
    kept: HashMap<u64, Kept>,
    changed: BTreeMap<String, Option<Value>>,
}

impl Index {
    /// What was kept. What cannot be read is listed anew.
    pub(super) async fn load(store: &dyn RepositoryStore, owner: &str) -> PortResult<Self> {
        let documents = store.load(owner, DocumentKind::Workflows).await?;
        let read = |(key, document): (String, Value)| Some((key.parse().ok()?, serde_json::from_value(document).ok()?));
        Ok(Self {
            kept: documents.into_iter().filter_map(read).collect(),
            changed: BTreeMap::new(),
        })
    }

    /// Keeps what changed.
    pub(super) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) -> PortResult<()> {
        if !self.changed.is_empty() {
            store.save(owner, DocumentKind::Workflows, &self.changed).await?;
            self.changed.clear();
        }
        Ok(())
    }

    fn keep(&mut self, repository: u64, kept: Kept) {
        if let Ok(document) = serde_json::to_value(&kept) {
            self.changed.insert(repository.to_string(), Some(document));
        }
        self.kept.insert(repository, kept);
    }

    fn forget(&mut self, repository: u64) {
        if self.kept.remove(&repository).is_some() {
            self.changed.insert(repository.to_string(), None);
        }
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    workflows: Vec<ListedWorkflow>,
}

#[derive(Debug, Deserialize)]
struct ListedWorkflow {
    id: u64,
    node_id: String,
    path: String,
}

/// The folder with a repository's workflows.
pub(super) struct Folder {
    /// The id of its content.
    tree: String,
    files: BTreeSet<String>,
}

impl Folder {
    pub(super) fn of(tree: Option<&wire::Tree>) -> Option<Self> {
        let tree = tree?;
        Some(Self {
            tree: tree.oid.clone()?,
            files: tree.files().map(ToOwned::to_owned).collect(),
        })
    }

    /// Whether a workflow's file is gone. GitHub often goes on listing it as active. Workflows that GitHub runs
    /// by itself, such as `dynamic/dependabot/dependabot-updates`, have no file here.
    fn lost(&self, path: &str) -> bool {
        let name = path.strip_prefix(".github/workflows/");
        name.is_some_and(|name| !self.files.contains(name))
    }
}

/// A repository whose workflows are wanted.
pub(super) struct Wanted<'r> {
    pub(super) repository: &'r mut Repository,
    /// The folder with its workflows; `None` if there is none.
    pub(super) folder: Option<Folder>,
    /// Why that is not known.
    pub(super) gap: Option<Gap>,
}

/// Fills in the workflows of repositories with their states, and with their runs where `closely` is there.
pub(super) async fn fill(
    client: &Client,
    index: &mut Index,
    mut wanted: Vec<Wanted<'_>>,
    closely: Option<&BTreeSet<WorkflowId>>,
) -> Result<(), Error> {
    list(client, index, &mut wanted).await?;
    let kept = |index: &Index, repository: &Repository| index.kept.get(&repository.id.0).cloned();
    let ids: Vec<String> = wanted
        .iter()
        .filter_map(|each| kept(index, each.repository))
        .flat_map(|kept| kept.workflows.into_iter().map(|workflow| workflow.node))
        .collect();
    let (query, variables) = match closely {
        None => (queries::WORKFLOW_STATES, json!({})),
        Some(_) => (queries::WORKFLOW_RUNS, json!({"runs": RUNS})),
    };
    let lookup = Lookup {
        query,
        size: if closely.is_none() { MOST_IN_LISTS } else { BATCH },
        permission: ACTIONS,
        what: "read workflows",
    };
    let looked: Looked<wire::Workflow> = batches::look_up(client, lookup, &ids, &variables).await?;
    for each in &mut wanted {
        let Some(kept) = kept(index, each.repository) else {
            continue;
        };
        if !matches!(each.repository.workflows, Fact::Known(_)) {
            continue;
        }
        let mut workflows = Vec::with_capacity(kept.workflows.len());
        let mut failed = None;
        for known in kept.workflows {
            match looked.get(&known.node) {
                Some(Ok(Some(wire))) => {
                    let mut workflow = workflow(&known, wire, each.repository);
                    if each.folder.as_ref().is_some_and(|folder| folder.lost(&workflow.path)) {
                        workflow.state = WorkflowState::Deleted;
                    }
                    workflows.push(workflow);
                }
                // It is gone though the folder is the same; it is listed anew next time.
                Some(Ok(None)) => index.forget(each.repository.id.0),
                Some(Err(gap)) => failed = Some(gap.clone()),
                None => failed = Some(Gap::NotRead("GitHub did not answer".to_owned())),
            }
        }
        each.repository.workflows = match failed {
            None => Fact::Known(workflows),
            Some(gap) => Fact::Unknown(gap),
        };
    }
    if let Some(closely) = closely {
        look_closely(client, wanted, closely).await;
    }
    Ok(())
}

/// Lists the workflows of repositories whose folder is another than the one that was kept.
async fn list(client: &Client, index: &mut Index, wanted: &mut [Wanted<'_>]) -> Result<(), Error> {
    let mut stale = Vec::new();
    for (place, each) in wanted.iter_mut().enumerate() {
        let id = each.repository.id.0;
        each.repository.workflows = match (&each.folder, &each.gap) {
            (_, Some(gap)) => Fact::Unknown(gap.clone()),
            (None, None) => {
                index.forget(id);
                Fact::Known(Vec::new())
            }
            (Some(Folder { tree, .. }), None) => {
                if index.kept.get(&id).is_none_or(|kept| kept.tree != *tree) {
                    stale.push((
                        place,
                        id,
                        tree.clone(),
                        each.repository.owner.clone(),
                        each.repository.name.clone(),
                    ));
                }
                Fact::Known(Vec::new())
            }
        };
    }
    let mut reads = Vec::with_capacity(stale.len());
    for (place, id, tree, owner, name) in stale {
        let ask = Ask::new(
            get(&["repos", &owner, &name, "actions", "workflows"]),
            format!("list the workflows of {owner}/{name}"),
        );
        reads.push(async move {
            let listed = client.pages(&ask, 100, |page: Page| page.workflows).await;
            (place, id, tree, listed)
        });
    }
    let mut lists = stream::iter(reads).buffer_unordered(AT_ONCE);
    while let Some((place, id, tree, listed)) = lists.next().await {
        let gap = match listed {
            Ok(workflows) => {
                let workflows = workflows.into_iter().map(|listed| KeptWorkflow {
                    id: WorkflowId(listed.id),
                    node: listed.node_id,
                    path: listed.path,
                });
                let workflows = workflows.collect();
                index.keep(id, Kept { tree, workflows });
                continue;
            }
            Err(error @ (Error::WrongToken | Error::NotAKey | Error::NotInstalled(_))) => return Err(error),
            Err(Error::NotFound { .. } | Error::Forbidden { .. }) => Gap::Permission(ACTIONS.to_owned()),
            Err(error) => Gap::NotRead(error.to_string()),
        };
        index.forget(id);
        if let Some(each) = wanted.get_mut(place) {
            each.repository.workflows = Fact::Unknown(gap);
        }
    }
    Ok(())
}

fn workflow(known: &KeptWorkflow, wire: &wire::Workflow, repository: &Repository) -> Workflow {
    Workflow {
        id: known.id,
        path: known.path.clone(),
        name: wire.name.clone(),
        state: WorkflowState::from(wire.state.to_ascii_lowercase().as_str()),
        runs: match &wire.runs {
            Some(runs) => Fact::Known(glance(runs, repository)),
            None => Fact::Unknown(Gap::NotRead("they were not asked for".to_owned())),
        },
    }
}

/// The newest runs. GraphQL tells neither their attempt nor the repository of their branch, so what seems to
/// fail is looked at closely.
fn glance(runs: &wire::Runs, repository: &Repository) -> Vec<Run> {
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

/// Reads the runs of the default branch attempt by attempt, where a glance does not tell enough.
async fn look_closely(client: &Client, wanted: Vec<Wanted<'_>>, closely: &BTreeSet<WorkflowId>) {
    let mut looks = Vec::with_capacity(wanted.len());
    for each in wanted {
        looks.push(look_closely_at(client, each.repository, closely));
    }
    stream::iter(looks)
        .buffer_unordered(AT_ONCE)
        .for_each(|()| ready(()))
        .await;
}

async fn look_closely_at(client: &Client, repository: &mut Repository, closely: &BTreeSet<WorkflowId>) {
    let Fact::Known(mut workflows) = repository.workflows.clone() else {
        return;
    };
    for workflow in &mut workflows {
        let enough = match runs::judge(repository, workflow) {
            Health::Failing(_) => false,
            Health::Passing(_) => !closely.contains(&workflow.id),
            // None of the newest runs says anything, but there may be older ones that do.
            Health::Undecided(_) => workflow.runs.known().is_none_or(|runs| runs.len() < RUNS),
            Health::Disabled(_) | Health::Gone | Health::Unknown(_) => true,
        };
        if !enough {
            workflow.runs = close_runs(client, repository, workflow).await;
        }
    }
    repository.workflows = Fact::Known(workflows);
}

#[derive(Debug, Deserialize)]
struct RunPage {
    workflow_runs: Vec<RestRun>,
}

#[derive(Debug, Deserialize)]
struct RestRun {
    id: u64,
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

#[derive(Debug, Deserialize)]
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

async fn close_runs(client: &Client, repository: &Repository, workflow: &Workflow) -> Fact<Vec<Run>> {
    let (owner, name) = (&repository.owner, &repository.name);
    let branch = repository.default_branch.as_ref().map_or("", |branch| &branch.name);
    let id = workflow.id.to_string();
    let ask = Ask::new(
        get(&["repos", owner, name, "actions", "workflows", &id, "runs"]),
        format!("read the runs of {} in {owner}/{name}", workflow.path),
    );
    // Its filter for the status lacks `startup_failure`, so what they came to is judged here.
    let ask = ask.with("branch", branch).with("per_page", CLOSELY);
    let page: RunPage = match client.json(&ask).await {
        Ok(page) => page,
        Err(Error::NotFound { .. } | Error::Forbidden { .. }) => {
            return Fact::Unknown(Gap::Permission(ACTIONS.to_owned()));
        }
        Err(error) => return Fact::Unknown(Gap::NotRead(error.to_string())),
    };
    let mut workflow = Workflow {
        runs: Fact::Known(page.workflow_runs.into_iter().map(run).collect()),
        ..workflow.clone()
    };
    let latest = match runs::judge(repository, &workflow) {
        Health::Failing(streak) => Some((streak.latest.id, streak.latest.attempt)),
        _ => None,
    };
    if let (Some((id, attempt)), Fact::Known(runs)) = (latest, &mut workflow.runs)
        && let Some(run) = runs.iter_mut().find(|run| run.id == id && run.attempt == attempt)
    {
        run.failed_jobs = failed_jobs(client, owner, name, id).await;
    }
    workflow.runs
}

fn run(run: RestRun) -> Run {
    Run {
        id: run.id,
        attempt: run.run_attempt.unwrap_or(1),
        event: run.event,
        head_branch: run.head_branch,
        head_repository: run
            .head_repository
            .map(|repository| cc_devops_repos::snapshot::RepositoryId(repository.id)),
        status: RunStatus::from(run.status.unwrap_or_default().as_str()),
        conclusion: run.conclusion.as_deref().map(Conclusion::from),
        created: run.created_at,
        updated: run.updated_at,
        url: run.html_url,
        failed_jobs: Vec::new(),
    }
}

/// The jobs that failed. Without them an issue is still worth writing.
async fn failed_jobs(client: &Client, owner: &str, name: &str, run: u64) -> Vec<FailedJob> {
    let ask = Ask::new(
        get(&["repos", owner, name, "actions", "runs", &run.to_string(), "jobs"]),
        format!("read the jobs of run {run} in {owner}/{name}"),
    );
    let page: JobPage = match client.json(&ask.with("filter", "latest").with("per_page", 100)).await {
        Ok(page) => page,
        Err(error) => {
            tracing::warn!(%error, "an issue will not say which jobs failed");
            return Vec::new();
        }
    };
    let failed = |conclusion: &Option<String>| {
        let conclusion = conclusion.as_deref().map(Conclusion::from);
        conclusion.and_then(|conclusion| conclusion.failed()) == Some(true)
    };
    page.jobs
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
        })
        .collect()
}
