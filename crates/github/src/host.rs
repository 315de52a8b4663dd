//! GitHub as the port has it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::issues::{CloseReason, IssueRef};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{ApiUsage, CodeHost, Depth, FoundIssues, IssueLookup, RepositoryStore, TakeFound};
use cc_devops_repos::settings::{SettingsAsked, TakeSettings};
use cc_devops_repos::snapshot::{Fact, Repository};

use crate::client::{Client, Credential, CredentialSource, Error, GithubSettings};
use crate::{changes, issues, scan, settings, writers};

/// GitHub. The credential is read at the beginning of every call, so that one that was put there or replaced
/// meanwhile counts.
pub struct GitHub {
    credential: CredentialSource,
    settings: GithubSettings,
    store: Arc<dyn RepositoryStore>,
    /// The owner an App is installed for.
    owner: String,
    /// What the repositories are held against: what no rule of it looks at is not read.
    policy: Option<Arc<Policy>>,
    /// The client of the last credential: a credential has one limiter in a process.
    client: Mutex<Option<(SecretValue, Client)>>,
}

impl GitHub {
    /// GitHub as the credential opens it. Which workflows there are is kept in `store`. The process must have
    /// chosen its TLS provider.
    pub fn new(
        credential: CredentialSource,
        owner: impl Into<String>,
        settings: GithubSettings,
        store: Arc<dyn RepositoryStore>,
    ) -> Self {
        Self {
            credential,
            settings,
            store,
            owner: owner.into(),
            policy: None,
            client: Mutex::default(),
        }
    }

    /// The same, reading what the rules of this policy look at beside branches, dependencies and workflows.
    #[must_use]
    pub fn held_against(mut self, policy: Policy) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    async fn client(&self) -> PortResult<Client> {
        let text = self.credential.read().await?;
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, client)) if of.expose() == text.expose() => Ok(client.metered()),
            _ => {
                let client = Client::new(Credential::read(&text)?, &self.owner, &self.settings)?;
                *kept = Some((text, client.clone()));
                Ok(client.metered())
            }
        }
    }
}

fn unknown_owner(owner: &str) -> PortError {
    let message =
        format!("GitHub knows no owner `{owner}` that this token may see: check github.owner, or say it with --owner");
    PortError::new(PortErrorKind::NotFound, message)
}

#[async_trait]
impl CodeHost for GitHub {
    async fn repositories(&self, owner: &str, depth: Depth<'_>, take: &mut TakeFound<'_>) -> PortResult<ApiUsage> {
        let client = self.client().await?;
        let scan = scan::owner(&client, &*self.store, self.policy.as_deref(), owner, depth, take);
        match Box::pin(scan).await {
            Ok(()) => Ok(client.spent()),
            Err(error) if error.kind == PortErrorKind::NotFound => Err(unknown_owner(owner)),
            Err(error) => Err(error),
        }
    }

    async fn repository(&self, full_name: &str, depth: Depth<'_>) -> PortResult<(Box<Repository>, ApiUsage)> {
        let client = self.client().await?;
        let scan = scan::one(&client, &*self.store, self.policy.as_deref(), full_name, depth);
        let repository = Box::pin(scan).await?;
        Ok((repository, client.spent()))
    }

    async fn issues(&self, lookup: &IssueLookup) -> PortResult<(FoundIssues, ApiUsage)> {
        let client = self.client().await?;
        let issues = issues::look_up(&client, &*self.store, lookup).await?;
        Ok((issues, client.spent()))
    }

    async fn create_issue(&self, repository: &str, title: &str, body: &str, labels: &[String]) -> PortResult<IssueRef> {
        let client = self.client().await?;
        // Kept first, so that the issue is ours under a later credential too.
        let account = client.viewer().await?;
        issues::remember_account(&*self.store, &self.owner, &account).await?;
        Ok(issues::create(&client, repository, title, body, labels).await?)
    }

    async fn update_issue(&self, issue: &IssueRef, body: &str) -> PortResult<()> {
        Ok(issues::update(&self.client().await?, issue, body).await?)
    }

    async fn close_issue(&self, issue: &IssueRef, reason: CloseReason, comment: Option<&str>) -> PortResult<()> {
        Ok(issues::close(&self.client().await?, issue, reason, comment).await?)
    }

    async fn settings(&self, asked: &SettingsAsked<'_>, take: &mut TakeSettings<'_>) -> PortResult<ApiUsage> {
        let client = self.client().await?;
        match settings::read(&client, asked, take).await {
            Ok(()) => Ok(client.spent()),
            Err(Error::NotFound { .. }) if asked.names.is_empty() => Err(unknown_owner(asked.owner)),
            Err(error) => Err(error.into()),
        }
    }

    async fn change(&self, repository: &str, change: &ChangeKind) -> PortResult<String> {
        let done = changes::change(&self.client().await?, repository, change).await?;
        // The next look is to see what was changed. Where that cannot be kept, it sees it on a later day.
        if let Some((owner, name)) = repository.split_once('/')
            && let Err(error) = scan::forget(&*self.store, owner, name).await
        {
            tracing::warn!(%error, "what was read of {repository} before is still kept");
        }
        Ok(done)
    }

    async fn writers(&self, repository: &str) -> PortResult<Fact<Vec<String>>> {
        Ok(writers::of(&self.client().await?, repository).await?)
    }

    async fn put_actions_secret(&self, repository: &str, name: &str, value: &SecretValue) -> PortResult<()> {
        Ok(changes::put_secret(&self.client().await?, repository, name, value).await?)
    }
}
