//! A data directory for the length of a test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_deploys::DraftContent;
use cc_devops_embedded::stacks::{LocalStacks, StackCommand};
use cc_devops_embedded::{MasterKeySource, OpenError, Store, StoreOptions};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{RequestId, StackName};
use cc_devops_kernel::ports::{PortResult, SecretStore, SecretVersion, SecretWrite, SystemClock};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{Planning, Stacks, WantedChange};
use cc_devops_testkit::sample::{self, after};
use rusqlite::Connection;
use tokio::sync::mpsc::unbounded_channel;

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("control-plane.db")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.path("master.key")
    }

    /// Where it is kept how far the audit trail had come.
    pub(crate) fn record(&self) -> PathBuf {
        self.path("audit.head")
    }

    pub(crate) fn try_open(&self, master_key: MasterKeySource, create: bool) -> Result<Store, OpenError> {
        Store::open(StoreOptions {
            data_dir: self.0.path().to_owned(),
            master_key,
            create,
        })
    }

    /// Opens with the key file.
    pub(crate) fn open(&self) -> Store {
        self.try_open(MasterKeySource::File, true).unwrap()
    }

    /// A connection of somebody who has the file and not the program.
    pub(crate) fn intruder(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }
}

/// The key of that byte, given by the caller.
pub(crate) fn given(current: u8, previous: Option<u8>) -> MasterKeySource {
    let key = |byte: u8| SecretValue::new(format!("{byte:02x}").repeat(32));
    MasterKeySource::Given {
        current: key(current),
        previous: previous.map(key),
    }
}

pub(crate) async fn put(store: &Store, name: &str, value: &str, token: u64) -> PortResult<()> {
    let (put, token) = (sample::put_secret(name, value), format!("{token:064x}"));
    let write = SecretWrite {
        put: &put,
        token: &token,
        may_be_repeat: false,
        agent: &sample::agent_name(sample::AGENT),
        stage: &sample::stage(),
        at: sample::START,
    };
    store.secrets().put(write).await.map(|_| ())
}

pub(crate) async fn value(store: &Store, name: &str) -> PortResult<Option<String>> {
    let read = store
        .secrets()
        .read(&sample::secret_name(name), SecretVersion::Current)
        .await?;
    Ok(read.map(|read| read.value.expose().to_owned()))
}

/// An entry that can be found in the file by its request id.
pub(crate) fn entry(number: i64) -> AuditEntry {
    let mut entry = sample::audit_entry("putSecret", number);
    entry.request_id = Some(format!("needle-{number:04}"));
    entry
}

/// The stacks of this machine, with one that has no plan command.
fn stacks(store: &Store) -> LocalStacks {
    let command = StackCommand {
        program: "/bin/true".into(),
        arguments: Vec::new(),
        plan_command: None,
        working_dir: "/".into(),
        timeout: Duration::from_mins(1),
        env: Vec::new(),
        secret_env: Vec::new(),
        parameters: vec!["Size".to_owned()],
        secret_parameters: Vec::new(),
        stages: Vec::new(),
        user: None,
    };
    let commands = BTreeMap::from([(StackName::new("shop").unwrap(), command)]);
    store.local_stacks(commands, PathBuf::new(), Arc::new(SystemClock), unbounded_channel().0)
}

fn deploy_to_plan() -> DeployLambda {
    let mut deploy = sample::deploy_lambda("shop");
    deploy.parameters = BTreeMap::from([("Size".to_owned(), "3".to_owned())]);
    deploy
}

/// Plans a deploy under the request `planned`.
pub(crate) async fn plan(store: &Store) {
    let deploy = deploy_to_plan();
    let wanted = WantedChange {
        stack: &deploy.full_name(),
        request: &RequestId::new("planned").unwrap(),
        deploy: &deploy,
        may_create: true,
        at: after(10),
    };
    stacks(store).plan(&wanted).await.unwrap();
}

/// How that planning stands.
pub(crate) async fn planned(store: &Store) -> Planning {
    let request = RequestId::new("planned").unwrap();
    let stack = deploy_to_plan().full_name();
    stacks(store).planned(&stack, &request).await.unwrap()
}

/// What was planned is still there, and opens.
pub(crate) async fn check_plan(store: &Store) {
    let Planning::Ready(draft) = planned(store).await else {
        panic!("it was planned")
    };
    assert_eq!(
        (draft.handle.as_str(), draft.content),
        ("unplanned", DraftContent::Unplanned)
    );
}
