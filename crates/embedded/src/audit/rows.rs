//! A row of the trail as the table has it: read, compared with its own copies, and what of SQLite's is damage.

use cc_devops_kernel::audit::{AuditEntry, AuditRow, ChainHash};
use rusqlite::{ErrorCode, Row};

use crate::columns::{self, nanos};

/// All columns of a row, as [`read`] takes them.
pub(super) const SELECT: &str = "SELECT seq, at, principal, agent, action, status, entry, prev_hash, hash FROM audit";

/// A row, or what is wrong with it.
pub(super) type Read = Result<AuditRow, String>;

/// Reads a row and compares what stands in it twice.
pub(super) fn read(row: &Row<'_>, seq: i64) -> Read {
    let unreadable = |_| format!("row {seq} was changed: it cannot be read");
    let entry: AuditEntry = columns::json_at(row, 6).map_err(unreadable)?;
    let text: String = row.get(6).map_err(unreadable)?;
    // Unknown fields and white space would escape the hash, which covers what the text means.
    if columns::json(&entry).map_err(unreadable)? != text {
        return Err(format!("row {seq} was changed: its text is not what was written"));
    }
    let copies = Copies::read(row).map_err(unreadable)?;
    if copies != Copies::of(&entry) {
        return Err(format!("row {seq} was changed: its columns differ from its entry"));
    }
    Ok(AuditRow {
        chain: None,
        seq,
        entry,
        prev_hash: ChainHash(row.get(7).map_err(unreadable)?),
        hash: ChainHash(row.get(8).map_err(unreadable)?),
    })
}

/// The columns that repeat what the entry says.
#[derive(PartialEq, Eq)]
struct Copies {
    at: i64,
    principal: Option<String>,
    agent: Option<String>,
    action: String,
    status: String,
}

impl Copies {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            at: row.get(1)?,
            principal: row.get(2)?,
            agent: row.get(3)?,
            action: row.get(4)?,
            status: row.get(5)?,
        })
    }

    fn of(entry: &AuditEntry) -> Self {
        Self {
            at: nanos(entry.at),
            principal: entry.principal.clone().map(String::from),
            agent: entry.agent.clone().map(String::from),
            action: entry.action.clone(),
            status: entry.status.as_str().to_owned(),
        }
    }
}

/// Whether an error says that the file is damaged, and not that it cannot be had now.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}
