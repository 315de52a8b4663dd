//! One connection with this store's settings.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::place::Place;

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer's page cache, in KiB. It is filled as pages are used, so an idle store has little.
const WRITER_CACHE_KIB: i64 = 16_384;

/// A reader's page cache, in KiB: every commit empties it, so more would not pay.
const READER_CACHE_KIB: i64 = 1_024;

/// More than the statements that the adapters have.
const STATEMENTS: usize = 128;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Opening, migrating and writing.
    Write,
    /// Reading and nothing else.
    Read,
    /// Moving the write-ahead log into the file.
    Checkpoint,
}

/// Opens the file, which must exist.
pub(super) fn connect(file: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    if purpose == Purpose::Write {
        // Takes hold where the file is new, before its first page is written; else when it is compacted.
        conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    // Checked before anything is changed: a file that is no database fails here.
    conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    // Overwrites what is deleted where that costs no extra write; all of it is sealed anyway.
    conn.pragma_update(None, "secure_delete", "FAST")?;
    let cache = match purpose {
        Purpose::Write => WRITER_CACHE_KIB,
        Purpose::Read | Purpose::Checkpoint => READER_CACHE_KIB,
    };
    conn.pragma_update(None, "cache_size", -cache)?;
    // The checkpointer does it, off the writer's path.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    if purpose == Purpose::Read {
        conn.pragma_update(None, "query_only", true)?;
    }
    Ok(conn)
}

/// A connection of a store that is open. The last one that is closed moves the write-ahead log into the database and
/// removes it, unless another process writes by files of its own in their place: what that wrote would be gone with it.
pub(super) struct Held {
    conn: Connection,
    place: Arc<Place>,
}

impl Held {
    /// Holds a connection to the database at this place.
    pub(super) fn new(conn: Connection, place: &Arc<Place>) -> Self {
        let place = Arc::clone(place);
        Self { conn, place }
    }
}

impl Deref for Held {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.place.is_taken()
            && let Err(error) = self
                .conn
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        {
            tracing::error!(%error, "the write-ahead log may be moved into the database beside another process's");
        }
    }
}
