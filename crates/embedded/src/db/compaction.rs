//! Making the database file as short as what is in it, and able to shrink by itself from then on.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::connection::{Purpose, connect};
use super::folder::{FILE, door};
use super::migrations::known;
use crate::error::{Fault, OpenError};
use crate::retention::INCREMENTAL;

/// A file up to this is compacted at a server's start, in a moment (64 MiB).
const SMALL: i64 = 64 * 1024 * 1024;

/// What compacting came to, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The file's length before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Compacts the database in `dir`. Nobody else may use it meanwhile. Blocks.
///
/// # Errors
/// There is none, it cannot be read, it is in use, or the disk has no room for a second one.
pub fn compact(dir: &Path) -> Result<Compacted, OpenError> {
    let file = dir.join(FILE);
    if !file.exists() {
        return Err(OpenError::Missing { path: file });
    }
    let _door = door(dir)?;
    let failed = |error: rusqlite::Error| OpenError::Store(Fault::Sqlite(error).into_port(&file));
    let conn = connect(&file, Purpose::Write).map_err(failed)?;
    known(&conn, &file)?;
    let before = length(&conn).map_err(failed)?;
    rewrite(&conn).map_err(failed)?;
    let after = fs::metadata(&file).map_or(0, |meta| meta.len());
    Ok(Compacted { before, after })
}

/// Lets a small file of an earlier version shrink from now on; a large one waits for an operator.
pub(super) fn convert_small(conn: &Connection) -> rusqlite::Result<()> {
    let vacuum: i64 = conn.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    let bytes = length(conn)?;
    if vacuum == INCREMENTAL || i64::try_from(bytes).is_ok_and(|bytes| bytes > SMALL) {
        return Ok(());
    }
    tracing::info!(
        bytes,
        "the database file is compacted, so that it can shrink from now on"
    );
    rewrite(conn)
}

fn length(conn: &Connection) -> rusqlite::Result<u64> {
    let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(u64::try_from(number("page_count")? * number("page_size")?).unwrap_or_default())
}

/// Writes the file anew, and moves that out of the write-ahead log.
fn rewrite(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch("VACUUM")?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
