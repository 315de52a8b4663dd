//! What is kept of repositories between two looks, typed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::{KeptRepository, State};
use super::issues::breaches;
use super::settings::SecretsOfRepository;
use super::snapshot::{RepositoryId, WorkflowId};
use super::workflows::Watch;
use crate::ports::{DocumentKind, RepositoryStore};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

/// The key of what is kept of the owner as a whole.
const OWNER: &str = "owner";

#[derive(PartialEq, Serialize, Deserialize)]
struct OfOwner {
    version: u32,
    #[serde(default)]
    last_complete: Option<Timestamp>,
    #[serde(default)]
    told: Option<Timestamp>,
}

impl OfOwner {
    fn of(state: &State) -> Self {
        Self {
            version: state.version,
            last_complete: state.last_complete,
            told: state.told,
        }
    }
}

/// A document as what was kept.
pub(super) fn read<T: DeserializeOwned>(kind: DocumentKind, key: &str, document: Value) -> PortResult<T> {
    serde_json::from_value(document).map_err(|error| unreadable(kind, key).because(error))
}

fn unreadable(kind: DocumentKind, key: &str) -> PortError {
    let message = format!(
        "what is kept under {}/{key} of the repositories cannot be read: a newer version may have written it",
        kind.as_str()
    );
    PortError::new(PortErrorKind::Corrupt, message)
}

/// What is to be kept, as a document.
pub(super) fn written<T: Serialize>(value: &T) -> PortResult<Value> {
    serde_json::to_value(value)
        .map_err(|error| PortError::new(PortErrorKind::Refused, "what is to be kept is no JSON").because(error))
}

fn id(kind: DocumentKind, key: &str) -> PortResult<RepositoryId> {
    key.parse().map(RepositoryId).map_err(|_| unreadable(kind, key))
}

/// What is kept of one repository.
pub(super) trait Kept: Serialize + DeserializeOwned {
    /// Where it is kept.
    const KIND: DocumentKind;
}

/// Of workflows.
impl Kept for BTreeMap<WorkflowId, Watch> {
    const KIND: DocumentKind = DocumentKind::Watches;
}

/// Of the issue about breaches.
impl Kept for breaches::Watch {
    const KIND: DocumentKind = DocumentKind::Issues;
}

impl Kept for SecretsOfRepository {
    const KIND: DocumentKind = DocumentKind::SetSecrets;
}

/// What is kept of every repository.
pub(super) async fn load<T: Kept>(store: &dyn RepositoryStore, owner: &str) -> PortResult<BTreeMap<RepositoryId, T>> {
    let mut all = BTreeMap::new();
    for (key, document) in store.load(owner, T::KIND).await? {
        all.insert(id(T::KIND, &key)?, read(T::KIND, &key, document)?);
    }
    Ok(all)
}

/// Keeps what is now known of these repositories, and forgets those of which nothing is.
pub(super) async fn save<T: Kept>(
    store: &dyn RepositoryStore,
    owner: &str,
    all: &BTreeMap<RepositoryId, T>,
    of: impl IntoIterator<Item = RepositoryId>,
) -> PortResult<()> {
    let mut writing = Writing::of(store, owner, T::KIND);
    for id in of {
        let document = all.get(&id).map(written).transpose()?;
        writing.put(id.to_string(), document).await?;
    }
    writing.end().await
}

/// How many documents are written at a time: of an owner's first audit all are new.
const AT_ONCE: usize = 500;

/// Documents that are being written, so many at a time, in the order they come.
pub(super) struct Writing<'s> {
    store: &'s dyn RepositoryStore,
    owner: &'s str,
    kind: DocumentKind,
    changes: BTreeMap<String, Option<Value>>,
}

impl<'s> Writing<'s> {
    pub(super) fn of(store: &'s dyn RepositoryStore, owner: &'s str, kind: DocumentKind) -> Self {
        Self {
            store,
            owner,
            kind,
            changes: BTreeMap::new(),
        }
    }

