//! Rulesets, their rules and who is let past them.

use std::collections::HashMap;

use cc_devops_repos::snapshot::{
    AppliesTo, BypassActor, BypassKind, BypassMode, Enforcement, Fact, Gap, RequiredCheck, Reviews, Ruleset,
    RulesetRule, RulesetSource, StatusChecks, Target,
};

use serde::Deserialize;

use super::unread::not_asked;
use super::wire;
use crate::client::{Ask, Client, Error, get};

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
        mode: mode(wire.bypass_mode.as_deref()),
    }
}

fn mode(name: Option<&str>) -> BypassMode {
    match name {
        Some("PULL_REQUEST" | "pull_request") => BypassMode::PullRequest,
        Some("EXEMPT" | "exempt") => BypassMode::Exempt,
        _ => BypassMode::Always,
    }
}

/// A ruleset as REST has it: people by the numbers of their accounts, whom GraphQL leaves without a name.
#[derive(Debug, Deserialize)]
struct Numbered {
    #[serde(default)]
    bypass_actors: Vec<NumberedActor>,
}

#[derive(Debug, Deserialize)]
struct NumberedActor {
    actor_id: Option<u64>,
    actor_type: String,
    #[serde(default)]
    bypass_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Account {
    login: String,
}

/// Names the people on a bypass list of a ruleset that holds in this repository. Who stays without a name stays on
/// the list as such. `logins` are the accounts that were asked for already.
pub(super) async fn name_people(
    client: &Client,
    (owner, name): (&str, &str),
    id: u64,
    actors: &mut Vec<BypassActor>,
    logins: &mut HashMap<u64, Option<String>>,
) -> Result<(), Error> {
    let unnamed = actors.iter().filter(|actor| actor.kind == BypassKind::Unnamed).count();
    if unnamed == 0 {
        return Ok(());
    }
    let ask = Ask::new(
        get(&["repos", owner, name, "rulesets", &id.to_string()]),
        format!("read a ruleset of {owner}/{name}"),
    );
    let ruleset: Numbered = client.json(&ask).await?;
    let people = ruleset.bypass_actors.into_iter();
    let people: Vec<NumberedActor> = people.filter(|actor| actor.actor_type == "User").collect();
    let mut named = Vec::with_capacity(people.len());
    for person in people {
        let Some(account) = person.actor_id else { continue };
        if !logins.contains_key(&account) {
            let what = format!("read whose account {account} is");
            let asked = Ask::new(get(&["user", &account.to_string()]), what);
            let login = client.optional::<Account>(&asked).await?.map(|account| account.login);
            logins.insert(account, login);
        }
        let (kind, name) = match logins.get(&account) {
            Some(Some(login)) => (BypassKind::User, login.clone()),
            _ => (BypassKind::Unnamed, format!("account {account}")),
        };
        let mode = mode(person.bypass_mode.as_deref());
        named.push(BypassActor { kind, name, mode });
    }
    // The others without a name are none of these people.
    let mut taken = named.len().min(unnamed);
    actors.retain(|actor| {
        let one_of_them = actor.kind == BypassKind::Unnamed && taken > 0;
        taken -= usize::from(one_of_them);
        !one_of_them
    });
    actors.extend(named);
    Ok(())
}
