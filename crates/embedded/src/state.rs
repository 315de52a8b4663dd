//! What the watch and the alerts remember, in one table. Nothing is read as a whole, but for what a backup that is put
//! in place must not bring back.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{
    Content, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore, check_changes, check_keys,
};
use cc_devops_requests::ports::Forgotten;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::audit::Prepared;
use crate::columns::{count_at, limit, nanos, optional_time_at};
use crate::db::Db;
use crate::error::Fault;

/// How many changes one transaction takes: what it holds in memory, and for how long it keeps others waiting.
const MOST_CHANGES: usize = 50_000;

/// Up to so many records are read by the thread that asks; each takes some microseconds.
const INLINE: usize = 8;

/// What [`record`] reads.
const COLUMNS: &str = "name, version, due_at, list, body";

/// The records in the database.
pub struct SqliteState {
    db: Db,
}

impl SqliteState {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl StateStore for SqliteState {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        check_keys(keys)?;
        if keys.len() <= INLINE {
            return self.db.read_inline(|conn| find(conn, keys));
        }
        let keys = keys.to_vec();
        self.db.read(move |conn| find(conn, &keys)).await
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, at_most: usize) -> PortResult<Vec<Record>> {
        self.db
            .read(move |conn| {
                let records = conn
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM records WHERE kind = ?1 AND due_at IS NOT NULL AND due_at <= ?2 \
                         ORDER BY due_at, name LIMIT ?3"
                    ))?
                    .query_map(params![kind.as_str(), nanos(until), limit(at_most)], |row| {
                        record(kind, row)
                    })?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(records)
            })
            .await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        self.db.read_inline(|conn| {
            let next = conn
                .prepare_cached(
                    "SELECT due_at FROM records WHERE kind = ?1 AND due_at IS NOT NULL ORDER BY due_at LIMIT 1",
                )?
                .query_row([kind.as_str()], |row| optional_time_at(row, 0))
                .optional()?;
            Ok(next.flatten())
        })
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        at_most: usize,
    ) -> PortResult<Vec<Record>> {
        let list = list.map(str::to_owned);
        // No name is empty.
        let after = after.unwrap_or_default().to_owned();
        self.db
            .read(move |conn| {
                let read = |row: &Row<'_>| record(kind, row);
                let (kind, at_most) = (kind.as_str(), limit(at_most));
                let records = match &list {
                    None => conn
                        .prepare_cached(&format!(
                            "SELECT {COLUMNS} FROM records WHERE kind = ?1 AND name > ?2 ORDER BY name LIMIT ?3"
                        ))?
                        .query_map(params![kind, after, at_most], read)?
                        .collect::<rusqlite::Result<_>>()?,
                    Some(list) => conn
                        .prepare_cached(&format!(
                            "SELECT {COLUMNS} FROM records INDEXED BY records_list \
                             WHERE kind = ?1 AND list = ?2 AND name > ?3 ORDER BY name LIMIT ?4"
                        ))?
                        .query_map(params![kind, list, after, at_most], read)?
                        .collect::<rusqlite::Result<_>>()?,
                };
                Ok(records)
            })
            .await
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        self.db
            .read(move |conn| {
                let counts = conn
                    .prepare_cached(
                        "SELECT list, count(*) FROM records INDEXED BY records_list WHERE kind = ?1 GROUP BY list",
                    )?
                    .query_map([kind.as_str()], |row| Ok((row.get(0)?, count_at(row, 1)?)))?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(counts)
            })
            .await
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        check_changes(changes, MOST_CHANGES)?;
        let keys = Arc::clone(self.db.store_keys());
        let audit = audit.cloned().map(Prepared::of).transpose();
        let audit = audit.map_err(|error| Fault::Sqlite(error).into_port(self.db.file()))?;
        let changes = changes.to_vec();
        self.db
            .write_repeatable(move |conn, _| {
                write(conn, &changes)?;
                match &audit {
                    Some(audit) => audit.append(conn, &keys),
                    None => Ok(()),
                }
            })
            .await
    }

    fn most_changes(&self) -> usize {
        MOST_CHANGES
    }
}

/// The record of a row that begins with [`COLUMNS`].
fn record(kind: RecordKind, row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        key: RecordKey {
            kind,
            name: row.get(0)?,
        },
        version: count_at(row, 1)?,
        content: Content {
            due_at: optional_time_at(row, 2)?,
            list: row.get(3)?,
            body: row.get(4)?,
        },
    })
}

fn find(conn: &Connection, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, Fault> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM records WHERE kind = ?1 AND name = ?2"))?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let read = |row: &Row<'_>| record(key.kind, row);
        found.push(statement.query_row([key.kind.as_str(), &key.name], read).optional()?);
    }
    Ok(found)
}

