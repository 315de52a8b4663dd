//! One repository, with all its files, rulesets and lists of people: what a change must know.

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{Depth, RepositoryStore};
use cc_devops_repos::snapshot::{Actors, Classic, Fact, Files, Gap, Repository, Tree};
use serde::Deserialize;
use serde_json::json;

use super::posture::Freshness;
use super::settings::{self, ADMINISTRATION, CONTENTS, Errors};
use super::workflows::{self, Folder, Index, Wanted};
use super::{posture, security, wire};
use crate::client::{Ask, Client, Error, get};
use crate::queries;

/// Reads a repository.
pub(crate) async fn one(
    client: &Client,
    store: &dyn RepositoryStore,
    policy: Option<&Policy>,
    full_name: &str,
    depth: Depth<'_>,
) -> PortResult<Box<Repository>> {
    let what = format!("read {full_name}");
    let absent = || Error::NotFound { what: what.clone() };
    let (owner, name) = full_name.split_once('/').ok_or_else(absent)?;
    let query = match depth {
        Depth::Settings => queries::ONE_SETTINGS,
        Depth::Runs { .. } => queries::ONE_LISTING,
    };
    let variables = json!({"owner": owner, "name": name});
    let answer = client.query::<wire::OneAnswer>(query, variables, &what).await?;
    let Some(mut wire) = answer.data.repository else {
        return Err(queries::absent(&answer.errors, &what).into());
    };
    let errors = Errors::new(1, answer.errors.iter().collect());
    // Without its branch it would seem to be empty.
    if wire.default_branch_ref.is_none()
        && let Some(gap) = errors.gap(&["defaultBranchRef"], CONTENTS)
    {
        let reason = gap.to_string();
        return Err(Error::Network { what, reason }.into());
    }
    let mut repository = Box::new(settings::basics(&wire).ok_or_else(absent)?);
    let folder = Folder::of(wire.workflows.as_ref());
    let gap = errors.gap(&["workflows"], CONTENTS);
    let closely = match depth {
        Depth::Settings => {
            let organization = wire::is_organization(&wire.owner.kind);
            let plan = security::plan(client, &repository.owner, organization).await?;
            let node = wire.id.clone();
            client.learn_node(&repository.full_name(), &node);
            let rulesets = wire.rulesets.take();
            settings::fill(&mut repository, wire, &errors, plan);
            if let (Some(rulesets), Some(branch)) = (rulesets, &repository.default_branch)
                && matches!(branch.rulesets, Fact::Known(_))
            {
                // Part of a ruleset is none: it would seem to be for another branch.
                let all = match errors.gap(&["rulesets"], "Metadata: read") {
                    Some(gap) => Fact::Unknown(gap),
                    None => settings::all_rulesets(&repository, &node, rulesets),
                };
                if let Some(branch) = &mut repository.default_branch {
                    branch.rulesets = all;
                }
            }
            protection(client, &mut repository).await;
            repository.security_updates = security::of_repository(client, &repository.owner, &repository.name).await;
            whole_tree(client, &mut repository).await;
            let owner = repository.owner.clone();
            let whose = (owner.as_str(), organization);
            let mut posture = posture::Reader::begin(client, store, policy, whose, Freshness::Always).await?;
            posture.fill(vec![&mut *repository], plan).await?;
            posture.save(store, &owner).await;
            None
        }
        Depth::Runs { closely } => Some(closely),
    };
    let owner = repository.owner.clone();
    let mut index = Index::load(store, &owner).await?;
    let wanted = Wanted {
        repository: &mut repository,
        folder,
        gap,
    };
    workflows::fill(client, &mut index, vec![wanted], closely).await?;
    if let Err(error) = index.save(store, &owner).await {
        tracing::warn!(%error, "which workflows there are could not be kept");
    }
    Ok(repository)
}

