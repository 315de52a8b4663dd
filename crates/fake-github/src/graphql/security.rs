//! Deploy keys, outside collaborators, environments, CODEOWNERS and the security policy.

use serde_json::{Value, json};

use super::super::model::Repository;
use super::super::permission::Permission;
use super::Context;
use super::object::{Args, Object, Val, connection, leaf, list};
use super::refusal::refusal;

/// Where GitHub looks for these files.
const FOLDERS: [&str; 3] = [".github/", "", "docs/"];

/// A field of a repository.
pub(super) fn field<'m>(context: Context<'m>, of: &'m Repository, field: &str, args: &Args) -> Val<'m> {
    match field {
        "isSecurityPolicyEnabled" => leaf(has_policy(context, of)),
        "codeowners" => codeowners(of),
        "deployKeys" => deploy_keys(context, of, args),
        "collaborators" => outside(context, of, args),
        "environments" => environments(context, of, args),
        other => Val::unknown("Repository", other),
    }
}

fn file(of: &Repository, name: &str) -> Option<(String, String)> {
    FOLDERS.iter().find_map(|folder| {
        let path = format!("{folder}{name}");
        let text = of.text(&of.default_branch, &path)?;
        Some((path, text))
    })
}

/// The organisation's repository `.github` has the policy of those that have none.
fn has_policy(context: Context<'_>, of: &Repository) -> bool {
    let of_all = context.model.find(&format!("{}/.github", of.owner));
    [Some(of), of_all]
        .into_iter()
        .flatten()
        .any(|of| file(of, "SECURITY.md").is_some())
}

fn codeowners(of: &Repository) -> Val<'_> {
    let Some((path, text)) = file(of, "CODEOWNERS") else {
        return Val::Null;
    };
    let may_write = |login: &str| {
        let own = of.owner.eq_ignore_ascii_case(login) || login.contains('/');
        let mut people = of.people.iter().chain(&of.security.outside);
        own || people.any(|(each, may)| each.eq_ignore_ascii_case(login) && *may >= Permission::Write)
    };
    let mut errors: Vec<Value> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let said = line.split('#').next().unwrap_or_default();
        for owner in said
            .split_whitespace()
            .skip(1)
            .filter_map(|word| word.strip_prefix('@'))
        {
            if !may_write(owner) {
                errors.push(json!({
                    "path": path, "line": number, "column": 1, "kind": "Unknown owner", "source": line,
                    "message": format!("Unknown owner on line {number}: make sure @{owner} exists and has write access"),
                    "suggestion": format!("make sure @{owner} exists and has write access to the repository"),
                }));
            }
        }
    }
    Val::Object(Object::new("RepositoryCodeowners", move |field, _| match field {
        "errors" => list(errors.clone(), |error| {
            Val::Object(Object::new("RepositoryCodeownersError", move |field, _| {
                leaf(error[field].clone())
            }))
        }),
        other => Val::unknown("RepositoryCodeowners", other),
    }))
}

fn deploy_keys<'m>(context: Context<'m>, of: &'m Repository, args: &Args) -> Val<'m> {
    if !context.access.has("administration", false) {
        return Val::Refused(refusal(context.access));
    }
    // Those who may not administer are told of none.
    let shown = context.access.permission(of) == Permission::Admin;
    let keys = of.security.deploy_keys.iter().filter(|_| shown).collect();
    connection(context, "DeployKeyConnection", keys, args, |(title, read_only)| {
        Val::Object(Object::new("DeployKey", move |field, _| match field {
            "title" => leaf(title.as_str()),
            "readOnly" => leaf(*read_only),
            "enabled" | "verified" => leaf(true),
            other => Val::unknown("DeployKey", other),
        }))
    })
}

fn outside<'m>(context: Context<'m>, of: &'m Repository, args: &Args) -> Val<'m> {
    if context.access.permission(of) < Permission::Write {
        return Val::Refused(refusal(context.access));
    }
    let people: Vec<_> = of.security.outside.iter().collect();
    let size = args.number("first").unwrap_or_default();
    let more = people.len() > size;
    context.lists.set(context.lists.get() + 1);
    Val::Object(Object::new(
        "RepositoryCollaboratorConnection",
        move |field, _| match field {
            "totalCount" => leaf(people.len()),
            "pageInfo" => Val::Object(Object::new("PageInfo", move |field, _| match field {
                "hasNextPage" => leaf(more),
                other => Val::unknown("PageInfo", other),
            })),
            "edges" => list(people.iter().take(size).copied().collect(), |(login, permission)| {
                Val::Object(Object::new("RepositoryCollaboratorEdge", move |field, _| match field {
                    "permission" => permission.name().map_or(Val::Null, leaf),
                    "node" => Val::Object(Object::new("User", move |field, _| match field {
                        "login" => leaf(login.as_str()),
                        other => Val::unknown("User", other),
                    })),
                    other => Val::unknown("RepositoryCollaboratorEdge", other),
                }))
            }),
            other => Val::unknown("RepositoryCollaboratorConnection", other),
        },
    ))
}

fn environments<'m>(context: Context<'m>, of: &'m Repository, args: &Args) -> Val<'m> {
    if !context.access.may(of, Permission::Read, "actions", false) {
        return Val::Refused(refusal(context.access));
    }
    let all: Vec<_> = of.security.environments.iter().collect();
    connection(context, "EnvironmentConnection", all, args, move |(name, rules)| {
        Val::Object(Object::new("Environment", move |field, args| match field {
            "name" => leaf(name.as_str()),
            "protectionRules" => {
                let rules: Vec<_> = rules.iter().collect();
                connection(context, "DeploymentProtectionRuleConnection", rules, args, |kind| {
                    Val::Object(Object::new("DeploymentProtectionRule", move |field, _| match field {
                        "type" => leaf(kind.to_uppercase()),
                        other => Val::unknown("DeploymentProtectionRule", other),
                    }))
                })
            }
            other => Val::unknown("Environment", other),
        }))
    })
}
