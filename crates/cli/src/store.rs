//! Opens the store for an operator's command: the data folder, beside a running server or without
//! one, or the stack in an AWS account.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_aws::{Backend, Clients};
use cc_devops_core::audit::{AuditEntry, Mark};
use cc_devops_core::names::{FullStackName, RequestId};
use cc_devops_core::ports::{Clock, PortError, PortErrorKind, PortResult, Ports, StackProgress, Stacks, SystemClock};
use cc_devops_core::requests::DeployLambda;
use cc_devops_core::requests::engine::ControlPlane;
use cc_devops_core::requests::record::StackLease;
use cc_devops_core::secret::SecretValue;
use cc_devops_embedded::{Doubt, MasterKeySource, OpenError, Rotated, RotationStep, Store, StoreOptions};
use jiff::Timestamp;

use crate::Context;
use crate::config::Checked;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::output::Progress;
use crate::{policies, trail};

/// The operator's own agent, made at first start.
pub(crate) const ADMIN: &str = "admin";

/// The variable that holds the master key where no file does: 64 hex digits.
const KEY_VARIABLE: &str = "CC_DEVOPS_MASTER_KEY";
/// The variable that holds the key before it, while a rotation is under way.
const PREVIOUS_KEY_VARIABLE: &str = "CC_DEVOPS_MASTER_KEY_PREVIOUS";

/// An open store.
pub(crate) struct Opened {
    kind: Kind,
    /// Its ports. No stack can be changed through them.
    pub(crate) ports: Ports,
}

enum Kind {
    Embedded(Store),
    Aws(Backend),
}

/// What the store is opened with; `create` makes what does not exist.
pub(crate) fn options(data_dir: &Path, create: bool) -> StoreOptions {
    StoreOptions {
        data_dir: data_dir.to_path_buf(),
        master_key: master_key(),
        create,
    }
}

/// Where the master key comes from: the environment, or else the folder.
pub(crate) fn master_key() -> MasterKeySource {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|text| !text.is_empty())
            .map(SecretValue::new)
    };
    match variable(KEY_VARIABLE) {
        Some(current) => MasterKeySource::Given {
            current,
            previous: variable(PREVIOUS_KEY_VARIABLE),
        },
        None => MasterKeySource::File,
    }
}

/// A store that cannot be opened, in words that name the folder.
pub(crate) fn refused(data_dir: &Path, error: OpenError) -> CliError {
    match error {
        OpenError::Missing { .. } => CliError::OtherFolder {
            folder: data_dir.to_owned(),
        },
        _ => CliError::open(
            format!("cannot open the control plane in {}", data_dir.display()),
            error,
        ),
    }
}

/// Whether a control plane was ever made in the folder.
pub(crate) fn exists(data_dir: &Path) -> bool {
    data_dir.join("control-plane.db").exists()
}

/// The stack in the account, where that is the backend.
pub(crate) async fn on_aws(config: &Checked) -> Result<Option<Backend>, CliError> {
    let Some(target) = &config.aws else { return Ok(None) };
    // Boxed: it is large, and every command has it in its own.
    let clients = Box::pin(Clients::connect(&target.account)).await;
    if clients.config().region().is_none() {
        return Err(CliError::Usage(
            "no AWS region is known: give --region, or set AWS_REGION or the profile's region".to_owned(),
        ));
    }
    let (resources, installation) = (target.resources.clone(), config.installation.clone());
    Ok(Some(Backend::new(
        clients,
        resources,
        installation,
        Arc::new(SystemClock),
    )))
}

/// Opens the store, and makes one in the data folder where there is none: for commands that need no control
/// plane, and keep what they learn for the next time.
pub(crate) async fn open_or_make(context: &Context) -> Result<Opened, CliError> {
    let data_dir = &context.global.data_dir;
    if context.load_config()?.checked.aws.is_some() || exists(data_dir) {
        return open(context).await;
    }
    DataDir::new(data_dir).create()?;
    let store = Store::open(options(data_dir, true)).map_err(|error| refused(data_dir, error))?;
    context.output.note(&format!(
        "what is found is kept in {}, so that the next run knows what is new",
        data_dir.display()
    ));
    let ports = store.ports(Arc::new(NoStacks), Arc::new(SystemClock));
    let kind = Kind::Embedded(store);
    Ok(Opened { kind, ports })
}

/// Opens the store, which must exist.
pub(crate) async fn open(context: &Context) -> Result<Opened, CliError> {
    let clock = Arc::new(SystemClock);
    if let Some(backend) = on_aws(&context.load_config()?.checked).await? {
        let ports = Ports {
            stacks: Arc::new(NoStacks),
            ..backend.ports()
        };
        let kind = Kind::Aws(backend);
        return Ok(Opened { kind, ports });
    }
    let data_dir = &context.global.data_dir;
    if exists(data_dir) {
        DataDir::new(data_dir).check()?;
    }
    let store = Store::open(options(data_dir, false)).map_err(|error| refused(data_dir, error))?;
    if let Some(doubt) = store.doubt() {
        context.output.note(&format!("warning: {doubt}; {}", trail::WHAT_TO_DO));
    }
    let ports = store.ports(Arc::new(NoStacks), clock);
    let kind = Kind::Embedded(store);
    Ok(Opened { kind, ports })
}

impl Opened {
    /// A control plane over the store that answers questions and changes no stack.
    pub(crate) async fn control_plane(&self, config: &Checked) -> Result<ControlPlane, CliError> {
        let key = match &self.kind {
            Kind::Embedded(store) => store.fingerprint_key(),
            Kind::Aws(backend) => backend.fingerprint_key().await?,
        };
        let (installation, policy) = (config.installation.clone(), policies::in_force(config)?);
        let (ports, requests) = (self.ports.clone(), config.requests.clone());
        Ok(ControlPlane::new(installation, ports, policy, key, requests))
    }

    /// Whether it is a data folder, which holds the admin's token.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Embedded(_))
    }

    fn folder(&self, what: &str, instead: &str) -> Result<&Store, CliError> {
        match &self.kind {
            Kind::Embedded(store) => Ok(store),
            Kind::Aws(_) => Err(CliError::Usage(format!(
                "{what} is for the embedded backend; on AWS {instead}"
            ))),
        }
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
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        match &self.kind {
            Kind::Embedded(store) => store.doubt(),
            Kind::Aws(_) => None,
        }
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

/// An operator's command changes no stack: that is the server's business.
struct NoStacks;

impl NoStacks {
    fn refusal() -> PortError {
        PortError::new(
            PortErrorKind::Refused,
            "stacks are changed by the running server alone; use `cc-devops deploy`",
        )
    }
}

#[async_trait]
impl Stacks for NoStacks {
    async fn start(&self, _lease: &StackLease, _deploy: &DeployLambda, _at: Timestamp) -> PortResult<StackProgress> {
        Err(Self::refusal())
    }

    async fn progress(&self, _stack: &FullStackName, _request: &RequestId) -> PortResult<StackProgress> {
        Err(Self::refusal())
    }
}
