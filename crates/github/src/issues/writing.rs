//! Writing issues, and closing them: whoever does it again makes nothing twice.

use cc_devops_repos::issues::{CloseReason, IssueRef};
use serde::Deserialize;
use serde_json::json;

use super::Nodes;
use crate::client::{Ask, Client, Error, get, post};
use crate::queries;

#[derive(Debug, Deserialize)]
struct Created {
    number: u64,
}

fn place(repository: &str) -> Result<(&str, &str), Error> {
    repository.split_once('/').ok_or_else(|| Error::NotFound {
        what: format!("find {repository}"),
    })
}

pub(crate) async fn create(
    client: &Client,
    repository: &str,
    title: &str,
    body: &str,
    labels: &[String],
) -> Result<IssueRef, Error> {
    let (owner, name) = place(repository)?;
    let ask = Ask::new(
        post(&["repos", owner, name, "issues"]),
        format!("write an issue into {repository}"),
    );
    let ask = ask
        .body(json!({"title": title, "body": body, "labels": labels}))
        .content();
    let created: Created = client.json(&ask).await?;
    Ok(IssueRef {
        repository: repository.to_owned(),
        number: created.number,
    })
}

fn edit(issue: &IssueRef, what: &str) -> Result<Ask, Error> {
    let (owner, name) = place(&issue.repository)?;
    let path = get(&["repos", owner, name, "issues", &issue.number.to_string()]);
    Ok(Ask::new(path, format!("{what} the issue {}#{}", issue.repository, issue.number)).patch())
}

pub(crate) async fn update(client: &Client, issue: &IssueRef, body: &str) -> Result<(), Error> {
    client.done(&edit(issue, "write")?.body(json!({"body": body}))).await
}

pub(crate) async fn close(
    client: &Client,
    issue: &IssueRef,
    reason: CloseReason,
    comment: Option<&str>,
) -> Result<(), Error> {
    let (owner, name) = place(&issue.repository)?;
    if let Some(comment) = comment {
        match close_progress(client, issue, comment).await? {
            CloseProgress::Closed => return Ok(()),
            CloseProgress::Written => return set_closed(client, issue, reason).await,
            CloseProgress::Missing => {}
        }
        let ask = Ask::new(
            post(&["repos", owner, name, "issues", &issue.number.to_string(), "comments"]),
            format!("comment on the issue {}#{}", issue.repository, issue.number),
        );
        client.done(&ask.body(json!({"body": comment})).content()).await?;
    }
    set_closed(client, issue, reason).await
}

async fn set_closed(client: &Client, issue: &IssueRef, reason: CloseReason) -> Result<(), Error> {
    let body = json!({"state": "closed", "state_reason": reason});
    client.done(&edit(issue, "close")?.body(body)).await
}

/// How far closing an issue has come: whoever closes it may do so again, because an answer was lost or the second of
/// both steps failed.
enum CloseProgress {
    /// It is closed, by whomever.
    Closed,
    /// It is open, and the comment is there.
    Written,
    /// It is open, and the comment is not there.
    Missing,
}

#[derive(Debug, Deserialize)]
struct Commented {
    repository: Option<RepositoryWithComments>,
}

#[derive(Debug, Deserialize)]
struct RepositoryWithComments {
    issue: Option<IssueWithComments>,
}

#[derive(Debug, Deserialize)]
struct IssueWithComments {
    state: String,
    comments: Nodes<Comment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    viewer_did_author: bool,
    body: String,
}

async fn close_progress(client: &Client, issue: &IssueRef, comment: &str) -> Result<CloseProgress, Error> {
    let (owner, name) = place(&issue.repository)?;
    let what = format!("read the comments on the issue {}#{}", issue.repository, issue.number);
    let variables = json!({"owner": owner, "name": name, "number": issue.number});
    let answer = client.query::<Commented>(queries::COMMENTS, variables, &what).await?;
    let Some(found) = answer.data.repository.and_then(|repository| repository.issue) else {
        return Err(queries::absent(&answer.errors, &what));
    };
    if found.state != "OPEN" {
        return Ok(CloseProgress::Closed);
    }
    // GitHub may end its lines otherwise.
    let same = |body: &str| body.lines().eq(comment.lines());
    let mut comments = found.comments.all();
    Ok(
        if comments.any(|written| written.viewer_did_author && same(&written.body)) {
            CloseProgress::Written
        } else {
            CloseProgress::Missing
        },
    )
}
