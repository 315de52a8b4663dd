//! The REST API over the model.

mod actions;
mod app;
mod environments;
mod git;
mod issues;
mod people;
mod permissions;
mod protection;
mod repos;
mod rules;
mod security;
mod settings;

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value, json};
use url::form_urlencoded;

pub(super) use self::app::as_app;
use super::access::Access;
use super::answer::Answer;
use super::model::{Model, Repository};
use super::permission::Permission;

/// A request.
pub(super) struct Ask<'a> {
    model: &'a mut Model,
    access: &'a Access,
    /// Where the fake is.
    url: &'a str,
    method: &'a str,
    /// The repository's full name, for what is in one.
    name: String,
    parameters: BTreeMap<String, String>,
    body: &'a Value,
}

impl Ask<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    fn repository(&self) -> &Repository {
        self.model.get(&self.name)
    }

    /// A page of a list.
    fn page<T>(&self, all: Vec<T>) -> Vec<T> {
        let number = |name: &str, usual: usize| {
            let given = self.parameter(name).and_then(|text| text.parse().ok());
            given.unwrap_or(usual).max(1)
        };
        let size = number("per_page", 30).min(100);
        all.into_iter()
            .skip((number("page", 1) - 1) * size)
            .take(size)
            .collect()
    }

    /// The refusal, if the token may not do this.
    fn barred(&self, least: Permission, grant: &str) -> Option<Answer> {
        let write = self.method != "GET";
        if self.access.may(self.repository(), least, grant, write) {
            return None;
        }
        Some(match self.access.inaccessible() {
            "Not Found" => Answer::refused(404, "Not Found"),
            words => Answer::refused(403, words),
        })
    }
}

