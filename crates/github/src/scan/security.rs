//! Dependabot security updates, which GraphQL does not know, and the owner's plan.

use std::collections::HashMap;

use cc_devops_repos::snapshot::{Fact, Gap, Repository, SecurityUpdates};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;

use super::posture::SecurityAndAnalysis;
use super::settings::{ADMINISTRATION, OF_THE_ORGANIZATION, Plan};
use crate::client::{Ask, Client, Error, get};

/// The most repositories in a page of REST.
const PAGE: usize = 100;

/// How many requests are made at the same time.
const AT_ONCE: usize = 10;

#[derive(Debug, Deserialize)]
struct Owner {
    #[serde(default)]
    plan: Option<PlanName>,
    #[serde(default)]
    two_factor_requirement_enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct PlanName {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: u64,
    #[serde(default)]
    security_and_analysis: Option<Analysis>,
}

#[derive(Debug, Deserialize)]
struct Analysis {
    #[serde(default)]
    dependabot_security_updates: Option<Status>,
    #[serde(flatten)]
    more: SecurityAndAnalysis,
}

#[derive(Debug, Deserialize)]
struct Status {
    status: String,
}

#[derive(Debug, Deserialize)]
struct Automated {
    enabled: bool,
    paused: bool,
}

/// The owner's plan. Only its owners are told; for others nothing follows from it.
pub(super) async fn plan(client: &Client, owner: &str, organization: bool) -> Result<Plan, Error> {
    let path = if organization {
        get(&["orgs", owner])
    } else {
        get(&["users", owner])
    };
    match client
        .json::<Owner>(&Ask::new(path, format!("read the plan of {owner}")))
        .await
    {
        Ok(owner) => Ok(Plan {
            free: owner.plan.is_some_and(|plan| plan.name == "free"),
            two_factor_required: match owner.two_factor_requirement_enabled {
                Some(required) => Fact::Known(required),
                None => Fact::Unknown(Gap::Permission(OF_THE_ORGANIZATION.to_owned())),
            },
        }),
        Err(error) if error.refuses_credential() => Err(error),
        Err(error) => {
            tracing::debug!(%error, "the owner's plan is not known");
            Ok(Plan {
                free: false,
                two_factor_required: error.fact(OF_THE_ORGANIZATION),
            })
        }
    }
}

/// What the list of an organisation's repositories says of one.
#[derive(Debug, Clone)]
pub(super) struct OfList {
    /// Whether there are security updates.
    pub(super) updates: Fact<SecurityUpdates>,
    /// The security settings; `None` to those who do not administer it.
    pub(super) settings: Option<SecurityAndAnalysis>,
}

/// What it says of each, by its id.
pub(super) async fn of_organization(
    client: &Client,
    organization: &str,
    total: u64,
) -> Result<HashMap<u64, OfList>, Error> {
    let pages = usize::try_from(total).unwrap_or(usize::MAX).div_ceil(PAGE);
    let mut reads = Vec::with_capacity(pages);
    for page in 1..=pages {
        let ask = Ask::new(
            get(&["orgs", organization, "repos"]),
            format!("read which repositories of {organization} have security updates"),
        );
        let ask = ask.with("per_page", PAGE).with("page", page).with("sort", "full_name");
        reads.push(async move { client.json::<Vec<Listed>>(&ask).await });
    }
    let listed: Vec<Vec<Listed>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(listed
        .into_iter()
        .flatten()
        .map(|listed| (listed.id, listed.said()))
        .collect())
}

impl Listed {
    /// What it says.
    fn said(self) -> OfList {
        let (updates, settings) = self
            .security_and_analysis
            .map(|analysis| (analysis.dependabot_security_updates, analysis.more))
            .unzip();
        let updates = match updates.flatten() {
            Some(updates) if updates.status == "enabled" => Fact::Known(SecurityUpdates::On),
            Some(_) => Fact::Known(SecurityUpdates::Off),
            None => Fact::Unknown(Gap::Permission(ADMINISTRATION.to_owned())),
        };
        OfList { updates, settings }
    }
}

/// The same for one repository, by the same fields.
pub(super) async fn as_listed(client: &Client, owner: &str, name: &str) -> Result<OfList, Error> {
    let ask = Ask::new(
        get(&["repos", owner, name]),
        format!("read whether {owner}/{name} has security updates"),
    );
    client.json::<Listed>(&ask).await.map(Listed::said)
}

/// Fills them in for a repository of a person, of whom there is no such list.
pub(super) async fn fill(client: &Client, repository: &mut Repository) {
    // Without alerts there is nothing to update.
    repository.security_updates = if repository.vulnerability_alerts == Fact::Known(false) {
        Fact::Known(SecurityUpdates::Off)
    } else {
        of_repository(client, &repository.owner, &repository.name).await
    };
}

/// The same for any repository; here GitHub says too whether they are paused.
pub(super) async fn of_repository(client: &Client, owner: &str, name: &str) -> Fact<SecurityUpdates> {
    let ask = Ask::new(
        get(&["repos", owner, name, "automated-security-fixes"]),
        format!("read whether {owner}/{name} has security updates"),
    );
    match client.json::<Automated>(&ask).await {
        Ok(Automated { enabled: false, .. }) => Fact::Known(SecurityUpdates::Off),
        Ok(Automated { paused: true, .. }) => Fact::Known(SecurityUpdates::Paused),
        Ok(_) => Fact::Known(SecurityUpdates::On),
        Err(error) => error.fact(ADMINISTRATION),
    }
}
