//! What the watch and the alerts remember, in one table. Nothing is read as a whole, but for what a backup that is put
//! in place must not bring back, and what the trail says has ended. What of it this store did not write is refused: see
//! [`rows`].

mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{
    PortResult, Record, RecordKey, RecordKind, StateChange, StateStore, check_changes, check_keys,
};
use cc_devops_requests::ports::Forgotten;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::audit::Prepared;
use crate::columns::{count_at, limit, nanos};
use crate::db::Db;
use crate::error::Fault;
use crate::vault::StoreKeys;
use rows::{COLUMNS, Columns, Stored, records};
pub(crate) use rows::{all, authenticate_all, forged, keep_as, remove_all};

/// How many changes one transaction takes: what it holds in memory, and for how long it keeps others waiting.
const MOST_CHANGES: usize = 50_000;

/// Up to so many records are read by the thread that asks; each takes some microseconds.
const INLINE: usize = 8;

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
        let store_keys = self.db.store_keys();
        if keys.len() <= INLINE {
            return self.db.read_inline(|conn| find(conn, store_keys, keys));
        }
        let (store_keys, keys) = (Arc::clone(store_keys), keys.to_vec());
        self.db.read(move |conn| find(conn, &store_keys, &keys)).await
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, at_most: usize) -> PortResult<Vec<Record>> {
        let keys = Arc::clone(self.db.store_keys());
        self.db
            .read(move |conn| {
                // Not limited here: those that are refused are no part of a page.
                let mut statement = conn.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM records WHERE kind = ?1 AND due_at IS NOT NULL AND due_at <= ?2 \
                     ORDER BY due_at, name"
                ))?;
                let rows = statement.query_map(params![kind.as_str(), nanos(until)], Stored::read)?;
                records(&keys, kind, rows, at_most)
            })
            .await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        let keys = self.db.store_keys();
        self.db.read_inline(|conn| {
            // As a whole, so that nobody is called for one that is refused then.
            let mut statement = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM records WHERE kind = ?1 AND due_at IS NOT NULL ORDER BY due_at"
            ))?;
            let rows = statement.query_map([kind.as_str()], Stored::read)?;
            let next = records(keys, kind, rows, 1)?.pop();
            Ok(next.and_then(|next| next.content.due_at))
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
        let keys = Arc::clone(self.db.store_keys());
        self.db
            .read(move |conn| match &list {
                None => {
                    let mut statement = conn.prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM records WHERE kind = ?1 AND name > ?2 ORDER BY name"
                    ))?;
                    let rows = statement.query_map(params![kind.as_str(), after], Stored::read)?;
                    records(&keys, kind, rows, at_most)
                }
                Some(list) => {
                    let mut statement = conn.prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM records INDEXED BY records_list \
                         WHERE kind = ?1 AND list = ?2 AND name > ?3 ORDER BY name"
                    ))?;
                    let rows = statement.query_map(params![kind.as_str(), list, after], Stored::read)?;
                    records(&keys, kind, rows, at_most)
                }
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
                write(conn, &keys, &changes)?;
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

/// The records of the keys. One that this store did not write is an error here: that it is not there would be a lie.
fn find(conn: &Connection, store_keys: &StoreKeys, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, Fault> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM records WHERE kind = ?1 AND name = ?2"))?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let row = statement
            .query_row([key.kind.as_str(), &key.name], Stored::read)
            .optional()?;
        found.push(row.map(|row| row.into_record(store_keys, key.kind)).transpose()?);
    }
    Ok(found)
}

/// Makes the changes. All but the first are looked at before anything is written, so that a write which is refused has
/// changed nothing and need not be undone; the first tells by itself whether it found its version.
pub(crate) fn write(conn: &Connection, keys: &StoreKeys, changes: &[StateChange]) -> Result<(), Fault> {
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
    changes.iter().try_for_each(|change| make(conn, keys, change))
}

fn make(conn: &Connection, keys: &StoreKeys, change: &StateChange) -> Result<(), Fault> {
    let (kind, name) = (change.key.kind.as_str(), &change.key.name);
    // A version that does not fit in a column is none that was ever read.
    let version = i64::try_from(change.version).unwrap_or(-1);
    let held = match (&change.content, version) {
        (Some(content), 0) => {
            let row = Columns::of(change.key.kind, name, 1, content);
            let made = conn
                .prepare_cached(
                    "INSERT INTO records (kind, name, version, due_at, list, body, mac) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (kind, name) DO NOTHING",
                )?
                .execute(params![
                    kind,
                    name,
                    row.version,
                    row.due_at,
                    row.list,
                    row.body,
                    row.mac(keys)
                ])?;
            made == 1
        }
        (Some(content), _) => {
            let row = Columns::of(change.key.kind, name, version.saturating_add(1), content);
            let mac = row.mac(keys);
            let values = params![kind, name, version, row.due_at, row.list, row.body, row.version, mac];
            // Most stay in their list: its index is not touched then.
            let stayed = conn
                .prepare_cached(
                    "UPDATE records SET version = ?7, due_at = ?4, body = ?6, mac = ?8 \
                     WHERE kind = ?1 AND name = ?2 AND version = ?3 AND list IS ?5",
                )?
                .execute(values)?;
            stayed == 1
                || conn
                    .prepare_cached(
                        "UPDATE records SET version = ?7, due_at = ?4, list = ?5, body = ?6, mac = ?8 \
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
