//! Workflows and their runs. GraphQL knows them only by their ids, which REST lists; a list is kept as long
//! as the folder with the workflows is the same.

mod index;
mod runs;

use std::collections::BTreeSet;

use cc_devops_repos::snapshot::{Fact, Gap, Repository, Workflow, WorkflowId, WorkflowState};
use futures::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::json;

pub(super) use self::index::Index;
use self::index::KeptWorkflow;
use super::wire;
use crate::batches::{self, Looked, Lookup, MOST_IN_LISTS};
use crate::client::{Ask, Client, Error, get};
use crate::queries;

/// How many repositories are read at the same time.
const AT_ONCE: usize = 20;

/// Workflows of one lookup: with ten runs each that is well within GitHub's limit of nodes.
const BATCH: usize = 100;

const ACTIONS: &str = "Actions: read";

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
    let kept = |index: &Index, repository: &Repository| {
        let kept = index.of(repository.id.0);
        kept.map(|kept| kept.workflows.clone())
    };
    let ids: Vec<String> = wanted
        .iter()
        .filter_map(|each| kept(index, each.repository))
        .flat_map(|kept| kept.into_iter().map(|workflow| workflow.node))
        .collect();
    let (query, variables) = match closely {
        None => (queries::WORKFLOW_STATES, json!({})),
        Some(_) => (queries::WORKFLOW_RUNS, json!({"runs": runs::RUNS})),
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
        let mut workflows = Vec::with_capacity(kept.len());
        let mut failed = None;
        for known in kept {
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
        runs::look_closely(client, index, &mut wanted, closely).await?;
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
                if index.of(id).is_none_or(|kept| kept.tree != *tree) {
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
                index.list(id, tree, workflows.collect());
                continue;
            }
            Err(error) if error.refuses_credential() => return Err(error),
            Err(error) => error.gap(ACTIONS),
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
            Some(listed) => Fact::Known(runs::glance(listed, repository)),
            None => Fact::Unknown(Gap::NotRead("they were not asked for".to_owned())),
        },
    }
}
