//! The embedded backend: a data folder with one SQLite file.

use std::path::Path;
use std::sync::Arc;

use cc_devops_embedded::stacks::{self, LocalStacks};
use cc_devops_embedded::{MasterKeySource, OpenError, Store, StoreOptions};
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_kernel::secret::SecretValue;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::capabilities::{Backend, Capabilities};
use crate::error::AppError;
use crate::no_stacks::NoStacks;
use crate::program::Program;
use crate::settings::Settings;

/// The variable that holds the master key where no file does: 64 hex digits.
const KEY_VARIABLE: &str = "CC_DEVOPS_MASTER_KEY";
/// The variable that holds the key before it, while a rotation is under way.
const PREVIOUS_KEY_VARIABLE: &str = "CC_DEVOPS_MASTER_KEY_PREVIOUS";

/// The commands that change stacks on this machine, for the one who starts and ends them.
pub struct StackCommands {
    /// The stacks.
    pub stacks: Arc<LocalStacks>,
    /// The requests whose command has ended.
    pub ends: UnboundedReceiver<RequestId>,
}

/// Opens the folder to serve it, which makes it where there is none, and starts nothing yet.
///
/// # Errors
/// The folder or its database cannot be used.
pub fn serve(settings: Settings, data_dir: &Path) -> Result<(Capabilities, StackCommands), AppError> {
    let store = store(data_dir, true)?;
    let clock = Arc::new(SystemClock);
    let (ended, ends) = unbounded_channel();
    let supervisor = stacks::this_program()
        .map_err(|error| AppError::internal("this program's own file is not to be found", error))?;
    let stacks = Arc::new(store.local_stacks(settings.stacks.clone(), supervisor, clock.clone(), ended));
    let ports = store.ports(stacks.clone(), clock);
    let capabilities = Capabilities::new(settings, Program::SERVER, Backend::Embedded(store), ports);
    Ok((capabilities, StackCommands { stacks, ends }))
}

/// Opens the folder for a command; `create` makes what does not exist.
///
/// # Errors
/// The folder or its database cannot be used.
pub fn command(settings: Settings, data_dir: &Path, create: bool) -> Result<Capabilities, AppError> {
    let store = store(data_dir, create)?;
    let ports = store.ports(Arc::new(NoStacks), Arc::new(SystemClock));
    let backend = Backend::Embedded(store);
    Ok(Capabilities::new(settings, Program::COMMAND, backend, ports))
}

/// Makes or opens the folder for a program that goes through a past or a future of its own: it carries requests out, changes
/// no stack, and `clock` says what time it is.
///
/// # Errors
/// The folder or its database cannot be used.
pub fn in_time(settings: Settings, data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Capabilities, AppError> {
    let store = store(data_dir, true)?;
    let ports = store.ports(Arc::new(NoStacks), clock);
    Ok(Capabilities::new(
        settings,
        Program::SERVER,
        Backend::Embedded(store),
        ports,
    ))
}

fn store(data_dir: &Path, create: bool) -> Result<Store, AppError> {
    let options = StoreOptions {
        data_dir: data_dir.to_path_buf(),
        master_key: master_key(),
        create,
    };
    Store::open(options).map_err(|error| refused(data_dir, error))
}

/// Where the master key comes from: the environment, or else the folder.
pub fn master_key() -> MasterKeySource {
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
pub fn refused(data_dir: &Path, error: OpenError) -> AppError {
    match error {
        OpenError::Missing { .. } => AppError::NoControlPlane {
            folder: data_dir.to_owned(),
        },
        _ => AppError::Open {
            message: format!("cannot open the control plane in {}", data_dir.display()),
            source: error.into(),
        },
    }
}

/// Whether a control plane was ever made in the folder.
pub fn exists(data_dir: &Path) -> bool {
    data_dir.join("control-plane.db").exists()
}
