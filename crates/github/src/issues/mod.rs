//! The issues the control plane writes.

mod authors;
mod kept;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::issues::marks::Marks;
use cc_devops_repos::issues::{Issue, IssueRef, IssueStanding};
use cc_devops_repos::ports::{FoundIssues, IssueLookup, RepositoryStore};
use cc_devops_repos::snapshot::Gap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use self::authors::Authors;
pub(crate) use self::authors::remember as remember_account;
#[cfg(test)]
pub(crate) use self::kept::text as kept_text;
pub(crate) use self::writing::{close, create, update};
use crate::batches::{self, Lookup};
use crate::client::{Client, Error};
use crate::queries;

/// How many of a repository's newest issues are listed. One that was written a moment ago is among them; an
/// older one is found by the search, or was kept.
const NEWEST: usize = 50;

/// Repositories of one lookup: with bodies of up to 64 KiB, more would be too much.
const BATCH: usize = 10;

/// Who did something.
#[derive(Debug, Deserialize)]
struct Actor {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
}

impl Actor {
    /// The login as GitHub gives it of the account that asks: an App is `name[bot]`, a person of that name is not.
    fn full_login(&self) -> String {
        if self.kind == "Bot" && !self.login.ends_with("[bot]") {
            format!("{}[bot]", self.login)
        } else {
            self.login.clone()
        }
    }
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
#[serde(rename_all = "camelCase")]
struct Wire {
    number: u64,
    repository: Named,
    viewer_did_author: bool,
    author: Option<Actor>,
    #[serde(default)]
    author_association: String,
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
    actor: Option<Actor>,
}

fn issue(wire: Wire, ours: bool, viewer: &str) -> Issue {
    let closed_by = wire.timeline_items.all().last().and_then(|event| event.actor);
    Issue {
        repository: wire.repository.name_with_owner,
        number: wire.number,
        ours,
        standing: if wire.state == "OPEN" {
            IssueStanding::Open
        } else {
            IssueStanding::Closed {
                by_us: closed_by.is_some_and(|actor| actor.full_login().eq_ignore_ascii_case(viewer)),
                duplicate: wire.state_reason.as_deref() == Some("DUPLICATE"),
                at: wire.closed_at.unwrap_or(Timestamp::UNIX_EPOCH),
            }
        },
        locked: wire.locked,
        body: wire.body,
    }
}

/// Looks issues up; only those with a marker, and kept ones, are returned.
pub(crate) async fn look_up(
    client: &Client,
    store: &dyn RepositoryStore,
    lookup: &IssueLookup,
) -> PortResult<FoundIssues> {
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
    let mut authors = Authors::new(client, store, &lookup.owner, &viewer);
    // A listing is newer than a search.
    for wire in listed.into_iter().chain(searched) {
        if !wire.body.contains(lookup.marks.begin) || is_there(&found.issues, &wire) {
            continue;
        }
        let ours = match authors.are_ours(&wire, &lookup.kept).await? {
            Ok(ours) => ours,
            Err(gap) => {
                found.unread.insert(wire.repository.name_with_owner.clone(), gap);
                false
            }
        };
        add(&mut found.issues, issue(wire, ours, &viewer));
    }
    let kept = lookup.kept.iter();
    let kept: Vec<&IssueRef> = kept
        .filter(|kept| !found.issues.iter().any(|issue| kept.is(issue)))
        .collect();
    kept::read(client, &kept, &viewer, &mut found).await?;
    Ok(found)
}

fn is_there(issues: &[Issue], wire: &Wire) -> bool {
    let same = |issue: &&Issue| {
        issue.number == wire.number && issue.repository.eq_ignore_ascii_case(&wire.repository.name_with_owner)
    };
    issues.iter().any(|issue| same(&issue))
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
            Err(error) if error.refuses_credential() => return Err(error),
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
