//! What looks after an owner's repositories: audits, the watch over workflows, remedies.

use std::sync::Arc;

use cc_devops_kernel::health::Mode;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::auditing::{AuditSettings, Auditor};
use cc_devops_repos::monitoring::{Monitor, MonitoringSettings};
use cc_devops_repos::ports::CodeHost;
use cc_devops_repos::remedying::Remedy;
use cc_devops_repos::settings::reconciling::Reconciler;
use cc_devops_repos::worker::LocalWorker;
use cc_devops_requests::ports::Ports;

use crate::code_host::code_host;
use crate::settings::RepositoriesSettings;

/// Everything that looks after an owner's repositories.
pub struct RepositoryTools {
    /// Whose.
    pub owner: String,
    /// Where they are.
    pub host: Arc<dyn CodeHost>,
    /// Audits.
    pub auditor: Arc<Auditor>,
    /// Watches workflows.
    pub monitor: Arc<Monitor>,
    /// Puts breaches right.
    pub remedy: Remedy,
    /// Brings settings to what the policy names.
    pub reconciler: Reconciler,
    /// Where the code host's API answers.
    pub server: String,
}

impl RepositoryTools {
    /// Puts it together; `given` counts more than the secret. No request is made yet.
    pub fn new(
        settings: RepositoriesSettings,
        installation: &Installation,
        mode: Mode,
        ports: &Ports,
        given: Option<SecretValue>,
    ) -> Self {
        let host = code_host(&settings, ports, given);
        let (owner, policy) = (settings.owner, Arc::new(settings.policy));
        let secrets = Arc::clone(&ports.secrets);
        let reconciler = Reconciler::new(Arc::clone(&host), owner.clone(), Arc::clone(&policy), secrets, ports);
        let store = Arc::clone(&ports.repositories);
        let audited = AuditSettings {
            owner: owner.clone(),
            policy: Arc::clone(&policy),
            reader: installation.agent.clone(),
        };
        let watched = MonitoringSettings {
            owner: owner.clone(),
            policy: Arc::clone(&policy),
            mode,
        };
        let auditor = Auditor::new(Arc::clone(&host), store, ports.clone(), audited);
        let monitor = Monitor::new(Arc::clone(&host), ports, watched);
        Self {
            auditor: Arc::new(auditor),
            monitor: Arc::new(monitor),
            remedy: Remedy::new(Arc::clone(&host), owner.clone(), policy, ports),
            reconciler,
            server: settings.api_url,
            host,
            owner,
        }
    }

    /// What requests are given.
    pub fn repository_worker(&self, ports: &Ports) -> Arc<LocalWorker> {
        Arc::new(LocalWorker {
            owner: self.owner.clone(),
            auditor: Arc::clone(&self.auditor),
            monitor: Arc::clone(&self.monitor),
            remedy: self.remedy.clone(),
            host: Arc::clone(&self.host),
            secrets: Arc::clone(&ports.secrets),
            clock: Arc::clone(&ports.clock),
        })
    }
}
