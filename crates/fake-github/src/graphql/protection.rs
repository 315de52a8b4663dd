//! Classic protection, rulesets and who is let past them.

use heck::ToLowerCamelCase;
use serde_json::Value;

use super::super::ids;
use super::super::model::{Bypass, Property, Protection, Repository, Rule, Ruleset, written as written_at};
use super::super::permission::Permission;
use super::Context;
use super::object::{Object, Val, connection, leaf, list};

pub(super) fn classic<'m>(context: Context<'m>, rule: &'m Protection) -> Object<'m> {
    Object::new("BranchProtectionRule", move |field, args| {
        let (reviews, checks) = (rule.reviews.as_ref(), rule.checks.as_ref());
        match field {
            "pattern" => leaf(rule.pattern.as_str()),
            "requiresApprovingReviews" => leaf(reviews.is_some()),
            "requiredApprovingReviewCount" => reviews.map_or(Val::Null, |reviews| leaf(reviews.count)),
            "dismissesStaleReviews" => leaf(reviews.is_some_and(|reviews| reviews.dismiss_stale)),
            "requiresCodeOwnerReviews" => leaf(reviews.is_some_and(|reviews| reviews.code_owners)),
            "requireLastPushApproval" => leaf(reviews.is_some_and(|reviews| reviews.last_push)),
            "requiresStatusChecks" => leaf(checks.is_some()),
            "requiresStrictStatusChecks" => leaf(checks.is_none_or(|checks| checks.strict)),
            "requiredStatusChecks" => {
                let contexts = checks.map(|checks| checks.contexts.clone()).unwrap_or_default();
                list(contexts, |(context, app)| {
                    Val::Object(Object::new(
                        "RequiredStatusCheckDescription",
                        move |field, _| match field {
                            "context" => leaf(context.as_str()),
                            "app" => app.map_or(Val::Null, |app| Val::Object(numbered(app))),
                            other => Val::unknown("RequiredStatusCheckDescription", other),
                        },
                    ))
                })
            }
            "isAdminEnforced" => leaf(rule.enforce_admins),
            "requiresLinearHistory" => leaf(rule.linear_history),
            "allowsForcePushes" => leaf(rule.allow_force_pushes),
            "allowsDeletions" => leaf(rule.allow_deletions),
            "blocksCreations" => leaf(rule.block_creations),
            "requiresConversationResolution" => leaf(rule.conversation_resolution),
            "lockBranch" => leaf(rule.lock_branch),
            "lockAllowsFetchAndMerge" => leaf(rule.allow_fork_syncing),
            "requiresCommitSignatures" => leaf(rule.signatures),
            "restrictsPushes" => leaf(rule.restrictions.is_some()),
            "restrictsReviewDismissals" => leaf(reviews.is_some_and(|reviews| reviews.dismissal.is_some())),
            "bypassPullRequestAllowances" => {
                let actors = reviews.and_then(|reviews| reviews.bypass.clone()).unwrap_or_default();
                let named = |kind: &'static str, names: Vec<String>| names.into_iter().map(move |name| (kind, name));
                let all: Vec<_> = named("User", actors.users)
                    .chain(named("Team", actors.teams))
                    .chain(named("App", actors.apps))
                    .collect();
                connection(
                    context,
                    "BypassPullRequestAllowanceConnection",
                    all,
                    args,
                    |(kind, name)| {
                        Val::Object(Object::new("BypassPullRequestAllowance", move |field, _| match field {
                            "actor" => Val::Object(actor(kind, name.clone())),
                            other => Val::unknown("BypassPullRequestAllowance", other),
                        }))
                    },
                )
            }
            other => Val::unknown("BranchProtectionRule", other),
        }
    })
}

fn numbered<'m>(app: i64) -> Object<'m> {
    Object::new("App", move |field, _| match field {
        "databaseId" => leaf(app),
        other => Val::unknown("App", other),
    })
}

fn actor<'m>(kind: &'static str, name: String) -> Object<'m> {
    Object::new(kind, move |field, _| match field {
        "login" | "slug" | "name" => leaf(name.as_str()),
        other => Val::unknown(kind, other),
    })
}

