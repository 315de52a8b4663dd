//! One repository: the facts that an audit of all has of it, and what a plan must know besides.

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{Depth, RepositoryStore};
use cc_devops_repos::snapshot::{Fact, Gap, Repository, SecurityUpdates};
use serde_json::json;

use super::posture::{self, Freshness};
use super::reader::Reader;
use super::settings::{self, CONTENTS, Errors};
use super::{classic, security, wire};
use crate::client::{Client, Error};
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
    let organization = wire::is_organization(&wire.owner.kind);
    let all_rulesets = wire.rulesets.take();
    // Under the login that GitHub has it by now.
    let owner = wire.owner.login.clone();
    let mut reader = Reader::begin(client, store, &owner, organization, depth).await?;
    let mut draft = [reader.draft(wire, &errors).ok_or_else(absent)?];
    reader.complete(&mut draft).await?;
    reader.look_up_bypasses().await?;
    reader.save().await;
    let [draft] = draft;
    let mut repository = Box::new(draft.repository);
    reader.let_past(&mut repository);
    if matches!(depth, Depth::Settings) {
        if let (Some(all), Some(branch)) = (all_rulesets, &mut repository.default_branch)
            && let Fact::Known(in_force) = &mut branch.rulesets
        {
            settings::add_others(in_force, all);
        }
        // Where the people are not named yet although it was asked who they are, it is of no use to ask again.
        if !classic::is_unnamed(&repository) && classic::has_unread_lists(&repository) {
            classic::name_everybody(client, &mut repository).await;
        }
        let whose = (owner.as_str(), organization);
        let mut posture = posture::Reader::begin(client, store, policy, whose, Freshness::Always).await?;
        security_settings(client, &mut repository, organization, &posture).await;
        posture.fill(vec![&mut *repository], reader.plan()).await?;
        posture.save(store, &owner).await;
    }
    Ok(repository)
}

/// What a list of the organisation's repositories says of one, and whether the updates are paused, which no list
/// says.
async fn security_settings(
    client: &Client,
    repository: &mut Repository,
    organization: bool,
    posture: &posture::Reader<'_>,
) {
    if !organization {
        security::fill(client, repository).await;
        return;
    }
    let (owner, name) = (&repository.owner, &repository.name);
    let listed = match security::as_listed(client, owner, name).await {
        Ok(listed) => listed,
        Err(error) => {
            let why = error.to_string();
            posture.listed(repository, Err(&why));
            repository.security_updates = Fact::Unknown(Gap::NotRead(why));
            return;
        }
    };
    let updates = match listed.updates {
        Fact::Known(SecurityUpdates::On) => match security::of_repository(client, owner, name).await {
            paused @ Fact::Known(SecurityUpdates::Paused) => paused,
            _ => Fact::Known(SecurityUpdates::On),
        },
        updates => updates,
    };
    posture.listed(repository, Ok(listed.settings.as_ref()));
    repository.security_updates = updates;
}