/// A segment of a path, read back from its escaped form.
fn unescaped(segment: &str) -> String {
    // In a path a plus is a plus.
    let pair = format!("={}", segment.replace('+', "%2B"));
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The answer to a request.
pub(super) fn answer(
    model: &mut Model,
    access: &Access,
    url: &str,
    method: &Method,
    path: &str,
    query: &str,
    body: &Value,
) -> Answer {
    let segments: Vec<String> = path.split('/').skip(1).map(unescaped).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let mut ask = Ask {
        model,
        access,
        url,
        method: method.as_str(),
        name: String::new(),
        parameters: parameters(query),
        body,
    };
    match segments.as_slice() {
        ["user"] => Answer::ok(json!({"login": access.login, "type": "User"})),
        ["rate_limit"] => Answer::ok(json!({"rate": {"limit": 5000, "remaining": 5000}})),
        ["user", number] => people::by_number(&ask, number),
        ["users", login] if ask.model.owner(login).is_none() => {
            people::by_login(&ask, login).unwrap_or_else(|| Answer::refused(404, "Not Found"))
        }
        ["orgs", login, "rulesets"] => rules::of_organization(&ask, login, None),
        ["orgs", login, "rulesets", id] => rules::of_organization(&ask, login, Some(id)),
        ["orgs" | "users", login] => repos::owner(&ask, login, segments[0] == "orgs"),
        ["orgs", login, "teams", rest @ ..] => settings::of_organization(&mut ask, login, rest),
        ["orgs", login, "repos"] => repos::of_organization(&ask, login),
        ["orgs", login, rest @ ..] => {
            let answer = security::of_organization(ask.model, access, login, rest);
            answer.unwrap_or_else(|| unserved(&ask, path))
        }
        ["repos", owner, name, rest @ ..] => {
            let full_name = format!("{owner}/{name}");
            let Some(found) = ask.model.find(&full_name).filter(|found| access.sees(found)) else {
                return Answer::refused(404, "Not Found");
            };
            let (id, now_called) = (found.id(), found.full_name());
            if !now_called.eq_ignore_ascii_case(&full_name) {
                let mut moved = Answer::refused(301, "Moved Permanently");
                let tail = [&["repositories", &id.to_string()], rest].concat().join("/");
                moved.headers.push(("location", format!("{url}/{tail}")));
                return moved;
            }
            if (found.archived || found.disabled) && method != Method::GET {
                return Answer::refused(403, "Repository was archived so is read-only.");
            }
            ask.name = now_called;
            in_repository(&mut ask, rest)
        }
        _ => unserved(&ask, path),
    }
}

fn unserved(ask: &Ask<'_>, path: &str) -> Answer {
    Answer::refused(404, &format!("the fake GitHub does not serve {} {path}", ask.method))
}

fn in_repository(ask: &mut Ask<'_>, rest: &[&str]) -> Answer {
    match (ask.method, rest) {
        ("GET", []) => Answer::ok(repos::shown(ask.model, ask.access, ask.repository())),
        (_, ["branches", branch]) => protection::branch(ask, branch),
        (_, ["branches", branch, "protection"]) => protection::classic(ask, branch),
        (_, ["rulesets"]) => rules::rulesets(ask),
        (_, ["rulesets", id]) => rules::ruleset(ask, id),
        ("GET", ["rules", "branches", branch]) => rules::in_force(ask, branch),
        ("GET", ["collaborators"]) => people::collaborators(ask),
        ("GET", ["collaborators", login]) => people::collaborator(ask, login, false),
        ("GET", ["collaborators", login, "permission"]) => people::collaborator(ask, login, true),
        ("GET", ["branches"]) => protection::branches(ask),
        (_, ["vulnerability-alerts"]) => repos::alerts(ask),
        (_, ["automated-security-fixes"]) => repos::security_updates(ask),
        ("PATCH", []) if ask.body.get("security_and_analysis").is_some() => repos::change(ask),
        ("GET" | "PUT", ["actions", "permissions"]) => security::actions(ask),
        ("GET" | "PUT", ["actions", "permissions", "workflow"]) => security::workflow_permissions(ask),
        ("GET", ["actions", "runs"]) if ask.parameter("event") == Some("dynamic") => security::dynamic_runs(ask),
        ("GET", ["hooks"]) => security::hooks(ask),
        (_, ["code-scanning", "default-setup"]) => security::default_setup(ask),
        ("GET", ["code-scanning", "analyses"]) => security::analyses(ask),
        ("GET", ["git", "trees", revision]) => git::tree(ask, revision),
        ("GET", ["git", "blobs", id]) => git::blob(ask, id),
        ("GET", ["git", "commits", id]) => git::commit(ask, id, true),
        ("GET", ["commits", id]) => git::commit(ask, id, false),
        ("GET", ["git", "ref", "heads", branch @ ..]) => git::reference(ask, &branch.join("/")),
        ("POST", ["git", "refs"]) => git::make_reference(ask),
        (_, ["contents", path @ ..]) => git::contents(ask, &path.join("/")),
        (_, ["pulls"]) => git::pulls(ask),
        ("GET", ["actions", "workflows"]) => actions::workflows(ask),
        ("GET", ["actions", "workflows", id]) => actions::workflow(ask, id),
        ("GET", ["actions", "workflows", id, "runs"]) => actions::runs(ask, Some(id)),
        ("GET", ["actions", "runs"]) => actions::runs(ask, None),
        ("GET", ["actions", "runs", id]) => actions::run(ask, id, None),
        ("GET", ["actions", "runs", id, "attempts", attempt]) => actions::run(ask, id, Some(attempt)),
        ("GET", ["actions", "runs", id, "jobs"]) => actions::jobs(ask, id, None),
        ("GET", ["actions", "runs", id, "attempts", attempt, "jobs"]) => actions::jobs(ask, id, Some(attempt)),
        ("GET", ["actions", "secrets", "public-key"]) => actions::public_key(ask),
        ("PUT", ["actions", "secrets", name]) => actions::set_secret(ask, name),
        (_, ["issues"]) => issues::issues(ask),
        (_, ["issues", number]) => issues::issue(ask, number),
        ("POST", ["issues", number, "comments"]) => issues::comment(ask, number),
        _ => settings::answer(ask, rest).unwrap_or_else(|| unserved(ask, &rest.join("/"))),
    }
}
