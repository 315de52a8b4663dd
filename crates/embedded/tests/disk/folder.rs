//! A data directory for the length of a test.

use std::path::PathBuf;

use cc_devops_embedded::{MasterKeySource, OpenError, Store, StoreOptions};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::ports::{PortResult, SecretStore, SecretVersion, SecretWrite};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_testkit::sample;
use rusqlite::Connection;

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