/// Makes the changes. All but the first are looked at before anything is written, so that a write which is refused has
/// changed nothing and need not be undone; the first tells by itself whether it found its version.
fn write(conn: &Connection, changes: &[StateChange]) -> Result<(), Fault> {
    let Some((_, rest)) = changes.split_first() else {
        return Ok(());
    };
    if !rest.is_empty() {
        let mut version = conn.prepare_cached("SELECT version FROM records WHERE kind = ?1 AND name = ?2")?;
        for change in rest {
            let key = [change.key.kind.as_str(), &change.key.name];
            let found = version.query_row(key, |row| count_at(row, 0)).optional()?;
            if found.unwrap_or(0) != change.version {
                return Err(Fault::Port(change.superseded()));
            }
        }
    }
    changes.iter().try_for_each(|change| make(conn, change))
}

fn make(conn: &Connection, change: &StateChange) -> Result<(), Fault> {
    let (kind, name) = (change.key.kind.as_str(), &change.key.name);
    // A version that does not fit in a column is none that was ever read.
    let version = i64::try_from(change.version).unwrap_or(-1);
    let held = match (&change.content, version) {
        (Some(Content { due_at, list, body }), 0) => {
            let made = conn
                .prepare_cached(
                    "INSERT INTO records (kind, name, version, due_at, list, body) VALUES (?1, ?2, 1, ?3, ?4, ?5) \
                     ON CONFLICT (kind, name) DO NOTHING",
                )?
                .execute(params![kind, name, due_at.map(nanos), list, body])?;
            made == 1
        }
        (Some(Content { due_at, list, body }), _) => {
            let values = params![kind, name, version, due_at.map(nanos), list, body];
            // Most stay in their list: its index is not touched then.
            let stayed = conn
                .prepare_cached(
                    "UPDATE records SET version = version + 1, due_at = ?4, body = ?6 \
                     WHERE kind = ?1 AND name = ?2 AND version = ?3 AND list IS ?5",
                )?
                .execute(values)?;
            stayed == 1
                || conn
                    .prepare_cached(
                        "UPDATE records SET version = version + 1, due_at = ?4, list = ?5, body = ?6 \
                         WHERE kind = ?1 AND name = ?2 AND version = ?3",
                    )?
                    .execute(values)?
                    == 1
        }
        (None, 0) => !conn
            .prepare_cached("SELECT 1 FROM records WHERE kind = ?1 AND name = ?2")?
            .exists([kind, name])?,
        (None, _) => {
            let removed = conn
                .prepare_cached("DELETE FROM records WHERE kind = ?1 AND name = ?2 AND version = ?3")?
                .execute(params![kind, name, version])?;
            removed == 1
        }
    };
    if held {
        return Ok(());
    }
    Err(Fault::Port(change.superseded()))
}

/// Every record of a kind, by name.
pub(crate) fn all(conn: &Connection, kind: RecordKind) -> Result<Vec<Record>, Fault> {
    let records = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM records WHERE kind = ?1 ORDER BY name"))?
        .query_map([kind.as_str()], |row| record(kind, row))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(records)
}

/// Of a kind's records keeps those that are among the newer ones, as these have them; how many became others, or went.
pub(crate) fn keep_as(conn: &Connection, kind: RecordKind, newer: &[Record]) -> Result<u64, Fault> {
    let mut changed = 0;
    for older in all(conn, kind)? {
        let (kind, name) = (kind.as_str(), &older.key.name);
        match newer.iter().find(|newer| newer.key == older.key) {
            None => {
                changed += conn.execute("DELETE FROM records WHERE kind = ?1 AND name = ?2", params![kind, name])?;
            }
            Some(newer) if newer.content == older.content => {}
            Some(Record { content, .. }) => {
                changed += conn.execute(
                    "UPDATE records SET version = version + 1, due_at = ?3, list = ?4, body = ?5 \
                     WHERE kind = ?1 AND name = ?2",
                    params![kind, name, content.due_at.map(nanos), content.list, content.body],
                )?;
            }
        }
    }
    Ok(changed as u64)
}

/// Forgets history that was due before `before`. Each step begins anew: what it removed is not found again.
pub(crate) fn forget(conn: &Connection, before: Timestamp, at_most: usize) -> Result<Forgotten, Fault> {
    let mut removed = 0;
    let mut delete = conn.prepare_cached(
        "DELETE FROM records WHERE kind = ?1 AND name IN (SELECT name FROM records \
         WHERE kind = ?1 AND due_at IS NOT NULL AND due_at < ?2 ORDER BY due_at LIMIT ?3)",
    )?;
    for kind in RecordKind::ALL.into_iter().filter(|kind| kind.ends_when_due()) {
        removed += delete.execute(params![kind.as_str(), nanos(before), limit(at_most - removed)])?;
        if removed >= at_most {
            break;
        }
    }
    Ok(Forgotten {
        removed: removed as u64,
        next: (removed >= at_most).then_some(Cursor(0)),
    })
}
