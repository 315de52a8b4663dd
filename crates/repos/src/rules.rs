//! The rules a repository is held against: what each looks at, how bad its breach is, where it comes from.

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
    /// Its settings are as the policy names them.
    SettingsDrift,
    /// No exemption is past its day.
    ExemptionExpired,
}

impl Rule {
    /// Every rule, in the order of reports.
    pub const ALL: [Self; 15] = [
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
        Self::ExemptionExpired,
    ];

    /// Its name in policies and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::BranchProtection => "branch_protection",
            Self::RequiredReviews => "required_reviews",
            Self::StaleReviewsDismissed => "stale_reviews_dismissed",
            Self::RequiredStatusChecks => "required_status_checks",
            Self::StatusCheckNeverRan => "status_check_never_ran",
            Self::ForcePush => "force_push",
            Self::Deletion => "deletion",
            Self::BypassActors => "bypass_actors",
            Self::DependabotFile => "dependabot_file",
            Self::DependabotCoverage => "dependabot_coverage",
            Self::VulnerabilityAlerts => "vulnerability_alerts",
            Self::SecurityUpdates => "security_updates",
            Self::WorkflowDisabled => "workflow_disabled",
            Self::SettingsDrift => "settings_drift",
            Self::ExemptionExpired => "exemption_expired",
        }
    }

    /// The rule of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// What it demands, in one sentence.
    pub fn demand(self) -> &'static str {
        match self {
            Self::BranchProtection => "The default branch is protected by classic protection or an active ruleset.",
            Self::RequiredReviews => "Changes come by pull requests with the demanded number of approvals.",
            Self::StaleReviewsDismissed => "New commits take earlier approvals back.",
            Self::RequiredStatusChecks => "Status checks must pass before a merge, the demanded ones among them.",
            Self::StatusCheckNeverRan => "Every required check was reported at least once, by the app it is asked of.",
            Self::ForcePush => "Nobody may force-push to the default branch.",
            Self::Deletion => "Nobody may delete the default branch.",
            Self::BypassActors => "Only the actors the policy names may bypass the protection.",
            Self::DependabotFile => "There is a Dependabot file that GitHub can read, or Renovate in its place.",
            Self::DependabotCoverage => "The Dependabot file covers every package ecosystem in the tree.",
            Self::VulnerabilityAlerts => "Dependabot alerts are on.",
            Self::SecurityUpdates => "Dependabot security updates are on and not paused.",
            Self::WorkflowDisabled => "No workflow was switched off by GitHub because the repository was inactive.",
            Self::SettingsDrift => "Settings are as the policy names them.",
            Self::ExemptionExpired => "No exemption from the policy is past its last day.",
        }
    }

    /// How bad its breach is unless the policy says otherwise.
    pub fn severity(self) -> Severity {
        match self {
            Self::BranchProtection | Self::ForcePush | Self::RequiredReviews | Self::VulnerabilityAlerts => {
                Severity::High
            }
            Self::Deletion
            | Self::RequiredStatusChecks
            | Self::StatusCheckNeverRan
            | Self::DependabotFile
            | Self::SecurityUpdates
            | Self::SettingsDrift
            | Self::ExemptionExpired => Severity::Medium,
            Self::StaleReviewsDismissed | Self::BypassActors | Self::DependabotCoverage | Self::WorkflowDisabled => {
                Severity::Low
            }
        }
    }

    /// Where GitHub describes what it looks at.
    pub fn source(self) -> &'static str {
        match self {
            Self::BranchProtection
            | Self::RequiredReviews
            | Self::StaleReviewsDismissed
            | Self::RequiredStatusChecks
            | Self::ForcePush
            | Self::Deletion => {
                "https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches"
            }
            Self::StatusCheckNeverRan => {
                "https://docs.github.com/en/pull-requests/how-tos/merge-and-close-pull-requests/troubleshooting-required-status-checks"
            }
            Self::BypassActors => {
                "https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository#granting-bypass-permissions-for-your-branch-or-tag-ruleset"
            }
            Self::DependabotFile => {
                "https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference"
            }
            Self::DependabotCoverage => {
                "https://docs.github.com/en/code-security/reference/supply-chain-security/supported-ecosystems-and-repositories"
            }
            Self::VulnerabilityAlerts => {
                "https://docs.github.com/en/code-security/concepts/supply-chain-security/about-dependabot-alerts"
            }
            Self::SecurityUpdates => {
                "https://docs.github.com/en/code-security/concepts/supply-chain-security/about-dependabot-security-updates"
            }
            Self::WorkflowDisabled => {
                "https://docs.github.com/en/actions/how-tos/manage-workflow-runs/disable-and-enable-workflows"
            }
            Self::SettingsDrift => "https://docs.github.com/en/rest/repos/repos#update-a-repository",
            Self::ExemptionExpired => "",
        }
    }

    /// What a credential must be allowed to do for it, in GitHub's words.
    pub fn permission(self) -> &'static str {
        match self {
            Self::BranchProtection
            | Self::RequiredReviews
            | Self::StaleReviewsDismissed
            | Self::RequiredStatusChecks
            | Self::ForcePush
            | Self::Deletion => "Metadata: read for rulesets, Administration: read for classic protection",
            Self::StatusCheckNeverRan => "Checks: read, Commit statuses: read, Administration: read",
            Self::BypassActors => "Administration: write, to see the bypass list of a ruleset",
            Self::DependabotFile | Self::DependabotCoverage => "Contents: read",
            Self::VulnerabilityAlerts | Self::SecurityUpdates => "Administration: read",
            Self::WorkflowDisabled => "Actions: read",
            Self::SettingsDrift => "as each section of settings",
            Self::ExemptionExpired => "none",
        }
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
}
