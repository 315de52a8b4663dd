//! Issues that were kept, read many at once, wherever they are now.

use std::collections::HashMap;
use std::fmt::Write;

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::issues::{Issue, IssueRef, IssueStanding};
use cc_devops_repos::ports::FoundIssues;
use cc_devops_repos::snapshot::Gap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Wire, add, issue};
use crate::client::{Ask, Client, Error, GraphError, get};

/// Issues of one query. Halved where that is too much for GitHub.
const BATCH: usize = 250;

const NAME: &str = "KeptIssues";

#[derive(Debug, Deserialize)]
struct RepositoryWithIssue {
    issue: Option<Wire>,
}

/// The query for so many issues. Each is in a repository of its own, and of a number of its own, for which GraphQL has
/// no list; so each is a field.
pub(crate) fn text(count: usize) -> String {
    let mut variables = String::new();
    let mut fields = String::new();
    for n in 0..count {
        // Writing to a String does not fail.
        let _written = write!(variables, "$o{n}: String!, $n{n}: String!, $i{n}: Int!, ");
        let _written = writeln!(
            fields,
            "  k{n}: repository(owner: $o{n}, name: $n{n}, followRenames: true) {{ issue(number: $i{n}) {{ ...Issue }} }}"
        );
    }
    let variables = variables.trim_end_matches(", ");
    let fragment = include_str!("../../queries/issue.graphql");
    format!("query {NAME}({variables}) {{\n  rateLimit {{ cost }}\n{fields}}}\n{fragment}")
}

fn variables(kept: &[(&IssueRef, &str, &str)]) -> Value {
    let mut all = Map::new();
    for (n, (issue, owner, name)) in kept.iter().enumerate() {
        all.insert(format!("o{n}"), Value::from(*owner));
        all.insert(format!("n{n}"), Value::from(*name));
        all.insert(format!("i{n}"), Value::from(issue.number));
    }
    Value::Object(all)
}

/// Reads kept issues into what was found. One that is gone stands as transferred or deleted.
pub(super) async fn read(client: &Client, kept: &[&IssueRef], viewer: &str, found: &mut FoundIssues) -> PortResult<()> {
    let mut placed = Vec::with_capacity(kept.len());
    for each in kept {
        match each.repository.split_once('/') {
            Some((owner, name)) => placed.push((*each, owner, name)),
            None => add(&mut found.issues, gone(each, IssueStanding::Deleted)),
        }
    }
    let mut parts: Vec<&[(&IssueRef, &str, &str)]> = placed.chunks(BATCH).collect();
    while let Some(part) = parts.pop() {
        let text = text(part.len());
        let what = match part {
            [(only, ..)] => format!("read the issue {}#{}", only.repository, only.number),
            _ => "read issues".to_owned(),
        };
        let asked = variables(part);
        let answer = client
            .asked::<HashMap<String, Value>>((NAME, &text), asked, &what, part.len() == 1)
            .await;
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(Error::TooSlow { .. }) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
                continue;
            }
            Err(error) if error.refuses_credential() => return Err(error.into()),
            Err(error) => {
                for (each, ..) in part {
                    unread(found, each, &error.to_string());
                }
                continue;
            }
        };
        for (n, (each, ..)) in part.iter().enumerate() {
            let key = format!("k{n}");
            let node = answer.data.remove(&key).unwrap_or_default();
            let wire = serde_json::from_value::<Option<RepositoryWithIssue>>(node)
                .ok()
                .flatten();
            match (wire.and_then(|repository| repository.issue), why(&answer.errors, &key)) {
                // One whose repository was renamed is here already, under the new name.
                (Some(wire), _) => {
                    let ours = wire.viewer_did_author;
                    add(&mut found.issues, issue(wire, ours, viewer));
                }
                (None, Some(error)) => unread(found, each, &error.message),
                (None, None) => match where_to(client, each).await {
                    Ok(issue) => add(&mut found.issues, issue),
                    Err(error) if error.refuses_credential() => {
                        return Err(error.into());
                    }
                    Err(error) => unread(found, each, &error.to_string()),
                },
            }
        }
    }
    Ok(())
}

fn unread(found: &mut FoundIssues, kept: &IssueRef, why: &str) {
    found
        .unread
        .insert(kept.repository.clone(), Gap::NotRead(why.to_owned()));
}

/// Why an issue was not read, where that is not that there is none.
fn why<'e>(errors: &'e [GraphError], key: &str) -> Option<&'e GraphError> {
    let about = |error: &&GraphError| error.at(0).is_none_or(|at| at == key) && error.kind != "NOT_FOUND";
    errors.iter().find(about)
}

fn gone(kept: &IssueRef, standing: IssueStanding) -> Issue {
    Issue {
        repository: kept.repository.clone(),
        number: kept.number,
        ours: true,
        standing,
        locked: false,
        body: String::new(),
    }
}

/// What became of an issue that is not there any more. GraphQL does not tell one that was transferred from one that
/// was deleted.
async fn where_to(client: &Client, kept: &IssueRef) -> Result<Issue, Error> {
    let (owner, name) = kept.repository.split_once('/').unwrap_or_default();
    let ask = Ask::new(
        get(&["repos", owner, name, "issues", &kept.number.to_string()]),
        format!("read the issue {}#{}", kept.repository, kept.number),
    );
    match client.done(&ask).await {
        Err(Error::Moved { .. }) => Ok(gone(kept, IssueStanding::Transferred)),
        Err(Error::NotFound { .. } | Error::Gone { .. }) => Ok(gone(kept, IssueStanding::Deleted)),
        Ok(()) => Err(Error::Network {
            what: "read an issue".to_owned(),
            reason: "GitHub's two interfaces disagree about it".to_owned(),
        }),
        Err(error) => Err(error),
    }
}
