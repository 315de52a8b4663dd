//! Deployment environments and what may be deployed from.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::ids;
use super::super::model::{Branches, Environment, Model, Repository};
use super::super::permission::Permission;
use super::Ask;

/// `/repos/{owner}/{repo}/environments` and below.
pub(super) fn answer(ask: &mut Ask<'_>, rest: &[&str]) -> Option<Answer> {
    let (least, grant) = if ask.method == "GET" {
        (Permission::Read, "actions")
    } else {
        (Permission::Admin, "administration")
    };
    if let Some(refused) = ask.barred(least, grant) {
        return Some(refused);
    }
    Some(match (ask.method, rest) {
        ("GET", []) => list(ask),
        ("PUT", [name]) => put(ask, name),
        (_, [name, rest @ ..]) => {
            let found = ask.repository().settings.environments.iter();
            let Some(found) = found.clone().find(|each| each.name.eq_ignore_ascii_case(name)).cloned() else {
                return Some(Answer::refused(404, "Not Found"));
            };
            match (ask.method, rest) {
                ("GET", []) => Answer::ok(shown(ask.model, &found)),
                ("DELETE", []) => {
                    let full_name = ask.name.clone();
                    ask.model.edit(&full_name, |of| {
                        of.settings.environments.retain(|each| each.id != found.id);
                    });
                    Answer::none()
                }
                (_, ["deployment-branch-policies", rest @ ..]) => policies(ask, &found, rest)?,
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn list(ask: &Ask<'_>) -> Answer {
    let all: Vec<Value> = ask
        .repository()
        .settings
        .environments
        .iter()
        .map(|each| shown(ask.model, each))
        .collect();
    let total = all.len();
    Answer::ok(json!({"total_count": total, "environments": ask.page(all)}))
}

fn shown(model: &Model, of: &Environment) -> Value {
    let mut rules = Vec::new();
    if of.wait_timer > 0 {
        rules.push(json!({"id": 1, "node_id": "GA_1", "type": "wait_timer", "wait_timer": of.wait_timer}));
    }
    if !of.reviewers.is_empty() || of.prevent_self_review {
        let reviewers = of.reviewers.iter().map(|(kind, name)| {
            let key = if kind == "Team" { "slug" } else { "login" };
            json!({"type": kind, "reviewer": {key: name}})
        });
        rules.push(json!({
            "id": 2, "node_id": "GA_2", "type": "required_reviewers", "reviewers": reviewers.collect::<Vec<_>>(),
            "prevent_self_review": of.prevent_self_review,
        }));
    }
    let policy = match &of.branches {
        Branches::Any => Value::Null,
        branches => {
            let custom = *branches != Branches::Protected;
            rules.push(json!({"id": 3, "node_id": "GA_3", "type": "branch_policy"}));
            json!({"protected_branches": !custom, "custom_branch_policies": custom})
        }
    };
    let now = super::super::model::written(model.seconds());
    json!({
        "id": of.id, "node_id": ids::node("EN", of.id), "name": of.name, "protection_rules": rules,
        "deployment_branch_policy": policy, "created_at": now, "updated_at": now,
    })
}

/// What is sent replaces what stood.
fn put(ask: &mut Ask<'_>, name: &str) -> Answer {
    let full_name = ask.name.clone();
    let mut reviewers = Vec::new();
    for reviewer in ask.body["reviewers"].as_array().into_iter().flatten() {
        let (kind, id) = (reviewer["type"].as_str().unwrap_or_default(), reviewer["id"].as_u64());
        let id = id.unwrap_or_default();
        let owner = ask.model.owner(&ask.repository().owner);
        let found = if kind == "Team" {
            let teams = owner.map(|owner| owner.teams.as_slice()).unwrap_or_default();
            teams.iter().find(|(each, _)| *each == id).map(|(_, slug)| slug.clone())
        } else {
            ask.model.login_of(id)
        };
        let Some(found) = found else {
            return Answer::refused(422, "Validation Failed");
        };
        reviewers.push((kind.to_owned(), found));
    }
    let standing = ask.repository().settings.environments.iter();
    let standing = standing
        .clone()
        .find(|each| each.name.eq_ignore_ascii_case(name))
        .cloned();
    let is_new = standing.is_none();
    let mut environment = standing.unwrap_or_else(|| Environment::new(name));
    if is_new {
        environment.id = ask.model.id();
    }
    environment.wait_timer = ask.body["wait_timer"].as_u64().unwrap_or_default();
    environment.prevent_self_review = ask.body["prevent_self_review"] == true;
    environment.reviewers = reviewers;
    let policy = &ask.body["deployment_branch_policy"];
    environment.branches = match (
        policy["protected_branches"] == true,
        policy["custom_branch_policies"] == true,
    ) {
        (true, true) | (false, false) if policy.is_object() => {
            return Answer::refused(
                422,
                "protected_branches and custom_branch_policies cannot have the same value",
            );
        }
        (true, _) => Branches::Protected,
        (_, true) => match environment.branches {
            patterns @ Branches::Patterns(_) => patterns,
            _ => Branches::Patterns(Vec::new()),
        },
        _ => Branches::Any,
    };
    let shown = shown(ask.model, &environment);
    ask.model.edit(&full_name, |of: &mut Repository| {
        of.settings.environments.retain(|each| each.id != environment.id);
        of.settings.environments.push(environment);
    });
    Answer::ok(shown)
}

fn policies(ask: &mut Ask<'_>, of: &Environment, rest: &[&str]) -> Option<Answer> {
    let Branches::Patterns(patterns) = &of.branches else {
        return Some(Answer::refused(404, "Not Found"));
    };
    let mut patterns = patterns.clone();
    let shown =
        |(id, name, kind): &(u64, String, String)| json!({"id": id, "node_id": "DBP_1", "name": name, "type": kind});
    let answer = match (ask.method, rest) {
        ("GET", []) => {
            let all: Vec<Value> = patterns.iter().map(shown).collect();
            let total = all.len();
            return Some(Answer::ok(
                json!({"total_count": total, "branch_policies": ask.page(all)}),
            ));
        }
        ("POST", []) => {
            let text = |key: &str| ask.text(key).map(str::to_owned);
            let (name, kind) = (text("name").unwrap_or_default(), text("type"));
            let pattern = (ask.model.id(), name, kind.unwrap_or_else(|| "branch".to_owned()));
            let answer = Answer::ok(shown(&pattern));
            patterns.push(pattern);
            answer
        }
        ("DELETE", [id]) => {
            patterns.retain(|(each, ..)| Ok(*each) != id.parse());
            Answer::none()
        }
        _ => return None,
    };
    let (full_name, id) = (ask.name.clone(), of.id);
    ask.model.edit(&full_name, |of| {
        for each in of.settings.environments.iter_mut().filter(|each| each.id == id) {
            each.branches = Branches::Patterns(patterns.clone());
        }
    });
    Some(answer)
}
