//! A repository and its flags.

use std::collections::BTreeMap;

use super::actions::{Run, Workflow};
use super::git::Git;
use super::issue::{Issue, Label};
use super::pattern::matches;
use super::protection::Protection;
use super::ruleset::{Property, Ruleset};
use super::security::Security;
use super::settings::RepositorySettings;
use crate::permission::Permission;

/// Who may see a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Whom it was given to.
    Private,
    /// The enterprise.
    Internal,
}

impl Visibility {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Internal => "internal",
        }
    }
}

/// Everything about one repository. Tests change the public fields as they like; what was pushed is
/// changed with [`super::Model::commit`].
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "GitHub has them")]
pub struct Repository {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) git: Git,
    pub(crate) protections: Vec<Protection>,
    pub(crate) rulesets: Vec<Ruleset>,
    pub(crate) workflows: Vec<Workflow>,
    pub(crate) runs: Vec<Run>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) labels: Vec<Label>,
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    /// Who may do what, by login.
    pub people: BTreeMap<String, Permission>,
    /// Custom properties of the organisation, with their value here.
    pub properties: BTreeMap<String, String>,
    /// After so many entries a whole tree is cut off; `None` is after 100,000.
    pub tree_limit: Option<usize>,
    /// What is set on its pages.
    pub settings: RepositorySettings,
    /// What it is for.
    pub description: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// The name of the default branch, without `refs/heads/`; it need not exist.
    pub default_branch: String,
    /// Read-only.
    pub archived: bool,
    /// The repository it is a fork of, if it is one.
    pub fork_of: Option<String>,
    /// A template for others.
    pub template: bool,
    /// Where it is a mirror of.
    pub mirror_of: Option<String>,
    /// Taken down by GitHub.
    pub disabled: bool,
    /// Why it is locked: `BILLING`, `MIGRATING`, `MOVING`, `RENAME`, `TRADE_RESTRICTION` or
    /// `TRANSFERRING_OWNERSHIP`.
    pub lock_reason: Option<String>,
    /// Whether it has issues.
    pub issues_enabled: bool,
    /// Dependabot alerts.
    pub vulnerability_alerts: bool,
    /// Dependabot security updates.
    pub security_fixes: bool,
    /// Dependabot stopped them, for nobody looked.
    pub security_fixes_paused: bool,
    /// What else its security rests on.
    pub security: Security,
    /// Checks that are reported on every commit, by name and app; without an app it is a commit status.
    pub reported: Vec<(String, Option<u64>)>,
    /// Seconds since 1970.
    pub created: i64,
    /// The last change of its settings, seconds since 1970.
    pub updated: i64,
    /// The last push, seconds since 1970; `None` if there was none.
    pub pushed: Option<i64>,
}

impl Repository {
    pub(crate) fn new(id: u64, owner: &str, name: &str, now: i64) -> Self {
        Self {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            git: Git::default(),
            protections: Vec::new(),
            rulesets: Vec::new(),
            workflows: Vec::new(),
            runs: Vec::new(),
            issues: Vec::new(),
            labels: Vec::new(),
            secrets: BTreeMap::new(),
            people: [("ops", Permission::Admin), ("grace", Permission::Write)]
                .map(|(login, permission)| (login.to_owned(), permission))
                .into(),
            properties: BTreeMap::new(),
            tree_limit: None,
            settings: RepositorySettings::default(),
            description: None,
            visibility: Visibility::Public,
            default_branch: "main".to_owned(),
            archived: false,
            fork_of: None,
            template: false,
            mirror_of: None,
            disabled: false,
            lock_reason: None,
            issues_enabled: true,
            vulnerability_alerts: false,
            security_fixes: false,
            security_fixes_paused: false,
            security: Security::default(),
            reported: Vec::new(),
            created: now,
            updated: now,
            pushed: None,
        }
    }

    /// Its number, which no rename changes.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(crate) fn is_public(&self) -> bool {
        self.visibility == Visibility::Public
    }

    /// The value of an Actions secret, as it was before it was sealed.
    pub fn secret(&self, name: &str) -> Option<&[u8]> {
        self.secrets.get(name).map(Vec::as_slice)
    }

    /// The text of a file on a branch.
    pub fn text(&self, branch: &str, path: &str) -> Option<String> {
        let blob = self.git.head(branch)?.files.get(path)?;
        blob.text().map(str::to_owned)
    }

    /// The names of its branches.
    pub fn branches(&self) -> Vec<&str> {
        self.git.branches.keys().map(String::as_str).collect()
    }

    /// The classic rule that counts for a branch.
    pub fn protection(&self, branch: &str) -> Option<&Protection> {
        let exact = self.protections.iter().find(|rule| rule.pattern == branch);
        exact.or_else(|| self.protections.iter().find(|rule| matches(&rule.pattern, branch)))
    }

    /// Its own rulesets.
    pub fn rulesets(&self) -> &[Ruleset] {
        &self.rulesets
    }

    /// Whether this ruleset of its organisation is about it.
    pub(crate) fn is_under(&self, ruleset: &Ruleset) -> bool {
        let any = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| pattern == "~ALL" || matches(&pattern.to_lowercase(), &self.name.to_lowercase()))
        };
        let has = |property: &Property| {
            let value = self.properties.get(&property.name);
            value.is_some_and(|value| property.values.contains(value))
        };
        any(&ruleset.repositories)
            && !any(&ruleset.repositories_exclude)
            && (ruleset.properties.is_empty() || ruleset.properties.iter().any(has))
            && !ruleset.properties_exclude.iter().any(has)
            && ruleset.repository_ids.as_ref().is_none_or(|ids| ids.contains(&self.id))
    }

    /// Its labels.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Its workflows.
    pub fn workflows(&self) -> &[Workflow] {
        &self.workflows
    }

    /// Its workflows' runs, oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
}

impl Repository {
    /// The issue or pull request of this number; `None` if there is none or it went.
    pub fn issue(&self, number: u64) -> Option<&Issue> {
        let issue = self.issues.iter().find(|issue| issue.number == number);
        issue.filter(|issue| issue.gone.is_none())
    }

    /// Every issue that is still here, pull requests left out, oldest first.
    pub fn issues(&self) -> Vec<&Issue> {
        let here = self.issues.iter();
        here.filter(|issue| issue.gone.is_none() && issue.pull.is_none())
            .collect()
    }

    /// Every pull request, oldest first.
    pub fn pulls(&self) -> Vec<&Issue> {
        self.issues.iter().filter(|issue| issue.pull.is_some()).collect()
    }

    pub(crate) fn issue_mut(&mut self, number: u64) -> Option<&mut Issue> {
        let issue = self.issues.iter_mut().find(|issue| issue.number == number);
        issue.filter(|issue| issue.gone.is_none())
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.issues.last().map_or(1, |issue| issue.number + 1)
    }
}