#[derive(Debug, Deserialize)]
struct Branch {
    protected: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Protection {
    #[serde(default)]
    restrictions: Option<People>,
    #[serde(default)]
    required_pull_request_reviews: Option<Reviews>,
}

#[derive(Debug, Deserialize)]
struct Reviews {
    #[serde(default)]
    dismissal_restrictions: Option<People>,
    #[serde(default)]
    bypass_pull_request_allowances: Option<People>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct People {
    users: Vec<Login>,
    teams: Vec<Slug>,
    apps: Vec<Slug>,
}

#[derive(Debug, Deserialize)]
struct Login {
    login: String,
}

#[derive(Debug, Deserialize)]
struct Slug {
    slug: String,
}

impl From<People> for Actors {
    fn from(people: People) -> Self {
        Self {
            users: people.users.into_iter().map(|user| user.login).collect(),
            teams: people.teams.into_iter().map(|team| team.slug).collect(),
            apps: people.apps.into_iter().map(|app| app.slug).collect(),
        }
    }
}

/// Reads who is named in the classic protection; for those who may not, whether there is any.
async fn protection(client: &Client, repository: &mut Repository) {
    let (owner, name) = (repository.owner.clone(), repository.name.clone());
    let Some(branch) = &mut repository.default_branch else {
        return;
    };
    match &mut branch.classic {
        Fact::Known(Some(classic)) => {
            let ask = Ask::new(
                get(&["repos", &owner, &name, "branches", &branch.name, "protection"]),
                format!("read the protection of {} in {owner}/{name}", branch.name),
            );
            match client.json::<Protection>(&ask).await {
                Ok(protection) => people(classic, protection),
                Err(Error::NotFound { .. } | Error::Forbidden { .. }) => {
                    unknown(classic, &Gap::Permission(ADMINISTRATION.to_owned()));
                }
                Err(error) => unknown(classic, &Gap::NotRead(error.to_string())),
            }
        }
        Fact::Unknown(_) if branch.protected.known().is_none() => {
            let ask = Ask::new(
                get(&["repos", &owner, &name, "branches", &branch.name]),
                format!("read the branch {} of {owner}/{name}", branch.name),
            );
            match client.json::<Branch>(&ask).await {
                Ok(read) => branch.protected = Fact::Known(read.protected),
                Err(error) => tracing::debug!(%error, "whether the branch is protected is not known"),
            }
        }
        Fact::Known(None) | Fact::Unknown(_) | Fact::Unavailable(_) => {}
    }
}

pub(crate) fn people(classic: &mut Classic, protection: Protection) {
    classic.restrictions = Fact::Known(protection.restrictions.map(Actors::from));
    let reviews = protection.required_pull_request_reviews;
    let (dismissals, bypass) = reviews.map_or((None, None), |reviews| {
        (reviews.dismissal_restrictions, reviews.bypass_pull_request_allowances)
    });
    classic.dismissals = Fact::Known(dismissals.map(Actors::from));
    classic.bypass = Fact::Known(bypass.map(Actors::from).unwrap_or_default());
}

/// Nothing may be written over lists that could not be read.
fn unknown(classic: &mut Classic, gap: &Gap) {
    for list in [&mut classic.restrictions, &mut classic.dismissals] {
        if list.known().is_none() {
            *list = Fact::Unknown(gap.clone());
        }
    }
}

#[derive(Debug, Deserialize)]
struct GitTree {
    tree: Vec<GitEntry>,
    truncated: bool,
}

#[derive(Debug, Deserialize)]
struct GitEntry {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Reads the tree to its leaves.
async fn whole_tree(client: &Client, repository: &mut Repository) {
    let (owner, name) = (&repository.owner, &repository.name);
    let Fact::Known(Files { tree, .. }) = &mut repository.files else {
        return;
    };
    if repository.default_branch.is_none() || tree.known().is_none_or(|tree| tree.complete) {
        return;
    }
    let ask = Ask::new(
        get(&["repos", owner, name, "git", "trees", "HEAD"]),
        format!("read the tree of {owner}/{name}"),
    );
    match client.json::<GitTree>(&ask.with("recursive", 1)).await {
        Ok(read) => {
            let files = read.tree.into_iter().filter(|entry| entry.kind == "blob");
            *tree = Fact::Known(Tree {
                paths: files.map(|entry| entry.path).collect(),
                complete: !read.truncated,
            });
        }
        Err(error) => tracing::warn!(%error, "only the folders of the root are known"),
    }
}
