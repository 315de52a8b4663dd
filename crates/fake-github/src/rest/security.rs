//! Actions permissions, webhooks, secret and code scanning, and Dependabot's own runs.

use serde_json::{Value, json};

use super::super::access::Access;
use super::super::answer::Answer;
use super::super::model::{Hook, Model, OrganizationSecurity, Repository, Visibility, written};
use super::super::permission::Permission;
use super::Ask;

fn status(on: bool) -> Value {
    json!({"status": if on { "enabled" } else { "disabled" }})
}

/// What those who administer a repository are shown of it.
pub(super) fn settings(of: &Repository) -> Value {
    let security = &of.security;
    let mut shown = json!({
        "dependabot_security_updates": status(of.security_fixes),
        "secret_scanning": status(is_scanned(of)),
        "secret_scanning_push_protection": status(is_scanned(of) && security.push_protection),
    });
    // Public repositories have it always, and GitHub does not say so.
    if of.visibility != Visibility::Public {
        shown["advanced_security"] = status(security.advanced_security);
    }
    shown
}

fn is_scanned(of: &Repository) -> bool {
    let available = of.visibility == Visibility::Public || of.security.advanced_security;
    available && of.security.secret_scanning
}

/// `actions/permissions` of a repository.
pub(super) fn actions(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    if ask.method == "GET" {
        let security = &ask.repository().security;
        return Answer::ok(json!({
            "enabled": security.actions_enabled, "allowed_actions": security.allowed_actions,
            "sha_pinning_required": security.sha_pinning_required,
        }));
    }
    let (name, body) = (ask.name.clone(), ask.body.clone());
    ask.model.edit(&name, |of| {
        let security = &mut of.security;
        security.actions_enabled = body["enabled"].as_bool().unwrap_or(security.actions_enabled);
        if let Some(allowed) = body["allowed_actions"].as_str() {
            allowed.clone_into(&mut security.allowed_actions);
        }
        let pinning = body["sha_pinning_required"].as_bool();
        security.sha_pinning_required = pinning.unwrap_or(security.sha_pinning_required);
    });
    Answer::none()
}

/// `actions/permissions/workflow` of a repository.
pub(super) fn workflow_permissions(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    if ask.method == "GET" {
        let of = ask.repository();
        let above = ask.model.owner(&of.owner).map(|owner| &owner.security);
        let narrowed = above.is_some_and(|above| above.workflow_token == "read");
        let token = if narrowed { "read" } else { &of.security.workflow_token };
        return Answer::ok(json!({
            "default_workflow_permissions": token,
            "can_approve_pull_request_reviews": of.security.may_approve,
        }));
    }
    let (name, body) = (ask.name.clone(), ask.body.clone());
    ask.model.edit(&name, |of| {
        if let Some(token) = body["default_workflow_permissions"].as_str() {
            token.clone_into(&mut of.security.workflow_token);
        }
        if let Some(may) = body["can_approve_pull_request_reviews"].as_bool() {
            of.security.may_approve = may;
        }
    });
    Answer::none()
}

fn shown_hooks(hooks: &[Hook], organization: bool) -> Vec<Value> {
    let numbered = hooks.iter().zip(1..);
    numbered
        .map(|(hook, id)| {
            let mut config = json!({
                "url": hook.url, "content_type": "json", "insecure_ssl": if hook.insecure_ssl { "1" } else { "0" },
            });
            if hook.secret {
                config["secret"] = json!("********");
            }
            json!({
                "type": if organization { "Organization" } else { "Repository" },
                "id": id, "name": "web", "active": hook.active, "events": ["push"], "config": config,
            })
        })
        .collect()
}

/// `hooks` of a repository.
pub(super) fn hooks(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "repository_hooks") {
        return refused;
    }
    let shown = shown_hooks(&ask.repository().security.hooks, false);
    Answer::ok(Value::from(ask.page(shown)))
}

/// `code-scanning/default-setup` of a repository.
pub(super) fn default_setup(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    if ask.repository().visibility != Visibility::Public && !ask.repository().security.advanced_security {
        return Answer::refused(
            403,
            "Code Security must be enabled for this repository to use code scanning.",
        );
    }
    if ask.method != "GET" {
        let name = ask.name.clone();
        let on = ask.text("state") == Some("configured");
        ask.model.edit(&name, |of| of.security.code_scanning = on);
        return Answer::ok(json!({}));
    }
    let security = &ask.repository().security;
    Answer::ok(json!({
        "state": if security.code_scanning { "configured" } else { "not-configured" },
        "languages": security.languages,
    }))
}

/// `code-scanning/analyses` of a repository.
pub(super) fn analyses(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Write, "security_events") {
        return refused;
    }
    match &ask.repository().security.uploaded_by {
        Some(tool) => Answer::ok(json!([{"id": 1, "tool": {"name": tool}}])),
        None => Answer::refused(404, "no analysis found"),
    }
}

/// `actions/runs?event=dynamic`: what GitHub itself runs.
pub(super) fn dynamic_runs(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Read, "actions") {
        return refused;
    }
    let of = ask.repository();
    let full_name = of.full_name();
    let mut runs: Vec<_> = of.security.dependabot_runs.iter().zip(1..).collect();
    runs.sort_by_key(|(run, _)| std::cmp::Reverse(run.created));
    let shown = |(run, id): (&crate::model::DependabotRun, u64)| {
        json!({
            "id": id, "name": run.title, "display_title": run.title, "event": "dynamic", "status": "completed",
            "conclusion": run.conclusion, "path": "dynamic/dependabot/dependabot-updates",
            "html_url": format!("https://github.com/{full_name}/actions/runs/{id}"),
            "created_at": written(run.created), "updated_at": written(run.created),
        })
    };
    let total = runs.len();
    let page: Vec<Value> = ask.page(runs).into_iter().map(shown).collect();
    Answer::ok(json!({"total_count": total, "workflow_runs": page}))
}

/// What an organisation's owners are shown of it.
pub(super) fn organization_settings(security: &OrganizationSecurity) -> Value {
    json!({"two_factor_requirement_enabled": security.two_factor_required})
}

/// Whether whoever asks is an owner of the organisation, with this permission of it.
fn owns(access: &Access, grant: &str) -> bool {
    access.everywhere == Permission::Admin && access.has(grant, false)
}

/// What is asked of an organisation; nothing if it is something else.
pub(super) fn of_organization(model: &Model, access: &Access, login: &str, rest: &[&str]) -> Option<Answer> {
    let grant = match rest {
        ["hooks"] => "organization_hooks",
        ["actions", "permissions"] | ["actions", "permissions", "workflow"] => "organization_administration",
        _ => return None,
    };
    let Some(owner) = model.owner(login).filter(|owner| owner.organization) else {
        return Some(Answer::refused(404, "Not Found"));
    };
    if !owns(access, grant) {
        return Some(match access.inaccessible() {
            "Not Found" => Answer::refused(404, "Not Found"),
            words => Answer::refused(403, words),
        });
    }
    let security = &owner.security;
    Some(Answer::ok(match rest {
        ["hooks"] => Value::from(shown_hooks(&security.hooks, true)),
        ["actions", "permissions"] => json!({
            "enabled_repositories": "all", "allowed_actions": security.allowed_actions,
            "sha_pinning_required": security.sha_pinning_required,
        }),
        _ => json!({
            "default_workflow_permissions": security.workflow_token, "can_approve_pull_request_reviews": false,
        }),
    }))
}
