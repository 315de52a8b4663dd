//! Workflows, their runs, and issues.

use super::super::ids;
use super::super::model::{Issue, Repository, Run, Workflow, written};
use super::object::{Args, Object, Val, connection, leaf};
use super::{Context, people, repository};

pub(super) fn workflow<'m>(context: Context<'m>, of: &'m Repository, workflow: &'m Workflow) -> Object<'m> {
    Object::new("Workflow", move |field, args| match field {
        "id" => leaf(ids::node("W", workflow.id)),
        "databaseId" => leaf(workflow.id),
        "name" => leaf(workflow.name.as_str()),
        "state" => leaf(workflow.state.to_uppercase()),
        "runs" => {
            let mut runs: Vec<_> = of.runs.iter().filter(|run| run.workflow == workflow.id).collect();
            runs.reverse();
            connection(context, "WorkflowRunConnection", runs, args, move |each| {
                Val::Object(run(of, each))
            })
        }
        other => Val::unknown("Workflow", other),
    })
}

pub(super) fn run<'m>(of: &'m Repository, run: &'m Run) -> Object<'m> {
    Object::new("WorkflowRun", move |field, _| match field {
        "id" => leaf(ids::node("WFR", run.id)),
        "databaseId" => leaf(run.id),
        "event" => leaf(run.event.as_str()),
        "createdAt" => leaf(written(run.created)),
        "updatedAt" => leaf(written(run.updated)),
        "runNumber" => leaf(run.number),
        "url" => leaf(format!("https://github.com/{}/actions/runs/{}", of.full_name(), run.id)),
        "checkSuite" => Val::Object(Object::new("CheckSuite", move |field, _| match field {
            "status" => leaf(run.status.to_uppercase()),
            "conclusion" => run
                .conclusion
                .as_ref()
                .map_or(Val::Null, |text| leaf(text.to_uppercase())),
            // A fork's branch is no ref of this repository.
            "branch" if run.head_repository.as_ref() != Some(&of.full_name()) => Val::Null,
            "branch" => Val::Object(Object::new("Ref", move |field, _| match field {
                "name" => leaf(run.head_branch.as_str()),
                other => Val::unknown("Ref", other),
            })),
            other => Val::unknown("CheckSuite", other),
        })),
        other => Val::unknown("WorkflowRun", other),
    })
}

pub(super) fn issue<'m>(context: Context<'m>, of: &'m Repository, issue: &'m Issue) -> Object<'m> {
    Object::new("Issue", move |field, args| match field {
        "number" => leaf(issue.number),
        "title" => leaf(issue.title.as_str()),
        "body" => leaf(issue.body.as_deref().unwrap_or_default()),
        "repository" => Val::Object(repository::repository(context, of)),
        "viewerDidAuthor" => leaf(issue.author == context.access.login),
        "author" => Val::Object(people::actor(context, &issue.author)),
        "authorAssociation" => leaf(people::association(of, &issue.author)),
        "state" => leaf(if issue.open { "OPEN" } else { "CLOSED" }),
        "stateReason" => {
            let reason = issue.reason.as_deref();
            let shown = match reason {
                Some("duplicate") if args.get("enableDuplicate").is_none_or(|on| on == false) => Some("NOT_PLANNED"),
                Some("duplicate") => Some("DUPLICATE"),
                Some("not_planned") => Some("NOT_PLANNED"),
                Some("reopened") => Some("REOPENED"),
                Some(_) => Some("COMPLETED"),
                None => None,
            };
            shown.map_or(Val::Null, leaf)
        }
        "locked" => leaf(issue.locked),
        "createdAt" => leaf(written(issue.created)),
        "closedAt" => issue.closed.map_or(Val::Null, |at| leaf(written(at))),
        "comments" => {
            let comments: Vec<_> = issue.comments.iter().collect();
            connection(context, "IssueCommentConnection", comments, args, move |comment| {
                Val::Object(Object::new("IssueComment", move |field, _| match field {
                    "viewerDidAuthor" => leaf(comment.author == context.access.login),
                    "author" => Val::Object(people::actor(context, &comment.author)),
                    "body" => leaf(comment.body.as_str()),
                    other => Val::unknown("IssueComment", other),
                }))
            })
        }
        "timelineItems" => {
            let events: Vec<_> = issue.closed_by.iter().collect();
            connection(context, "IssueTimelineItemsConnection", events, args, move |by| {
                Val::Object(Object::new("ClosedEvent", move |field, _| match field {
                    "actor" => Val::Object(people::actor(context, by)),
                    other => Val::unknown("ClosedEvent", other),
                }))
            })
        }
        other => Val::unknown("Issue", other),
    })
}

/// A search for issues: `user:`, `org:`, `repo:`, `is:`, `in:body`, `author:` and quoted words.
pub(super) fn search<'m>(context: Context<'m>, args: &Args) -> Val<'m> {
    let text = args.text("query").to_owned();
    let mut parts = text.split('"');
    let terms: Vec<&str> = parts.next().unwrap_or_default().split_whitespace().collect();
    let words = parts.next().unwrap_or_default();
    let of = |name: &str| {
        terms
            .iter()
            .find_map(|term| term.strip_prefix(name))
            .map(str::to_lowercase)
    };
    let (owner, repo, author) = (of("user:").or_else(|| of("org:")), of("repo:"), of("author:"));
    let author = author.map(|author| match author.as_str() {
        "@me" => context.access.login.to_lowercase(),
        _ => author,
    });
    let (open, closed) = (terms.contains(&"is:open"), terms.contains(&"is:closed"));
    let newest = context.model.seconds() - context.lag;
    let found: Vec<_> = context
        .model
        .all()
        .filter(|each| context.access.sees(each))
        .filter(|each| owner.as_ref().is_none_or(|owner| each.owner.to_lowercase() == *owner))
        .filter(|each| {
            repo.as_ref()
                .is_none_or(|repo| each.full_name().to_lowercase() == *repo)
        })
        .flat_map(|each| each.issues().into_iter().map(move |issue| (each, issue)))
        .filter(|(_, issue)| !(open && !issue.open || closed && issue.open))
        .filter(|(_, issue)| {
            author
                .as_ref()
                .is_none_or(|author| issue.author.to_lowercase() == *author)
        })
        .filter(|(_, issue)| issue.body.as_deref().unwrap_or_default().contains(words))
        .filter(|(_, issue)| context.lag == 0 || issue.created <= newest)
        .collect();
    connection(
        context,
        "SearchResultItemConnection",
        found,
        args,
        move |(of, found)| Val::Object(issue(context, of, found)),
    )
}
