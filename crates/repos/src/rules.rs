//! The rules a repository is held against: what each looks at, how bad its breach is, where it comes from.

mod about;

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad a breach is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// To be put right with the next work on the repository.
    Medium,
    /// To be put right soon.
    High,
    /// To be put right now.
    Critical,
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Something protects the default branch.
    BranchProtection,
    /// Changes need so many approvals.
    RequiredReviews,
    /// A push takes approvals back.
    StaleReviewsDismissed,
    /// Checks must pass.
    RequiredStatusChecks,
    /// The checks that must pass have been reported at least once.
    StatusCheckNeverRan,
    /// Nobody may rewrite the branch.
    ForcePush,
    /// Nobody may delete the branch.
    Deletion,
    /// Nobody is let past the protection, but those the policy names.
    BypassActors,
    /// There is a Dependabot file, and GitHub can read it.
    DependabotFile,
    /// The file covers every ecosystem in the tree.
    DependabotCoverage,
    /// Dependabot alerts are on.
    VulnerabilityAlerts,
    /// Dependabot security updates are on.
    SecurityUpdates,
    /// No workflow was switched off by GitHub for inactivity.
    WorkflowDisabled,
    /// Settings are as the policy names them.
    SettingsDrift,
    /// The default token of workflows may only read.
    WorkflowPermissions,
    /// Not everybody's actions may be used.
    AllowedActions,
    /// Actions are pinned to a commit.
    ActionsPinned,
    /// Secrets are looked for.
    SecretScanning,
    /// Pushes with secrets are stopped.
    PushProtection,
    /// Code scanning is set up.
    CodeScanning,
    /// There is a security policy.
    SecurityPolicy,
    /// There is a CODEOWNERS file.
    Codeowners,
    /// GitHub finds nothing wrong in the CODEOWNERS file.
    CodeownersErrors,
    /// The organisation requires two-factor authentication.
    TwoFactorRequired,
    /// Webhooks go over TLS and are signed.
    Webhooks,
    /// No deploy key may write, but those the policy names.
    DeployKeys,
    /// No outside collaborator administers it, but those the policy names.
    OutsideAdmins,
    /// Deployment environments have protection rules.
    Environments,
    /// Tags of releases are protected.
    TagProtection,
    /// The workflows the policy names are required.
    RequiredWorkflows,
    /// Dependabot's own runs succeed.
    DependabotRuns,
    /// No exemption is past its day.
    ExemptionExpired,
}

/// Which rules a policy has unless it names others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Those whose breach nobody means.
    #[default]
    Baseline,
    /// All of them: those that are opinion, and those that take requests of their own for each repository, too.
    Strict,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Each repository.
    Repository,
    /// The organisation that owns them.
    Organization,
    /// Both.
    Both,
}

impl Rule {
    /// Every rule, in the order of reports.
    pub const ALL: [Self; 32] = [
        Self::BranchProtection,
        Self::RequiredReviews,
        Self::StaleReviewsDismissed,
        Self::RequiredStatusChecks,
        Self::StatusCheckNeverRan,
        Self::ForcePush,
        Self::Deletion,
        Self::BypassActors,
        Self::DependabotFile,
        Self::DependabotCoverage,
        Self::VulnerabilityAlerts,
        Self::SecurityUpdates,
        Self::WorkflowDisabled,
        Self::SettingsDrift,
        Self::WorkflowPermissions,
        Self::AllowedActions,
        Self::ActionsPinned,
        Self::SecretScanning,
        Self::PushProtection,
        Self::CodeScanning,
        Self::SecurityPolicy,
        Self::Codeowners,
        Self::CodeownersErrors,
        Self::TwoFactorRequired,
        Self::Webhooks,
        Self::DeployKeys,
        Self::OutsideAdmins,
        Self::Environments,
        Self::TagProtection,
        Self::RequiredWorkflows,
        Self::DependabotRuns,
        Self::ExemptionExpired,
    ];

    /// Its name in policies and reports.
    pub fn name(self) -> &'static str {
        about::about(self).name
    }

    /// The rule of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// What it demands, in one sentence.
    pub fn demand(self) -> &'static str {
        about::about(self).demand
    }

    /// What is so where it is broken, in one sentence.
    pub fn breach(self) -> &'static str {
        about::about(self).breach
    }

    /// How bad its breach is unless the policy says otherwise.
    pub fn severity(self) -> Severity {
        about::about(self).severity
    }

    /// Where GitHub describes what it looks at; empty for what is of the policy alone.
    pub fn source(self) -> &'static str {
        about::about(self).source
    }

    /// What a credential must be allowed to do for it, in GitHub's words.
    pub fn permission(self) -> &'static str {
        about::about(self).permission
    }

    /// The smallest preset that has it.
    pub fn preset(self) -> Preset {
        about::about(self).preset
    }

    /// Whether it is about each repository.
    pub fn is_about_repositories(self) -> bool {
        about::about(self).subject != Subject::Organization
    }

    /// Whether it is about the organisation that owns them.
    pub fn is_about_the_organization(self) -> bool {
        about::about(self).subject != Subject::Repository
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

impl Severity {
    /// The severity of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|severity| severity.to_string() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_one_name() {
        for rule in Rule::ALL {
            assert_eq!(Rule::named(rule.name()), Some(rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        }
        assert_eq!(Rule::named("reviews"), None);
        assert_eq!(Severity::named("high"), Some(Severity::High));
        assert!(Severity::Low < Severity::Critical);
    }

    #[test]
    fn every_rule_says_what_it_demands_what_its_breach_is_and_where_github_describes_it() {
        for rule in Rule::ALL {
            assert!(rule.demand().ends_with('.'), "{rule}");
            assert!(rule.breach().ends_with('.'), "{rule}");
            assert!(!rule.breach().contains(rule.demand()), "{rule}: {}", rule.breach());
            assert!(!rule.permission().is_empty(), "{rule}");
            let described = rule.source().starts_with("https://docs.github.com/en/");
            assert_eq!(described, rule != Rule::ExemptionExpired, "{rule}");
            assert!(rule.is_about_repositories() || rule.is_about_the_organization());
        }
    }
}
