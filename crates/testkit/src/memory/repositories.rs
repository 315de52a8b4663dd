//! The fake of what is kept of repositories.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use serde_json::Value;

use super::Memory;

/// Documents by owner, kind and key.
pub(super) type RepositoryModel = BTreeMap<(String, DocumentKind), BTreeMap<String, Value>>;

#[async_trait]
impl RepositoryStore for Memory {
    async fn load(&self, owner: &str, on: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
        let place = (owner.to_lowercase(), on);
        Ok(self.lock()?.repositories.get(&place).cloned().unwrap_or_default())
    }

    async fn document(&self, owner: &str, on: DocumentKind, key: &str) -> PortResult<Option<Value>> {
        let place = (owner.to_lowercase(), on);
        let model = self.lock()?;
        Ok(model.repositories.get(&place).and_then(|kept| kept.get(key)).cloned())
    }

    async fn save(&self, owner: &str, on: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
        let large = |document: &Value| document.to_string().len() > 300_000;
        if changes.values().flatten().any(large) {
            return Err(PortError::new(PortErrorKind::TooLarge, "a document is too large"));
        }
        let mut model = self.lock()?;
        let kept = model.repositories.entry((owner.to_lowercase(), on)).or_default();
        for (key, document) in changes {
            match document {
                Some(document) => drop(kept.insert(key.clone(), document.clone())),
                None => drop(kept.remove(key)),
            }
        }
        Ok(())
    }
}
