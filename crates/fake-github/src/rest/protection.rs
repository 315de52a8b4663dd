//! Branches and classic protection.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::model::{Actors, Checks, Protection, Reviews};
use super::super::permission::Permission;
use super::Ask;

/// GitHub's words for a plan without protection.
pub(super) const UPGRADE: &str = "Upgrade to GitHub Pro or make this repository public to enable this feature.";

pub(super) fn branch(ask: &Ask<'_>, name: &str) -> Answer {
    let of = ask.repository();
    let Some(head) = of.git.head(name) else {
        return Answer::refused(404, "Branch not found");
    };
    let protected =
        ask.model.has_rulesets(of) && (of.protection(name).is_some() || !ask.model.rules_for(of, name).is_empty());
    Answer::ok(json!({"name": name, "commit": {"sha": head.oid}, "protected": protected}))
}

pub(super) fn branches(ask: &Ask<'_>) -> Answer {
    let of = ask.repository();
    let wanted = ask.parameter("protected").map(|text| text == "true");
    let all = of.branches().into_iter().map(|name| branch(ask, name).body);
    let all = all.filter(|each| wanted.is_none_or(|wanted| each["protected"] == wanted));
    Answer::ok(ask.page(all.collect()).into())
}

pub(super) fn classic(ask: &mut Ask<'_>, branch: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    if !ask.model.has_rulesets(ask.repository()) {
        return Answer::refused(403, UPGRADE);
    }
    let name = ask.name.clone();
    match ask.method {
        "GET" => match ask.repository().protection(branch) {
            Some(rule) => Answer::ok(shown(rule)),
            None => Answer::refused(404, "Branch not protected"),
        },
        "PUT" => {
            let required = [
                "required_status_checks",
                "enforce_admins",
                "required_pull_request_reviews",
                "restrictions",
            ];
            if let Some(missing) = required.iter().find(|key| ask.body.get(**key).is_none()) {
                let message = format!("Invalid request.\n\n\"{missing}\" wasn't supplied.");
                return Answer::refused(422, &message);
            }
            let rule = read(branch, ask.body);
            ask.model.protect(&name, rule);
            ask.repository()
                .protection(branch)
                .map_or_else(Answer::none, |rule| Answer::ok(shown(rule)))
        }
        _ => {
            ask.model.unprotect(&name, branch);
            Answer::none()
        }
    }
}

fn actors(body: &Value) -> Option<Actors> {
    let list = |key: &str| {
        let list = body[key].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    body.is_object().then(|| Actors {
        users: list("users"),
        teams: list("teams"),
        apps: list("apps"),
    })
}

/// What is written replaces what stood, every list of it.
fn read(branch: &str, body: &Value) -> Protection {
    let on = |key: &str| body[key] == true;
    let reviews = &body["required_pull_request_reviews"];
    let checks = &body["required_status_checks"];
    Protection {
        reviews: reviews.is_object().then(|| Reviews {
            count: reviews["required_approving_review_count"]
                .as_u64()
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or_default(),
            dismiss_stale: reviews["dismiss_stale_reviews"] == true,
            code_owners: reviews["require_code_owner_reviews"] == true,
            last_push: reviews["require_last_push_approval"] == true,
            dismissal: actors(&reviews["dismissal_restrictions"]),
            bypass: actors(&reviews["bypass_pull_request_allowances"]),
        }),
        checks: checks.is_object().then(|| Checks {
            strict: checks["strict"] == true,
            contexts: checks["checks"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|check| {
                    let app = check["app_id"].as_i64().filter(|app| *app != -1);
                    (check["context"].as_str().unwrap_or_default().to_owned(), app)
                })
                .collect(),
        }),
        enforce_admins: on("enforce_admins"),
        restrictions: actors(&body["restrictions"]),
        linear_history: on("required_linear_history"),
        allow_force_pushes: on("allow_force_pushes"),
        allow_deletions: on("allow_deletions"),
        block_creations: on("block_creations"),
        conversation_resolution: on("required_conversation_resolution"),
        lock_branch: on("lock_branch"),
        allow_fork_syncing: on("allow_fork_syncing"),
        ..Protection::of(branch)
    }
}

fn people(actors: &Actors) -> Value {
    let named = |names: &[String], key: &str| -> Value { names.iter().map(|name| json!({key: name})).collect() };
    json!({
        "users": named(&actors.users, "login"), "teams": named(&actors.teams, "slug"),
        "apps": named(&actors.apps, "slug"),
    })
}

fn shown(rule: &Protection) -> Value {
    let on = |enabled: bool| json!({"enabled": enabled});
    let mut shown = json!({
        "enforce_admins": on(rule.enforce_admins), "required_linear_history": on(rule.linear_history),
        "allow_force_pushes": on(rule.allow_force_pushes), "allow_deletions": on(rule.allow_deletions),
        "block_creations": on(rule.block_creations), "lock_branch": on(rule.lock_branch),
        "required_conversation_resolution": on(rule.conversation_resolution),
        "allow_fork_syncing": on(rule.allow_fork_syncing), "required_signatures": on(rule.signatures),
    });
    if let Some(reviews) = &rule.reviews {
        let mut of = json!({
            "required_approving_review_count": reviews.count, "dismiss_stale_reviews": reviews.dismiss_stale,
            "require_code_owner_reviews": reviews.code_owners, "require_last_push_approval": reviews.last_push,
        });
        if let Some(dismissal) = &reviews.dismissal {
            of["dismissal_restrictions"] = people(dismissal);
        }
        if let Some(bypass) = &reviews.bypass {
            of["bypass_pull_request_allowances"] = people(bypass);
        }
        shown["required_pull_request_reviews"] = of;
    }
    if let Some(checks) = &rule.checks {
        let list: Value = checks
            .contexts
            .iter()
            .map(|(context, app)| json!({"context": context, "app_id": app}))
            .collect();
        shown["required_status_checks"] = json!({"strict": checks.strict, "checks": list});
    }
    if let Some(restrictions) = &rule.restrictions {
        shown["restrictions"] = people(restrictions);
    }
    shown
}
