//! Builds what looks after repositories: GitHub, the policy, and where what is known is kept.

use std::sync::Arc;

use cc_devops_core::Installation;
use cc_devops_core::health::Mode;
use cc_devops_core::ports::{CodeHost, CodeHostNotices, Ports};
use cc_devops_core::repos::auditing::{self, Auditor};
use cc_devops_core::repos::care::Care;
use cc_devops_core::repos::monitoring::{self, Monitor};
use cc_devops_core::repos::remedying::Remedy;
use cc_devops_core::secret::SecretValue;
use cc_devops_github::GitHub;
use cc_devops_github::client::{self, CredentialSource};
use cc_devops_github::notices::Notices;

use crate::config::Repositories;

/// Everything that looks after an owner's repositories.
pub(crate) struct Hygiene {
    /// Whose.
    pub(crate) owner: String,
    /// Where they are.
    pub(crate) host: Arc<dyn CodeHost>,
    /// Audits.
    pub(crate) auditor: Arc<Auditor>,
    /// Watches workflows.
    pub(crate) monitor: Arc<Monitor>,
    /// Puts breaches right.
    pub(crate) remedy: Remedy,
}

/// Puts it together; `given` counts more than the secret. No request is made yet.
pub(crate) fn hygiene(
    config: Repositories,
    installation: &Installation,
    mode: Mode,
    ports: &Ports,
    given: Option<SecretValue>,
) -> Hygiene {
    // The first choice holds; a second one changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    let credential = match given {
        Some(token) => CredentialSource::Given(token),
        None => CredentialSource::Kept {
            secrets: Arc::clone(&ports.secrets),
            name: config.token,
        },
    };
    let settings = client::Settings {
        api_url: config.api_url,
        ..client::Settings::default()
    };
    let (owner, policy) = (config.owner, Arc::new(config.policy));
    let store = &ports.repositories;
    let host: Arc<dyn CodeHost> = Arc::new(GitHub::new(credential, owner.as_str(), settings, Arc::clone(store)));
    let audited = auditing::Settings {
        owner: owner.clone(),
        policy: Arc::clone(&policy),
        reader: installation.agent.clone(),
    };
    let watched = monitoring::Settings {
        owner: owner.clone(),
        policy: Arc::clone(&policy),
        mode,
    };
    let monitor = Monitor::new(Arc::clone(&host), ports, watched);
    Hygiene {
        auditor: Arc::new(Auditor::new(
            Arc::clone(&host),
            Arc::clone(store),
            ports.clone(),
            audited,
        )),
        monitor: Arc::new(monitor),
        remedy: Remedy::new(Arc::clone(&host), owner.clone(), policy, ports),
        host,
        owner,
    }
}

impl Hygiene {
    /// What requests are given.
    pub(crate) fn care(&self, ports: &Ports) -> Arc<Care> {
        Arc::new(Care {
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

/// What `serve` is given.
pub(crate) fn capability(
    config: &Repositories,
    installation: &Installation,
    mode: Mode,
    ports: &Ports,
) -> cc_devops_server::Hygiene {
    let notices = config.webhook.clone().map(|name| {
        let notices = Notices::new(Arc::clone(&ports.secrets), name);
        Arc::new(notices) as Arc<dyn CodeHostNotices>
    });
    let hygiene = hygiene(config.clone(), installation, mode, ports, None);
    cc_devops_server::Hygiene {
        care: hygiene.care(ports),
        auditor: hygiene.auditor,
        owner: hygiene.owner,
        notices,
    }
}
