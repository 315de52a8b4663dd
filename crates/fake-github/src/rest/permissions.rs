//! What Actions may do, and their variables and secrets.

use serde_json::{Value, json};

use super::super::access::Permission;
use super::super::answer::Answer;
use super::super::model::{ActionsSettings, written};
use super::Ask;

/// `/repos/{owner}/{repo}/actions/permissions` and below.
pub(super) fn answer(ask: &mut Ask<'_>, rest: &[&str]) -> Option<Answer> {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return Some(refused);
    }
    let of = ask.repository().settings.actions.clone();
    if ask.method == "GET" {
        return Some(match rest {
            [] if of.enabled => Answer::ok(json!({
                "enabled": true, "allowed_actions": of.allowed, "sha_pinning_required": of.sha_pinning,
            })),
            [] => Answer::ok(json!({"enabled": false})),
            ["selected-actions"] if of.allowed == "selected" => Answer::ok(json!({
                "github_owned_allowed": of.github_owned, "verified_allowed": of.verified,
                "patterns_allowed": of.patterns,
            })),
            ["selected-actions"] => Answer::refused(409, "Conflict"),
            ["workflow"] => Answer::ok(json!({
                "default_workflow_permissions": of.default_permissions,
                "can_approve_pull_request_reviews": of.may_approve,
            })),
            _ => return None,
        });
    }
    let flag = |key: &str, usual: bool| ask.body[key].as_bool().unwrap_or(usual);
    let text = |key: &str, usual: &str| ask.text(key).unwrap_or(usual).to_owned();
    let changed = match rest {
        [] => ActionsSettings {
            enabled: flag("enabled", true),
            allowed: text("allowed_actions", "all"),
            sha_pinning: flag("sha_pinning_required", false),
            ..of
        },
        ["selected-actions"] if of.allowed != "selected" => return Some(Answer::refused(409, "Conflict")),
        ["selected-actions"] => ActionsSettings {
            github_owned: flag("github_owned_allowed", false),
            verified: flag("verified_allowed", false),
            patterns: ask.body["patterns_allowed"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            ..of
        },
        ["workflow"] => ActionsSettings {
            default_permissions: text("default_workflow_permissions", "read"),
            may_approve: flag("can_approve_pull_request_reviews", false),
            ..of
        },
        _ => return None,
    };
    let name = ask.name.clone();
    ask.model.edit(&name, |of| of.settings.actions = changed);
    Some(Answer::none())
}

/// `/repos/{owner}/{repo}/actions/variables` and below.
pub(super) fn variables(ask: &mut Ask<'_>, rest: &[&str]) -> Option<Answer> {
    if let Some(refused) = ask.barred(Permission::Write, "variables") {
        return Some(refused);
    }
    let full_name = ask.name.clone();
    let mut all = ask.repository().settings.variables.clone();
    let time = written(ask.repository().created);
    let shown = |name: &str, value: &str| json!({"name": name, "value": value, "created_at": time, "updated_at": time});
    let answer = match (ask.method, rest) {
        ("GET", []) => {
            let listed: Vec<Value> = all.iter().map(|(name, value)| shown(name, value)).collect();
            let total = listed.len();
            return Some(Answer::ok(json!({"total_count": total, "variables": ask.page(listed)})));
        }
        ("POST", []) => {
            let name = ask.text("name").unwrap_or_default().to_uppercase();
            if all.contains_key(&name) {
                return Some(Answer::refused(409, "Variable already exists"));
            }
            all.insert(name, ask.text("value").unwrap_or_default().to_owned());
            Answer::new(201, json!({}))
        }
        (_, [name]) if !all.contains_key(*name) => return Some(Answer::refused(404, "Not Found")),
        ("GET", [name]) => return Some(Answer::ok(shown(name, &all[*name]))),
        ("PATCH", [name]) => {
            all.insert((*name).to_owned(), ask.text("value").unwrap_or_default().to_owned());
            Answer::none()
        }
        ("DELETE", [name]) => {
            all.remove(*name);
            Answer::none()
        }
        _ => return None,
    };
    ask.model.edit(&full_name, |of| of.settings.variables = all);
    Some(answer)
}

/// `GET /repos/{owner}/{repo}/actions/secrets`.
pub(super) fn secrets(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Write, "secrets") {
        return refused;
    }
    let of = ask.repository();
    let all: Vec<Value> = of
        .secrets
        .keys()
        .map(|name| {
            let time = written(of.settings.secret_times.get(name).copied().unwrap_or(of.created));
            json!({"name": name, "created_at": time, "updated_at": time})
        })
        .collect();
    let total = all.len();
    Answer::ok(json!({"total_count": total, "secrets": ask.page(all)}))
}

/// `DELETE /repos/{owner}/{repo}/actions/secrets/{secret_name}`.
pub(super) fn delete_secret(ask: &mut Ask<'_>, name: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "secrets") {
        return refused;
    }
    if ask.repository().secret(name).is_none() {
        return Answer::refused(404, "Not Found");
    }
    let full_name = ask.name.clone();
    ask.model.edit(&full_name, |of| drop(of.secrets.remove(name)));
    Answer::none()
}
