//! The code host: GitHub.

use std::sync::Arc;

use cc_devops_github::GitHub;
use cc_devops_github::client::{self, CredentialSource};
use cc_devops_github::notices::Notices;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::ports::{CodeHost, CodeHostNotices, RepositoryStore};
use cc_devops_requests::ports::Ports;

use crate::settings::RepositoriesSettings;

/// As whom GitHub is asked: `given` counts more than the secret.
pub fn credential(settings: &RepositoriesSettings, ports: &Ports, given: Option<SecretValue>) -> CredentialSource {
    match given {
        Some(token) => CredentialSource::Given(token),
        None => CredentialSource::Kept {
            secrets: Arc::clone(&ports.secrets),
            name: settings.token.clone(),
        },
    }
}

/// Where the repositories of `owner` are. No request is made yet.
pub(crate) fn code_host(
    settings: &RepositoriesSettings,
    owner: &str,
    store: Arc<dyn RepositoryStore>,
    credential: CredentialSource,
) -> Arc<dyn CodeHost> {
    let reached = client::GithubSettings {
        api_url: settings.api_url.clone(),
        trouble: settings.trouble.clone(),
        ..client::GithubSettings::default()
    };
    let github = GitHub::new(credential, owner, reached, store);
    Arc::new(github.held_against(settings.policy.clone()))
}

/// Who understands what GitHub sends; none where no secret is named that it signs with.
pub fn code_host_notices(settings: &RepositoriesSettings, ports: &Ports) -> Option<Arc<dyn CodeHostNotices>> {
    let name = settings.webhook.clone()?;
    let notices = Notices::new(Arc::clone(&ports.secrets), name, Arc::clone(&ports.clock));
    Some(Arc::new(notices))
}
