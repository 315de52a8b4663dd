//! Trees, files, commits and what was reported on them.

use std::collections::BTreeSet;

use super::super::model::{Blob, Commit, Issue, Repository, Tree, written};
use super::Context;
use super::object::{Object, Val, connection, leaf, list};

/// The id of the app that reports the jobs of workflows.
const ACTIONS: u64 = 15_368;

/// What an expression such as `HEAD:.github` or `main^{tree}` leads to.
pub(super) fn object<'m>(context: Context<'m>, of: &'m Repository, expression: &str) -> Val<'m> {
    let (revision, path) = match expression.split_once(':') {
        Some((revision, path)) => (revision, Some(path)),
        None => match expression.strip_suffix("^{tree}") {
            Some(revision) => (revision, Some("")),
            None => (expression, None),
        },
    };
    let found = match revision {
        "HEAD" => of.git.head(&of.default_branch),
        revision => of.git.resolve(revision),
    };
    match (found, path) {
        (Some(found), Some(path)) => at(of, found, path),
        (Some(found), None) => Val::Object(commit(context, of, &found.oid)),
        (None, _) => Val::Null,
    }
}

/// What has this id: a commit, a folder or a file.
pub(super) fn by_id<'m>(context: Context<'m>, of: &'m Repository, oid: &str) -> Val<'m> {
    if of.git.commit(oid).is_some() {
        return Val::Object(commit(context, of, oid));
    }
    if let Some((within, path)) = of.git.tree(oid) {
        return at(of, within, &path);
    }
    of.git.blob(oid).map_or(Val::Null, |blob| Val::Object(file(blob)))
}

fn file(blob: &Blob) -> Object<'_> {
    Object::new("Blob", move |field, _| match field {
        "oid" => leaf(blob.oid.as_str()),
        "isBinary" => leaf(blob.text().is_none()),
        "isTruncated" => leaf(blob.bytes.len() > 512_000),
        "byteSize" => leaf(blob.bytes.len()),
        "text" => blob.text().map_or(Val::Null, leaf),
        other => Val::unknown("Blob", other),
    })
}

/// What stands at a path of a commit.
fn at<'m>(of: &'m Repository, within: &'m Commit, path: &str) -> Val<'m> {
    if let Some(blob) = within.files.get(path) {
        return Val::Object(file(blob));
    }
    match Tree::of(&within.files, path) {
        Some(tree) => Val::Object(Object::new("Tree", move |field, _| match field {
            "oid" => leaf(tree.oid.as_str()),
            "entries" => entries(of, within, tree.clone()),
            other => Val::unknown("Tree", other),
        })),
        None => Val::Null,
    }
}

/// The entries of a tree; where each leads is read only if it is asked for.
fn entries<'m>(of: &'m Repository, commit: &'m Commit, tree: Tree) -> Val<'m> {
    list(tree.entries, move |entry| {
        Val::Object(Object::new("TreeEntry", move |field, _| match field {
            "name" => leaf(entry.name.as_str()),
            "path" => leaf(entry.path.as_str()),
            "oid" => leaf(entry.oid.as_str()),
            "type" => leaf(if entry.blob.is_some() { "blob" } else { "tree" }),
            "mode" => leaf(if entry.blob.is_some() { 0o100_644 } else { 0o40_000 }),
            "object" => at(of, commit, &entry.path),
            other => Val::unknown("TreeEntry", other),
        }))
    })
}

/// The checks that were reported on a commit: jobs of workflows, and what the repository is set to report.
fn reported(of: &Repository, oid: &str) -> BTreeSet<(String, Option<u64>)> {
    let runs = of.runs.iter().filter(|run| run.head_sha == oid);
    let jobs = runs.flat_map(|run| run.jobs.iter().map(|job| (job.name.clone(), Some(ACTIONS))));
    jobs.chain(of.reported.iter().cloned()).collect()
}

pub(super) fn commit<'m>(context: Context<'m>, of: &'m Repository, oid: &str) -> Object<'m> {
    let oid = oid.to_owned();
    Object::new("Commit", move |field, _| match field {
        "oid" => leaf(oid.as_str()),
        "committedDate" => of.git.commit(&oid).map_or(Val::Null, |commit| leaf(written(commit.at))),
        "tree" => of.git.commit(&oid).map_or(Val::Null, |commit| at(of, commit, "")),
        "statusCheckRollup" => {
            let reported = reported(of, &oid);
            if reported.is_empty() {
                return Val::Null;
            }
            let all: Vec<_> = reported.into_iter().collect();
            Val::Object(Object::new("StatusCheckRollup", move |field, args| match field {
                "contexts" => connection(
                    context,
                    "StatusCheckRollupContextConnection",
                    all.clone(),
                    args,
                    |(name, app)| Val::Object(check(name, app)),
                ),
                other => Val::unknown("StatusCheckRollup", other),
            }))
        }
        other => Val::unknown("Commit", other),
    })
}

fn check<'m>(name: String, app: Option<u64>) -> Object<'m> {
    let Some(app) = app else {
        return Object::new("StatusContext", move |field, _| match field {
            "context" => leaf(name.as_str()),
            other => Val::unknown("StatusContext", other),
        });
    };
    Object::new("CheckRun", move |field, _| match field {
        "name" => leaf(name.as_str()),
        "checkSuite" => Val::Object(Object::new("CheckSuite", move |field, _| match field {
            "app" => Val::Object(Object::new("App", move |field, _| match field {
                "databaseId" => leaf(app),
                other => Val::unknown("App", other),
            })),
            other => Val::unknown("CheckSuite", other),
        })),
        other => Val::unknown("CheckRun", other),
    })
}

pub(super) fn pull<'m>(context: Context<'m>, of: &'m Repository, pull: &'m Issue) -> Object<'m> {
    Object::new("PullRequest", move |field, args| match field {
        "number" => leaf(pull.number),
        "title" => leaf(pull.title.as_str()),
        "baseRefName" => leaf(pull.pull.as_ref().map_or("", |pull| pull.base.as_str())),
        "commits" => {
            let head = pull.pull.as_ref().and_then(|pull| of.git.head(&pull.head));
            let heads: Vec<_> = head.into_iter().collect();
            connection(context, "PullRequestCommitConnection", heads, args, move |head| {
                Val::Object(Object::new("PullRequestCommit", move |field, _| match field {
                    "commit" => Val::Object(commit(context, of, &head.oid)),
                    other => Val::unknown("PullRequestCommit", other),
                }))
            })
        }
        other => Val::unknown("PullRequest", other),
    })
}
