//! Accounts by number, and who may do what in a repository.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::ids;
use super::super::model::Model;
use super::super::permission::Permission;
use super::Ask;

fn kind(login: &str) -> &'static str {
    if login.ends_with("[bot]") { "Bot" } else { "User" }
}

fn account(model: &Model, login: &str) -> Value {
    let id = model.account_id(login);
    json!({
        "login": login, "id": id, "node_id": ids::node("U", id), "type": kind(login),
        "html_url": format!("https://github.com/{login}"),
    })
}

/// `GET /user/{account_id}`.
pub(super) fn by_number(ask: &Ask<'_>, number: &str) -> Answer {
    let Ok(number) = number.parse() else {
        return Answer::refused(404, "Not Found");
    };
    let own = ask.model.account_id(&ask.access.login) == number;
    match ask
        .model
        .login_of(number)
        .or_else(|| own.then(|| ask.access.login.clone()))
    {
        Some(login) => Answer::ok(account(ask.model, &login)),
        None => Answer::refused(404, "Not Found"),
    }
}

/// `GET /users/{username}` of a person who owns nothing here; nothing for the others.
pub(super) fn by_login(ask: &Ask<'_>, login: &str) -> Option<Answer> {
    let known = ask.model.knows(login) || ask.access.login.eq_ignore_ascii_case(login);
    known.then(|| Answer::ok(account(ask.model, login)))
}

fn permissions(permission: Permission) -> Value {
    json!({
        "pull": permission >= Permission::Read, "triage": permission >= Permission::Triage,
        "push": permission >= Permission::Write, "maintain": permission >= Permission::Maintain,
        "admin": permission >= Permission::Admin,
    })
}

/// The role that goes by this name, as REST has it.
fn role(permission: Permission) -> &'static str {
    match permission {
        Permission::None => "none",
        Permission::Read => "read",
        Permission::Triage => "triage",
        Permission::Write => "write",
        Permission::Maintain => "maintain",
        Permission::Admin => "admin",
    }
}

fn barred(ask: &Ask<'_>) -> Option<Answer> {
    // Source: https://docs.github.com/en/rest/collaborators/collaborators#list-repository-collaborators.
    if ask.access.permission(ask.repository()) < Permission::Write {
        return Some(Answer::refused(
            403,
            "Must have push access to view repository collaborators.",
        ));
    }
    ask.barred(Permission::Write, "metadata")
}

/// `GET /repos/{owner}/{repo}/collaborators`.
pub(super) fn collaborators(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let least = match ask.parameter("permission") {
        Some("admin") => Permission::Admin,
        Some("maintain") => Permission::Maintain,
        Some("push") => Permission::Write,
        Some("triage") => Permission::Triage,
        _ => Permission::Read,
    };
    let people = ask
        .repository()
        .people
        .iter()
        .filter(|(_, permission)| **permission >= least);
    let listed = people.map(|(login, permission)| {
        let mut shown = account(ask.model, login);
        shown["permissions"] = permissions(*permission);
        shown["role_name"] = json!(role(*permission));
        shown
    });
    Answer::ok(ask.page(listed.collect()).into())
}

/// `GET /repos/{owner}/{repo}/collaborators/{username}` and `…/permission`.
pub(super) fn collaborator(ask: &Ask<'_>, login: &str, permission: bool) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let of = ask.repository();
    if !permission {
        let named = of.people.keys().any(|each| each.eq_ignore_ascii_case(login));
        return if named {
            Answer::none()
        } else {
            Answer::refused(404, "Not Found")
        };
    }
    let known = ask.model.knows(login) || ask.access.login.eq_ignore_ascii_case(login);
    if !known {
        return Answer::refused(404, "Not Found");
    }
    let found = ask.model.permission_of(&ask.name, login);
    // The older word knows no roles between.
    let older = match found {
        Permission::None => "none",
        Permission::Read | Permission::Triage => "read",
        Permission::Write | Permission::Maintain => "write",
        Permission::Admin => "admin",
    };
    let mut user = account(ask.model, login);
    user["permissions"] = permissions(found);
    user["role_name"] = json!(role(found));
    Answer::ok(json!({"permission": older, "role_name": role(found), "user": user}))
}
