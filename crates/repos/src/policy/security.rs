//! What a policy says about actions, access and deployments.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::problems::Problems;
use crate::patterns::Glob;
use crate::snapshot::AllowedActions;

/// What is demanded of GitHub Actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actions {
    /// The widest setting for which actions may be used.
    pub allowed: AllowedActions,
    /// Actions that need no pin, as patterns on `owner/repository`. Those of the repository's owner never do.
    pub trusted: Vec<Glob>,
}

/// Who and what may have access.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Deploy keys that may write, as patterns on their titles.
    pub writing_deploy_keys: Vec<Glob>,
    /// Outside collaborators who may administer, by login.
    pub outside_admins: BTreeSet<String>,
    /// Hosts of webhooks that may go by plain HTTP, unverified or unsigned, as patterns.
    pub trusted_webhook_hosts: Vec<Glob>,
}

/// What is demanded where something is deployed or released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployments {
    /// The environments that must have protection rules, as patterns on their names.
    pub protected: Vec<Glob>,
    /// Whether somebody must approve a deployment to them; else any protection rule will do.
    pub require_reviewers: bool,
    /// Tags that stand for those of releases: rulesets must protect each.
    pub release_tags: Vec<String>,
}

impl Default for Actions {
    fn default() -> Self {
        Self {
            allowed: AllowedActions::Selected,
            trusted: ["actions/*", "github/*"]
                .into_iter()
                .filter_map(|p| Glob::new(p).ok())
                .collect(),
        }
    }
}

impl Default for Deployments {
    fn default() -> Self {
        Self {
            protected: Glob::new("prod*").into_iter().collect(),
            require_reviewers: false,
            release_tags: vec!["v1.0.0".to_owned()],
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActionsTable {
    allowed: Option<Allowed>,
    trusted: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Allowed {
    Selected,
    LocalOnly,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AccessTable {
    writing_deploy_keys: Option<Vec<String>>,
    outside_admins: Option<BTreeSet<String>>,
    trusted_webhook_hosts: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeploymentsTable {
    protected: Option<Vec<String>>,
    require_reviewers: Option<bool>,
    release_tags: Option<Vec<String>>,
}

/// What one table of the policy says; what it leaves out is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layer {
    allowed: Option<AllowedActions>,
    trusted: Option<Vec<Glob>>,
    writing_deploy_keys: Option<Vec<Glob>>,
    outside_admins: Option<BTreeSet<String>>,
    trusted_webhook_hosts: Option<Vec<Glob>>,
    protected: Option<Vec<Glob>>,
    require_reviewers: Option<bool>,
    release_tags: Option<Vec<String>>,
}

impl Layer {
    /// What the tables at `path` mean.
    pub(super) fn read(
        problems: &mut Problems,
        path: &str,
        actions: ActionsTable,
        access: AccessTable,
        deployments: DeploymentsTable,
    ) -> Self {
        let mut globs = |key: &str, patterns: Option<Vec<String>>| {
            patterns.map(|patterns| problems.globs(&format!("{path}.{key}"), &patterns))
        };
        Self {
            allowed: actions.allowed.map(|allowed| match allowed {
                Allowed::Selected => AllowedActions::Selected,
                Allowed::LocalOnly => AllowedActions::LocalOnly,
            }),
            trusted: globs("actions.trusted", actions.trusted),
            writing_deploy_keys: globs("access.writing_deploy_keys", access.writing_deploy_keys),
            outside_admins: access.outside_admins,
            trusted_webhook_hosts: globs("access.trusted_webhook_hosts", access.trusted_webhook_hosts),
            protected: globs("deployments.protected", deployments.protected),
            require_reviewers: deployments.require_reviewers,
            release_tags: deployments.release_tags,
        }
    }

    /// Lays it over what is demanded so far.
    pub(super) fn lay(&self, actions: &mut Actions, access: &mut Access, deployments: &mut Deployments) {
        fn set<T: Clone>(place: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                value.clone_into(place);
            }
        }
        set(&mut actions.allowed, self.allowed.as_ref());
        set(&mut actions.trusted, self.trusted.as_ref());
        set(&mut access.writing_deploy_keys, self.writing_deploy_keys.as_ref());
        set(&mut access.outside_admins, self.outside_admins.as_ref());
        set(&mut access.trusted_webhook_hosts, self.trusted_webhook_hosts.as_ref());
        set(&mut deployments.protected, self.protected.as_ref());
        set(&mut deployments.require_reviewers, self.require_reviewers.as_ref());
        set(&mut deployments.release_tags, self.release_tags.as_ref());
    }
}
