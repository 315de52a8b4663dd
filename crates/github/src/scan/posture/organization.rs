//! What holds for a whole organisation, and saves requests for each of its repositories.

use cc_devops_repos::snapshot::{
    ActionsPermissions, AllowedActions, Fact, Gap, Observed, Organization, TokenPermission, Webhook,
    WorkflowPermissions,
};
use futures::join;

use super::asked::{Asked, Topic};
use super::rest::{self, Revalidated};
use crate::client::{Ask, Client, get};
use crate::scan::settings::OF_THE_ORGANIZATION;

const WEBHOOKS: &str = "Webhooks: read (organisation)";

/// What was read of an organisation.
#[derive(Debug, Default)]
pub(super) struct OfOrganization {
    workflow_permissions: Option<Fact<WorkflowPermissions>>,
    actions: Option<Fact<ActionsPermissions>>,
    webhooks: Option<Fact<Vec<Webhook>>>,
}

impl OfOrganization {
    /// Reads what is asked of it.
    pub(super) async fn read(client: &Client, login: &str, asked: &Asked) -> Self {
        let ask = |rest: &[&str], what: &str| {
            let path: Vec<&str> = ["orgs", login].into_iter().chain(rest.iter().copied()).collect();
            Ask::new(get(&path), format!("read {what} of {login}"))
        };
        let permissions = async {
            if !asked.has(Topic::WorkflowPermissions) {
                return None;
            }
            let ask = ask(&["actions", "permissions", "workflow"], "the permissions of workflows");
            Some(now(rest::came(
                client,
                &ask,
                None,
                OF_THE_ORGANIZATION,
                rest::permissions,
            )
            .await))
        };
        let actions = async {
            if !asked.has(Topic::Actions) && !asked.has(Topic::Pinning) {
                return None;
            }
            let ask = ask(&["actions", "permissions"], "which actions are allowed");
            Some(now(
                rest::came(client, &ask, None, OF_THE_ORGANIZATION, rest::actions).await
            ))
        };
        let webhooks = async {
            if !asked.has(Topic::Webhooks) {
                return None;
            }
            let ask = ask(&["hooks"], "the webhooks").with("per_page", 100);
            Some(now(rest::came(client, &ask, None, WEBHOOKS, rest::webhooks).await))
        };
        let (workflow_permissions, actions, webhooks) = join!(permissions, actions, webhooks);
        Self {
            workflow_permissions,
            actions,
            webhooks,
        }
    }

    /// What it says of every repository's token: one that may only read cannot be widened in a repository.
    /// Source: <https://docs.github.com/en/organizations/managing-organization-settings/disabling-or-limiting-github-actions-for-your-organization#setting-the-permissions-of-the-github_token-for-your-organization>.
    pub(super) fn workflow_permissions(&self) -> Option<WorkflowPermissions> {
        let permissions = self.workflow_permissions.as_ref()?.known()?;
        (permissions.token == TokenPermission::Read).then_some(*permissions)
    }

    /// What it says of the actions of every repository, where that is narrow enough for the policy: a repository can
    /// only be narrower.
    pub(super) fn actions(&self, widest: AllowedActions) -> Option<ActionsPermissions> {
        let actions = self.actions.as_ref()?.known()?;
        (!actions.enabled || actions.allowed >= widest).then_some(*actions)
    }

    /// What it demands of pins in every repository.
    pub(super) fn pinning(&self) -> Option<ActionsPermissions> {
        let actions = self.actions.as_ref()?.known()?;
        actions.sha_pinning_required.then_some(*actions)
    }

    /// The organisation as the rules look at it; `None` if none is about it.
    pub(super) fn told(&self, login: &str, asked: &Asked, two_factor: &Fact<bool>) -> Option<Organization> {
        let two_factor = asked.has(Topic::TwoFactor).then(|| Observed::now(two_factor.clone()));
        let webhooks = self.webhooks.clone().map(Observed::now);
        (two_factor.is_some() || webhooks.is_some()).then(|| Organization {
            login: login.to_owned(),
            two_factor_required: two_factor,
            webhooks,
        })
    }
}

/// What came of a request that was made without a name for what was there.
fn now<T>(came: Revalidated<T>) -> Fact<T> {
    match came {
        Revalidated::Now(fact, _) => fact,
        Revalidated::Stopped(why) => Fact::Unknown(Gap::NotRead(why)),
        Revalidated::Unchanged => Fact::Unknown(Gap::NotRead("GitHub answered that nothing changed".to_owned())),
    }
}