pub(super) fn rule<'m>(
    context: Context<'m>,
    place: Option<(&'m Repository, &'m Ruleset)>,
    rule: &'m Rule,
) -> Object<'m> {
    Object::new("RepositoryRule", move |field, _| match field {
        "type" => leaf(rule.kind.to_uppercase()),
        "repositoryRuleset" => place.map_or(Val::Null, |(of, set)| Val::Object(ruleset(context, Some(of), set))),
        "parameters" => match (parameters(&rule.kind), &rule.parameters) {
            (Some(kind), Some(parameters)) => Val::Object(written(kind, parameters)),
            _ => Val::Null,
        },
        other => Val::unknown("RepositoryRule", other),
    })
}

/// The type of a rule's parameters, for the rules whose parameters the schema has.
fn parameters(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "pull_request" => "PullRequestParameters",
        "required_status_checks" => "RequiredStatusChecksParameters",
        "workflows" => "WorkflowsParameters",
        "code_scanning" => "CodeScanningParameters",
        "required_deployments" => "RequiredDeploymentsParameters",
        "update" => "UpdateParameters",
        "branch_name_pattern" => "BranchNamePatternParameters",
        "tag_name_pattern" => "TagNamePatternParameters",
        "commit_message_pattern" => "CommitMessagePatternParameters",
        "commit_author_email_pattern" => "CommitAuthorEmailPatternParameters",
        "committer_email_pattern" => "CommitterEmailPatternParameters",
        "merge_queue" => "MergeQueueParameters",
        _ => return None,
    })
}

/// An object as REST writes it, under GraphQL's names.
fn written<'m>(kind: &'static str, parameters: &'m Value) -> Object<'m> {
    Object::new(kind, move |field, _| {
        let fields = parameters.as_object().into_iter().flatten();
        let mut named = fields.filter(|(name, _)| name.to_lower_camel_case() == field);
        let within = match field {
            "workflows" => "WorkflowFileReference",
            "codeScanningTools" => "CodeScanningTool",
            _ => "StatusCheckConfiguration",
        };
        match named.next() {
            Some((_, Value::Array(all))) => list(all.iter().collect(), |each| match each {
                Value::Object(_) => Val::Object(written(within, each)),
                scalar => leaf(scalar.clone()),
            }),
            Some((_, value)) => leaf(value.clone()),
            None => Val::Null,
        }
    })
}

/// A ruleset by its number, wherever it is written.
pub(super) fn ruleset_by_id(context: Context<'_>, id: u64) -> Option<Val<'_>> {
    let own = context.model.all().find_map(|of| {
        let found = of.rulesets.iter().find(|ruleset| ruleset.id == id)?;
        Some((Some(of), found))
    });
    let of_owner = || {
        let mut all = context.model.owners().flat_map(|owner| owner.rulesets.iter());
        all.find(|ruleset| ruleset.id == id).map(|found| (None, found))
    };
    let (of, found) = own.or_else(of_owner)?;
    Some(Val::Object(ruleset(context, of, found)))
}

pub(super) fn ruleset<'m>(context: Context<'m>, of: Option<&'m Repository>, ruleset: &'m Ruleset) -> Object<'m> {
    let own = of.is_some_and(|of| of.rulesets.iter().any(|each| each.id == ruleset.id));
    let owner = context
        .model
        .owners()
        .find(|owner| owner.rulesets.iter().any(|each| each.id == ruleset.id));
    Object::new("RepositoryRuleset", move |field, args| match field {
        "id" => leaf(ids::node("RRS", ruleset.id)),
        "databaseId" => leaf(ruleset.id),
        "createdAt" => leaf(written_at(ruleset.created)),
        "updatedAt" => leaf(written_at(ruleset.updated)),
        "name" => leaf(ruleset.name.as_str()),
        "enforcement" => leaf(ruleset.enforcement.name().to_uppercase()),
        "target" => leaf(ruleset.target.name().to_uppercase()),
        "source" => match (of.filter(|_| own), owner) {
            (Some(of), _) => Val::Object(super::repository::repository(context, of)),
            (None, Some(owner)) => Val::Object(Object::new("Organization", move |field, _| match field {
                "login" => leaf(owner.login.as_str()),
                other => Val::unknown("Organization", other),
            })),
            (None, None) => Val::Null,
        },
        "conditions" => Val::Object(Object::new("RepositoryRuleConditions", move |field, _| match field {
            "refName" => Val::Object(names("RefNameConditionTarget", &ruleset.include, &ruleset.exclude)),
            "repositoryName" | "repositoryId" | "repositoryProperty" if own => Val::Null,
            "repositoryProperty" if chosen(ruleset) => Val::Object(property_target(ruleset)),
            "repositoryProperty" => Val::Null,
            "repositoryName" if chosen(ruleset) || ruleset.repository_ids.is_some() => Val::Null,
            "repositoryName" => Val::Object(names(
                "RepositoryNameConditionTarget",
                &ruleset.repositories,
                &ruleset.repositories_exclude,
            )),
            "repositoryId" => ruleset.repository_ids.as_ref().map_or(Val::Null, |numbers| {
                let numbers = numbers.clone();
                Val::Object(Object::new(
                    "RepositoryIdConditionTarget",
                    move |field, _| match field {
                        "repositoryIds" => list(numbers.clone(), |number| leaf(ids::node("R", number))),
                        other => Val::unknown("RepositoryIdConditionTarget", other),
                    },
                ))
            }),
            other => Val::unknown("RepositoryRuleConditions", other),
        })),
        "rules" => {
            let all: Vec<_> = ruleset.rules.iter().collect();
            connection(context, "RepositoryRuleConnection", all, args, move |each| {
                Val::Object(rule(context, None, each))
            })
        }
        "bypassActors" => {
            let may = context.access.has("administration", true)
                && of.is_none_or(|of| context.access.permission(of) == Permission::Admin)
                && (of.is_some() || context.access.everywhere == Permission::Admin);
            if !may {
                return Val::Null;
            }
            let all: Vec<_> = ruleset.bypass.iter().collect();
            connection(
                context,
                "RepositoryRulesetBypassActorConnection",
                all,
                args,
                move |each| Val::Object(bypass(context, each)),
            )
        }
        other => Val::unknown("RepositoryRuleset", other),
    })
}

