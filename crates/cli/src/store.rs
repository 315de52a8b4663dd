//! Opens the store for an operator's command: the data folder, beside a running server or without
//! one, or the stack in an AWS account.

use std::ops::ControlFlow;
use std::path::Path;

pub(crate) use cc_devops_app::embedded::{exists, master_key};
use cc_devops_app::{Backend, Capabilities, Settings, embedded};
use cc_devops_embedded::{OpenError, Rotated, RotationStep, Store, TrailMismatch};
use cc_devops_fleet::aws_keys::AwsKeys;
use cc_devops_kernel::audit::{AuditEntry, Mark};
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::Ports;

use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::output::Progress;
use crate::trail;

/// The operator's own agent, made at first start.
pub(crate) const ADMIN: &str = "admin";

/// The adapters of an account.
#[cfg(feature = "aws")]
pub(crate) type AwsBackend = cc_devops_aws::Backend;
/// There is none in a program that was built without AWS.
#[cfg(not(feature = "aws"))]
pub(crate) type AwsBackend = std::convert::Infallible;

/// An open store, and what an operator's command can do with it.
pub(crate) struct Opened {
    /// What it can do. No stack can be changed through its ports.
    pub(crate) capabilities: Capabilities,
    /// Its ports.
    pub(crate) ports: Ports,
}

impl From<Capabilities> for Opened {
    fn from(capabilities: Capabilities) -> Self {
        let ports = capabilities.ports.clone();
        Self { capabilities, ports }
    }
}

/// A store that cannot be opened, in words that name the folder.
pub(crate) fn refused(data_dir: &Path, error: OpenError) -> CliError {
    embedded::refused(data_dir, error).into()
}

/// The stack in the account, where that is the backend.
#[cfg_attr(
    not(feature = "aws"),
    expect(clippy::unused_async, reason = "only an account is asked")
)]
pub(crate) async fn on_aws(settings: &Settings) -> Result<Option<AwsBackend>, CliError> {
    if let Some(problem) = settings.not_built_in() {
        let (file, problems) = (None, vec![problem]);
        return Err(CliError::Config { file, problems });
    }
    #[cfg(feature = "aws")]
    let backend = cc_devops_app::aws::backend(settings).await?;
    #[cfg(not(feature = "aws"))]
    let backend = None;
    Ok(backend)
}

/// Opens the store, and makes one in the data folder where there is none: for commands that need no control
/// plane, and keep what they learn for the next time.
pub(crate) async fn open_or_make(context: &Context) -> Result<Opened, CliError> {
    let data_dir = &context.global.data_dir;
    let settings = context.load_settings()?.settings;
    if settings.aws.is_some() || exists(data_dir) {
        return open(context).await;
    }
    DataDir::new(data_dir).create()?;
    let capabilities = embedded::command(settings, data_dir, true)?;
    context.output.note(&format!(
        "what is found is kept in {}, so that the next run knows what is new",
        data_dir.display()
    ));
    Ok(capabilities.into())
}

/// Opens the store, which must exist.
pub(crate) async fn open(context: &Context) -> Result<Opened, CliError> {
    let settings = context.load_settings()?.settings;
    if let Some(backend) = on_aws(&settings).await? {
        #[cfg(feature = "aws")]
        return Ok(cc_devops_app::aws::capabilities(settings, cc_devops_app::Program::COMMAND, backend).into());
        #[cfg(not(feature = "aws"))]
        match backend {}
    }
    let data_dir = &context.global.data_dir;
    if exists(data_dir) {
        DataDir::new(data_dir).check()?;
    }
    let opened = Opened::from(embedded::command(settings, data_dir, false)?);
    if let Some(doubt) = opened.doubt() {
        context.output.note(&format!("warning: {doubt}; {}", trail::WHAT_TO_DO));
    }
    Ok(opened)
}

impl Opened {
    /// A control plane over the store that answers questions and changes no stack.
    pub(crate) async fn control_plane(&self) -> Result<ControlPlane, CliError> {
        Ok(self.capabilities.control_plane().await?)
    }

    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unnecessary_wraps, reason = "an account is no store")
    )]
    fn store(&self) -> Option<&Store> {
        match self.capabilities.backend() {
            Backend::Embedded(store) => Some(store),
            #[cfg(feature = "aws")]
            Backend::Aws(_) => None,
        }
    }

    /// Whether it is a data folder, which holds the admin's token.
    pub(crate) fn is_folder(&self) -> bool {
        self.store().is_some()
    }

    fn folder(&self, what: &str, instead: &str) -> Result<&Store, CliError> {
        let none = || CliError::Usage(format!("{what} is for the embedded backend; on AWS {instead}"));
        self.store().ok_or_else(none)
    }

    /// Access keys are given out by a data folder alone.
    pub(crate) fn gives_aws_keys(&self) -> Result<(), CliError> {
        let instead = "an agent has IAM's keys, and its SDK speaks to AWS itself";
        let _folder = self.folder("an access key", instead)?;
        Ok(())
    }

    /// The access keys of its agents.
    pub(crate) async fn aws_keys(&self) -> Result<AwsKeys<'_>, CliError> {
        self.gives_aws_keys()?;
        Ok(self.ports.aws_keys(self.capabilities.aws_keys_key().await?))
    }

    /// Replaces the master key.
    pub(crate) async fn rotate_key(&self, mut progress: Progress) -> Result<Rotated, CliError> {
        let store = self.folder(
            "rotating the master key",
            "the ledger's key stays, see docs/RUNBOOK-AWS.md",
        )?;
        progress.start();
        let mut step = |step| {
            if let RotationStep::Rewrapped { rows } = step {
                progress.at(rows);
            }
            ControlFlow::Continue(())
        };
        Ok(store.rotate_master_key(SystemClock.now(), &mut step).await?)
    }

    /// Why the audit trail may not be the newest.
    pub(crate) fn doubt(&self) -> Option<TrailMismatch> {
        self.store().and_then(Store::doubt)
    }

    /// Takes the audit trail as it stands.
    pub(crate) async fn accept(&self, entry: AuditEntry) -> Result<Mark, CliError> {
        let store = self.folder("accepting a trail", "nothing is kept beside the table")?;
        Ok(store.accept(entry).await?)
    }

    /// Copies the database to a file.
    pub(crate) async fn backup_to(&self, file: &Path) -> Result<(), CliError> {
        let store = self.folder("a backup", "the table has point-in-time recovery")?;
        Ok(store.backup_to(file).await?)
    }
}
