//! A repository's options, topics, labels, and who was given it.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::ids;
use super::super::model::{Invitation, Label};
use super::super::permission::Permission;
use super::{Ask, environments, permissions, repos};

/// What of a repository is set here; nothing for the rest.
pub(super) fn answer(ask: &mut Ask<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (ask.method, rest) {
        ("PATCH", []) => options(ask),
        (_, ["topics"]) => topics(ask),
        ("GET" | "POST", ["labels"]) => labels(ask),
        ("PATCH" | "DELETE", ["labels", name]) => label(ask, name),
        ("GET", ["teams"]) => teams(ask),
        ("PUT" | "DELETE", ["collaborators", login]) => collaborator(ask, login),
        ("GET", ["invitations"]) => invitations(ask),
        ("PATCH" | "DELETE", ["invitations", id]) => invitation(ask, id),
        (_, ["environments", rest @ ..]) => environments::answer(ask, rest)?,
        ("GET" | "PUT", ["actions", "permissions", "selected-actions"]) => permissions::selected(ask),
        (_, ["actions", "variables", rest @ ..]) => permissions::variables(ask, rest)?,
        ("GET", ["actions", "secrets"]) => permissions::secrets(ask),
        ("DELETE", ["actions", "secrets", name]) => permissions::delete_secret(ask, name),
        _ => return None,
    })
}

fn options(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    for [title, message] in [
        ["merge_commit_title", "merge_commit_message"],
        ["squash_merge_commit_title", "squash_merge_commit_message"],
    ] {
        if ask.body.get(title).is_some() != ask.body.get(message).is_some() {
            return Answer::refused(422, &format!("{title} and {message} must be set together"));
        }
    }
    let body = ask.body.clone();
    let name = ask.name.clone();
    let methods = ["allow_merge_commit", "allow_squash_merge", "allow_rebase_merge"];
    let on = |method: &&str| {
        let said = body
            .get(*method)
            .or_else(|| ask.repository().settings.options.get(*method));
        said == Some(&json!(true))
    };
    if !methods.iter().any(on) {
        return Answer::refused(422, "At least one merge method must be enabled");
    }
    ask.model.edit(&name, |of| {
        for (key, value) in body.as_object().into_iter().flatten() {
            match key.as_str() {
                "description" => of.description = value.as_str().filter(|text| !text.is_empty()).map(str::to_owned),
                "has_issues" => of.issues_enabled = value == true,
                _ => drop(of.settings.options.insert(key.clone(), value.clone())),
            }
        }
    });
    Answer::ok(repos::shown(ask.model, ask.access, ask.repository()))
}

fn topics(ask: &mut Ask<'_>) -> Answer {
    if ask.method == "PUT" {
        if let Some(refused) = ask.barred(Permission::Admin, "administration") {
            return refused;
        }
        let names = ask.body["names"].as_array().into_iter().flatten();
        let names: Vec<String> = names.filter_map(Value::as_str).map(str::to_owned).collect();
        let name = ask.name.clone();
        ask.model.edit(&name, |of| of.settings.topics = names);
    }
    Answer::ok(json!({"names": ask.repository().settings.topics}))
}

fn shown_label(label: &Label) -> Value {
    json!({
        "id": label.id, "node_id": ids::node("LA", label.id), "name": label.name, "color": label.color,
        "description": label.description, "default": false,
    })
}

fn labels(ask: &mut Ask<'_>) -> Answer {
    if ask.method == "GET" {
        let all = ask.repository().labels().iter().map(shown_label).collect();
        return Answer::ok(ask.page(all).into());
    }
    if let Some(refused) = ask.barred(Permission::Write, "issues") {
        return refused;
    }
    let text = |key: &str| ask.text(key).map(str::to_owned);
    let (name, color, description) = (text("name").unwrap_or_default(), text("color"), text("description"));
    let taken = |label: &Label| label.name.eq_ignore_ascii_case(&name);
    if ask.repository().labels().iter().any(taken) {
        return Answer::refused(422, "Validation Failed");
    }
    let color = color.unwrap_or_else(|| "ededed".to_owned());
    let label = ask.model.make_label(&name, &color, description.as_deref());
    let shown = shown_label(&label);
    let full_name = ask.name.clone();
    ask.model.edit(&full_name, |of| of.labels.push(label));
    Answer::new(201, shown)
}

fn label(ask: &mut Ask<'_>, name: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Write, "issues") {
        return refused;
    }
    let is = |label: &Label| label.name.eq_ignore_ascii_case(name);
    if !ask.repository().labels().iter().any(is) {
        return Answer::refused(404, "Not Found");
    }
    let full_name = ask.name.clone();
    if ask.method == "DELETE" {
        ask.model.edit(&full_name, |of| of.labels.retain(|label| !is(label)));
        return Answer::none();
    }
    let body = ask.body.clone();
    let mut shown = Value::Null;
    ask.model.edit(&full_name, |of| {
        for label in of.labels.iter_mut().filter(|label| is(label)) {
            let text = |key: &str| body[key].as_str().map(str::to_owned);
            label.color = text("color").unwrap_or_else(|| label.color.clone());
            label.description = text("description").or_else(|| label.description.clone());
            shown = shown_label(label);
        }
    });
    Answer::ok(shown)
}

