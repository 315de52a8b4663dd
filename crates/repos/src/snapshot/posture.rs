//! What is known of a repository's security beside its branches and dependencies, and of its organisation's.
//!
//! Each field is `None` where no rule of the policy asks for it. What GitHub tells one repository at a time is kept
//! between two looks, so an observation may say of which day it is.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Fact, Gap};

/// A fact, and when it was read if that was not now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// What was read.
    pub fact: Fact<T>,
    /// The day in UTC it was read, if it was kept from an earlier look.
    #[serde(default)]
    pub on: Option<Date>,
}

impl<T> Observed<T> {
    /// Something that was read in this look.
    pub fn now(fact: Fact<T>) -> Self {
        Self { fact, on: None }
    }

    /// Something that was read and is known.
    pub fn known(value: T) -> Self {
        Self::now(Fact::Known(value))
    }
}

/// What is known of a repository beside its branches and dependencies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Posture {
    /// What the token of workflows may do by default.
    pub workflow_permissions: Option<Observed<WorkflowPermissions>>,
    /// Which actions may be used.
    pub actions: Option<Observed<ActionsPermissions>>,
    /// The actions and workflows that the workflow files use.
    pub uses: Option<Observed<Vec<WorkflowFile>>>,
    /// Secret scanning.
    pub secret_scanning: Option<Observed<SecretScanning>>,
    /// Code scanning.
    pub code_scanning: Option<Observed<CodeScanning>>,
    /// Whether there is a security policy, the organisation's default one included.
    pub security_policy: Option<Observed<bool>>,
    /// What GitHub finds wrong in CODEOWNERS; `None` within if there is no such file.
    pub codeowners: Option<Observed<Option<Vec<CodeownersMistake>>>>,
    /// Its webhooks.
    pub webhooks: Option<Observed<Vec<Webhook>>>,
    /// Its deploy keys.
    pub deploy_keys: Option<Observed<Vec<DeployKey>>>,
    /// People with access who are no members of the organisation.
    pub outside_collaborators: Option<Observed<Vec<Collaborator>>>,
    /// Its deployment environments.
    pub environments: Option<Observed<Vec<Environment>>>,
    /// The active rulesets on its tags, those above it included.
    pub tag_rulesets: Option<Observed<Vec<TagRuleset>>>,
    /// The paths of the workflows that rulesets require on the default branch.
    pub required_workflows: Option<Observed<Vec<String>>>,
    /// Dependabot's own newest runs, newest first.
    pub dependabot_runs: Option<Observed<Vec<DependabotRun>>>,
}

impl Posture {
    /// What of it failed to be read, in words; what a credential may not see is not among it.
    pub fn unread(&self) -> Vec<String> {
        fn note<T>(gaps: &mut Vec<String>, what: &str, observed: Option<&Observed<T>>) {
            if let Some(Gap::NotRead(why)) = observed.and_then(|observed| observed.fact.gap()) {
                gaps.push(format!("{what}: {why}"));
            }
        }
        let mut gaps = Vec::new();
        note(
            &mut gaps,
            "the permissions of workflows",
            self.workflow_permissions.as_ref(),
        );
        note(&mut gaps, "the allowed actions", self.actions.as_ref());
        note(&mut gaps, "the workflow files", self.uses.as_ref());
        note(&mut gaps, "secret scanning", self.secret_scanning.as_ref());
        note(&mut gaps, "code scanning", self.code_scanning.as_ref());
        note(&mut gaps, "the security policy", self.security_policy.as_ref());
        note(&mut gaps, "CODEOWNERS", self.codeowners.as_ref());
        note(&mut gaps, "webhooks", self.webhooks.as_ref());
        note(&mut gaps, "deploy keys", self.deploy_keys.as_ref());
        note(&mut gaps, "outside collaborators", self.outside_collaborators.as_ref());
        note(&mut gaps, "environments", self.environments.as_ref());
        note(&mut gaps, "rulesets on tags", self.tag_rulesets.as_ref());
        note(&mut gaps, "required workflows", self.required_workflows.as_ref());
        note(&mut gaps, "Dependabot's runs", self.dependabot_runs.as_ref());
        gaps
    }
}

/// What is known of an organisation as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its login, as GitHub writes it.
    pub login: String,
    /// Whether its members must have two-factor authentication; `None` if no rule asks.
    pub two_factor_required: Option<Observed<bool>>,
    /// Its own webhooks; `None` if no rule asks.
    pub webhooks: Option<Observed<Vec<Webhook>>>,
}

