//! Replacing the master key while the store is in use, in steps that can be interrupted anywhere
//! and taken up again.
//!
//! 1. The new key is put into the key file beside the old one.
//! 2. The database says that from now on the new key seals. Every writer reads that inside its
//!    transaction, so nothing is sealed with the old key after this commit.
//! 3. The data keys of all rows that are left are wrapped anew, some at a time.
//! 4. The old key is taken out of the file, and the rotation goes on record.

use std::ops::ControlFlow;
use std::sync::Arc;

use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use super::key_file::KeyFile;
use super::{KeyId, KeyStore, Label, Sealed, StoreKeys, store_keys};
use crate::db::Db;
use crate::error::Fault;
use crate::{audit, ledger, sealing_keys, secrets, stacks, webhooks};

/// How many data keys are wrapped in one transaction.
const BATCH: i64 = 200;

/// What a rotation has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationStep {
    /// The new key is in its place; nothing uses it yet.
    KeyAdded,
    /// New rows use the new key.
    KeyInUse,
    /// So many rows have been moved to the new key by this call.
    Rewrapped {
        /// Their number so far.
        rows: u64,
    },
    /// No row needs the old key any more.
    OldKeyUnused,
}

/// A finished rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The id of the new key.
    pub key_id: String,
    /// How many rows this call moved to it.
    pub rows: u64,
    /// Whether the key before it must now be removed by hand, because it was given and not in a
    /// file.
    pub remove_previous: bool,
}

/// Replaces the master key, or ends a replacement that was interrupted. After each step
/// `progress` may break off; the same call later goes on from there.
pub(crate) async fn rotate(
    db: &Db,
    at: Timestamp,
    progress: &mut (dyn FnMut(RotationStep) -> ControlFlow<()> + Send),
) -> PortResult<Rotated> {
    let mut reached = |step| match progress(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(PortError::new(
            PortErrorKind::Unavailable,
            "the rotation was interrupted: run it again to go on",
        )),
    };
    let keys = Arc::clone(db.key_store());
    let new = db.write(move |conn, _| add_key(conn, &keys)).await?;
    reached(RotationStep::KeyAdded)?;

    let (from, keys) = (new.clone(), Arc::clone(db.key_store()));
    db.write(move |conn, _| use_key(conn, &keys, &from)).await?;
    reached(RotationStep::KeyInUse)?;

    let mut rows = 0;
    for table in TABLES {
        let mut place = 0;
        while let Some(batch) = next_batch(db, table, &new, place).await? {
            place = batch.last;
            rows += rewrap(db, table, batch.rows).await?;
            reached(RotationStep::Rewrapped { rows })?;
        }
    }
    reached(RotationStep::OldKeyUnused)?;

    let (id, keys, store_keys) = (new.clone(), Arc::clone(db.key_store()), Arc::clone(db.store_keys()));
    db.write(move |conn, _| finish(conn, &keys, &store_keys, &id, at))
        .await?;
    Ok(Rotated {
        key_id: new.to_string(),
        rows,
        remove_previous: db.key_store().is_given(),
    })
}

fn meta(conn: &Connection, key: &str) -> Result<Option<KeyId>, Fault> {
    let value = conn
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0).map(KeyId::from_stored))
        .optional()?;
    Ok(value)
}

fn sealing_key(conn: &Connection) -> Result<KeyId, Fault> {
    meta(conn, "sealing_key_id")?.ok_or_else(|| Fault::corrupt("the id of the sealing key"))
}