fn shown_team(id: u64, slug: &str) -> Value {
    json!({"id": id, "node_id": ids::node("T", id), "name": slug, "slug": slug})
}

fn teams(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let of = ask.repository();
    let known = ask
        .model
        .owner(&of.owner)
        .map(|owner| owner.teams.clone())
        .unwrap_or_default();
    let all = of.settings.teams.iter().map(|(slug, permission)| {
        let id = known.iter().find(|(_, each)| each == slug).map_or(0, |(id, _)| *id);
        let mut shown = shown_team(id, slug);
        shown["permission"] = json!(permission);
        shown
    });
    Answer::ok(ask.page(all.collect()).into())
}

/// `/orgs/{org}/teams`, one of them, and what it was given.
pub(super) fn of_organization(ask: &mut Ask<'_>, login: &str, rest: &[&str]) -> Answer {
    let Some(owner) = ask.model.owner(login).filter(|owner| owner.organization) else {
        return Answer::refused(404, "Not Found");
    };
    if !ask.access.has("members", false) {
        return Answer::refused(403, ask.access.inaccessible());
    }
    let teams = owner.teams.clone();
    match rest {
        [] => {
            let all = teams.iter().map(|(id, slug)| shown_team(*id, slug)).collect();
            Answer::ok(ask.page(all).into())
        }
        [slug, rest @ ..] => {
            let Some((id, slug)) = teams.iter().find(|(_, each)| each.eq_ignore_ascii_case(slug)) else {
                return Answer::refused(404, "Not Found");
            };
            match (ask.method, rest) {
                ("GET", []) => Answer::ok(shown_team(*id, slug)),
                ("PUT" | "DELETE", ["repos", owner, name]) => {
                    let full_name = format!("{owner}/{name}");
                    let found = ask.model.find(&full_name).filter(|found| ask.access.sees(found));
                    let Some(full_name) = found.map(super::Repository::full_name) else {
                        return Answer::refused(404, "Not Found");
                    };
                    ask.name.clone_from(&full_name);
                    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
                        return refused;
                    }
                    let permission = ask.text("permission").unwrap_or("push").to_owned();
                    let given = ask.method == "PUT";
                    ask.model.edit(&full_name, |of| {
                        if given {
                            of.settings.teams.insert(slug.clone(), permission);
                        } else {
                            of.settings.teams.remove(slug);
                        }
                    });
                    Answer::none()
                }
                _ => Answer::refused(404, "Not Found"),
            }
        }
    }
}

fn named(permission: &str) -> Permission {
    match permission {
        "pull" | "read" => Permission::Read,
        "triage" => Permission::Triage,
        "maintain" => Permission::Maintain,
        "admin" => Permission::Admin,
        _ => Permission::Write,
    }
}

fn shown_invitation(invitation: &Invitation) -> Value {
    json!({
        "id": invitation.id, "node_id": ids::node("RI", invitation.id), "permissions": invitation.permissions,
        "invitee": {"login": invitation.login}, "expired": false,
    })
}

/// Somebody who is here already is added at once, anybody else is invited.
fn collaborator(ask: &mut Ask<'_>, login: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let full_name = ask.name.clone();
    let key = ask
        .repository()
        .people
        .keys()
        .find(|each| each.eq_ignore_ascii_case(login))
        .cloned();
    if ask.method == "DELETE" {
        ask.model.edit(&full_name, |of| {
            of.people.retain(|each, _| Some(each) != key.as_ref());
        });
        return Answer::none();
    }
    let permission = ask.text("permission").unwrap_or("push").to_owned();
    if let Some(key) = key {
        ask.model.edit(&full_name, |of| {
            of.people.insert(key, named(&permission));
        });
        return Answer::none();
    }
    if !ask.model.knows(login) {
        return Answer::refused(404, "Not Found");
    }
    let permissions = match permission.as_str() {
        "pull" => "read",
        "push" => "write",
        other => other,
    };
    let invitation = Invitation {
        id: ask.model.id(),
        login: login.to_owned(),
        permissions: permissions.to_owned(),
    };
    let shown = shown_invitation(&invitation);
    ask.model
        .edit(&full_name, |of| of.settings.invitations.push(invitation));
    Answer::new(201, shown)
}

fn invitations(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let all = ask
        .repository()
        .settings
        .invitations
        .iter()
        .map(shown_invitation)
        .collect();
    Answer::ok(ask.page(all).into())
}

fn invitation(ask: &mut Ask<'_>, id: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let is = |invitation: &Invitation| Ok(invitation.id) == id.parse();
    let Some(found) = ask
        .repository()
        .settings
        .invitations
        .iter()
        .find(|each| is(each))
        .cloned()
    else {
        return Answer::refused(404, "Not Found");
    };
    let full_name = ask.name.clone();
    if ask.method == "DELETE" {
        ask.model
            .edit(&full_name, |of| of.settings.invitations.retain(|each| !is(each)));
        return Answer::none();
    }
    let permissions = ask.text("permissions").unwrap_or(&found.permissions).to_owned();
    let changed = Invitation { permissions, ..found };
    let shown = shown_invitation(&changed);
    ask.model.edit(&full_name, |of| {
        for each in of.settings.invitations.iter_mut().filter(|each| is(each)) {
            each.clone_from(&changed);
        }
    });
    Answer::ok(shown)
}
