//! Queries about many nodes at once, made smaller where they are too much for GitHub.

use std::collections::HashMap;

use cc_devops_repos::snapshot::Gap;
use futures::stream::{self, StreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Client, Error, GraphError, Query};

/// The most nodes that GitHub looks up in one list of a query.
pub(crate) const MOST_NODES: usize = 100;

/// The lists of a query that asks for more than one: as it names the variables, and as it names the answers.
const LISTS: [(&str, &str); 5] = [
    ("ids", "nodes"),
    ("ids2", "nodes2"),
    ("ids3", "nodes3"),
    ("ids4", "nodes4"),
    ("ids5", "nodes5"),
];

/// The most nodes that are looked up in a query with every list.
pub(crate) const MOST_IN_LISTS: usize = MOST_NODES * LISTS.len();

/// How many batches are asked for at the same time.
const AT_ONCE: usize = 10;

#[derive(Deserialize)]
struct Answer<T> {
    nodes: Vec<Option<T>>,
    #[serde(default = "Vec::new")]
    nodes2: Vec<Option<T>>,
    #[serde(default = "Vec::new")]
    nodes3: Vec<Option<T>>,
    #[serde(default = "Vec::new")]
    nodes4: Vec<Option<T>>,
    #[serde(default = "Vec::new")]
    nodes5: Vec<Option<T>>,
}

/// What became of a node.
pub(crate) type Looked<T> = HashMap<String, Result<Option<T>, Gap>>;

/// What is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookup {
    pub(crate) query: Query,
    /// How many nodes are asked for at once, at most [`MOST_NODES`]; at most [`MOST_IN_LISTS`] where the query has
    /// all [`LISTS`].
    pub(crate) size: usize,
    /// What it takes to see them.
    pub(crate) permission: &'static str,
    /// In words, after "GitHub refuses to".
    pub(crate) what: &'static str,
}

/// Looks nodes up. One that is not there is `None`; one that may not be seen, that could not be read or whose
/// batch failed has the reason. Fails as a whole only if the credential is refused.
pub(crate) async fn look_up<T: DeserializeOwned>(
    client: &Client,
    lookup: Lookup,
    ids: &[String],
    variables: &Value,
) -> Result<Looked<T>, Error> {
    // The futures are made before they are a stream: a closure here would have to hold for every lifetime.
    let mut batches = Vec::new();
    for batch in ids.chunks(lookup.size.clamp(1, MOST_IN_LISTS)) {
        batches.push(one(client, lookup, batch, variables));
    }
    let mut batches = stream::iter(batches).buffer_unordered(AT_ONCE);
    let mut found = HashMap::with_capacity(ids.len());
    while let Some(batch) = batches.next().await {
        found.extend(batch?);
    }
    Ok(found)
}

/// One batch, halved as often as it is too much.
async fn one<T: DeserializeOwned>(
    client: &Client,
    lookup: Lookup,
    batch: &[String],
    variables: &Value,
) -> Result<Looked<T>, Error> {
    let mut found = HashMap::with_capacity(batch.len());
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        let mut variables = variables.clone();
        if let Some(object) = variables.as_object_mut() {
            let lists = LISTS.iter().zip(part.chunks(MOST_NODES));
            object.extend(lists.map(|((name, _), ids)| ((*name).to_owned(), Value::from(ids))));
        }
        let answer = if part.len() > 1 {
            client
                .query_or_shrink::<Answer<T>>(lookup.query, variables, lookup.what)
                .await
        } else {
            client.query(lookup.query, variables, lookup.what).await
        };
        match answer {
            Ok(answer) => {
                let Answer {
                    nodes,
                    nodes2,
                    nodes3,
                    nodes4,
                    nodes5,
                } = answer.data;
                let lists = LISTS.iter().zip([nodes, nodes2, nodes3, nodes4, nodes5]);
                for (((_, list), nodes), part) in lists.zip(part.chunks(MOST_NODES)) {
                    let nodes = nodes.into_iter().enumerate();
                    let nodes = nodes.map(|(place, node)| match node {
                        None => gap(list, place, &answer.errors, lookup.permission).map_or(Ok(None), Err),
                        node => Ok(node),
                    });
                    found.extend(part.iter().cloned().zip(nodes));
                }
            }
            Err(Error::TooSlow { .. }) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(error) if error.refuses_credential() => return Err(error),
            Err(error) => {
                let gap = match error {
                    Error::Forbidden { .. } => Gap::Permission(lookup.permission.to_owned()),
                    error => Gap::NotRead(error.to_string()),
                };
                found.extend(part.iter().map(|id| (id.clone(), Err(gap.clone()))));
            }
        }
    }
    Ok(found)
}

/// Why a node is not there, if it may be there all the same: an error about it, or about none in particular,
/// that does not say that there is no such node.
fn gap(list: &str, place: usize, errors: &[GraphError], permission: &str) -> Option<Gap> {
    let about = |error: &&GraphError| {
        error.at(0).is_none_or(|name| name == list)
            && error.index(1).is_none_or(|index| index == place)
            && error.kind != "NOT_FOUND"
    };
    errors.iter().find(about).map(|error| error.gap(permission))
}
