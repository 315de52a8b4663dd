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
use super::workflows::{Watch, Watches};
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

fn read<T: DeserializeOwned>(kind: DocumentKind, key: &str, document: Value) -> PortResult<T> {
    serde_json::from_value(document).map_err(|error| unreadable(kind, key).because(error))
}

fn unreadable(kind: DocumentKind, key: &str) -> PortError {
    let message = format!(
        "what is kept under {}/{key} of the repositories cannot be read: a newer version may have written it",
        kind.as_str()
    );
    PortError::new(PortErrorKind::Corrupt, message)
}

fn written<T: Serialize>(value: &T) -> PortResult<Value> {
    serde_json::to_value(value)
        .map_err(|error| PortError::new(PortErrorKind::Refused, "what is to be kept is no JSON").because(error))
}

fn id(kind: DocumentKind, key: &str) -> PortResult<RepositoryId> {
    key.parse().map(RepositoryId).map_err(|_| unreadable(kind, key))
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

/// How many documents are written at a time: of an owner's first audit all are new.
const AT_ONCE: usize = 500;

/// Keeps what changed from `before` to `after`; what is known of the owner as a whole comes last.
pub(super) async fn save_state(
    store: &dyn RepositoryStore,
    owner: &str,
    before: &State,
    after: &State,
) -> PortResult<()> {
    let mut changes = BTreeMap::new();
    for (id, kept) in &after.repositories {
        if before.repositories.get(id) != Some(kept) {
            changes.insert(id.to_string(), Some(written(kept)?));
        }
        if changes.len() >= AT_ONCE {
            store.save(owner, DocumentKind::Breaches, &changes).await?;
            changes.clear();
        }
    }
    for id in before.repositories.keys() {
        if !after.repositories.contains_key(id) {
            changes.insert(id.to_string(), None);
        }
    }
    let of = OfOwner::of(after);
    if of != OfOwner::of(before) {
        changes.insert(OWNER.to_owned(), Some(written(&of)?));
    }
    if changes.is_empty() {
        return Ok(());
    }
    store.save(owner, DocumentKind::Breaches, &changes).await
}

/// What is known of workflows.
pub(super) async fn load_watches(store: &dyn RepositoryStore, owner: &str) -> PortResult<Watches> {
    let mut watches = Watches::default();
    for (key, document) in store.load(owner, DocumentKind::Watches).await? {
        let of: BTreeMap<WorkflowId, Watch> = read(DocumentKind::Watches, &key, document)?;
        watches.repositories.insert(id(DocumentKind::Watches, &key)?, of);
    }
    Ok(watches)
}

/// Keeps what is known of the workflows of these repositories.
pub(super) async fn save_watches(
    store: &dyn RepositoryStore,
    owner: &str,
    watches: &Watches,
    of: impl IntoIterator<Item = RepositoryId>,
) -> PortResult<()> {
    let mut changes = BTreeMap::new();
    for id in of {
        let kept = watches.repositories.get(&id);
        changes.insert(id.to_string(), kept.map(written).transpose()?);
    }
    if changes.is_empty() {
        return Ok(());
    }
    store.save(owner, DocumentKind::Watches, &changes).await
}

/// What is known of the issues about breaches.
pub(super) async fn load_issues(
    store: &dyn RepositoryStore,
    owner: &str,
) -> PortResult<BTreeMap<RepositoryId, breaches::Watch>> {
    let mut watches = BTreeMap::new();
    for (key, document) in store.load(owner, DocumentKind::Issues).await? {
        let watch = read(DocumentKind::Issues, &key, document)?;
        watches.insert(id(DocumentKind::Issues, &key)?, watch);
    }
    Ok(watches)
}

/// Keeps what is known of the issues about the breaches of these repositories.
pub(super) async fn save_issues(
    store: &dyn RepositoryStore,
    owner: &str,
    watches: &BTreeMap<RepositoryId, breaches::Watch>,
    of: impl IntoIterator<Item = RepositoryId>,
) -> PortResult<()> {
    let mut changes = BTreeMap::new();
    for id in of {
        changes.insert(id.to_string(), watches.get(&id).map(written).transpose()?);
    }
    if changes.is_empty() {
        return Ok(());
    }
    store.save(owner, DocumentKind::Issues, &changes).await
}

/// The secrets of GitHub Actions that were set from here, by name, for each repository; `None` where nothing is kept.
pub(super) async fn load_set_secrets(
    store: &dyn RepositoryStore,
    owner: &str,
) -> PortResult<Option<BTreeMap<RepositoryId, SecretsOfRepository>>> {
    if !store.keeps() {
        return Ok(None);
    }
    let mut all = BTreeMap::new();
    for (key, document) in store.load(owner, DocumentKind::SetSecrets).await? {
        let of = read(DocumentKind::SetSecrets, &key, document)?;
        all.insert(id(DocumentKind::SetSecrets, &key)?, of);
    }
    Ok(Some(all))
}

/// Keeps which secrets of a repository were set from here.
pub(super) async fn save_set_secrets(
    store: &dyn RepositoryStore,
    owner: &str,
    id: RepositoryId,
    of: &SecretsOfRepository,
) -> PortResult<()> {
    let document = if of.is_empty() { None } else { Some(written(of)?) };
    let changes = BTreeMap::from([(id.to_string(), document)]);
    store.save(owner, DocumentKind::SetSecrets, &changes).await
}
