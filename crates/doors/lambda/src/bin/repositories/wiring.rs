//! Builds the real adapters and wires them to the function. The one place where that is done.

use std::sync::Arc;

use cc_devops_aws::{self as aws, Backend, Clients};
use cc_devops_core::ports::{CodeHost, SystemClock};
use cc_devops_core::repos::auditing::{self, Auditor};
use cc_devops_core::repos::care::Care;
use cc_devops_core::repos::monitoring::{self, Monitor};
use cc_devops_core::repos::remedying::Remedy;
use cc_devops_github::GitHub;
use cc_devops_github::client::{self, CredentialSource};
use cc_devops_lambda::repositories::{RepositoriesFunction, Settings};

/// The function on AWS and GitHub. Makes no call but where credentials need one.
pub(crate) async fn function(settings: Settings) -> RepositoriesFunction {
    // The first choice holds; a second one changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    let clients = Clients::connect(&aws::Account::default()).await;
    let backend = Backend::new(
        clients,
        settings.resources,
        settings.installation.clone(),
        Arc::new(SystemClock),
    );
    let ports = backend.ports();
    let credential = CredentialSource::Kept {
        secrets: Arc::clone(&ports.secrets),
        name: settings.token,
    };
    let reached = client::Settings {
        api_url: settings.github_url.unwrap_or_else(|| client::API_URL.to_owned()),
        ..client::Settings::default()
    };
    let (owner, policy) = (settings.owner, Arc::new(settings.policy));
    let store = Arc::clone(&ports.repositories);
    let host: Arc<dyn CodeHost> = Arc::new(GitHub::new(credential, owner.as_str(), reached, Arc::clone(&store)));
    let audited = auditing::Settings {
        owner: owner.clone(),
        policy: Arc::clone(&policy),
        reader: settings.installation.agent.clone(),
    };
    let watched = monitoring::Settings {
        owner: owner.clone(),
        policy: Arc::clone(&policy),
        mode: settings.mode,
    };
    let auditor = Arc::new(Auditor::new(host.clone(), store, ports.clone(), audited));
    let clock = Arc::clone(&ports.clock);
    let care = Care {
        auditor: Arc::clone(&auditor),
        monitor: Arc::new(Monitor::new(host.clone(), &ports, watched)),
        remedy: Remedy::new(Arc::clone(&host), owner.clone(), policy, &ports),
        secrets: Arc::clone(&ports.secrets),
        clock: Arc::clone(&clock),
        host,
        owner,
    };
    RepositoriesFunction {
        auditor,
        care: Arc::new(care),
        clock,
        agent: settings.installation.agent,
        handed_over: backend.handed_over(),
    }
}
