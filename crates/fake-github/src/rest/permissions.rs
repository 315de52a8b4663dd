//! Selected actions, and the variables and secrets of Actions.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::model::{SelectedActions, written};
use super::super::permission::Permission;
use super::Ask;

/// `/repos/{owner}/{repo}/actions/permissions/selected-actions`.
pub(super) fn selected(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    if ask.repository().security.allowed_actions != "selected" {
        return Answer::refused(409, "Conflict");
    }
    let of = &ask.repository().settings.actions;
    if ask.method == "GET" {
        return Answer::ok(json!({
            "github_owned_allowed": of.github_owned, "verified_allowed": of.verified,
            "patterns_allowed": of.patterns,
        }));
    }
    let patterns = ask.body["patterns_allowed"].as_array().into_iter().flatten();
    let changed = SelectedActions {
        github_owned: ask.body["github_owned_allowed"] == true,
        verified: ask.body["verified_allowed"] == true,
        patterns: patterns.filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    let name = ask.name.clone();
    ask.model.edit(&name, |of| of.settings.actions = changed);
    Answer::none()
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
