//! What becomes of GitHub's answers about repositories, whether they were asked for one by one or in pages: both
//! are read here, so that whoever judges them judges the same facts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::ready;

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{Depth, RepositoryStore};
use cc_devops_repos::snapshot::{BypassActor, Fact, Gap, Repository, RepositoryFlag};
use futures::join;
use futures::stream::{self, StreamExt};
use serde_json::json;

use super::people::{Listed, People};
use super::settings::{self, ADMINISTRATION, CONTENTS, Errors, Plan};
use super::trees::{self, Trees};
use super::workflows::{self, Folder, Index, Wanted};
use super::{classic, rulesets, security, wire};
use crate::batches::{self, MOST_NODES};
use crate::client::{Client, Error};
use crate::queries;

/// How many repositories are asked about at the same time.
const AT_ONCE: usize = 20;

/// A repository on its way from GitHub's answer to what is known of it.
pub(super) struct Draft {
    pub(super) repository: Repository,
    /// The folder with its workflows; `None` if there is none.
    folder: Option<Folder>,
    /// Why that is not known.
    folder_gap: Option<Gap>,
    /// The id of its root's tree.
    root: Option<String>,
}

/// A ruleset whose bypass list nobody looked up yet.
struct Unlooked {
    node: String,
    /// A repository in which it holds: its owner and name.
    holds_in: (String, String),
}

/// Reads repositories of an owner.
pub(super) struct Reader<'c> {
    client: &'c Client,
    store: &'c dyn RepositoryStore,
    owner: String,
    depth: Depth<'c>,
    index: Index,
    trees: Trees,
    plan: Plan,
    /// Who is let past a ruleset, by the ruleset's number.
    bypasses: HashMap<u64, Fact<Vec<BypassActor>>>,
    unlooked: BTreeMap<u64, Unlooked>,
    people: People,
}

impl<'c> Reader<'c> {
    /// Begins with what is kept, and with what holds for all of the owner's repositories.
    pub(super) async fn begin(
        client: &'c Client,
        store: &'c dyn RepositoryStore,
        owner: &str,
        organization: bool,
        depth: Depth<'c>,
    ) -> PortResult<Self> {
        let index = Index::load(store, owner);
        let (index, trees, people, plan) = match depth {
            Depth::Runs { .. } => (index.await?, Trees::none(), People::none(), Plan::not_asked()),
            Depth::Settings => {
                let (trees, people) = (Trees::load(store, owner), People::load(store, owner));
                let plan = security::plan(client, owner, organization);
                let (index, trees, people, plan) = join!(index, trees, people, plan);
                (index?, trees?, people?, plan?)
            }
        };
        Ok(Self {
            client,
            store,
            owner: owner.to_owned(),
            depth,
            index,
            trees,
            plan,
            bypasses: HashMap::new(),
            unlooked: BTreeMap::new(),
            people,
        })
    }

    /// What an answer says by itself; `None` where it says too little.
    pub(super) fn draft(&mut self, wire: wire::Repository, errors: &Errors<'_>) -> Option<Draft> {
        let mut repository = settings::basics(&wire)?;
        self.client.learn_node(&repository.full_name(), &wire.id);
        let folder = Folder::of(wire.workflows.as_ref());
        let mut root = None;
        if matches!(self.depth, Depth::Settings) {
            let more = settings::fill(&mut repository, wire, errors, &self.plan);
            root = more.root;
            for (id, node) in more.rulesets {
                if !self.bypasses.contains_key(&id) {
                    let holds_in = (repository.owner.clone(), repository.name.clone());
                    self.unlooked.entry(id).or_insert(Unlooked { node, holds_in });
                }
            }
        }
        Some(Draft {
            repository,
            folder,
            folder_gap: errors.gap(&["workflows"], CONTENTS),
            root,
        })
    }

    /// Adds what takes requests of its own, but for the bypass lists.
    pub(super) async fn complete(&mut self, drafts: &mut [Draft]) -> Result<(), Error> {
        let closely = match self.depth {
            Depth::Settings => None,
            Depth::Runs { closely } => Some(closely),
        };
        let wanted = drafts.iter_mut().map(|draft| Wanted {
            repository: &mut draft.repository,
            folder: draft.folder.take(),
            gap: draft.folder_gap.take(),
        });
        workflows::fill(self.client, &mut self.index, wanted.collect(), closely).await?;
        if matches!(self.depth, Depth::Settings) {
            self.whole_trees(drafts).await?;
            self.classic(drafts).await;
        }
        Ok(())
    }

