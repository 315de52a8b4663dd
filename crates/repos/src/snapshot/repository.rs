//! All that is known of one repository.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    DefaultBranch, Fact, Files, Gap, Posture, RepositoryFlag, RepositoryId, SecurityUpdates, Visibility, Workflow,
};
use crate::settings::Drift;

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its id.
    pub id: RepositoryId,
    /// The login of its owner.
    pub owner: String,
    /// Its name, without the owner.
    pub name: String,
    /// What it is besides.
    #[serde(default)]
    pub traits: BTreeSet<RepositoryFlag>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether issues can be written.
    pub issues_enabled: bool,
    /// Its default branch; `None` if it has none, because it is empty.
    pub default_branch: Option<DefaultBranch>,
    /// Whether Dependabot alerts are on.
    pub vulnerability_alerts: Fact<bool>,
    /// Whether Dependabot security updates are on.
    pub security_updates: Fact<SecurityUpdates>,
    /// Its files on the default branch, as far as they matter.
    pub files: Fact<Files>,
    /// Its workflows.
    pub workflows: Fact<Vec<Workflow>>,
    /// What else its security rests on, as far as the policy asks.
    #[serde(default)]
    pub posture: Posture,
    /// How its settings stand to those that the policy names; `None` where they were not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Drift>,
}

impl Repository {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// What of it failed to be read, in words; what a credential may not see is not among it.
    pub fn unread(&self) -> Vec<String> {
        fn note<T>(gaps: &mut Vec<String>, what: &str, fact: &Fact<T>) {
            if let Some(Gap::NotRead(why)) = fact.gap() {
                gaps.push(format!("{what}: {why}"));
            }
        }
        let mut gaps = Vec::new();
        if let Some(branch) = self.default_branch.clone().map(DefaultBranch::settled) {
            note(&mut gaps, "whether the branch is protected", &branch.protected);
            note(&mut gaps, "classic protection", &branch.classic);
            note(&mut gaps, "rulesets", &branch.rulesets);
            note(&mut gaps, "reported checks", &branch.checks_seen);
        }
        note(&mut gaps, "vulnerability alerts", &self.vulnerability_alerts);
        note(&mut gaps, "security updates", &self.security_updates);
        note(&mut gaps, "files", &self.files);
        if let Some(files) = self.files.known() {
            note(&mut gaps, "the tree", &files.tree);
            if let Some(Gap::NotRead(why)) = files.tree.known().and_then(|tree| tree.unread.as_ref()) {
                gaps.push(format!("the tree: {why}"));
            }
            for file in &files.dependabot {
                note(&mut gaps, &file.path, &file.text);
            }
        }
        note(&mut gaps, "workflows", &self.workflows);
        gaps.extend(self.posture.unread());
        gaps
    }

    /// Whether it is one of these.
    pub fn is(&self, kind: RepositoryFlag) -> bool {
        self.traits.contains(&kind)
    }
}
