//! What is known of a repository. What could not be read says so: it is neither there nor missing.

mod branch;
mod posture;
mod repository;
pub mod tree;
mod workflow;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use branch::{
    Actors, AppliesTo, BypassActor, BypassKind, BypassMode, Classic, ClassicSwitch, DefaultBranch, Enforcement,
    RequiredCheck, Reviews, Ruleset, RulesetRule, RulesetSource, SeenCheck, StatusChecks, Target,
};
pub use posture::{
    ActionsPermissions, AllowedActions, CodeScanning, CodeownersMistake, Collaborator, DependabotRun, DeployKey,
    Environment, Observed, Organization, Posture, SecretScanning, TagRuleset, TokenPermission, UsedAction, Webhook,
    WorkflowFile, WorkflowPermissions,
};
pub use repository::Repository;
pub use tree::Tree;
pub use workflow::{Conclusion, FailedJob, Run, RunStatus, Workflow, WorkflowId, WorkflowState};

/// Something that may be unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// It was read.
    Known(T),
    /// It was not read: nothing follows from it.
    Unknown(Gap),
    /// It does not exist here, and cannot be switched on: the sentence says why, such as the plan.
    Unavailable(String),
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// The credential lacks this permission, as GitHub names it: `Administration: read`.
    Permission(String),
    /// The read failed or was cut short. The scan is then incomplete.
    NotRead(String),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(permission) => write!(f, "the credential lacks the permission `{permission}`"),
            Self::NotRead(why) => write!(f, "it could not be read: {why}"),
        }
    }
}

impl<T> Fact<T> {
    /// The value, if it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) | Self::Unavailable(_) => None,
        }
    }

    /// Why it is not known, if that is so.
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Unknown(gap) => Some(gap),
            Self::Known(_) | Self::Unavailable(_) => None,
        }
    }

    /// The same fact about something within it.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(f(value)),
            Self::Unknown(gap) => Fact::Unknown(gap),
            Self::Unavailable(why) => Fact::Unavailable(why),
        }
    }

    /// The same fact, borrowed.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known(value) => Fact::Known(value),
            Self::Unknown(gap) => Fact::Unknown(gap.clone()),
            Self::Unavailable(why) => Fact::Unavailable(why.clone()),
        }
    }
}

/// A repository's id. It stays when the repository is renamed or transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepositoryId(pub u64);

impl RepositoryId {
    /// What stands for the organisation itself where breaches are kept by repository. GitHub numbers from 1.
    pub const ORGANIZATION: Self = Self(0);
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a repository may be besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepositoryFlag {
    /// Read-only, by its owner.
    Archived,
    /// Switched off by GitHub.
    Disabled,
    /// Locked, as during a migration.
    Locked,
    /// A fork of another.
    Fork,
    /// A mirror of one elsewhere.
    Mirror,
    /// A template for others.
    Template,
    /// Without a commit.
    Empty,
}

impl RepositoryFlag {
    /// Those that refuse to be written to, and why, as a fragment.
    pub const READ_ONLY: [(Self, &str); 3] = [
        (Self::Archived, "it is archived"),
        (Self::Disabled, "GitHub disabled it"),
        (Self::Locked, "it is locked"),
    ];
}

/// Who may see a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Who was invited.
    Private,
    /// The members of an enterprise.
    Internal,
}

/// Dependabot security updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityUpdates {
    /// On.
    On,
    /// Off.
    Off,
    /// On, but GitHub paused them, because nobody looked at the pull requests.
    Paused,
}

/// The files that matter here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// `.github/dependabot.yml` and `.github/dependabot.yaml`, those that are there.
    #[serde(default)]
    pub dependabot: Vec<TextFile>,
    /// The tree of the default branch.
    pub tree: Fact<Tree>,
}

/// A file's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFile {
    /// Where it is, from the root and without a leading `/`.
    pub path: String,
    /// What it says. Not known if it is binary or was cut off.
    pub text: Fact<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_says_why_it_is_not_known() {
        let gap = Gap::Permission("Administration: read".into());
        let fact: Fact<u32> = Fact::Unknown(gap.clone());
        assert_eq!(fact.known(), None);
        assert_eq!(fact.gap(), Some(&gap));
        assert_eq!(fact.map(|n| n + 1), Fact::Unknown(gap.clone()));
        assert!(gap.to_string().contains("Administration: read"));
        assert_eq!(Fact::Known(1).map(|n| n + 1), Fact::Known(2));
        assert_eq!(Fact::<u32>::Unavailable("plan".into()).gap(), None);
    }

    #[test]
    fn a_fact_is_kept_as_it_is() {
        for fact in [
            Fact::Known(true),
            Fact::Unknown(Gap::NotRead("502".into())),
            Fact::Unavailable("the plan lacks it".into()),
        ] {
            let text = serde_json::to_string(&fact).unwrap();
            assert_eq!(serde_json::from_str::<Fact<bool>>(&text).unwrap(), fact);
        }
    }
}
