//! Trees, refs, files and pull requests.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::model::{Commit, Files, Issue, Repository, Tree, written};
use super::super::permission::Permission;
use super::Ask;

pub(super) fn tree(ask: &Ask<'_>, revision: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Read, "contents") {
        return refused;
    }
    let of = ask.repository();
    let head = || of.git.head(&of.default_branch);
    let named = match revision {
        "HEAD" => head(),
        // A branch with a slash comes escaped.
        revision => of.git.resolve(revision),
    };
    let place = named.map(|commit| (commit, String::new()));
    let Some((commit, folder)) = place.or_else(|| of.git.tree(revision)) else {
        return match head() {
            Some(_) => Answer::refused(404, "Not Found"),
            None => Answer::refused(409, "Git Repository is empty."),
        };
    };
    let sha = Tree::of(&commit.files, &folder).map_or_else(|| commit.tree.clone(), |tree| tree.oid);
    // Source: https://docs.github.com/en/rest/git/trees#get-a-tree.
    let most = of.tree_limit.unwrap_or(100_000);
    let mut found = Vec::new();
    listed(
        &commit.files,
        &folder,
        &folder,
        ask.parameter("recursive").is_some(),
        most,
        &mut found,
    );
    let truncated = found.len() > most;
    found.truncate(most);
    Answer::ok(json!({"sha": sha, "tree": found, "truncated": truncated}))
}

/// The entries of a folder, each before what is in it, up to one more than `most`.
fn listed(files: &Files, base: &str, folder: &str, deep: bool, most: usize, found: &mut Vec<Value>) {
    let entries = Tree::of(files, folder).map(|tree| tree.entries).unwrap_or_default();
    for entry in entries {
        if found.len() > most {
            return;
        }
        let path = entry
            .path
            .strip_prefix(base)
            .unwrap_or(&entry.path)
            .trim_start_matches('/');
        found.push(match &entry.blob {
            Some(blob) => json!({
                "path": path, "mode": "100644", "type": "blob", "sha": entry.oid, "size": blob.bytes.len(),
            }),
            None => json!({"path": path, "mode": "040000", "type": "tree", "sha": entry.oid}),
        });
        if deep && entry.blob.is_none() {
            listed(files, base, &entry.path, deep, most, found);
        }
    }
}

pub(super) fn blob(ask: &Ask<'_>, id: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Read, "contents") {
        return refused;
    }
    match ask.repository().git.blob(id) {
        Some(blob) => Answer::ok(json!({
            "sha": blob.oid, "size": blob.bytes.len(), "encoding": "base64",
            "content": BASE64_STANDARD.encode(&blob.bytes),
        })),
        None => Answer::refused(404, "Not Found"),
    }
}

/// A commit, as `git/commits` and `commits` show it: what both have.
pub(super) fn commit(ask: &Ask<'_>, id: &str, of_git: bool) -> Answer {
    if let Some(refused) = ask.barred(Permission::Read, "contents") {
        return refused;
    }
    let of = ask.repository();
    let id = if id == "HEAD" { &of.default_branch } else { id };
    let Some(commit) = of.git.resolve(id) else {
        return Answer::refused(422, &format!("No commit found for SHA: {id}"));
    };
    let (tree, when) = (json!({"sha": commit.tree}), json!({"date": written(commit.at)}));
    Answer::ok(if of_git {
        json!({"sha": commit.oid, "tree": tree, "committer": when})
    } else {
        json!({"sha": commit.oid, "commit": {"tree": tree, "committer": when}})
    })
}

pub(super) fn reference(ask: &Ask<'_>, branch: &str) -> Answer {
    match ask.repository().git.head(branch) {
        Some(head) => Answer::ok(shown(branch, &head.oid)),
        None => Answer::refused(404, "Not Found"),
    }
}

fn shown(branch: &str, oid: &str) -> Value {
    json!({"ref": format!("refs/heads/{branch}"), "object": {"type": "commit", "sha": oid}})
}

pub(super) fn make_reference(ask: &mut Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Write, "contents") {
        return refused;
    }
    let branch = ask.text("ref").and_then(|name| name.strip_prefix("refs/heads/"));
    let (Some(branch), Some(oid)) = (branch.map(str::to_owned), ask.text("sha")) else {
        return Answer::refused(422, "Reference name must be fully qualified");
    };
    let of = ask.repository();
    if of.git.head(&branch).is_some() {
        return Answer::refused(422, "Reference already exists");
    }
    let Some(commit) = of.git.commit(oid).cloned() else {
        return Answer::refused(422, "Object does not exist");
    };
    let (name, oid) = (ask.name.clone(), commit.oid.clone());
    ask.model.edit(&name, |of| of.git.add(&branch, commit));
    Answer::new(201, shown(&branch, &oid))
}

