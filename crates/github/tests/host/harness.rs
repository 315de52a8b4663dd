//! A fake GitHub and the adapter on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_fake_github::{FakeGitHub, Fault, Model, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_github::client::{CredentialSource, GithubSettings, Limits, Retries};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::ports::{ApiUsage, CodeHost, Depth, Found, RepositoryStore};
use cc_devops_repos::snapshot::{Repository, WorkflowId};
use cc_devops_testkit::Memory;
use serde_json::{Value, json};

/// The moment the fake begins at, in Unix seconds.
pub(crate) const NOW: i64 = 1_795_392_000;

/// Both, and what is kept.
pub(crate) struct Harness {
    pub(crate) fake: FakeGitHub,
    pub(crate) github: GitHub,
    pub(crate) memory: Memory,
}

/// Settings that wait for nothing.
pub(crate) fn settings(url: &str) -> GithubSettings {
    drop(rustls::crypto::ring::default_provider().install_default());
    GithubSettings {
        api_url: url.to_owned(),
        limits: Limits {
            between_writes: Duration::ZERO,
            ..Limits::default()
        },
        retries: Retries {
            times: 3,
            shortest: Duration::from_millis(1),
            longest: Duration::from_millis(4),
        },
        ..GithubSettings::default()
    }
}

pub(crate) fn given(credential: &str) -> CredentialSource {
    CredentialSource::Given(SecretValue::new(credential.to_owned()))
}

impl Harness {
    /// The next listing cannot say this field of its first repository, for this reason; with no field, the repository.
    pub(crate) fn first_lacks(&self, field: &[&str], why: &'static str) {
        let mut path: Vec<Value> = ["repositoryOwner", "repositories", "nodes"].map(Value::from).into();
        path.push(json!(0));
        path.extend(field.iter().map(|step| json!(step)));
        self.fake.fault("POST /graphql Settings", 0, Fault::Partial(why, path));
    }

    pub(crate) async fn of(model: Model) -> Self {
        Self::with(model, TOKEN).await
    }

    pub(crate) async fn with(model: Model, credential: &str) -> Self {
        let fake = FakeGitHub::start(model).await;
        let memory = Memory::new();
        let store: Arc<dyn RepositoryStore> = Arc::new(memory.clone());
        let github = GitHub::new(given(credential), "acme", settings(fake.url()), store);
        Self { fake, github, memory }
    }

    /// Another adapter with another credential, on the same fake.
    pub(crate) fn as_other(&self, credential: &str) -> GitHub {
        let store: Arc<dyn RepositoryStore> = Arc::new(self.memory.clone());
        GitHub::new(given(credential), "acme", settings(self.fake.url()), store)
    }
}

/// What a reading came upon.
#[derive(Default, Debug)]
pub(crate) struct All {
    pub(crate) total: u64,
    pub(crate) repositories: Vec<Repository>,
    pub(crate) missing: Vec<(String, String)>,
    pub(crate) broken: Vec<String>,
}

impl All {
    pub(crate) fn named(&self, name: &str) -> &Repository {
        let found = self.repositories.iter().find(|repository| repository.name == name);
        found.unwrap_or_else(|| panic!("{name} is not among {:?}", self.repositories))
    }
}

pub(crate) async fn read(github: &GitHub, depth: Depth<'_>) -> PortResult<(All, ApiUsage)> {
    let mut all = All::default();
    let mut take = |found| match found {
        Found::Total(total) => all.total = total,
        Found::Organization(_) => {}
        Found::Repository(repository) => all.repositories.push(*repository),
        Found::Missing { name, why } => all.missing.push((name, why)),
        Found::BrokeOff { why } => all.broken.push(why),
    };
    let spent = github.repositories("acme", depth, &mut take).await?;
    Ok((all, spent))
}

/// What an audit reads.
pub(crate) async fn settings_of(github: &GitHub) -> (All, ApiUsage) {
    read(github, Depth::Settings).await.unwrap()
}

/// What the monitor reads.
pub(crate) async fn runs_of(github: &GitHub, closely: &[u64]) -> (All, ApiUsage) {
    let closely: BTreeSet<WorkflowId> = closely.iter().map(|id| WorkflowId(*id)).collect();
    read(github, Depth::Runs { closely: &closely }).await.unwrap()
}
