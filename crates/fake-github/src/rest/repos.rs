//! Owners, repositories and their switches.

use serde_json::{Value, json};

use super::super::access::Access;
use super::super::answer::Answer;
use super::super::ids;
use super::super::model::{Model, Plan, Repository, Visibility, written};
use super::super::permission::Permission;
use super::{Ask, security};

pub(super) fn owner(ask: &Ask<'_>, login: &str, organization: bool) -> Answer {
    let Some(owner) = ask
        .model
        .owner(login)
        .filter(|owner| owner.organization == organization || !organization)
    else {
        return Answer::refused(404, "Not Found");
    };
    let mut shown = json!({
        "login": owner.login, "id": owner.id, "type": if owner.organization { "Organization" } else { "User" },
    });
    // Only owners are told the plan.
    if ask.access.everywhere == Permission::Admin {
        let name = match owner.plan {
            Plan::Free => "free",
            Plan::Team => "team",
            Plan::Enterprise => "enterprise",
        };
        shown["plan"] = json!({"name": name});
        if let (true, Some(more)) = (
            organization && owner.organization && ask.access.has("organization_administration", false),
            shown.as_object_mut(),
        ) {
            let settings = security::organization_settings(&owner.security);
            more.extend(settings.as_object().cloned().unwrap_or_default());
        }
    }
    Answer::ok(shown)
}

pub(super) fn of_organization(ask: &Ask<'_>, login: &str) -> Answer {
    if !ask.model.owner(login).is_some_and(|owner| owner.organization) {
        return Answer::refused(404, "Not Found");
    }
    let mut all: Vec<&Repository> = ask
        .model
        .repositories(login)
        .into_iter()
        .filter(|each| ask.access.sees(each))
        .collect();
    all.sort_by_key(|each| each.full_name().to_lowercase());
    let page = ask.page(all);
    Answer::ok(
        page.into_iter()
            .map(|each| shown(ask.model, ask.access, each))
            .collect(),
    )
}

/// A repository, as REST shows it.
pub(super) fn shown(model: &Model, access: &Access, of: &Repository) -> Value {
    let full_name = of.full_name();
    let mut shown = json!({
        "id": of.id(), "node_id": ids::node("R", of.id()), "name": full_name.rsplit('/').next(),
        "full_name": full_name, "private": of.visibility != Visibility::Public,
        "visibility": of.visibility.name(), "default_branch": of.default_branch,
        "archived": of.archived, "disabled": of.disabled, "fork": of.fork_of.is_some(),
        "is_template": of.template, "has_issues": of.issues_enabled,
        "html_url": format!("https://github.com/{full_name}"),
        "owner": {"login": model.owner(&of.owner).map_or(&of.owner, |owner| &owner.login)},
        "created_at": written(of.created), "updated_at": written(of.updated),
        "pushed_at": of.pushed.map(written),
    });
    if access.may(of, Permission::Admin, "administration", false) {
        shown["security_and_analysis"] = security::settings(of);
    }
    shown
}

/// `PATCH /repos/{owner}/{repo}`, of which only its security is served here.
pub(super) fn change(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let wanted = ask.body["security_and_analysis"].clone();
    let on = |name: &str| wanted[name]["status"].as_str().map(|status| status == "enabled");
    let private = ask.repository().visibility != Visibility::Public;
    if private && !ask.repository().security.advanced_security && on("secret_scanning") == Some(true) {
        return Answer::refused(422, "Secret scanning is not available for this repository.");
    }
    let name = ask.name.clone();
    ask.model.edit(&name, |of| {
        if let Some(on) = on("secret_scanning") {
            of.security.secret_scanning = on;
        }
        if let Some(on) = on("secret_scanning_push_protection") {
            of.security.push_protection = on;
        }
    });
    Answer::ok(shown(ask.model, ask.access, ask.repository()))
}

pub(super) fn alerts(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let name = ask.name.clone();
    match ask.method {
        "GET" if ask.repository().vulnerability_alerts => Answer::none(),
        "GET" => Answer::refused(404, "Vulnerability alerts are disabled."),
        "PUT" => {
            ask.model.edit(&name, |of| of.vulnerability_alerts = true);
            Answer::none()
        }
        _ => {
            ask.model.edit(&name, |of| of.vulnerability_alerts = false);
            Answer::none()
        }
    }
}

pub(super) fn security_updates(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let name = ask.name.clone();
    match ask.method {
        // Source: https://docs.github.com/en/rest/repos/repos#check-if-dependabot-security-updates-are-enabled-for-a-repository.
        "GET" if !ask.repository().vulnerability_alerts => Answer::refused(404, "Not Found"),
        "GET" => {
            let of = ask.repository();
            Answer::ok(json!({"enabled": of.security_fixes, "paused": of.security_fixes_paused}))
        }
        "PUT" if !ask.repository().vulnerability_alerts => Answer::refused(
            422,
            "Vulnerability alerts must be enabled to configure automated security fixes.",
        ),
        method => {
            let on = method == "PUT";
            ask.model.edit(&name, |of| of.security_fixes = on);
            Answer::none()
        }
    }
}
