//! A code host to crash at: it keeps the secrets it is given, and has one repository.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::auditing;
use cc_devops_repos::auditing::Auditor;
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::fixing::Fixer;
use cc_devops_repos::issues::{CloseReason, IssueRef};
use cc_devops_repos::monitoring;
use cc_devops_repos::monitoring::Monitor;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{ApiUsage, CodeHost, Depth, Found, FoundIssues, IssueLookup, TakeFound};
use cc_devops_repos::settings::{SettingsAsked, TakeSettings};
use cc_devops_repos::snapshot::{Fact, Repository};
use cc_devops_repos::worker::LocalWorker;
use cc_devops_requests::ports::Ports;

use crate::sample;

/// The owner of the repositories.
const OWNER: &str = "acme";

/// Secrets by their repository and name.
#[derive(Clone, Default)]
pub(super) struct Host(Arc<Mutex<BTreeMap<(String, String), String>>>);

impl Host {
    /// The value of a secret of a repository.
    pub(super) fn secret(&self, repository: &str, name: &str) -> Option<String> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (format!("{OWNER}/{repository}"), name.to_owned());
        secrets.get(&key).cloned()
    }
}

fn nothing<T>() -> PortResult<T> {
    Err(PortError::new(PortErrorKind::NotFound, "there is nothing here"))
}

#[async_trait]
impl CodeHost for Host {
    async fn repositories(&self, _: &str, _: Depth<'_>, take: &mut TakeFound<'_>) -> PortResult<ApiUsage> {
        take(Found::Total(1));
        take(Found::Missing {
            name: "web".to_owned(),
            why: "nothing is read of it here".to_owned(),
        });
        Ok(ApiUsage::default())
    }
    async fn repository(&self, _: &str, _: Depth<'_>) -> PortResult<(Box<Repository>, ApiUsage)> {
        nothing()
    }
    async fn issues(&self, _: &IssueLookup) -> PortResult<(FoundIssues, ApiUsage)> {
        Ok((FoundIssues::default(), ApiUsage::default()))
    }
    async fn create_issue(&self, _: &str, _: &str, _: &str, _: &[String]) -> PortResult<IssueRef> {
        nothing()
    }
    async fn update_issue(&self, _: &IssueRef, _: &str) -> PortResult<()> {
        nothing()
    }
    async fn close_issue(&self, _: &IssueRef, _: CloseReason, _: Option<&str>) -> PortResult<()> {
        nothing()
    }
    async fn settings(&self, _: &SettingsAsked<'_>, _: &mut TakeSettings<'_>) -> PortResult<ApiUsage> {
        nothing()
    }
    async fn change(&self, _: &str, _: &ChangeKind) -> PortResult<String> {
        nothing()
    }
    async fn writers(&self, _: &str) -> PortResult<Fact<Vec<String>>> {
        nothing()
    }
    async fn put_actions_secret(&self, repository: &str, name: &str, value: &SecretValue) -> PortResult<()> {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (repository.to_owned(), name.to_owned());
        secrets.insert(key, value.expose().to_owned());
        Ok(())
    }
}

/// Who looks after the repositories of a host, over these ports.
pub(super) fn repository_worker(ports: &Ports, host: Arc<dyn CodeHost>) -> LocalWorker {
    let (owner, policy) = (OWNER.to_owned(), Arc::new(Policy::default()));
    let audited = auditing::AuditSettings {
        owner: owner.clone(),
        policy: Arc::clone(&policy),
        reader: sample::installation().agent,
        mode: Mode::Normal,
    };
    let watched = monitoring::MonitoringSettings {
        owner: owner.clone(),
        policy: Arc::clone(&policy),
        mode: Mode::Normal,
    };
    let store = Arc::clone(&ports.repositories);
    LocalWorker {
        auditor: Arc::new(Auditor::new(Arc::clone(&host), store, ports.clone(), audited)),
        monitor: Arc::new(Monitor::new(Arc::clone(&host), ports, watched)),
        fixer: Fixer::new(Arc::clone(&host), owner.clone(), policy, ports),
        secrets: Arc::clone(&ports.secrets),
        clock: Arc::clone(&ports.clock),
        host,
        owner,
    }
}