impl Organization {
    /// What of it failed to be read, in words.
    pub fn unread(&self) -> Vec<String> {
        let two_factor = self.two_factor_required.as_ref().and_then(|seen| seen.fact.gap());
        let webhooks = self.webhooks.as_ref().and_then(|seen| seen.fact.gap());
        [
            ("two-factor authentication", two_factor),
            ("the organisation's webhooks", webhooks),
        ]
        .into_iter()
        .filter_map(|(what, gap)| match gap {
            Some(Gap::NotRead(why)) => Some(format!("{what}: {why}")),
            _ => None,
        })
        .collect()
    }
}

/// What workflows may do unless they say otherwise.
/// Source: <https://docs.github.com/en/rest/actions/permissions#get-default-workflow-permissions-for-a-repository>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowPermissions {
    /// What `GITHUB_TOKEN` may do.
    pub token: TokenPermission,
    /// Whether workflows may approve pull requests.
    pub may_approve: bool,
}

/// What `GITHUB_TOKEN` may do by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPermission {
    /// Read contents and packages.
    Read,
    /// Write everything.
    Write,
}

/// Which actions may be used.
/// Source: <https://docs.github.com/en/rest/actions/permissions#get-github-actions-permissions-for-a-repository>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionsPermissions {
    /// Whether workflows run at all.
    pub enabled: bool,
    /// Which actions may be used.
    pub allowed: AllowedActions,
    /// Whether GitHub refuses actions that are not pinned to a commit.
    pub sha_pinning_required: bool,
}

/// Which actions and reusable workflows may be used, from the widest to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowedActions {
    /// Anybody's.
    All,
    /// A list.
    Selected,
    /// Those of the owner alone.
    LocalOnly,
}

/// A workflow file and what it uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowFile {
    /// Where it is, from the root.
    pub path: String,
    /// What it uses, in its order; unknown where it cannot be read.
    pub uses: Fact<Vec<UsedAction>>,
}

/// An action or reusable workflow that a file uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedAction {
    /// As it is written behind `uses:`.
    pub uses: String,
    /// Its line, from 1.
    pub line: usize,
}

/// Secret scanning of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretScanning {
    /// Whether secrets are looked for.
    pub scanning: Fact<bool>,
    /// Whether pushes with secrets are stopped.
    pub push_protection: Fact<bool>,
}

/// Code scanning of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeScanning {
    /// Whether GitHub's default setup is on.
    pub default_setup: bool,
    /// The languages of the repository that CodeQL reads.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The tool whose results were uploaded last; `None` if none ever were. Looked for only without the default setup.
    pub uploaded_by: Option<Fact<Option<String>>>,
}

/// Something wrong in CODEOWNERS, in GitHub's words.
/// Source: <https://docs.github.com/en/graphql/reference/objects#repositorycodeownerserror>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeownersMistake {
    /// Where the file is.
    pub path: String,
    /// Its line, from 1.
    pub line: u64,
    /// Of what kind it is, such as `Unknown owner`.
    pub kind: String,
    /// The line's text.
    pub source: String,
    /// How to put it right, if GitHub says so.
    pub suggestion: Option<String>,
}

/// A webhook. Of its address only the host is kept: the rest may hold a secret.
/// Source: <https://docs.github.com/en/rest/repos/webhooks>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Webhook {
    /// Its id.
    pub id: u64,
    /// Whether it is delivered at all.
    pub active: bool,
    /// The host it is delivered to, with its port if it has one.
    pub host: String,
    /// Whether it is delivered over TLS.
    pub https: bool,
    /// Whether the certificate is verified.
    pub verified: bool,
    /// Whether deliveries are signed with a secret.
    pub secret: bool,
}

/// A deploy key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployKey {
    /// What it is called.
    pub title: String,
    /// Whether it may only read.
    pub read_only: bool,
}

/// A person with access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collaborator {
    /// Their login.
    pub login: String,
    /// What they may do, in small letters: `read`, `triage`, `write`, `maintain`, `admin`.
    pub permission: String,
}

/// A deployment environment.
/// Source: <https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/manage-environments>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Its protection rules, in small letters: `required_reviewers`, `wait_timer`, `branch_policy`.
    pub rules: Vec<String>,
}

/// An active ruleset on tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRuleset {
    /// Its name.
    pub name: String,
    /// Patterns on full refs, or `~ALL`: one must fit.
    pub include: Vec<String>,
    /// None of these may fit.
    pub exclude: Vec<String>,
    /// The types of its rules, in small letters: `deletion`, `update`.
    pub rules: Vec<String>,
}

/// A run of Dependabot itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependabotRun {
    /// What it was about: the ecosystem and the folder, such as `npm_and_yarn in /web`.
    pub job: String,
    /// How it ended, in GitHub's word; `None` while it runs.
    pub conclusion: Option<String>,
    /// Its address in a browser.
    pub url: String,
    /// The day it was created, in UTC.
    pub on: Date,
}
