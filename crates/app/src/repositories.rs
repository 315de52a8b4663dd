//! What looks after an owner's repositories: audits, the watch over workflows, remedies.

use std::sync::Arc;

pub use cc_devops_github::client::Trouble;
use cc_devops_github::client::{CredentialSource, web_address};
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::ports::SecretStore;
use cc_devops_repos::auditing::{AuditSettings, Auditor};
use cc_devops_repos::fixing::Fixer;
use cc_devops_repos::monitoring::{Monitor, MonitoringSettings};
use cc_devops_repos::ports::{CodeHost, RepositoryPorts};
use cc_devops_repos::settings::reconciling::Reconciler;
use cc_devops_repos::worker::LocalWorker;
use cc_devops_requests::ports::Ports;

use crate::code_host::code_host;
use crate::settings::RepositoriesSettings;

/// Everything that looks after an owner's repositories.
pub struct RepositoryTools {
    /// Whose.
    pub owner: String,
    /// Where people see them, such as `https://github.com`.
    pub web: String,
    /// Where they are.
    pub host: Arc<dyn CodeHost>,
    /// Audits.
    pub auditor: Arc<Auditor>,
    /// Watches workflows.
    pub monitor: Arc<Monitor>,
    /// Puts breaches right.
    pub fixer: Fixer,
    /// Brings settings to what the policy names.
    pub reconciler: Reconciler,
    /// Where the code host's API answers.
    pub server: String,
}

impl RepositoryTools {
    /// Puts it together for the repositories of an owner; secrets of Actions are taken from the store that is given.
    /// No request is made yet.
    pub fn new(
        settings: RepositoriesSettings,
        owner: String,
        (installation, mode): (&Installation, Mode),
        ports: &RepositoryPorts,
        (credential, secrets): (CredentialSource, Option<Arc<dyn SecretStore>>),
    ) -> Self {
        let store = Arc::clone(&ports.repositories);
        let web = web_address(&settings.api_url);
        let server = settings.api_url.clone();
        let host = code_host(&settings, &owner, Arc::clone(&store), credential);
        let policy = Arc::new(settings.policy);
        let audited = AuditSettings {
            owner: owner.clone(),
            policy: Arc::clone(&policy),
            reader: installation.agent.clone(),
            mode,
        };
        let watched = MonitoringSettings {
            owner: owner.clone(),
            policy: Arc::clone(&policy),
            mode,
        };
        let reconciler = Reconciler::new(
            Arc::clone(&host),
            owner.clone(),
            Arc::clone(&policy),
            secrets,
            ports.clone(),
        );
        let auditor = Auditor::new(Arc::clone(&host), store, ports.clone(), audited);
        let monitor = Monitor::new(Arc::clone(&host), ports.clone(), watched);
        Self {
            auditor: Arc::new(auditor),
            monitor: Arc::new(monitor),
            fixer: Fixer::new(Arc::clone(&host), owner.clone(), policy, ports.clone()),
            reconciler,
            server,
            host,
            owner,
            web,
        }
    }

    /// What requests are given.
    pub fn repository_worker(&self, ports: &Ports) -> Arc<LocalWorker> {
        Arc::new(LocalWorker {
            owner: self.owner.clone(),
            auditor: Arc::clone(&self.auditor),
            monitor: Arc::clone(&self.monitor),
            fixer: self.fixer.clone(),
            host: Arc::clone(&self.host),
            secrets: Arc::clone(&ports.secrets),
            clock: Arc::clone(&ports.clock),
        })
    }
}
