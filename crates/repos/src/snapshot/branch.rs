//! The default branch and what protects it: classic protection and rulesets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Fact, Gap};

/// The default branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultBranch {
    /// Its name, which may hold `/`.
    pub name: String,
    /// The name under which its protection was read, if that was another request. Where it differs, the
    /// branch was renamed in between, and what was read is not about it.
    #[serde(default)]
    pub read_as: Option<String>,
    /// Whether GitHub calls it protected. This needs no more than reading, so it checks the rest.
    pub protected: Fact<bool>,
    /// The classic protection that holds for it; `None` if there is none.
    pub classic: Fact<Option<Classic>>,
    /// The rulesets that hold for it. A repository that is read alone has those too that do not
    /// ([`AppliesTo::Elsewhere`]), because a plan must know of them.
    pub rulesets: Fact<Vec<Ruleset>>,
    /// The checks that were ever reported on it.
    pub checks_seen: Fact<Vec<SeenCheck>>,
}

impl DefaultBranch {
    /// Whether it was renamed while it was read.
    pub fn renamed(&self) -> bool {
        self.read_as.as_ref().is_some_and(|name| *name != self.name)
    }

    /// Takes back what was read about another name.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.renamed() {
            let gap = Gap::NotRead(format!(
                "the default branch was renamed from `{}` to `{}` meanwhile",
                self.read_as.as_deref().unwrap_or_default(),
                self.name
            ));
            self.protected = Fact::Unknown(gap.clone());
            self.classic = Fact::Unknown(gap.clone());
            self.rulesets = Fact::Unknown(gap.clone());
            self.checks_seen = Fact::Unknown(gap);
        }
        self
    }
}

/// Classic branch protection.
/// Source: <https://docs.github.com/en/rest/branches/branch-protection>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classic {
    /// The pattern it is written for.
    pub pattern: String,
    /// What pull requests must have; `None` if none are required.
    pub reviews: Option<Reviews>,
    /// The checks that must pass; `None` if none are required, even if the branch must be up to date.
    pub status_checks: Option<StatusChecks>,
    /// What else is on.
    #[serde(default)]
    pub switches: BTreeSet<ClassicSwitch>,
    /// Who may push at all; `None` if everybody who may write.
    pub restrictions: Fact<Option<Actors>>,
    /// Who may dismiss reviews; `None` if everybody who may write.
    pub dismissals: Fact<Option<Actors>>,
    /// Who needs no pull request.
    pub bypass: Fact<Actors>,
}

/// What classic protection may have switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassicSwitch {
    /// Administrators are held to it too.
    EnforceAdmins,
    /// No merge commits.
    LinearHistory,
    /// Force pushes are allowed.
    AllowForcePushes,
    /// The branch may be deleted.
    AllowDeletions,
    /// Matching branches are created only by those who may push.
    BlockCreations,
    /// Conversations must be resolved.
    ConversationResolution,
    /// The branch is read-only.
    LockBranch,
    /// A locked branch may still be synced with the fork's parent.
    AllowForkSyncing,
    /// Commits must be signed.
    Signatures,
}

/// People, teams and apps, by login and slug.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actors {
    /// Logins.
    #[serde(default)]
    pub users: Vec<String>,
    /// Slugs of teams.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Slugs of apps.
    #[serde(default)]
    pub apps: Vec<String>,
}

/// What a pull request must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reviews {
    /// Approvals; 0 means that a pull request is enough.
    pub approvals: u32,
    /// Whether a push takes approvals back.
    pub dismiss_stale: bool,
    /// Whether code owners must approve.
    pub code_owners: bool,
    /// Whether somebody else than the last pusher must approve.
    pub last_push: bool,
}

/// The checks that must pass.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusChecks {
    /// Whether the branch must be up to date with its base.
    pub strict: bool,
    /// The checks. An empty list demands nothing.
    pub checks: Vec<RequiredCheck>,
}

/// A check that must pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequiredCheck {
    /// Its name.
    pub context: String,
    /// The id of the app that must report it; `None` if any may.
    #[serde(default)]
    pub app: Option<u64>,
}

/// A check that was reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenCheck {
    /// Its name.
    pub context: String,
    /// The id of the app that reported it; `None` for a commit status.
    #[serde(default)]
    pub app: Option<u64>,
}

/// A ruleset. Source: <https://docs.github.com/en/rest/repos/rules>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruleset {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub source: RulesetSource,
    /// Whether it is in force.
    pub enforcement: Enforcement,
    /// What it is about.
    pub target: Target,
    /// Which refs of which repositories.
    pub applies_to: AppliesTo,
    /// What it demands.
    pub rules: Vec<RulesetRule>,
    /// Who is not held to it. GitHub answers null to those who may not write the ruleset: unknown, not none.
    pub bypass: Fact<Vec<BypassActor>>,
}

