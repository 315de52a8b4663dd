//! Who asks, and which repository a name is: asked of GitHub once, then known.

use serde::Deserialize;

use crate::client::{Client, Error};
use crate::queries;

impl Client {
    /// A repository's node id; `None` if there is no such repository.
    pub(crate) async fn node_of(&self, full_name: &str) -> Result<Option<String>, Error> {
        let known = self.known_node(full_name);
        let Some((owner, name)) = full_name.split_once('/') else {
            return Ok(None);
        };
        if known.is_some() {
            return Ok(known);
        }
        let variables = serde_json::json!({"owner": owner, "name": name});
        let what = format!("find {full_name}");
        let answer = self
            .query::<NodeAnswer>(queries::REPOSITORY_ID, variables, &what)
            .await?;
        match answer.data.repository {
            Some(repository) => Ok(Some(repository.id)),
            None => match queries::absent(&answer.errors, &what) {
                Error::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    /// The login of the account that asks.
    pub(crate) async fn viewer(&self) -> Result<String, Error> {
        let read = async || {
            let what = "read whose token it is";
            let answer = self
                .query::<Viewer>(queries::VIEWER, serde_json::json!({}), what)
                .await?;
            Ok(answer.data.viewer.login)
        };
        self.viewer_cell().get_or_try_init(read).await.cloned()
    }
}

#[derive(Deserialize)]
struct Viewer {
    viewer: Login,
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

#[derive(Deserialize)]
struct NodeAnswer {
    repository: Option<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}