/// Step 1. It runs inside a write transaction, whose lock keeps a second rotation away from the
/// key file. Gives the id of the new key.
fn add_key(conn: &Connection, keys: &KeyStore) -> Result<KeyId, Fault> {
    let sealing = sealing_key(conn)?;
    if meta(conn, "rotating_from")?.is_some() {
        return Ok(sealing);
    }
    let failed = |error: crate::OpenError| Fault::Port(error.into_port());
    let pair = keys.read_pair().map_err(failed)?;
    if *pair.current.id() != sealing {
        // Interrupted before step 2, or the operator gave both keys.
        return match &pair.previous {
            Some(previous) if *previous.id() == sealing => Ok(pair.current.id().clone()),
            _ => Err(failed(keys.wrong(&sealing))),
        };
    }
    if keys.is_given() {
        return Err(Fault::port(
            PortErrorKind::Refused,
            "the database is sealed with the key in CC_DEVOPS_MASTER_KEY already: put a new key there and the present \
             one in CC_DEVOPS_MASTER_KEY_PREVIOUS, restart the server with both, then rotate",
        ));
    }
    let next = pair.succeeded().map_err(failed)?;
    next.replace(keys.path()).map_err(failed)?;
    Ok(next.current.id().clone())
}

/// Step 2.
fn use_key(conn: &Connection, keys: &KeyStore, new: &KeyId) -> Result<(), Fault> {
    let sealing = sealing_key(conn)?;
    if sealing == *new {
        return Ok(());
    }
    // Before anything is sealed with it: the key must really be where a restart looks for it.
    keys.reload(new).map_err(|error| Fault::Port(error.into_port()))?;
    if !keys.keyring().holds(new) {
        return Err(Fault::Port(keys.wrong(new).into_port()));
    }
    conn.execute(
        "INSERT INTO meta (key, value) VALUES ('rotating_from', ?1)",
        [sealing.as_str()],
    )?;
    conn.execute(
        "UPDATE meta SET value = ?1 WHERE key = 'sealing_key_id'",
        [new.as_str()],
    )?;
    Ok(())
}

/// A table with sealed values.
struct SealedTable {
    /// Selects rowid, name, version, key_id, data_key and sealed of rows behind ?1 that are under
    /// another key than ?2.
    select: &'static str,
    update: &'static str,
    label: fn(&str, i64) -> Label<'_>,
}

const TABLES: [&SealedTable; 6] = [
    &SealedTable {
        select: "SELECT rowid, name, 0, key_id, data_key FROM store_keys \
                 WHERE rowid > ?1 AND key_id <> ?2 ORDER BY rowid LIMIT ?3",
        update: "UPDATE store_keys SET key_id = ?3, data_key = ?4 WHERE rowid = ?1 AND data_key = ?2",
        label: |name, version| Label {
            kind: store_keys::KIND,
            name,
            version,
        },
    },
    &SealedTable {
        select: "SELECT secret_versions.rowid, name, version, key_id, data_key FROM secret_versions \
                 JOIN secrets ON secrets.id = secret \
                 WHERE secret_versions.rowid > ?1 AND key_id <> ?2 ORDER BY secret_versions.rowid LIMIT ?3",
        update: "UPDATE secret_versions SET key_id = ?3, data_key = ?4 WHERE rowid = ?1 AND data_key = ?2",
        label: secrets::label,
    },
    &SealedTable {
        // Only open requests have a detail, and there is an index of those.
        select: "SELECT seq, principal || ' ' || role || ' ' || agent || ' ' || id, 0, key_id, data_key \
                 FROM requests INDEXED BY requests_open \
                 WHERE state <> 'concluded' AND seq > ?1 AND key_id <> ?2 ORDER BY seq LIMIT ?3",
        update: "UPDATE requests SET key_id = ?3, data_key = ?4 WHERE seq = ?1 AND data_key = ?2",
        label: |name, _| ledger::detail_label(name),
    },
    &SealedTable {
        select: "SELECT seq, id, 0, key_id, data_key FROM subscriptions \
                 WHERE seq > ?1 AND key_id <> ?2 ORDER BY seq LIMIT ?3",
        update: "UPDATE subscriptions SET key_id = ?3, data_key = ?4 WHERE seq = ?1 AND data_key = ?2",
        label: |name, _| webhooks::label(name),
    },
    &SealedTable {
        select: "SELECT seq, id, 0, key_id, data_key FROM sealing_keys \
                 WHERE seq > ?1 AND key_id <> ?2 ORDER BY seq LIMIT ?3",
        update: "UPDATE sealing_keys SET key_id = ?3, data_key = ?4 WHERE seq = ?1 AND data_key = ?2",
        label: |name, _| sealing_keys::label(name),
    },
    &SealedTable {
        select: "SELECT seq, request_id, 0, key_id, data_key FROM stack_plans \
                 WHERE sealed IS NOT NULL AND seq > ?1 AND key_id <> ?2 ORDER BY seq LIMIT ?3",
        update: "UPDATE stack_plans SET key_id = ?3, data_key = ?4 WHERE seq = ?1 AND data_key = ?2",
        label: |name, _| stacks::plan_label(name),
    },
];

