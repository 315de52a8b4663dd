//! Opening the database: the files and their modes, the schema, the keys, the threads.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use rustix::fs::FlockOperation;

use super::checkpoint::{Checkpointer, Signal};
use super::compaction::convert_small;
use super::connection::{Purpose, connect};
use super::migrations::migrate;
use super::readers::Readers;
use super::writer::Writer;
use super::{Db, Inner};
use crate::audit;
use crate::error::{Fault, OpenError};
use crate::vault::{KeyId, KeyStore, Keyring, MasterKeySource, StoreKeys, sync_directory};

/// The database's file in the data directory.
pub(crate) const FILE: &str = "control-plane.db";

/// The master key's file in the data directory.
const KEY_FILE: &str = "master.key";

/// Opens the database in `dir`; with `create`, makes what is missing.
pub(crate) fn open(dir: &Path, source: MasterKeySource, create: bool) -> Result<Db, OpenError> {
    let file = dir.join(FILE);
    let wrong = |source| OpenError::Directory {
        path: dir.to_owned(),
        source,
    };
    if create {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(wrong)?;
    } else if !file.exists() {
        return Err(OpenError::Missing { path: file });
    }
    let door = door(dir)?;
    make_private(&file, create).map_err(|source| OpenError::Directory {
        path: file.clone(),
        source,
    })?;

    let failed = |error: rusqlite::Error| OpenError::Store(Fault::Sqlite(error).into_port(&file));
    let mut conn = connect(&file, Purpose::Write).map_err(failed)?;
    migrate(&mut conn, &file)?;
    if create {
        convert_small(&conn).map_err(failed)?;
    }
    let (keys, store_keys) = unlock(&mut conn, &file, source, &dir.join(KEY_FILE))?;
    drop(door);

    let keys = Arc::new(keys);
    let signal = Arc::new(Signal::default());
    let writer = Writer::start(conn, file.clone(), Arc::clone(&keys), Arc::clone(&signal)).map_err(wrong)?;
    let checkpointer = Checkpointer::start(&file, signal, writer.nudge()).map_err(wrong)?;
    Ok(Db(Arc::new(Inner {
        readers: Arc::new(Readers::new(file.clone())),
        file,
        keys,
        store_keys: Arc::new(store_keys),
        writer,
        checkpointer,
    })))
}

/// Holds the folder until it is dropped: two processes that start at once make one database, not two halves.
pub(super) fn door(dir: &Path) -> Result<File, OpenError> {
    let wrong = |source| OpenError::Directory {
        path: dir.to_owned(),
        source,
    };
    let door = File::open(dir).map_err(wrong)?;
    rustix::fs::flock(&door, FlockOperation::LockExclusive).map_err(|error| wrong(error.into()))?;
    Ok(door)
}

/// The file exists and is its owner's alone; SQLite gives the files beside it the same mode.
fn make_private(file: &Path, create: bool) -> io::Result<()> {
    if create {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
            // Both names durable: that of the file, and that of the directory.
            Ok(_) => {
                sync_directory(file)?;
                file.parent().map_or(Ok(()), sync_directory)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    if fs::metadata(file)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(file, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Loads the master key that the database was sealed with, or seals a new database.
fn unlock(
    conn: &mut Connection,
    file: &Path,
    source: MasterKeySource,
    key_file: &Path,
) -> Result<(KeyStore, StoreKeys), OpenError> {
    let failed = |fault: Fault| OpenError::Store(fault.into_port(file));
    let transaction = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| failed(error.into()))?;
    let needed = transaction
        .query_row("SELECT value FROM meta WHERE key = 'sealing_key_id'", [], |row| {
            row.get(0).map(KeyId::from_stored)
        })
        .optional()
        .map_err(|error| failed(error.into()))?;
    let keys = KeyStore::open(source, key_file.to_owned(), needed.as_ref())?;
    let store_keys = if let Some(id) = needed {
        StoreKeys::load(&transaction, &keys.sealing_keyring(id))
    } else {
        let id = keys.read_pair()?.current.id().clone();
        begin(&transaction, &keys.sealing_keyring(id.clone()), &id)
    };
    let store_keys = store_keys.map_err(|fault| match fault {
        Fault::UnknownKey(id) => keys.wrong(&id),
        fault => failed(fault),
    })?;
    transaction.commit().map_err(|error| failed(error.into()))?;
    Ok((keys, store_keys))
}

/// What a new database holds from the start.
fn begin(conn: &Connection, keyring: &Keyring, sealing: &KeyId) -> Result<StoreKeys, Fault> {
    conn.execute(
        "INSERT INTO meta (key, value) VALUES ('sealing_key_id', ?1)",
        [sealing.as_str()],
    )?;
    let store_keys = StoreKeys::create(conn, keyring)?;
    audit::begin(conn, &store_keys)?;
    Ok(store_keys)
}
