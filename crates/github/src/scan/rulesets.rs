//! Rulesets, their rules and who is let past them.

use cc_devops_repos::snapshot::{
    AppliesTo, BypassActor, BypassKind, BypassMode, Enforcement, Fact, Gap, RequiredCheck, Reviews, Ruleset,
    RulesetRule, RulesetSource, StatusChecks, Target,
};

use super::unread::not_asked;
use super::wire;

/// A ruleset without its rules and bypass actors.
pub(super) fn ruleset(id: u64, wire: wire::Ruleset, applies_to: AppliesTo) -> Ruleset {
    Ruleset {
        id,
        name: wire.name,
        source: match wire.source {
            wire::Source::Repository { name_with_owner } => RulesetSource::Repository(name_with_owner),
            wire::Source::Organization { login } => RulesetSource::Organization(login),
            wire::Source::Enterprise { slug } => RulesetSource::Enterprise(slug),
        },
        enforcement: match wire.enforcement.as_str() {
            "ACTIVE" => Enforcement::Active,
            "EVALUATE" => Enforcement::Evaluate,
            _ => Enforcement::Disabled,
        },
        target: match wire.target.as_deref() {
            Some("TAG") => Target::Tag,
            Some("PUSH") => Target::Push,
            Some("REPOSITORY") => Target::Repository,
            _ => Target::Branch,
        },
        applies_to,
        rules: Vec::new(),
        bypass: not_asked(),
    }
}

/// A rule.
pub(super) fn rule(wire: wire::Rule) -> RulesetRule {
    match (wire.kind.as_str(), wire.parameters) {
        (
            _,
            Some(wire::Parameters::PullRequestParameters {
                required_approving_review_count,
                dismiss_stale_reviews_on_push,
                require_code_owner_review,
                require_last_push_approval,
            }),
        ) => RulesetRule::PullRequest(Reviews {
            approvals: required_approving_review_count,
            dismiss_stale: dismiss_stale_reviews_on_push,
            code_owners: require_code_owner_review,
            last_push: require_last_push_approval,
        }),
        (
            _,
            Some(wire::Parameters::RequiredStatusChecksParameters {
                strict_required_status_checks_policy,
                required_status_checks,
            }),
        ) => RulesetRule::RequiredStatusChecks(StatusChecks {
            strict: strict_required_status_checks_policy,
            checks: required_status_checks
                .into_iter()
                .map(|check| RequiredCheck {
                    context: check.context,
                    app: check.integration_id,
                })
                .collect(),
        }),
        (_, Some(wire::Parameters::WorkflowsParameters { workflows })) => {
            RulesetRule::Workflows(workflows.into_iter().map(|file| file.path).collect())
        }
        (_, Some(wire::Parameters::CodeScanningParameters { code_scanning_tools })) => {
            RulesetRule::CodeScanning(code_scanning_tools.into_iter().map(|tool| tool.tool).collect())
        }
        ("NON_FAST_FORWARD", _) => RulesetRule::NonFastForward,
        ("DELETION", _) => RulesetRule::Deletion,
        (name, _) => RulesetRule::Other(name.to_ascii_lowercase()),
    }
}

/// Who is let past a ruleset. GitHub answers null to those who may not write it.
pub(super) fn bypass(actors: Option<wire::Nodes<wire::Bypass>>) -> Fact<Vec<BypassActor>> {
    match actors {
        Some(actors) => Fact::Known(actors.all().map(bypass_actor).collect()),
        None => Fact::Unknown(Gap::Permission("Administration: write".to_owned())),
    }
}

fn bypass_actor(wire: wire::Bypass) -> BypassActor {
    let named = wire.actor.map(|actor| {
        let kind = match actor.kind.as_str() {
            "Team" => BypassKind::Team,
            "User" => BypassKind::User,
            _ => BypassKind::App,
        };
        (kind, actor.slug.or(actor.login).unwrap_or_default())
    });
    let (kind, name) = match (named, wire.repository_role_name) {
        (Some(named), _) => named,
        (None, Some(role)) => (BypassKind::Role, role),
        (None, None) if wire.deploy_key => (BypassKind::DeployKey, String::new()),
        (None, None) if wire.enterprise_owner => (BypassKind::EnterpriseOwner, String::new()),
        (None, None) if wire.organization_admin => (BypassKind::OrganizationAdmin, String::new()),
        // A person, or an app or team that is gone or hidden.
        (None, None) => (BypassKind::Unnamed, String::new()),
    };
    BypassActor {
        kind,
        name,
        mode: bypass_mode(wire.bypass_mode.as_deref()),
    }
}

/// When an actor is let past, in GraphQL's letters or in REST's.
pub(super) fn bypass_mode(name: Option<&str>) -> BypassMode {
    match name {
        Some("PULL_REQUEST" | "pull_request") => BypassMode::PullRequest,
        Some("EXEMPT" | "exempt") => BypassMode::Exempt,
        _ => BypassMode::Always,
    }
}
