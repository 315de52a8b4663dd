//! What a program is made of: the settings, the ports of its backend, and everything that is put together from both.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use cc_devops_alerts::Conditions;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Consumer;
use cc_devops_repos::ports::{RepositoryPorts, RepositoryWorker};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::relay::ConsumerTimeout;
use cc_devops_requests::retention::Pruner;
use cc_devops_requests::waiting::Stopwatch;

use crate::code_host::credential;
use crate::error::AppError;
use crate::no_owner::NoOwner;
use crate::policies;
use crate::program::Program;
use crate::repositories::RepositoryTools;
use crate::settings::{RepositoriesSettings, Settings};

/// Where everything is kept and done.
pub enum Backend {
    /// One process, one folder, one machine.
    #[cfg(feature = "embedded")]
    Embedded(cc_devops_embedded::Store),
    /// The stack of template.yaml in an AWS account.
    #[cfg(feature = "aws")]
    Aws(cc_devops_aws::Backend),
}

impl Backend {
    /// The key of the requests' fingerprints.
    ///
    /// # Errors
    /// It cannot be read.
    #[cfg_attr(
        not(feature = "aws"),
        expect(
            clippy::unused_async,
            reason = "what is read here alone is kept by another system on AWS"
        )
    )]
    pub async fn fingerprint_key(&self) -> PortResult<FingerprintKey> {
        match self {
            #[cfg(feature = "embedded")]
            Self::Embedded(store) => Ok(store.fingerprint_key()),
            #[cfg(feature = "aws")]
            Self::Aws(backend) => backend.fingerprint_key().await,
        }
    }
}

/// What a program can do, put together in this one place for all of them.
pub struct Capabilities {
    /// The settings.
    pub settings: Settings,
    /// Every port.
    pub ports: Ports,
    program: Program,
    backend: Backend,
    repositories: OnceLock<Option<RepositoryTools>>,
}

impl Capabilities {
    /// Puts a program together. No call is made.
    pub fn new(settings: Settings, program: Program, backend: Backend, mut ports: Ports) -> Self {
        // The backend knows no routes.
        ports.conditions = Arc::new(Conditions::new(
            Arc::clone(&ports.state),
            Arc::clone(&settings.alerts.policy),
        ));
        Self {
            settings,
            ports,
            program,
            backend,
            repositories: OnceLock::new(),
        }
    }

    /// Where everything is kept and done.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The backend, and nothing else: for who closes a store.
    pub fn into_backend(self) -> Backend {
        self.backend
    }

    /// Which program it is.
    pub fn program(&self) -> Program {
        self.program
    }

    /// Who is told of events.
    pub fn consumers(&self) -> &'static [Consumer] {
        self.ports.outbox.consumers()
    }

    /// The control plane: requests, the policies that decide, and the outbox behind it.
    ///
    /// # Errors
    /// The store's key cannot be read, or the policies cannot be used.
    pub async fn control_plane(&self) -> Result<ControlPlane, AppError> {
        let (settings, program) = (&self.settings, self.program);
        let key = self.backend.fingerprint_key().await?;
        let policy = if program.carries_out {
            policies::over(settings, &self.ports).await?
        } else {
            policies::in_force(settings)?
        };
        let (installation, requests) = (settings.installation.clone(), settings.requests.clone());
        let mut plane = ControlPlane::new(installation, self.ports.clone(), policy, key, requests);
        if program.carries_out {
            plane = plane.with_repository_worker(self.repository_worker());
        }
        if program.runs_on {
            plane = plane.measuring(stopwatch());
        }
        if let Some(time) = program.consumer_time {
            let timeout: ConsumerTimeout = Arc::new(move || Box::pin(tokio::time::sleep(time)));
            plane = plane.with_consumer_timeout(timeout);
        }
        Ok(plane)
    }

    /// Who looks after repositories for requests: on AWS the function that is for them, else this process.
    pub fn repository_worker(&self) -> Arc<dyn RepositoryWorker> {
        match &self.backend {
            #[cfg(feature = "aws")]
            Backend::Aws(backend) => backend.repository_worker(),
            #[cfg(feature = "embedded")]
            Backend::Embedded(_) => match self.repositories() {
                Some(tools) => tools.repository_worker(&self.ports),
                None => Arc::new(NoOwner),
            },
        }
    }

    /// What looks after repositories in this process, by the settings; nothing where these name no owner. Made once;
    /// no request is made yet.
    pub fn repositories(&self) -> Option<&RepositoryTools> {
        let make = || {
            let settings = (*self.settings.repositories).clone();
            let owner = settings.owner.clone()?;
            Some(self.repositories_by(settings, owner, None))
        };
        self.repositories.get_or_init(make).as_ref()
    }

    /// The same for this owner, by settings that a person changed, with a credential that counts more than the secret.
    pub fn repositories_by(
        &self,
        settings: RepositoriesSettings,
        owner: String,
        given: Option<SecretValue>,
    ) -> RepositoryTools {
        let of = (&self.settings.installation, self.settings.mode);
        let credential = credential(&settings, &self.ports, given);
        let secrets = Some(Arc::clone(&self.ports.secrets));
        RepositoryTools::new(
            settings,
            owner,
            of,
            &RepositoryPorts::from(&self.ports),
            (credential, secrets),
        )
    }

    /// Who forgets what is not kept any longer.
    pub fn pruner(&self) -> Pruner {
        let retention = &self.settings.retention;
        #[cfg(feature = "cli")]
        let archive = retention.export_dir.clone().map(|folder| {
            let archive = crate::audit_archive::FileArchive::new(folder);
            Arc::new(archive) as Arc<dyn cc_devops_kernel::ports::AuditArchive>
        });
        #[cfg(not(feature = "cli"))]
        let archive = None;
        Pruner::new(retention.rules, &self.ports, archive)
    }
}

/// Measures how long the process runs.
fn stopwatch() -> Stopwatch {
    let begun = Instant::now();
    Arc::new(move || begun.elapsed())
}
