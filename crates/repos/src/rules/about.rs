//! What is said of each rule, once.

use super::{Preset, Rule, Severity, Subject};

/// What is said of a rule.
pub(super) struct About {
    pub(super) name: &'static str,
    pub(super) demand: &'static str,
    pub(super) breach: &'static str,
    pub(super) severity: Severity,
    pub(super) source: &'static str,
    pub(super) permission: &'static str,
    pub(super) preset: Preset,
    pub(super) subject: Subject,
}

const PROTECTED_BRANCHES: &str = "https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches";
const BRANCH: &str = "Metadata: read for rulesets, Administration: read for classic protection";
const ADMINISTRATION: &str = "Administration: read";

impl About {
    /// A rule on repositories that every policy has unless it says otherwise.
    const fn baseline(name: &'static str, severity: Severity, demand: &'static str, breach: &'static str) -> Self {
        Self {
            name,
            demand,
            breach,
            severity,
            source: "",
            permission: ADMINISTRATION,
            preset: Preset::Baseline,
            subject: Subject::Repository,
        }
    }

    /// A rule on repositories that a policy must ask for.
    const fn strict(name: &'static str, severity: Severity, demand: &'static str, breach: &'static str) -> Self {
        let baseline = Self::baseline(name, severity, demand, breach);
        Self {
            preset: Preset::Strict,
            ..baseline
        }
    }

