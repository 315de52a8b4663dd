//! Repositories and their branches.

use super::super::ids;
use super::super::model::{Repository, Visibility, written};
use super::super::permission::Permission;
use super::object::{Object, Val, connection, leaf};
use super::refusal::refusal;
use super::{Context, code, newest_first, people, protection, security, settings, work};

pub(super) fn repository<'m>(context: Context<'m>, of: &'m Repository) -> Object<'m> {
    let access = context.access;
    Object::new("Repository", move |field, args| match field {
        "isSecurityPolicyEnabled" | "codeowners" | "deployKeys" | "environments" => {
            security::field(context, of, field, args)
        }
        "collaborators" if args.text("affiliation") == "OUTSIDE" => security::field(context, of, field, args),
        "id" => leaf(ids::node("R", of.id)),
        "databaseId" => leaf(of.id),
        "name" => leaf(of.name.as_str()),
        "nameWithOwner" => leaf(of.full_name()),
        "owner" => {
            let organization = context.model.owner(&of.owner).is_some_and(|owner| owner.organization);
            let kind = if organization { "Organization" } else { "User" };
            Val::Object(Object::new(kind, move |field, _| match field {
                "login" => leaf(of.owner.as_str()),
                other => Val::unknown(kind, other),
            }))
        }
        "isArchived" => leaf(of.archived),
        "isDisabled" => leaf(of.disabled),
        "isLocked" => leaf(of.lock_reason.is_some()),
        "isFork" => leaf(of.fork_of.is_some()),
        "isTemplate" => leaf(of.template),
        "isMirror" => leaf(of.mirror_of.is_some()),
        "isEmpty" => leaf(of.git.branches.is_empty()),
        "isPrivate" => leaf(of.visibility != Visibility::Public),
        "visibility" => leaf(of.visibility.name().to_uppercase()),
        "hasIssuesEnabled" => leaf(of.issues_enabled),
        "viewerPermission" if access.is_installation() => Val::Null,
        "viewerPermission" => access.permission(of).name().map_or(Val::Null, leaf),
        "hasVulnerabilityAlertsEnabled" => {
            // Those who may not know are told that there are none.
            leaf(of.vulnerability_alerts && access.permission(of) == Permission::Admin)
        }
        "defaultBranchRef" => match of.git.head(&of.default_branch) {
            Some(_) => Val::Object(branch(context, of, &of.default_branch)),
            None => Val::Null,
        },
        "object" => {
            if !access.may(of, Permission::Read, "contents", false) {
                return Val::Refused(refusal(access));
            }
            match args.get("oid").and_then(serde_json::Value::as_str) {
                Some(oid) => code::by_id(context, of, oid),
                None => code::object(context, of, args.text("expression")),
            }
        }
        "rulesets" => {
            if !context.model.has_rulesets(of) {
                return Val::Null;
            }
            let parents = args.get("includeParents").is_none_or(|on| on == true);
            let above = context.model.parents(of).filter(|_| parents);
            let all: Vec<_> = of.rulesets.iter().chain(above).collect();
            connection(context, "RepositoryRulesetConnection", all, args, move |ruleset| {
                Val::Object(protection::ruleset(context, Some(of), ruleset))
            })
        }
        "pullRequests" => {
            let merged = of.pulls().into_iter().filter(|pull| {
                let pull = pull.pull.as_ref();
                pull.is_some_and(|pull| pull.merged.is_some())
            });
            let mut merged: Vec<_> = merged.collect();
            if newest_first(args) {
                merged.sort_by_key(|pull| std::cmp::Reverse(pull.updated));
            }
            connection(context, "PullRequestConnection", merged, args, move |pull| {
                Val::Object(code::pull(context, of, pull))
            })
        }
        "issues" => {
            let mut issues = of.issues();
            if newest_first(args) {
                issues.reverse();
            }
            connection(context, "IssueConnection", issues, args, move |issue| {
                Val::Object(work::issue(context, of, issue))
            })
        }
        "issue" => {
            let number = args.number("number").unwrap_or_default();
            let found = of.issue(number as u64).filter(|issue| issue.pull.is_none());
            match found {
                Some(issue) => Val::Object(work::issue(context, of, issue)),
                None => Val::Refused(format!("Could not resolve to an Issue with the number of {number}.")),
            }
        }
        "collaborators" => people::collaborators(context, of, args),
        "createdAt" => leaf(written(of.created)),
        "updatedAt" => leaf(written(of.updated)),
        "pushedAt" => of.pushed.map_or(Val::Null, |at| leaf(written(at))),
        "url" => leaf(format!("https://github.com/{}", of.full_name())),
        other => settings::field(context, of, other, args),
    })
}

fn branch<'m>(context: Context<'m>, of: &'m Repository, name: &'m str) -> Object<'m> {
    let access = context.access;
    Object::new("Ref", move |field, args| match field {
        "name" => leaf(name),
        "prefix" => leaf("refs/heads/"),
        "branchProtectionRule" => {
            if !access.has("administration", false) {
                return Val::Refused(refusal(access));
            }
            match of.protection(name) {
                // Those who may not administer are not told, without an error.
                Some(rule) if access.permission(of) == Permission::Admin && context.model.has_rulesets(of) => {
                    Val::Object(protection::classic(context, rule))
                }
                _ => Val::Null,
            }
        }
        "refUpdateRule" => match of.protection(name) {
            Some(rule) if context.model.has_rulesets(of) => {
                Val::Object(Object::new("RefUpdateRule", move |field, _| match field {
                    "pattern" => leaf(rule.pattern.as_str()),
                    "allowsForcePushes" => leaf(rule.allow_force_pushes),
                    "allowsDeletions" => leaf(rule.allow_deletions),
                    other => Val::unknown("RefUpdateRule", other),
                }))
            }
            _ => Val::Null,
        },
        "rules" => {
            let rules: Vec<_> = context
                .model
                .rules_for(of, name)
                .into_iter()
                .flat_map(|ruleset| ruleset.rules.iter().map(move |rule| (ruleset, rule)))
                .collect();
            connection(
                context,
                "RepositoryRuleConnection",
                rules,
                args,
                move |(ruleset, rule)| Val::Object(protection::rule(context, Some((of, ruleset)), rule)),
            )
        }
        "target" => match of.git.head(name) {
            Some(commit) => Val::Object(code::commit(context, of, &commit.oid)),
            None => Val::Null,
        },
        other => Val::unknown("Ref", other),
    })
}
