//! What is kept of repositories, in the ledger's table: one partition for each owner and kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::batches::{BATCH, delete, pages, put};
use crate::error::corrupt;
use crate::table::{Item, key, text};
use crate::{Backend, Shared};

/// The attribute with a document's text. As text, its numbers stay as they are.
const DOCUMENT: &str = "document";

/// An item has at most 400 KB, its key and its names among them.
const LARGEST: usize = 300_000;

/// How many batches run at once.
const AT_ONCE: usize = 4;

impl Backend {
    /// What is kept of repositories.
    pub fn repositories(&self) -> Arc<dyn RepositoryStore> {
        Arc::new(Repositories(self.shared.clone()))
    }
}

struct Repositories(Arc<Shared>);

fn partition(owner: &str, kind: DocumentKind) -> String {
    format!("REPOSITORIES#{}#{}", owner.to_lowercase(), kind.as_str())
}

/// What is said to be unreadable.
const WHAT: &str = "what is kept of a repository";

fn document_of(item: &Item) -> PortResult<Value> {
    let document = item.get(DOCUMENT).and_then(|value| value.as_s().ok());
    let document = document.ok_or_else(|| corrupt(WHAT))?;
    serde_json::from_str(document).map_err(|error| corrupt(WHAT).because(error))
}

#[async_trait]
impl RepositoryStore for Repositories {
    async fn load(&self, owner: &str, on: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
        let partition = partition(owner, on);
        let mut documents = BTreeMap::new();
        for item in pages(|| self.0.query(&partition, ""), usize::MAX).await? {
            let key = item.get("SK").and_then(|value| value.as_s().ok());
            let key = key.ok_or_else(|| corrupt(WHAT))?.clone();
            documents.insert(key, document_of(&item)?);
        }
        Ok(documents)
    }

    async fn document(&self, owner: &str, on: DocumentKind, name: &str) -> PortResult<Option<Value>> {
        let found = self.0.get_many(&[key(partition(owner, on), name)]).await?;
        found.first().map(document_of).transpose()
    }

    async fn save(&self, owner: &str, on: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
        let partition = partition(owner, on);
        let mut writes = Vec::with_capacity(changes.len());
        for (name, document) in changes {
            let mut item = key(&partition, name);
            let Some(document) = document else {
                writes.push(delete(item)?);
                continue;
            };
            let document = document.to_string();
            if document.len() > LARGEST {
                let message = format!("what is to be kept of {name} has {} bytes", document.len());
                return Err(PortError::new(PortErrorKind::TooLarge, message));
            }
            item.insert(DOCUMENT.to_owned(), text(document));
            writes.push(put(item)?);
        }
        let batches: Vec<_> = writes
            .chunks(BATCH)
            .map(|batch| self.0.write_batch(self.0.table(), batch.to_vec()))
            .collect();
        stream::iter(batches).buffer_unordered(AT_ONCE).try_collect().await
    }
}