/// A row whose data key is to be wrapped anew.
struct Old {
    rowid: i64,
    name: String,
    version: i64,
    sealed: Sealed,
}

struct Batch {
    rows: Vec<Old>,
    last: i64,
}

/// Reads the next rows under another key than `new`; none where there are no more. Rows under the
/// old key become fewer only, so what is behind `place` is all that is left.
async fn next_batch(db: &Db, table: &'static SealedTable, new: &KeyId, place: i64) -> PortResult<Option<Batch>> {
    let new = new.clone();
    db.read(move |conn| {
        let rows = conn
            .prepare_cached(table.select)?
            .query_map(params![place, new.as_str(), BATCH], old)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(rows.last().map(|row| row.rowid).map(|last| Batch { rows, last }))
    })
    .await
}

fn old(row: &Row<'_>) -> rusqlite::Result<Old> {
    Ok(Old {
        rowid: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        sealed: Sealed {
            key_id: KeyId::from_stored(row.get(3)?),
            data_key: row.get(4)?,
            // Wrapping a key anew does not touch the value.
            body: Vec::new(),
        },
    })
}

/// Step 3 for some rows; how many were changed. A row that somebody else changed meanwhile is
/// under the new key already, or gone.
async fn rewrap(db: &Db, table: &'static SealedTable, rows: Vec<Old>) -> PortResult<u64> {
    db.write(move |conn, keyring| {
        let mut update = conn.prepare_cached(table.update)?;
        let mut changed = 0;
        for row in &rows {
            let (key_id, data_key) = keyring.rewrap((table.label)(&row.name, row.version), &row.sealed)?;
            changed += update.execute(params![row.rowid, row.sealed.data_key, key_id.as_str(), data_key])?;
        }
        Ok(changed as u64)
    })
    .await
}

/// Step 4, inside a write transaction like step 1.
fn finish(conn: &Connection, keys: &KeyStore, store_keys: &StoreKeys, new: &KeyId, at: Timestamp) -> Result<(), Fault> {
    let Some(old) = meta(conn, "rotating_from")? else {
        // Another process that went on with the same rotation was faster.
        return Ok(());
    };
    if !keys.is_given() {
        let failed = |error: crate::OpenError| Fault::Port(error.into_port());
        let pair = keys.read_pair().map_err(failed)?;
        if *pair.current.id() != *new {
            return Err(failed(keys.wrong(new)));
        }
        if pair.previous.is_some() {
            let alone = KeyFile {
                current: pair.current,
                previous: None,
            };
            alone.replace(keys.path()).map_err(failed)?;
        }
        keys.reload(new).map_err(failed)?;
    }
    conn.execute("DELETE FROM meta WHERE key = 'rotating_from'", [])?;
    let entry = AuditEntry {
        at,
        principal: None,
        agent: None,
        action: actions::KEY_ROTATED.to_owned(),
        request_id: None,
        stage: None,
        resource: None,
        status: Status::Success,
        reason: None,
        detail: json!({"from": old.as_str(), "to": new.as_str()}),
    };
    audit::append(conn, store_keys, &entry)
}
