//! The pairs of keys that values are sealed to: their private keys sealed as everything that is secret here.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::SealingKeys;
use cc_devops_requests::sealed_values::Replacing;
use cc_devops_requests::sealed_values::{SealingKeyId, SealingPair};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

use crate::columns::{nanos, time_at};
use crate::db::Db;
use crate::error::Fault;
use crate::vault::{Keyring, Label, Sealed, StoreKeys, random};

/// The pairs in the database.
pub struct SqliteSealingKeys {
    db: Db,
}

impl SqliteSealingKeys {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

/// What a private key is sealed as.
pub(crate) fn label(id: &str) -> Label<'_> {
    Label {
        kind: "sealing key",
        name: id,
        version: 0,
    }
}

#[async_trait]
impl SealingKeys for SqliteSealingKeys {
    async fn pairs(&self) -> PortResult<Vec<SealingPair>> {
        self.db.read_sealed(pairs).await
    }

    async fn replace(&self, replacing: &Replacing) -> PortResult<Option<SealingPair>> {
        let (replacing, store_keys) = (replacing.clone(), Arc::clone(self.db.store_keys()));
        self.db
            .write(move |conn, keys| replace(conn, keys, &store_keys, &replacing))
            .await
    }

    async fn forget(&self, pairs: &[SealingKeyId]) -> PortResult<()> {
        let pairs = pairs.to_vec();
        self.db
            .write(move |conn, _| {
                let mut delete = conn.prepare_cached("DELETE FROM sealing_keys WHERE id = ?1")?;
                for id in &pairs {
                    delete.execute([id.as_str()])?;
                }
                Ok(())
            })
            .await
    }
}

fn pairs(conn: &Connection, keys: &Keyring) -> Result<Vec<SealingPair>, Fault> {
    let mut select =
        conn.prepare_cached("SELECT id, created_at, key_id, data_key, sealed FROM sealing_keys ORDER BY seq DESC")?;
    let rows = select.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, time_at(row, 1)?, Sealed::from_row(row, 2)?))
    })?;
    rows.map(|row| {
        let (id, created_at, sealed) = row?;
        open(keys, &id, created_at, &sealed)
    })
    .collect()
}

fn open(keys: &Keyring, id: &str, created_at: Timestamp, sealed: &Sealed) -> Result<SealingPair, Fault> {
    let damaged = || Fault::corrupt(format_args!("the sealing key {id}"));
    let plain = keys.open(label(id), sealed)?;
    let secret = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| damaged())?;
    let pair = SealingPair::new(Zeroizing::new(secret), created_at);
    if pair.id().as_str() == id {
        Ok(pair)
    } else {
        Err(damaged())
    }
}

fn replace(
    conn: &Connection,
    keys: &Keyring,
    store_keys: &StoreKeys,
    replacing: &Replacing,
) -> Result<Option<SealingPair>, Fault> {
    if newest(conn)?.as_deref() != replacing.instead_of.as_ref().map(SealingKeyId::as_str) {
        return Ok(None);
    }
    let pair = SealingPair::new(Zeroizing::new(random()?), replacing.at);
    insert(conn, keys, &pair)?;
    crate::audit::append(conn, store_keys, &replacing.entry(&pair))?;
    Ok(Some(pair))
}

/// The id of the pair that is published.
fn newest(conn: &Connection) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT id FROM sealing_keys ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Puts a pair before the others.
fn insert(conn: &Connection, keys: &Keyring, pair: &SealingPair) -> Result<(), Fault> {
    let id = pair.id().as_str();
    let sealed = keys.seal(label(id), pair.secret())?;
    conn.prepare_cached(
        "INSERT INTO sealing_keys (id, created_at, key_id, data_key, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        id,
        nanos(pair.created_at()),
        sealed.key_id.as_str(),
        sealed.data_key,
        sealed.body,
    ])?;
    Ok(())
}

/// Puts these pairs, the newest first, before those that are there. Whether another one is published than before.
pub(crate) fn keep_as(conn: &Connection, keys: &Keyring, newer: &[SealingPair]) -> Result<bool, Fault> {
    let before = newest(conn)?;
    for pair in newer.iter().rev() {
        conn.execute("DELETE FROM sealing_keys WHERE id = ?1", [pair.id().as_str()])?;
        insert(conn, keys, pair)?;
    }
    Ok(before != newest(conn)?)
}