/// Where a ruleset is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulesetSource {
    /// In the repository, `owner/name`.
    Repository(String),
    /// In the organisation.
    Organization(String),
    /// In the enterprise.
    Enterprise(String),
}

/// Whether a ruleset is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// In force.
    Active,
    /// Watches, and stops nothing.
    Evaluate,
    /// Off.
    Disabled,
}

/// What a ruleset is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Branches.
    Branch,
    /// Tags.
    Tag,
    /// Pushes, to any ref.
    Push,
    /// Repositories themselves.
    Repository,
}

/// Whether a ruleset is for the default branch, as GitHub says: which refs of which repositories fit is for it to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppliesTo {
    /// GitHub lists it as in force for the default branch.
    DefaultBranch,
    /// GitHub does not list it among those.
    Elsewhere,
}

/// A rule of a ruleset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulesetRule {
    /// Changes come by pull requests.
    PullRequest(Reviews),
    /// Checks must pass.
    RequiredStatusChecks(StatusChecks),
    /// No force pushes.
    NonFastForward,
    /// The branch cannot be deleted.
    Deletion,
    /// These workflows must pass, by their paths.
    Workflows(Vec<String>),
    /// These tools must have scanned the code and found nothing grave.
    CodeScanning(Vec<String>),
    /// Any other, by GitHub's name for it.
    Other(String),
}

/// Rules of GitHub that hold changes to a branch back, besides those that are read in detail. Not among
/// them: `creation`, which an existing branch does not meet, and rules on names and messages.
/// Source: <https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch>.
const PROTECTIVE: [&str; 8] = [
    "update",
    "merge_queue",
    "required_deployments",
    "required_linear_history",
    "required_signatures",
    "workflows",
    "code_scanning",
    "lock_branch",
];

impl RulesetRule {
    /// Whether it holds anything back. An empty list of checks, workflows or tools does not.
    pub fn protects(&self) -> bool {
        match self {
            Self::PullRequest(_) | Self::NonFastForward | Self::Deletion => true,
            Self::RequiredStatusChecks(checks) => !checks.checks.is_empty(),
            Self::Workflows(names) | Self::CodeScanning(names) => !names.is_empty(),
            Self::Other(name) => PROTECTIVE.contains(&name.as_str()),
        }
    }
}

/// Somebody who is not held to a ruleset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BypassActor {
    /// What it is.
    pub kind: BypassKind,
    /// Its login, slug or role, or its id where the name is not known; empty where the kind says all.
    #[serde(default)]
    pub name: String,
    /// When it is not held to it.
    pub mode: BypassMode,
}

/// What may be let past a ruleset.
/// Source: <https://docs.github.com/en/rest/repos/rules#create-a-repository-ruleset>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BypassKind {
    /// A person.
    User,
    /// A team.
    Team,
    /// An app.
    App,
    /// A role in the repository.
    Role,
    /// The owners of the organisation.
    OrganizationAdmin,
    /// The owners of the enterprise.
    EnterpriseOwner,
    /// Any deploy key.
    DeployKey,
    /// One that GitHub does not name. No policy can allow it, because it may be anybody.
    Unnamed,
}

/// When an actor is let past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BypassMode {
    /// Always.
    Always,
    /// In pull requests.
    PullRequest,
    /// Always, without being asked.
    Exempt,
}

impl BypassActor {
    /// Whether a policy that allows these lets it past.
    pub fn allowed_by(&self, allowed: &BTreeSet<String>) -> bool {
        self.kind != BypassKind::Unnamed && allowed.contains(&self.label())
    }

    /// As a policy names it: `user:ada`, `team:platform`, `role:admin`, `deploy-key`.
    pub fn label(&self) -> String {
        let kind = match self.kind {
            BypassKind::User => "user",
            BypassKind::Team => "team",
            BypassKind::App => "app",
            BypassKind::Role => "role",
            BypassKind::OrganizationAdmin => "organization-admin",
            BypassKind::EnterpriseOwner => "enterprise-owner",
            BypassKind::DeployKey => "deploy-key",
            BypassKind::Unnamed => "unnamed",
        };
        if self.name.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}:{}", self.name)
        }
    }
}

impl Ruleset {
    /// Whether it is in force for the default branch.
    pub fn is_in_force(&self) -> bool {
        self.enforcement == Enforcement::Active
            && self.target == Target::Branch
            && self.applies_to == AppliesTo::DefaultBranch
    }
}