pub(super) fn contents(ask: &mut Ask<'_>, path: &str) -> Answer {
    let write = ask.method != "GET";
    let least = if write { Permission::Write } else { Permission::Read };
    if let Some(refused) = ask.barred(least, "contents") {
        return refused;
    }
    let of = ask.repository();
    let given = if write {
        ask.text("branch")
    } else {
        ask.parameter("ref")
    };
    let branch = given.unwrap_or(&of.default_branch).to_owned();
    let Some(head) = of.git.head(&branch) else {
        return Answer::refused(404, "Not Found");
    };
    let standing = head.files.get(path);
    if !write {
        return match standing {
            Some(blob) => Answer::ok(json!({
                "type": "file", "path": path, "sha": blob.oid, "encoding": "base64",
                "content": BASE64_STANDARD.encode(&blob.bytes),
            })),
            None => folder(head, path).unwrap_or_else(|| Answer::refused(404, "Not Found")),
        };
    }
    match (standing, ask.text("sha")) {
        (Some(blob), Some(sha)) if blob.oid != sha => {
            return Answer::refused(409, &format!("{path} does not match {sha}"));
        }
        (Some(_), None) => return Answer::refused(422, "Invalid request.\n\n\"sha\" wasn't supplied."),
        _ => {}
    }
    let Some(text) = ask.text("content").and_then(|text| BASE64_STANDARD.decode(text).ok()) else {
        return Answer::refused(422, "content is not valid Base64");
    };
    let text = String::from_utf8(text).expect("tests write text");
    let name = ask.name.clone();
    ask.model.commit(&name, &branch, path, &text);
    Answer::new(201, json!({"content": {"path": path}}))
}

/// What `contents` shows of a folder.
fn folder(head: &Commit, path: &str) -> Option<Answer> {
    let tree = Tree::of(&head.files, path.trim_matches('/'))?;
    let entries = tree.entries.iter().map(|entry| {
        let (kind, size) = match &entry.blob {
            Some(blob) => ("file", blob.bytes.len()),
            None => ("dir", 0),
        };
        json!({"type": kind, "size": size, "name": entry.name, "path": entry.path, "sha": entry.oid})
    });
    Some(Answer::ok(entries.collect()))
}

pub(super) fn pulls(ask: &mut Ask<'_>) -> Answer {
    let least = if ask.method == "GET" {
        Permission::Read
    } else {
        Permission::Write
    };
    if let Some(refused) = ask.barred(least, "pull_requests") {
        return refused;
    }
    if ask.method == "GET" {
        let head = ask
            .parameter("head")
            .and_then(|head| head.split_once(':'))
            .map(|(_, head)| head.to_owned());
        let all = ask.parameter("state") == Some("all");
        let of = ask.repository();
        let pulls = of.pulls().into_iter().filter(|pull| {
            let from = pull.pull.as_ref().map(|pull| &pull.head);
            (all || pull.open) && head.as_ref().is_none_or(|head| from == Some(head))
        });
        return Answer::ok(pulls.map(|pull| shown_pull(of, pull)).collect());
    }
    let (Some(head), Some(base), Some(title)) = (ask.text("head"), ask.text("base"), ask.text("title")) else {
        return Answer::refused(422, "Validation Failed");
    };
    if ask.repository().git.head(head).is_none() {
        return Answer::refused(422, "Validation Failed");
    }
    let (name, login) = (ask.name.clone(), ask.access.login.clone());
    let (head, base, title) = (head.to_owned(), base.to_owned(), title.to_owned());
    let body = ask.text("body").map(str::to_owned);
    let number = ask.model.pull(&name, &login, &head, &base, &title);
    ask.model.edit_issue(&name, number, |pull| pull.body = body);
    let of = ask.repository();
    let pull = of.issue(number).expect("it was just made");
    Answer::new(201, shown_pull(of, pull))
}

fn shown_pull(of: &Repository, pull: &Issue) -> Value {
    json!({
        "number": pull.number, "title": pull.title, "state": if pull.open { "open" } else { "closed" },
        "html_url": format!("https://github.com/{}/pull/{}", of.full_name(), pull.number),
    })
}