    async fn whole_trees(&mut self, drafts: &mut [Draft]) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for Draft { repository, root, .. } in drafts {
            // Nobody looks at these.
            if repository.is(RepositoryFlag::Disabled) || repository.is(RepositoryFlag::Locked) {
                continue;
            }
            let (id, owner, name) = (repository.id.0, repository.owner.clone(), repository.name.clone());
            let Fact::Known(files) = &mut repository.files else {
                continue;
            };
            let (Fact::Known(tree), Some(oid)) = (&mut files.tree, root.take()) else {
                continue;
            };
            if !tree.complete {
                wanted.push(trees::Wanted {
                    id,
                    owner,
                    name,
                    oid,
                    tree,
                });
            }
        }
        self.trees.fill(self.client, wanted).await
    }

    async fn classic(&self, drafts: &mut [Draft]) {
        let mut unnamed = Vec::new();
        let mut in_doubt = Vec::new();
        for Draft { repository, .. } in drafts {
            if classic::is_unnamed(repository) {
                unnamed.push(classic::name_everybody(self.client, repository));
            } else if classic::is_in_doubt(repository) {
                in_doubt.push(classic::settle_doubt(self.client, repository));
            }
        }
        let unnamed = stream::iter(unnamed).buffer_unordered(AT_ONCE);
        let in_doubt = stream::iter(in_doubt).buffer_unordered(AT_ONCE);
        join!(unnamed.for_each(|()| ready(())), in_doubt.for_each(|()| ready(())));
    }

    /// What is true of all of the owner's repositories.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many rulesets are still to be looked up.
    pub(super) fn unlooked(&self) -> usize {
        self.unlooked.len()
    }

    /// Looks up who is let past the rulesets that came by.
    pub(super) async fn look_up_bypasses(&mut self) -> Result<(), Error> {
        let unlooked = std::mem::take(&mut self.unlooked);
        if unlooked.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = unlooked.values().map(|ruleset| ruleset.node.clone()).collect();
        let lookup = batches::Lookup {
            query: queries::BYPASS_ACTORS,
            size: MOST_NODES,
            permission: ADMINISTRATION,
            what: "read who may bypass rulesets",
        };
        let mut looked = batches::look_up::<wire::BypassAnswer>(self.client, lookup, &ids, &json!({})).await?;
        for (id, ruleset) in unlooked {
            let mut updated = None;
            let mut fact = match looked.remove(&ruleset.node) {
                Some(Ok(Some(answer))) => {
                    updated = answer.updated_at;
                    rulesets::bypass(answer.bypass_actors)
                }
                Some(Ok(None)) => rulesets::bypass(None),
                Some(Err(gap)) => Fact::Unknown(gap),
                None => Fact::Unknown(Gap::NotRead("GitHub did not answer".to_owned())),
            };
            if let Fact::Known(actors) = &mut fact {
                let (owner, name) = &ruleset.holds_in;
                let listed = Listed {
                    id,
                    updated: updated.as_deref(),
                    holds_in: (owner, name),
                };
                match self.people.name(self.client, listed, actors).await {
                    Ok(()) => {}
                    Err(error) if error.refuses_credential() => return Err(error),
                    // They are told as people without a name.
                    Err(error) => tracing::warn!(%error, "who is on a bypass list is not known by name"),
                }
            }
            self.bypasses.insert(id, fact);
        }
        Ok(())
    }

    /// Fills in who is let past the rulesets of a repository.
    pub(super) fn let_past(&self, repository: &mut Repository) {
        let rulesets = repository.default_branch.as_mut().map(|branch| &mut branch.rulesets);
        if let Some(Fact::Known(rulesets)) = rulesets {
            for ruleset in rulesets {
                if let Some(bypass) = self.bypasses.get(&ruleset.id) {
                    ruleset.bypass = bypass.clone();
                }
            }
        }
    }

    /// Keeps nothing of repositories that are not among these, which are all that the owner has.
    pub(super) fn retain(&mut self, repositories: &HashSet<u64>) {
        self.index.retain(repositories);
        self.trees.retain(repositories);
    }

    /// Keeps what need not be read again. What is not kept is only read again the next time.
    pub(super) async fn save(&mut self) {
        if let Err(error) = self.index.save(self.store, &self.owner).await {
            tracing::warn!(%error, "which workflows there are could not be kept");
        }
        if let Err(error) = self.people.save(self.store, &self.owner).await {
            tracing::warn!(%error, "who is on bypass lists could not be kept");
        }
        if let Err(error) = self.trees.save(self.store, &self.owner).await {
            tracing::warn!(%error, "the trees of repositories could not be kept");
        }
    }
}
