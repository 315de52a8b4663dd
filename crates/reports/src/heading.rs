//! What a group of repositories that break a rule is headed by: the breach. A rule's demand, read there, would say the
//! opposite of what is so.

use std::borrow::Cow;

use cc_devops_repos::report::Verdict;
use cc_devops_repos::rules::Rule;

/// What is so where a rule is broken, in one sentence.
pub(crate) fn breach(rule: Rule) -> Cow<'static, str> {
    Cow::Borrowed(match rule.name() {
        "branch_protection" => "Nothing protects the default branch.",
        "required_reviews" => "Changes need fewer approvals than demanded, or no pull request.",
        "stale_reviews_dismissed" => "Approvals stand although new commits came after them.",
        "required_status_checks" => "Changes are merged whatever the demanded status checks say.",
        "status_check_never_ran" => "A required check was never reported by the app it is asked of.",
        "force_push" => "The default branch can be rewritten by a force push.",
        "deletion" => "The default branch can be deleted.",
        "bypass_actors" => "Actors that the policy does not name may bypass the protection.",
        "dependabot_file" => "There is no Dependabot file that GitHub can read, and no Renovate.",
        "dependabot_coverage" => "The Dependabot file leaves out a package ecosystem of the tree.",
        "vulnerability_alerts" => "Dependabot alerts are switched off.",
        "security_updates" => "Dependabot security updates are off or paused.",
        "workflow_disabled" => "GitHub switched a workflow off because the repository was inactive.",
        "workflow_permissions" => "Workflows get a token that may write unless they say otherwise.",
        "allowed_actions" => "Workflows may use anybody's actions.",
        "actions_pinned" => "Workflows use actions that are not pinned to a commit.",
        "secret_scanning" => "Nothing looks for secrets in what is pushed.",
        "push_protection" => "A push with a secret in it is taken.",
        "code_scanning" => "No code scanning is set up.",
        "security_policy" => "There is no security policy.",
        "codeowners" => "There is no CODEOWNERS file.",
        "codeowners_errors" => "GitHub finds mistakes in the CODEOWNERS file.",
        "two_factor_required" => "The organisation takes members without two-factor authentication.",
        "webhooks" => "A webhook goes by plain HTTP or is not signed.",
        "deploy_keys" => "A deploy key may write.",
        "outside_admins" => "Somebody from outside the organisation administers it.",
        "environments" => "A deployment environment has no protection rules.",
        "tag_protection" => "Tags of releases can be moved or deleted.",
        "required_workflows" => "A workflow that the policy names is not required.",
        "dependabot_runs" => "Dependabot's own runs fail.",
        "exemption_expired" => "An exemption from the policy is past its last day.",
        _ => return Cow::Owned(format!("This does not hold: {}", rule.demand())),
    })
}

/// What a group is headed by.
pub(crate) fn heading(rule: Rule, verdict: Verdict) -> Cow<'static, str> {
    match verdict {
        Verdict::Fail | Verdict::Exempt => breach(rule),
        _ => Cow::Borrowed(rule.demand()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_heading_says_that_the_demand_is_met() {
        for rule in Rule::ALL {
            let said = breach(rule);
            assert!(!said.starts_with(rule.demand()), "{rule}: {said}");
            assert!(said.ends_with('.'), "{rule}: {said}");
        }
    }
}
