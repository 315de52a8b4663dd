//! What must be read for the rules that a policy looks at.

use std::collections::BTreeSet;

use cc_devops_repos::policy::{Policy, PolicySettings};
use cc_devops_repos::rules::Rule;
use serde::{Deserialize, Serialize};

/// Something that is read for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Topic {
    /// What the token of workflows may do.
    WorkflowPermissions,
    /// Which actions may be used.
    Actions,
    /// Whether an organisation has GitHub refuse actions without a pin.
    Pinning,
    /// What workflow files use.
    Uses,
    /// Secret scanning and push protection.
    SecretScanning,
    /// Code scanning.
    CodeScanning,
    /// SECURITY.md.
    SecurityPolicy,
    /// CODEOWNERS.
    Codeowners,
    /// Webhooks.
    Webhooks,
    /// Deploy keys.
    DeployKeys,
    /// Outside collaborators.
    OutsideCollaborators,
    /// Deployment environments.
    Environments,
    /// Rulesets on tags.
    TagRulesets,
    /// Workflows that rulesets require.
    RequiredWorkflows,
    /// Dependabot's own runs.
    DependabotRuns,
    /// Two-factor authentication.
    TwoFactor,
}

fn topics(rule: Rule) -> &'static [Topic] {
    match rule {
        Rule::WorkflowPermissions => &[Topic::WorkflowPermissions],
        Rule::AllowedActions => &[Topic::Actions],
        Rule::ActionsPinned => &[Topic::Uses, Topic::Pinning],
        Rule::SecretScanning | Rule::PushProtection => &[Topic::SecretScanning],
        // A workflow that scans needs no further request.
        Rule::CodeScanning => &[Topic::CodeScanning, Topic::Uses],
        Rule::SecurityPolicy => &[Topic::SecurityPolicy],
        Rule::Codeowners | Rule::CodeownersErrors => &[Topic::Codeowners],
        Rule::Webhooks => &[Topic::Webhooks],
        Rule::DeployKeys => &[Topic::DeployKeys],
        Rule::OutsideAdmins => &[Topic::OutsideCollaborators],
        Rule::Environments => &[Topic::Environments],
        Rule::TagProtection => &[Topic::TagRulesets],
        Rule::RequiredWorkflows => &[Topic::RequiredWorkflows],
        Rule::DependabotRuns => &[Topic::DependabotRuns],
        Rule::TwoFactorRequired => &[Topic::TwoFactor],
        _ => &[],
    }
}

/// What is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked(BTreeSet<Topic>);

impl Asked {
    fn by(looks_at: impl Fn(Rule) -> bool) -> Self {
        let rules = Rule::ALL.into_iter().filter(|rule| looks_at(*rule));
        Self(rules.flat_map(topics).copied().collect())
    }

    /// What the policy asks about any repository, or about the organisation.
    pub(super) fn at_all(policy: &Policy) -> Self {
        Self::by(|rule| policy.may_look_at(rule))
    }

    /// What it asks about one repository.
    pub(super) fn of(settings: &PolicySettings) -> Self {
        Self::by(|rule| settings.looks_at(rule))
    }

    pub(super) fn has(&self, topic: Topic) -> bool {
        self.0.contains(&topic)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_rule_looks_at_is_not_read() {
        let asked = |text: &str| Asked::at_all(&Policy::from_toml(text).unwrap());
        let usual = asked("");
        for (topic, read) in [
            (Topic::SecretScanning, true),
            (Topic::TwoFactor, true),
            (Topic::WorkflowPermissions, true),
            (Topic::OutsideCollaborators, true),
            (Topic::Codeowners, true),
            (Topic::Webhooks, false),
            (Topic::CodeScanning, false),
            (Topic::Uses, false),
            (Topic::RequiredWorkflows, false),
        ] {
            assert_eq!(usual.has(topic), read, "{topic:?}");
        }
        assert!(asked("defaults.rules = 'strict'").has(Topic::Webhooks));
        let only = asked("defaults.rules_off = ['secret_scanning']");
        assert!(only.has(Topic::SecretScanning), "push protection is read with it");
    }
}
