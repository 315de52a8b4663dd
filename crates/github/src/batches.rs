//! Queries about many nodes at once, made smaller where they are too much for GitHub.

use std::collections::HashMap;

use futures::stream::{self, StreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Client, Error, Query};

/// The most nodes that GitHub looks up in one query.
pub(crate) const MOST_NODES: usize = 100;

/// How many batches are asked for at the same time.
const AT_ONCE: usize = 10;

#[derive(Deserialize)]
struct Answer<T> {
    nodes: Vec<Option<T>>,
}

/// What became of a node.
pub(crate) type Looked<T> = HashMap<String, Result<Option<T>, String>>;

/// Looks nodes up. One that is not there, or that may not be seen, is `None`; one whose batch failed has the
/// reason. Fails as a whole only if the credential is refused.
pub(crate) async fn look_up<T: DeserializeOwned>(
    client: &Client,
    query: Query,
    ids: &[String],
    size: usize,
    variables: &Value,
    what: &str,
) -> Result<Looked<T>, Error> {
    // The futures are made before they are a stream: a closure here would have to hold for every lifetime.
    let mut batches = Vec::new();
    for batch in ids.chunks(size.clamp(1, MOST_NODES)) {
        batches.push(one(client, query, batch, variables, what));
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
    query: Query,
    batch: &[String],
    variables: &Value,
    what: &str,
) -> Result<Looked<T>, Error> {
    let mut found = HashMap::with_capacity(batch.len());
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        let mut variables = variables.clone();
        if let Some(object) = variables.as_object_mut() {
            object.insert("ids".to_owned(), Value::from(part));
        }
        match client.query::<Answer<T>>(query, variables, what).await {
            Ok(answer) => found.extend(part.iter().cloned().zip(answer.data.nodes.into_iter().map(Ok))),
            Err(Error::TooSlow { .. }) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(error @ (Error::WrongToken | Error::NotAKey | Error::NotInstalled(_))) => return Err(error),
            Err(error) => found.extend(part.iter().map(|id| (id.clone(), Err(error.to_string())))),
        }
    }
    Ok(found)
}
