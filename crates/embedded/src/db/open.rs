//! Opening the database: the files and their modes, the schema, the keys, the threads.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use cc_devops_files as files;
use cc_devops_kernel::ports::PortErrorKind;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use super::checkpoint::Checkpointer;
use super::compaction::convert_small;
use super::connection::{Purpose, connect};
use super::folder::{FILE, KEY_FILE, door};
use super::migrations::{NEWEST, WITH_RECORDS, begin_alone, end_alone, known, migrate, prepare};
use super::place::Place;
use super::readers::Readers;
use super::reserve::Reserve;
use super::wal::{self, Signal};
use super::write_health::{ThreadGuard, WriteHealth};
use super::writer::{Writer, WriterThread};
use super::{Db, Inner};
use crate::audit::{self, Keeper, Standing};
use crate::error::{Fault, OpenError};
use crate::vault::{KeyId, KeyStore, Keyring, MasterKeySource, StoreKeys};

/// Opens the database in `dir`; with `create`, makes what is missing. Where the disk is full, the room that is kept
/// for that is given back first.
pub(crate) fn open(dir: &Path, source: MasterKeySource, create: bool) -> Result<Db, OpenError> {
    // A relative path would follow the folder that this process is in, wherever that is moved.
    let dir = std::path::absolute(dir).map_err(|source| OpenError::Directory {
        path: dir.to_owned(),
        source,
    })?;
    let dir = dir.as_path();
    match try_open(dir, source.clone(), create) {
        Err(error) if is_full(&error) && Reserve::free(dir) => {
            tracing::warn!("the disk is full: starting in the room that is kept for it");
            try_open(dir, source, create)
        }
        opened => opened,
    }
}

fn is_full(error: &OpenError) -> bool {
    let no_room = |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    match error {
        OpenError::Store(error) => error.kind == PortErrorKind::Full,
        OpenError::Directory { source, .. } | OpenError::KeyFile { source, .. } => no_room(source),
        OpenError::Migration { source, .. } => match &**source {
            rusqlite_migration::Error::RusqliteError { err, .. } => {
                err.sqlite_error_code() == Some(ErrorCode::DiskFull)
            }
            _ => false,
        },
        _ => false,
    }
}

fn try_open(dir: &Path, source: MasterKeySource, create: bool) -> Result<Db, OpenError> {
    let file = dir.join(FILE);
    let wrong = |source| OpenError::Directory {
        path: dir.to_owned(),
        source,
    };
    if create {
        files::make_folder(dir).map_err(wrong)?;
    } else if !file.exists() {
        return Err(OpenError::Missing { path: file });
    }
    let door = door(dir)?;
    make_private(&file, create).map_err(|source| OpenError::Directory {
        path: file.clone(),
        source,
    })?;

    let failed = |error: rusqlite::Error| OpenError::Store(Fault::Sqlite(error).into_port(&file));
    let kept = audit::Kept::in_folder(dir);
    let mut conn = connect(&file, Purpose::Write).map_err(failed)?;
    let schema = known(&conn, &file)?;
    let is_new = schema == 0;
    if is_new && kept.exists() {
        return Err(OpenError::Emptied { path: file });
    }
    let is_older = !is_new && schema < NEWEST;
    if is_older {
        begin_alone(&conn, &file)?;
    }
    prepare(&mut conn, &file)?;
    let (keys, store_keys) = unlock(&mut conn, &file, source, &dir.join(KEY_FILE))?;
    let (keys, store_keys) = (Arc::new(keys), Arc::new(store_keys));
    // Before the trail is looked at: another process may go on meanwhile.
    let found = kept.find(&store_keys).map_err(wrong)?;
    if !is_new && schema < WITH_RECORDS && found.is_of_records() {
        return Err(OpenError::Outdated { path: file });
    }
    // An older schema beside a record of the trail was put there: its rows are nobody's word.
    migrate(&mut conn, &file, (&store_keys, &keys), found.is_nothing())?;
    if is_older {
        end_alone(&conn, &file)?;
    }
    if create {
        compact_small(&conn).map_err(failed)?;
    }
    let doubt = audit::begin_keeping(&mut conn, &store_keys, &kept, &found)
        .map_err(|fault| OpenError::Store(fault.into_port(&file)))?;
    if let Some(doubt) = &doubt {
        tracing::warn!(%doubt, "the audit trail may not be the newest");
    }
    if is_new {
        // With its keys in the file, a lost write-ahead log leaves a database that is known again.
        wal::finish(&conn).map_err(failed)?;
    }
    let place = Arc::new(Place::of(&file).map_err(wrong)?);
    drop(door);

    let trail = Arc::new(Standing::new(doubt));
    let signal = Arc::new(Signal::default());
    let pulse = WriteHealth::new();
    let reserve = Arc::new(Reserve::of(dir));
    let readers = Arc::new(Readers::new(Arc::clone(&place)));
    let vital = |thread| ThreadGuard::new(Arc::clone(&pulse), Arc::clone(&readers), thread);
    let writer = WriterThread::new(
        conn,
        file.clone(),
        Arc::clone(&keys),
        Arc::clone(&signal),
        Arc::clone(&pulse),
        (Arc::clone(&place), Arc::clone(&reserve)),
    );
    let writer = Writer::start(writer, vital("writing thread")).map_err(wrong)?;
    let checkpointer = Checkpointer::start(
        Arc::clone(&place),
        signal,
        writer.checkpoint_request(),
        Arc::clone(&pulse),
        Keeper::new(dir, Arc::clone(&store_keys), Arc::clone(&trail)),
        vital("checkpointing thread"),
    );
    let checkpointer = checkpointer.map_err(wrong)?;
    Ok(Db(Arc::new(Inner {
        file,
        keys,
        store_keys,
        writer,
        pulse,
        place,
        reserve,
        trail,
        checkpointer,
        readers,
    })))
}

/// A disk without room for it is no reason not to start.
fn compact_small(conn: &Connection) -> rusqlite::Result<()> {
    match convert_small(conn) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
            tracing::warn!(%error, "the database file is not compacted");
            Ok(())
        }
        done => done,
    }
}

/// The file exists and is its owner's alone; SQLite gives the files beside it the same mode.
fn make_private(file: &Path, create: bool) -> io::Result<()> {
    if create {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
            // Both names durable: that of the file, and that of the directory.
            Ok(_) => {
                files::sync_folder_of(file)?;
                file.parent().map_or(Ok(()), files::sync_folder_of)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let mode = fs::metadata(file)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        fs::set_permissions(file, Permissions::from_mode(0o600))?;
        let (file, mode) = (file.display(), format!("{mode:o}"));
        tracing::warn!(%file, mode, "the database's mode let others use it; it is its owner's alone from now on");
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
