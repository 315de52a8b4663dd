//! What is kept of one kind between two looks: a document by the number of a repository, or of a ruleset.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The documents of a kind, and which of them are other ones than in the store.
pub(super) struct KeptDocuments<T> {
    kind: DocumentKind,
    kept: HashMap<u64, T>,
    changed: BTreeSet<u64>,
}

impl<T: Serialize + DeserializeOwned> KeptDocuments<T> {
    /// Nothing is kept.
    pub(super) fn empty(kind: DocumentKind) -> Self {
        Self {
            kind,
            kept: HashMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// What was kept. What cannot be read is not there, and is asked for anew.
    pub(super) async fn load(store: &dyn RepositoryStore, owner: &str, kind: DocumentKind) -> PortResult<Self> {
        let documents = store.load(owner, kind).await?;
        let read = |(key, document): (String, Value)| Some((key.parse().ok()?, serde_json::from_value(document).ok()?));
        Ok(Self {
            kept: documents.into_iter().filter_map(read).collect(),
            ..Self::empty(kind)
        })
    }

    /// Everything that is kept.
    pub(super) fn all(&self) -> &HashMap<u64, T> {
        &self.kept
    }

    /// What is kept under a number.
    pub(super) fn get(&self, id: u64) -> Option<&T> {
        self.kept.get(&id)
    }

    /// Keeps it in the place of what was there; `None` takes that away.
    pub(super) fn put(&mut self, id: u64, kept: Option<T>) {
        let changes = match kept {
            Some(kept) => {
                self.kept.insert(id, kept);
                true
            }
            None => self.kept.remove(&id).is_some(),
        };
        if changes {
            self.changed.insert(id);
        }
    }

    /// Takes away what does not stay.
    pub(super) fn retain(&mut self, stays: impl Fn(u64, &T) -> bool) {
        let Self { kept, changed, .. } = self;
        kept.retain(|id, kept| {
            let stays = stays(*id, kept);
            if !stays {
                changed.insert(*id);
            }
            stays
        });
    }

    /// Writes what changed. Where the store does not take it, it is written with what changes later.
    pub(super) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) -> PortResult<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let document = |id: &u64| {
            let kept = self.kept.get(id);
            (id.to_string(), kept.and_then(|kept| serde_json::to_value(kept).ok()))
        };
        let documents: BTreeMap<String, Option<Value>> = self.changed.iter().map(document).collect();
        store.save(owner, self.kind, &documents).await?;
        self.changed.clear();
        Ok(())
    }
}
