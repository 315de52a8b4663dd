//! Issues and comments.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::graphql::association;
use super::super::model::{Gone, Issue, Repository, written};
use super::super::permission::Permission;
use super::Ask;

/// GitHub's words where issues are switched off.
const DISABLED: &str = "Issues are disabled for this repo";

fn shown(of: &Repository, issue: &Issue) -> Value {
    json!({
        "id": issue.id, "number": issue.number, "title": issue.title, "body": issue.body,
        "state": if issue.open { "open" } else { "closed" }, "state_reason": issue.reason,
        "locked": issue.locked, "user": {"login": issue.author},
        "author_association": association(of, &issue.author),
        "labels": issue.labels.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "created_at": written(issue.created), "closed_at": issue.closed.map(written),
        "closed_by": issue.closed_by.as_ref().map(|login| json!({"login": login})),
        "html_url": format!("https://github.com/{}/issues/{}", of.full_name(), issue.number),
    })
}

pub(super) fn issues(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Read, "issues") {
        return refused;
    }
    if !ask.repository().issues_enabled {
        return Answer::refused(410, DISABLED);
    }
    if ask.method == "GET" {
        let of = ask.repository();
        let all = of.issues();
        return Answer::ok(ask.page(all).into_iter().map(|issue| shown(of, issue)).collect());
    }
    let (Some(title), body) = (ask.text("title"), ask.text("body")) else {
        return Answer::refused(422, "Validation Failed");
    };
    let (title, body) = (title.to_owned(), body.map(str::to_owned));
    let labels: Vec<String> = ask.body["labels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let (name, login) = (ask.name.clone(), ask.access.login.clone());
    let number = ask.model.issue(&name, &login, &title, |issue| {
        issue.body = body;
        issue.labels = labels;
    });
    let of = ask.repository();
    Answer::new(201, shown(of, of.issue(number).expect("it was just made")))
}

pub(super) fn issue(ask: &mut Ask<'_>, number: &str) -> Answer {
    let least = if ask.method == "GET" {
        Permission::Read
    } else {
        Permission::Triage
    };
    if let Some(refused) = ask.barred(least, "issues") {
        return refused;
    }
    let number: u64 = number.parse().unwrap_or_default();
    let of = ask.repository();
    if let Some(gone) = of
        .issues
        .iter()
        .find(|issue| issue.number == number)
        .and_then(|issue| issue.gone.clone())
    {
        return match gone {
            Gone::Deleted => Answer::refused(410, "This issue was deleted"),
            Gone::Transferred(id, there) => {
                let mut moved = Answer::refused(301, "Moved Permanently");
                let place = format!("{}/repositories/{id}/issues/{there}", ask.url);
                moved.headers.push(("location", place));
                moved
            }
        };
    }
    let Some(found) = of.issue(number) else {
        return Answer::refused(404, "Not Found");
    };
    if !of.issues_enabled {
        return Answer::refused(410, DISABLED);
    }
    if ask.method == "GET" {
        return Answer::ok(shown(of, found));
    }
    let now = ask.model.seconds();
    let (name, login) = (ask.name.clone(), ask.access.login.clone());
    let body = ask.body.clone();
    ask.model.edit_issue(&name, number, |issue| {
        if let Some(text) = body["body"].as_str() {
            issue.body = Some(text.to_owned());
        }
        if let Some(text) = body["title"].as_str() {
            text.clone_into(&mut issue.title);
        }
        if let Some(state) = body["state"].as_str() {
            issue.set_open(state == "open", body["state_reason"].as_str(), &login, now);
        }
    });
    let of = ask.repository();
    Answer::ok(shown(of, of.issue(number).expect("it is there")))
}

pub(super) fn comment(ask: &mut Ask<'_>, number: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Read, "issues") {
        return refused;
    }
    let number: u64 = number.parse().unwrap_or_default();
    let Some(found) = ask.repository().issue(number) else {
        return Answer::refused(404, "Not Found");
    };
    if found.locked && ask.access.permission(ask.repository()) < Permission::Write {
        return Answer::refused(403, "Unable to create comment because issue is locked.");
    }
    let (name, login) = (ask.name.clone(), ask.access.login.clone());
    let text = ask.text("body").unwrap_or_default().to_owned();
    let id = ask.model.comment(&name, number, &login, &text);
    Answer::new(201, json!({"id": id}))
}
