//! What looks at repositories and keeps nothing: for commands that only show, where there is no data folder.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cc_devops_alerts::{ConditionChange, ConditionSink};
use cc_devops_github::client::CredentialSource;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Section, Verification};
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{
    Announcements, AuditTrail, MaintenanceMode, PortError, PortErrorKind, PortResult, SystemClock,
};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::ports::{DocumentKind, RepositoryPorts, RepositoryStore};
use jiff::Timestamp;
use serde_json::Value;

use crate::repositories::RepositoryTools;
use crate::settings::{RepositoriesSettings, Settings};

/// What looks after an owner's repositories with this credential. What it learns is forgotten with it, and nothing that
/// has to be on record can be done by it.
pub fn repositories(
    settings: &Settings,
    of: RepositoriesSettings,
    owner: String,
    given: SecretValue,
) -> RepositoryTools {
    let store = Arc::new(InMemoryStore::default());
    let ports = RepositoryPorts {
        repositories: store.clone(),
        audit: store.clone(),
        announcements: store.clone(),
        conditions: store.clone(),
        maintenance: store,
        clock: Arc::new(SystemClock),
    };
    let of_whom = (&settings.installation, settings.mode);
    RepositoryTools::new(of, owner, of_whom, &ports, (CredentialSource::Given(given), None))
}

/// The documents of this process.
#[derive(Default)]
struct InMemoryStore(Mutex<BTreeMap<(String, DocumentKind), BTreeMap<String, Value>>>);

fn refusal() -> PortError {
    PortError::new(
        PortErrorKind::Refused,
        "nothing is on record here, because there is no data folder",
    )
}

#[async_trait]
impl RepositoryStore for InMemoryStore {
    async fn load(&self, owner: &str, kind: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(all.get(&(owner.to_lowercase(), kind)).cloned().unwrap_or_default())
    }

    async fn document(&self, owner: &str, kind: DocumentKind, key: &str) -> PortResult<Option<Value>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let documents = all.get(&(owner.to_lowercase(), kind));
        Ok(documents.and_then(|documents| documents.get(key)).cloned())
    }

    async fn save(&self, owner: &str, kind: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let documents = all.entry((owner.to_lowercase(), kind)).or_default();
        for (key, document) in changes {
            match document {
                Some(document) => drop(documents.insert(key.clone(), document.clone())),
                None => drop(documents.remove(key)),
            }
        }
        Ok(())
    }

    fn keeps(&self) -> bool {
        false
    }
}

#[async_trait]
impl AuditTrail for InMemoryStore {
    async fn append(&self, _entry: &AuditEntry) -> PortResult<()> {
        Err(refusal())
    }

    async fn list(&self, _filter: &AuditFilter, _before: Option<Cursor>, _limit: usize) -> PortResult<Page<AuditRow>> {
        Err(refusal())
    }

    async fn verify(&self) -> PortResult<Verification> {
        Err(refusal())
    }

    async fn checkpoint(&self, _at: Timestamp) -> PortResult<()> {
        Err(refusal())
    }

    async fn oldest(&self, _before: Timestamp, _limit: usize) -> PortResult<Option<Section>> {
        Err(refusal())
    }

    async fn cut(&self, _section: &Section, _entry: &AuditEntry) -> PortResult<()> {
        Err(refusal())
    }

    async fn clear(&self, _limit: usize) -> PortResult<u64> {
        Err(refusal())
    }
}

#[async_trait]
impl Announcements for InMemoryStore {
    async fn announce(&self, _agent: &AgentName, _news: &Announcement) -> PortResult<()> {
        Err(refusal())
    }
}

#[async_trait]
impl MaintenanceMode for InMemoryStore {
    async fn is_on(&self, _now: Timestamp) -> PortResult<bool> {
        Ok(false)
    }
}

#[async_trait]
impl ConditionSink for InMemoryStore {
    /// Whoever looks sees it; nobody else is to be told.
    async fn note(&self, _changes: &[ConditionChange], _now: Timestamp) -> PortResult<()> {
        Ok(())
    }
}
