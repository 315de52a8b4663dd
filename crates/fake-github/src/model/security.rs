//! What the security of repositories and organisations rests on beside branches and dependencies.

use std::collections::BTreeMap;

use crate::permission::Permission;

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where it is delivered to.
    pub url: String,
    /// Whether it is signed.
    pub secret: bool,
    /// Whether the certificate is not verified.
    pub insecure_ssl: bool,
    /// Whether it is delivered at all.
    pub active: bool,
}

impl Hook {
    /// An active webhook over TLS with a secret.
    pub fn to(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            secret: true,
            insecure_ssl: false,
            active: true,
        }
    }
}

/// A run of Dependabot itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependabotRun {
    /// Its title, such as `npm_and_yarn in /web - Update #955`.
    pub title: String,
    /// How it ended, such as `failure`.
    pub conclusion: String,
    /// Unix seconds.
    pub created: i64,
}

/// What the security of a repository rests on. A new repository is as GitHub recommends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "GitHub has them")]
pub struct Security {
    /// What the token of workflows may do by default: `read` or `write`.
    pub workflow_token: String,
    /// Whether workflows may approve pull requests.
    pub may_approve: bool,
    /// Whether workflows run at all.
    pub actions_enabled: bool,
    /// Which actions may be used: `all`, `local_only` or `selected`.
    pub allowed_actions: String,
    /// Whether actions must be pinned to a commit.
    pub sha_pinning_required: bool,
    /// Secret scanning.
    pub secret_scanning: bool,
    /// Push protection.
    pub push_protection: bool,
    /// GitHub Advanced Security, which private repositories need for both.
    pub advanced_security: bool,
    /// The default setup of code scanning.
    pub code_scanning: bool,
    /// The languages that CodeQL reads here.
    pub languages: Vec<String>,
    /// The tool that uploaded results last.
    pub uploaded_by: Option<String>,
    /// Its webhooks.
    pub hooks: Vec<Hook>,
    /// Its deploy keys: the title, and whether it may only read.
    pub deploy_keys: Vec<(String, bool)>,
    /// People from outside the organisation, and what they may do.
    pub outside: BTreeMap<String, Permission>,
    /// Its environments, and the kinds of their protection rules: `required_reviewers`, `wait_timer`, `branch_policy`.
    pub environments: BTreeMap<String, Vec<String>>,
    /// Dependabot's own runs.
    pub dependabot_runs: Vec<DependabotRun>,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            workflow_token: "read".to_owned(),
            may_approve: false,
            actions_enabled: true,
            allowed_actions: "all".to_owned(),
            sha_pinning_required: false,
            secret_scanning: true,
            push_protection: true,
            advanced_security: false,
            code_scanning: false,
            languages: Vec::new(),
            uploaded_by: None,
            hooks: Vec::new(),
            deploy_keys: Vec::new(),
            outside: BTreeMap::new(),
            environments: BTreeMap::new(),
            dependabot_runs: Vec::new(),
        }
    }
}

/// What the security of an organisation rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationSecurity {
    /// Whether two-factor authentication is required.
    pub two_factor_required: bool,
    /// What the token of workflows may do by default: `read` cannot be widened in a repository.
    pub workflow_token: String,
    /// Which actions may be used: a repository can only be narrower.
    pub allowed_actions: String,
    /// Whether actions must be pinned to a commit, in every repository.
    pub sha_pinning_required: bool,
    /// Its own webhooks.
    pub hooks: Vec<Hook>,
}

impl Default for OrganizationSecurity {
    fn default() -> Self {
        Self {
            two_factor_required: true,
            workflow_token: "read".to_owned(),
            allowed_actions: "all".to_owned(),
            sha_pinning_required: false,
            hooks: Vec::new(),
        }
    }
}
