//! The issues the control plane writes.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_repos::issues::marks::Marks;
use cc_devops_repos::issues::{CloseReason, Issue, IssueRef, IssueStanding};
use cc_devops_repos::ports::{FoundIssues, IssueLookup};
use cc_devops_repos::snapshot::Gap;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::batches::{self, Lookup};
use crate::client::{Ask, Client, Error, get, post};
use crate::queries;

/// How many of a repository's newest issues are listed. One that was written a moment ago is among them; an
/// older one is found by the search, or was kept.
const NEWEST: usize = 50;

/// How many kept issues are read at the same time.
const AT_ONCE: usize = 10;

/// Repositories of one lookup: with bodies of up to 64 KiB, more would be too much.
const BATCH: usize = 10;

#[derive(Debug, Deserialize)]
struct Login {
    login: String,
}

#[derive(Debug, Deserialize)]
struct Nodes<T> {
    nodes: Option<Vec<Option<T>>>,
    #[serde(default, rename = "pageInfo")]
    page: Option<Page>,
}

impl<T> Nodes<T> {
    fn all(self) -> impl Iterator<Item = T> {
        self.nodes.into_iter().flatten().flatten()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WithIssues {
    issues: Nodes<Wire>,
}

#[derive(Debug, Deserialize)]
struct Searched {
    search: Nodes<MaybeIssue>,
}

/// A search for issues may come upon pull requests, of which nothing was asked.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum MaybeIssue {
    Issue(Box<Wire>),
    Other {},
}

#[derive(Debug, Deserialize)]
struct OneIssue {
    repository: Option<RepositoryWithIssue>,
}

#[derive(Debug, Deserialize)]
struct RepositoryWithIssue {
    issue: Option<Wire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    number: u64,
    repository: Named,
    viewer_did_author: bool,
    state: String,
    state_reason: Option<String>,
    locked: bool,
    closed_at: Option<Timestamp>,
    body: String,
    timeline_items: Nodes<ClosedEvent>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    name_with_owner: String,
}

#[derive(Debug, Deserialize)]
struct ClosedEvent {
    #[serde(default)]
    actor: Option<Login>,
}

/// The same account: an App is `name[bot]` in one place and `name` in another.
fn same(one: &str, other: &str) -> bool {
    let plain = |login: &str| login.trim_end_matches("[bot]").to_ascii_lowercase();
    plain(one) == plain(other)
}

fn issue(wire: Wire, viewer: &str) -> Issue {
    let closed_by = wire.timeline_items.all().last().and_then(|event| event.actor);
    Issue {
        repository: wire.repository.name_with_owner,
        number: wire.number,
        ours: wire.viewer_did_author,
        standing: if wire.state == "OPEN" {
            IssueStanding::Open
        } else {
            IssueStanding::Closed {
                by_us: closed_by.is_some_and(|actor| same(&actor.login, viewer)),
                duplicate: wire.state_reason.as_deref() == Some("DUPLICATE"),
                at: wire.closed_at.unwrap_or(Timestamp::UNIX_EPOCH),
            }
        },
        locked: wire.locked,
        body: wire.body,
    }
}

/// Looks issues up; only those with a marker, and kept ones, are returned.
pub(crate) async fn look_up(client: &Client, lookup: &IssueLookup) -> Result<FoundIssues, Error> {
    let viewer = client.viewer().await?;
    let searched = async {
        if lookup.searched {
            search(client, &lookup.owner, lookup.marks).await
        } else {
            Ok(Vec::new())
        }
    };
    let (searched, (listed, unread)) = futures::try_join!(searched, list(client, &lookup.listed))?;
    let mut found = FoundIssues {
        issues: Vec::new(),
        unread,
    };
    // A listing is newer than a search.
    for wire in listed.into_iter().chain(searched) {
        if wire.body.contains(lookup.marks.begin) {
            add(&mut found.issues, issue(wire, &viewer));
        }
    }
    let kept = lookup.kept.iter();
    let kept = kept.filter(|kept| !found.issues.iter().any(|issue| kept.is(issue)));
    let mut reads = Vec::new();
    for kept in kept.cloned() {
        let viewer = &viewer;
        reads.push(async move {
            let read = one(client, &kept, viewer).await;
            (kept, read)
        });
    }
    let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
    while let Some((kept, read)) = reads.next().await {
        match read {
            // One whose repository was renamed is here already, under the new name.
            Ok(issue) => add(&mut found.issues, issue),
            Err(error @ (Error::WrongToken | Error::NotAKey | Error::NotInstalled(_))) => return Err(error),
            Err(error) => {
                found.unread.insert(kept.repository, Gap::NotRead(error.to_string()));
            }
        }
    }
    Ok(found)
}

fn add(issues: &mut Vec<Issue>, issue: Issue) {
    if !issues.iter().any(|known| known.place().is(&issue)) {
        issues.push(issue);
    }
}

/// Open issues with a marker in any repository of the owner.
async fn search(client: &Client, owner: &str, marks: Marks) -> Result<Vec<Wire>, Error> {
    // The words of a marker's beginning, as a search reads them.
    let query = format!("user:{owner} is:issue is:open in:body \"{}\"", marks.word());
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let variables = json!({"query": query, "after": after});
        let what = format!("search the issues of {owner}");
        let answer = client.query::<Searched>(queries::SEARCH, variables, &what).await?;
        let page = answer.data.search.page.as_ref();
        after = page
            .filter(|page| page.has_next_page)
            .and_then(|page| page.end_cursor.clone());
        found.extend(answer.data.search.all().filter_map(|each| match each {
            MaybeIssue::Issue(wire) => Some(*wire),
            MaybeIssue::Other {} => None,
        }));
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// The newest issues of these repositories, and those that could not be listed. One that is gone has none.
async fn list(client: &Client, repositories: &BTreeSet<String>) -> Result<(Vec<Wire>, BTreeMap<String, Gap>), Error> {
    let mut names = BTreeMap::new();
    let mut unread = BTreeMap::new();
    for repository in repositories {
        match client.node_of(repository).await {
            Ok(node) => names.extend(node.map(|node| (node, repository))),
            Err(error @ (Error::WrongToken | Error::NotAKey | Error::NotInstalled(_))) => return Err(error),
            Err(error) => drop(unread.insert(repository.clone(), Gap::NotRead(error.to_string()))),
        }
    }
    let ids: Vec<String> = names.keys().cloned().collect();
    let lookup = Lookup {
        query: queries::ISSUES,
        size: BATCH,
        permission: "Issues: read",
        what: "list issues",
    };
    let variables = json!({"first": NEWEST});
    let looked = batches::look_up::<WithIssues>(client, lookup, &ids, &variables).await?;
    let mut found = Vec::new();
    for (node, each) in looked {
        match each {
            Ok(repository) => found.extend(repository.into_iter().flat_map(|repository| repository.issues.all())),
            Err(gap) => unread.extend(names.get(&node).map(|name| ((*name).clone(), gap))),
        }
    }
    Ok((found, unread))
}

/// An issue that was kept, wherever it is now.
async fn one(client: &Client, kept: &IssueRef, viewer: &str) -> Result<Issue, Error> {
    let what = format!("read the issue {}#{}", kept.repository, kept.number);
    let gone = |standing| Issue {
        repository: kept.repository.clone(),
        number: kept.number,
        ours: true,
        standing,
        locked: false,
        body: String::new(),
    };
    let Some((owner, name)) = kept.repository.split_once('/') else {
        return Ok(gone(IssueStanding::Deleted));
    };
    let variables = json!({"owner": owner, "name": name, "number": kept.number});
    let answer = client.query::<OneIssue>(queries::ONE_ISSUE, variables, &what).await;
    match answer {
        Ok(answer) => {
            if let Some(wire) = answer.data.repository.and_then(|repository| repository.issue) {
                return Ok(issue(wire, viewer));
            }
        }
        Err(Error::Refused { .. }) => {}
        Err(error) => return Err(error),
    }
    // GraphQL does not tell one that was transferred from one that was deleted.
    let ask = Ask::new(get(&["repos", owner, name, "issues", &kept.number.to_string()]), what);
    match client.done(&ask).await {
        Err(Error::Moved { .. }) => Ok(gone(IssueStanding::Transferred)),
        Err(Error::NotFound { .. } | Error::Gone { .. }) => Ok(gone(IssueStanding::Deleted)),
        Ok(()) => Err(Error::Network {
            what: "read an issue".to_owned(),
            reason: "GitHub's two interfaces disagree about it".to_owned(),
        }),
        Err(error) => Err(error),
    }
}

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
        match farewell(client, issue, comment).await? {
            Farewell::Closed => return Ok(()),
            Farewell::Written => return set_closed(client, issue, reason).await,
            Farewell::Missing => {}
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
enum Farewell {
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

async fn farewell(client: &Client, issue: &IssueRef, comment: &str) -> Result<Farewell, Error> {
    let (owner, name) = place(&issue.repository)?;
    let what = format!("read the comments on the issue {}#{}", issue.repository, issue.number);
    let variables = json!({"owner": owner, "name": name, "number": issue.number});
    let answer = client.query::<Commented>(queries::COMMENTS, variables, &what).await?;
    let Some(found) = answer.data.repository.and_then(|repository| repository.issue) else {
        return Err(queries::absent(&answer.errors, &what));
    };
    if found.state != "OPEN" {
        return Ok(Farewell::Closed);
    }
    // GitHub may end its lines otherwise.
    let same = |body: &str| body.lines().eq(comment.lines());
    let mut comments = found.comments.all();
    Ok(
        if comments.any(|written| written.viewer_did_author && same(&written.body)) {
            Farewell::Written
        } else {
            Farewell::Missing
        },
    )
}