    const fn of(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    const fn needs(self, permission: &'static str) -> Self {
        Self { permission, ..self }
    }

    const fn from(self, source: &'static str) -> Self {
        Self { source, ..self }
    }
}

/// What is said of it.
#[expect(clippy::too_many_lines, reason = "a table: one row a rule")]
pub(super) fn about(rule: Rule) -> About {
    use Severity::{High, Low, Medium};
    match rule {
        Rule::BranchProtection => About::baseline(
            "branch_protection",
            High,
            "The default branch is protected by classic protection or an active ruleset.",
            "Nothing protects the default branch.",
        )
        .needs(BRANCH)
        .from(PROTECTED_BRANCHES),
        Rule::RequiredReviews => About::baseline(
            "required_reviews",
            High,
            "Changes come by pull requests with the demanded number of approvals.",
            "Changes need fewer approvals than demanded, or no pull request.",
        )
        .needs(BRANCH)
        .from(PROTECTED_BRANCHES),
        Rule::StaleReviewsDismissed => About::baseline(
            "stale_reviews_dismissed",
            Low,
            "New commits take earlier approvals back.",
            "Approvals stand although new commits came after them.",
        )
        .needs(BRANCH)
        .from(PROTECTED_BRANCHES),
        Rule::RequiredStatusChecks => About::baseline(
            "required_status_checks",
            Medium,
            "Status checks must pass before a merge, the demanded ones among them.",
            "Changes are merged whatever the demanded status checks say.",
        )
        .needs(BRANCH)
        .from(PROTECTED_BRANCHES),
        Rule::StatusCheckNeverRan => About::baseline(
            "status_check_never_ran",
            Medium,
            "Every required check was reported at least once, by the app it is asked of.",
            "A required check was never reported by the app it is asked of.",
        )
        .needs("Checks: read, Commit statuses: read, Administration: read")
        .from("https://docs.github.com/en/pull-requests/how-tos/merge-and-close-pull-requests/troubleshooting-required-status-checks"),
        Rule::ForcePush => About::baseline(
            "force_push",
            High,
            "Nobody may force-push to the default branch.",
            "The default branch can be rewritten by a force push.",
        )
        .needs(BRANCH)
        .from(PROTECTED_BRANCHES),
        Rule::Deletion => About::baseline(
            "deletion",
            Medium,
            "Nobody may delete the default branch.",
            "The default branch can be deleted.",
        )
        .needs(BRANCH)
        .from(PROTECTED_BRANCHES),
        Rule::BypassActors => About::baseline(
            "bypass_actors",
            Low,
            "Only the actors the policy names may bypass the protection.",
            "Actors that the policy does not name may bypass the protection.",
        )
        .needs("Administration: write, to see the bypass list of a ruleset")
        .from("https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository#granting-bypass-permissions-for-your-branch-or-tag-ruleset"),
        Rule::DependabotFile => About::baseline(
            "dependabot_file",
            Medium,
            "There is a Dependabot file that GitHub can read, or Renovate in its place.",
            "There is no Dependabot file that GitHub can read, and no Renovate.",
        )
        .needs("Contents: read")
        .from("https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference"),
        Rule::DependabotCoverage => About::baseline(
            "dependabot_coverage",
            Low,
            "The Dependabot file covers every package ecosystem in the tree.",
            "The Dependabot file leaves out a package ecosystem of the tree.",
        )
        .needs("Contents: read")
        .from("https://docs.github.com/en/code-security/reference/supply-chain-security/supported-ecosystems-and-repositories"),
        Rule::VulnerabilityAlerts => About::baseline(
            "vulnerability_alerts",
            High,
            "Dependabot alerts are on.",
            "Dependabot alerts are switched off.",
        )
        .from("https://docs.github.com/en/code-security/concepts/supply-chain-security/about-dependabot-alerts"),
        Rule::SecurityUpdates => About::baseline(
            "security_updates",
            Medium,
            "Dependabot security updates are on and not paused.",
            "Dependabot security updates are off or paused.",
        )
        .from("https://docs.github.com/en/code-security/concepts/supply-chain-security/about-dependabot-security-updates"),
        Rule::WorkflowDisabled => About::baseline(
            "workflow_disabled",
            Low,
            "No workflow was switched off by GitHub because the repository was inactive.",
            "GitHub switched a workflow off because the repository was inactive.",
        )
        .needs("Actions: read")
        .from("https://docs.github.com/en/actions/how-tos/manage-workflow-runs/disable-and-enable-workflows"),
        Rule::SettingsDrift => About::baseline(
            "settings_drift",
            Medium,
            "Settings are as the policy names them.",
            "A setting is not as the policy names it.",
        )
        .needs("as each section of settings")
        .from("https://docs.github.com/en/rest/repos/repos#update-a-repository"),
        Rule::WorkflowPermissions => About::baseline(
            "workflow_permissions",
            Medium,
            "The token of workflows may only read unless a workflow asks for more.",
            "Workflows get a token that may write unless they say otherwise.",
        )
        .from("https://docs.github.com/en/actions/reference/security/secure-use#modifying-the-permissions-for-the-github_token"),
        Rule::AllowedActions => About::strict(
            "allowed_actions",
            Low,
            "Only actions of a list, or the owner's own, may be used.",
            "Workflows may use anybody's actions.",
        )
        .from("https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/enabling-features-for-your-repository/managing-github-actions-settings-for-a-repository#managing-github-actions-permissions-for-your-repository"),
        Rule::ActionsPinned => About::strict(
            "actions_pinned",
            Medium,
            "Actions of others are pinned to a full commit id.",
            "Workflows use actions that are not pinned to a commit.",
        )
        .needs("Contents: read; Administration: read, to see whether GitHub enforces it")
        .from("https://docs.github.com/en/actions/reference/security/secure-use#using-third-party-actions"),
        Rule::SecretScanning => About::baseline(
            "secret_scanning",
            High,
            "Secret scanning is on.",
            "Nothing looks for secrets in what is pushed.",
        )
        .from("https://docs.github.com/en/code-security/concepts/secret-security/about-secret-scanning"),
        Rule::PushProtection => About::baseline(
            "push_protection",
            Medium,
            "Pushes that hold secrets are stopped.",
            "A push with a secret in it is taken.",
        )
        .from("https://docs.github.com/en/code-security/concepts/secret-security/about-push-protection"),
        Rule::CodeScanning => About::strict(
            "code_scanning",
            Medium,
            "Code scanning is set up, with CodeQL or another tool.",
            "No code scanning is set up.",
        )
        .needs("Administration: read; Code scanning alerts: read, to see what other tools uploaded")
        .from("https://docs.github.com/en/code-security/concepts/code-scanning/about-code-scanning"),
        Rule::SecurityPolicy => About::strict(
            "security_policy",
            Low,
            "A public repository has a security policy, or its organisation has one for all.",
            "There is no security policy.",
        )
        .needs("Metadata: read")
        .from("https://docs.github.com/en/code-security/getting-started/adding-a-security-policy-to-your-repository"),
        Rule::Codeowners => About::strict(
            "codeowners",
            Low,
            "There is a CODEOWNERS file.",
            "There is no CODEOWNERS file.",
        )
        .needs("Contents: read")
        .from(CODEOWNERS),
        Rule::CodeownersErrors => About::baseline(
            "codeowners_errors",
            Medium,
            "GitHub finds no mistake in CODEOWNERS: every owner exists and may write.",
            "GitHub finds mistakes in the CODEOWNERS file.",
        )
        .needs("Contents: read")
        .from(CODEOWNERS),
        Rule::TwoFactorRequired => About::baseline(
            "two_factor_required",
            High,
            "The organisation requires two-factor authentication.",
            "The organisation takes members without two-factor authentication.",
        )
        .of(Subject::Organization)
        .needs("Administration: read (organisation), as an owner")
        .from("https://docs.github.com/en/organizations/keeping-your-organization-secure/managing-two-factor-authentication-for-your-organization/requiring-two-factor-authentication-in-your-organization"),
        Rule::Webhooks => About::strict(
            "webhooks",
            Medium,
            "Webhooks are delivered over verified TLS and signed with a secret.",
            "A webhook goes by plain HTTP or is not signed.",
        )
        .of(Subject::Both)
        .needs("Webhooks: read, of the repository and of the organisation")
        .from("https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks"),
        Rule::DeployKeys => About::strict(
            "deploy_keys",
            Medium,
            "No deploy key may write, but those the policy names.",
            "A deploy key may write.",
        )
        .from("https://docs.github.com/en/authentication/connecting-to-github-with-ssh/managing-deploy-keys#deploy-keys"),
        Rule::OutsideAdmins => About::baseline(
            "outside_admins",
            High,
            "Nobody from outside the organisation administers a repository, but those the policy names.",
            "Somebody from outside the organisation administers it.",
        )
        .from("https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-outside-collaborators/adding-outside-collaborators-to-repositories-in-your-organization"),
        Rule::Environments => About::strict(
            "environments",
            Medium,
            "Environments that are deployed to in production have protection rules.",
            "A deployment environment has no protection rules.",
        )
        .needs("Actions: read")
        .from("https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments#deployment-protection-rules"),
        Rule::TagProtection => About::strict(
            "tag_protection",
            Low,
            "An active ruleset keeps release tags from being moved and deleted.",
            "Tags of releases can be moved or deleted.",
        )
        .needs("Metadata: read")
        .from("https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/about-rulesets"),
        Rule::RequiredWorkflows => About::baseline(
            "required_workflows",
            Medium,
            "The workflows that the policy names must pass before a merge.",
            "A workflow that the policy names is not required.",
        )
        .needs("Metadata: read")
        .from("https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/available-rules-for-rulesets#require-workflows-to-pass-before-merging"),
        Rule::DependabotRuns => About::strict(
            "dependabot_runs",
            Medium,
            "Dependabot's own runs succeed, for every ecosystem and folder.",
            "Dependabot's own runs fail.",
        )
        .needs("Actions: read")
        .from("https://docs.github.com/en/code-security/dependabot/troubleshooting-dependabot/viewing-dependabot-job-logs"),
        Rule::ExemptionExpired => About::baseline(
            "exemption_expired",
            Medium,
            "No exemption from the policy is past its last day.",
            "An exemption from the policy is past its last day.",
        )
        .needs("none"),
    }
}

const CODEOWNERS: &str = "https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners";