/// Whether a ruleset chooses repositories by a property.
fn chosen(ruleset: &Ruleset) -> bool {
    !ruleset.properties.is_empty() || !ruleset.properties_exclude.is_empty()
}

fn property_target(ruleset: &Ruleset) -> Object<'_> {
    fn targets(properties: &[Property]) -> Val<'_> {
        list(properties.iter().collect(), |property| {
            Val::Object(Object::new("PropertyTargetDefinition", move |field, _| match field {
                "name" => leaf(property.name.as_str()),
                "propertyValues" => list(property.values.iter().collect(), |value| leaf(value.as_str())),
                "source" => leaf("custom"),
                other => Val::unknown("PropertyTargetDefinition", other),
            }))
        })
    }
    Object::new("RepositoryPropertyConditionTarget", move |field, _| match field {
        "include" => targets(&ruleset.properties),
        "exclude" => targets(&ruleset.properties_exclude),
        other => Val::unknown("RepositoryPropertyConditionTarget", other),
    })
}

fn names<'m>(kind: &'static str, include: &'m [String], exclude: &'m [String]) -> Object<'m> {
    Object::new(kind, move |field, _| match field {
        "include" => list(include.iter().collect(), |name| leaf(name.as_str())),
        "exclude" => list(exclude.iter().collect(), |name| leaf(name.as_str())),
        other => Val::unknown(kind, other),
    })
}

fn bypass<'m>(context: Context<'m>, bypass: &'m Bypass) -> Object<'m> {
    Object::new("RepositoryRulesetBypassActor", move |field, _| match field {
        "bypassMode" => leaf(bypass.mode.to_uppercase()),
        "deployKey" => leaf(bypass.kind == "DeployKey"),
        "enterpriseOwner" => leaf(bypass.kind == "EnterpriseOwner"),
        "organizationAdmin" => leaf(bypass.kind == "OrganizationAdmin"),
        // Source: https://docs.github.com/en/rest/repos/rules (the numbers of the base roles).
        "repositoryRoleName" => match (bypass.kind.as_str(), bypass.id) {
            ("RepositoryRole", Some(5)) => leaf("admin"),
            ("RepositoryRole", Some(4)) => leaf("write"),
            ("RepositoryRole", Some(2)) => leaf("maintain"),
            _ => Val::Null,
        },
        "actor" => match (bypass.kind.as_str(), bypass.id) {
            ("Team", Some(id)) => {
                let mut teams = context.model.owners().flat_map(|owner| owner.teams.iter());
                let team = teams.find(|(team, _)| i64::try_from(*team) == Ok(id));
                team.map_or(Val::Null, |(_, slug)| Val::Object(actor("Team", slug.clone())))
            }
            ("Integration", Some(id)) => Val::Object(actor("App", format!("app-{id}"))),
            _ => Val::Null,
        },
        other => Val::unknown("RepositoryRulesetBypassActor", other),
    })
}