    pub(super) async fn put(&mut self, key: String, document: Option<Value>) -> PortResult<()> {
        self.changes.insert(key, document);
        if self.changes.len() >= AT_ONCE {
            self.store.save(self.owner, self.kind, &self.changes).await?;
            self.changes.clear();
        }
        Ok(())
    }

    pub(super) async fn end(self) -> PortResult<()> {
        if self.changes.is_empty() {
            return Ok(());
        }
        self.store.save(self.owner, self.kind, &self.changes).await
    }
}

/// The open breaches.
pub(super) async fn load_state(store: &dyn RepositoryStore, owner: &str) -> PortResult<State> {
    let mut state = State::default();
    for (key, document) in store.load(owner, DocumentKind::Breaches).await? {
        if key == OWNER {
            let of: OfOwner = read(DocumentKind::Breaches, &key, document)?;
            (state.version, state.last_complete, state.told) = (of.version, of.last_complete, of.told);
        } else {
            let kept: KeptRepository = read(DocumentKind::Breaches, &key, document)?;
            state.repositories.insert(id(DocumentKind::Breaches, &key)?, kept);
        }
    }
    Ok(state)
}

/// Keeps what changed from `before` to `after`; what is known of the owner as a whole comes last.
pub(super) async fn save_state(
    store: &dyn RepositoryStore,
    owner: &str,
    before: &State,
    after: &State,
) -> PortResult<()> {
    let mut writing = Writing::of(store, owner, DocumentKind::Breaches);
    for (id, kept) in &after.repositories {
        if before.repositories.get(id) != Some(kept) {
            writing.put(id.to_string(), Some(written(kept)?)).await?;
        }
    }
    for id in before.repositories.keys() {
        if !after.repositories.contains_key(id) {
            writing.put(id.to_string(), None).await?;
        }
    }
    let of = OfOwner::of(after);
    if of != OfOwner::of(before) {
        writing.put(OWNER.to_owned(), Some(written(&of)?)).await?;
    }
    writing.end().await
}

/// The secrets of GitHub Actions that were set from here, for each repository; `None` where nothing is kept.
pub(super) async fn load_set_secrets(
    store: &dyn RepositoryStore,
    owner: &str,
) -> PortResult<Option<BTreeMap<RepositoryId, SecretsOfRepository>>> {
    if !store.keeps() {
        return Ok(None);
    }
    load(store, owner).await.map(Some)
}

/// Keeps which secrets of a repository were set from here.
pub(super) async fn save_set_secrets(
    store: &dyn RepositoryStore,
    owner: &str,
    id: RepositoryId,
    of: &SecretsOfRepository,
) -> PortResult<()> {
    let document = if of.is_empty() { None } else { Some(written(of)?) };
    let mut writing = Writing::of(store, owner, SecretsOfRepository::KIND);
    writing.put(id.to_string(), document).await?;
    writing.end().await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use async_trait::async_trait;

    use super::*;

    /// A store that counts how many documents it was given at a time.
    #[derive(Default)]
    struct Parts(Mutex<Vec<usize>>);

    #[async_trait]
    impl RepositoryStore for Parts {
        async fn load(&self, _: &str, _: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
            Ok(BTreeMap::new())
        }

        async fn document(&self, _: &str, _: DocumentKind, _: &str) -> PortResult<Option<Value>> {
            Ok(None)
        }

        async fn save(&self, _: &str, _: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
            self.0.lock().unwrap().push(changes.len());
            Ok(())
        }
    }

    /// What comes of something that never waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn many_documents_are_written_and_removed_in_parts() {
        let store = Parts::default();
        let all: BTreeMap<RepositoryId, breaches::Watch> = (0..600)
            .map(|id| (RepositoryId(id), breaches::Watch::default()))
            .collect();
        now(save(&store, "acme", &all, (0..1200).map(RepositoryId))).unwrap();
        now(save(&store, "acme", &all, [])).unwrap();
        let state = State {
            repositories: (0..600)
                .map(|id| (RepositoryId(id), KeptRepository::default()))
                .collect(),
            ..State::default()
        };
        now(save_state(&store, "acme", &state, &State::default())).unwrap();
        assert_eq!(*store.0.lock().unwrap(), [500, 500, 200, 500, 100]);
    }
}
