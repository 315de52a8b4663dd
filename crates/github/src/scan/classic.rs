//! What REST alone has of classic protection: everybody who is named in it, and whether a branch is protected
//! for those who may not see with what.

use cc_devops_repos::snapshot::{Actors, Classic, Fact, Gap, Repository};
use serde::Deserialize;

use super::settings::ADMINISTRATION;
use crate::client::{Ask, Client, get};

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

/// Whether a rule needs what only [`name_everybody`] reads: GraphQL did not name all who need no pull request.
pub(super) fn is_unnamed(repository: &Repository) -> bool {
    let classic = repository.default_branch.as_ref().map(|branch| &branch.classic);
    matches!(
        classic,
        Some(Fact::Known(Some(Classic {
            bypass: Fact::Unknown(Gap::NotRead(_)),
            ..
        })))
    )
}

/// Whether it is not known of some list in the classic protection who is on it.
pub(super) fn has_unread_lists(repository: &Repository) -> bool {
    let classic = repository.default_branch.as_ref().map(|branch| &branch.classic);
    let Some(Fact::Known(Some(classic))) = classic else {
        return false;
    };
    let lists = [&classic.restrictions, &classic.dismissals];
    lists.into_iter().any(|list| list.gap().is_some()) || classic.bypass.gap().is_some()
}

/// Reads who is named in the classic protection, where there is one.
pub(super) async fn name_everybody(client: &Client, repository: &mut Repository) {
    let (owner, name) = (&repository.owner, &repository.name);
    let Some(branch) = &mut repository.default_branch else {
        return;
    };
    let Fact::Known(Some(classic)) = &mut branch.classic else {
        return;
    };
    let ask = Ask::new(
        get(&["repos", owner, name, "branches", &branch.name, "protection"]),
        format!("read the protection of {} in {owner}/{name}", branch.name),
    );
    match client.json::<Protection>(&ask).await {
        Ok(protection) => people(classic, protection),
        Err(error) => unknown(classic, &error.gap(ADMINISTRATION)),
    }
}

pub(crate) fn people(classic: &mut Classic, protection: Protection) {
    classic.restrictions = Fact::Known(protection.restrictions.map(Actors::from));
    let reviews = protection.required_pull_request_reviews;
    let (dismissals, bypass) = reviews.map_or((None, None), |reviews| {
        (reviews.dismissal_restrictions, reviews.bypass_pull_request_allowances)
    });
    classic.dismissals = Fact::Known(dismissals.map(Actors::from));
    // Where GraphQL names them all it is what an audit of all repositories judges.
    if classic.bypass.known().is_none() {
        classic.bypass = Fact::Known(bypass.map(Actors::from).unwrap_or_default());
    }
}

/// Nothing may be written over lists that could not be read.
fn unknown(classic: &mut Classic, gap: &Gap) {
    for list in [&mut classic.restrictions, &mut classic.dismissals] {
        if list.known().is_none() {
            *list = Fact::Unknown(gap.clone());
        }
    }
}

/// Whether nothing that was read protects the branch, and it is not known whether something else does: classic
/// protection, which only those see who may administer. `refUpdateRule` of GraphQL shows that there is some, and
/// nothing where there is none or where it does not bind who asks.
pub(super) fn is_in_doubt(repository: &Repository) -> bool {
    repository.default_branch.as_ref().is_some_and(|branch| {
        matches!(branch.classic, Fact::Unknown(Gap::Permission(_)))
            && branch.protected.known().is_none()
            && branch.rulesets.known().is_some_and(Vec::is_empty)
    })
}

/// Asks whether the branch is protected at all, which everybody may know who may read.
pub(super) async fn settle_doubt(client: &Client, repository: &mut Repository) {
    let (owner, name) = (&repository.owner, &repository.name);
    let Some(branch) = &mut repository.default_branch else {
        return;
    };
    let ask = Ask::new(
        get(&["repos", owner, name, "branches", &branch.name]),
        format!("read the branch {} of {owner}/{name}", branch.name),
    );
    match client.json::<Branch>(&ask).await {
        Ok(read) => branch.protected = Fact::Known(read.protected),
        Err(error) => tracing::debug!(%error, "whether the branch is protected is not known"),
    }
}
