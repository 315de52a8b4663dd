//! The store's own keys: made once, sealed in the database, the same for as long as it lives.

use cc_devops_requests::fingerprint::FingerprintKey;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Keyring, Label, Sealed, random};
use crate::error::Fault;

const FINGERPRINTS: &str = "fingerprints";
const AUDIT_HEAD: &str = "audit head";
const SECRET_VALUES: &str = "secret values";

/// The kind under which they are sealed.
pub(crate) const KIND: &str = "store key";

/// The keys, opened.
pub(crate) struct StoreKeys {
    fingerprints: Zeroizing<[u8; 32]>,
    audit_head: Zeroizing<[u8; 32]>,
    secret_values: Zeroizing<[u8; 32]>,
    /// Made of the audit trail's, so that whoever can write the database cannot make it look as if there were none.
    agents: Zeroizing<[u8; 32]>,
    /// Made of it too, and set up once: a sweep writes tens of thousands of rows.
    records: Hmac<Sha256>,
}

impl StoreKeys {
    /// Opens the keys.
    pub(crate) fn load(conn: &Connection, keys: &Keyring) -> Result<Self, Fault> {
        Self::of(|name| load(conn, keys, name))
    }

    /// Makes the keys. For a new database only: with other keys, nothing written before would be
    /// recognised.
    pub(crate) fn create(conn: &Connection, keys: &Keyring) -> Result<Self, Fault> {
        Self::of(|name| create(conn, keys, name))
    }

    fn of(mut key: impl FnMut(&'static str) -> Result<Zeroizing<[u8; 32]>, Fault>) -> Result<Self, Fault> {
        let audit_head = key(AUDIT_HEAD)?;
        Ok(Self {
            fingerprints: key(FINGERPRINTS)?,
            secret_values: key(SECRET_VALUES)?,
            agents: Zeroizing::new(mac(&audit_head, &[b"agents and their tokens"])),
            records: keyed(&Zeroizing::new(mac(&audit_head, &[b"records"]))),
            audit_head,
        })
    }

    /// The key of the requests' fingerprints.
    pub(crate) fn fingerprint_key(&self) -> FingerprintKey {
        FingerprintKey::new(*self.fingerprints)
    }

    /// The MAC of the audit chain's end.
    pub(crate) fn audit_head_mac(&self, seq: i64, hash: &[u8; 32]) -> [u8; 32] {
        mac(&self.audit_head, &[&seq.to_be_bytes(), hash])
    }

    /// The MAC of where the audit chain is cut.
    pub(crate) fn audit_cut_mac(&self, seq: i64, hash: &[u8; 32], cut_at: i64) -> [u8; 32] {
        mac(
            &self.audit_head,
            &[b"cut", &seq.to_be_bytes(), hash, &cut_at.to_be_bytes()],
        )
    }

    /// The MAC of how far the audit chain had come, where that is kept beside the database: by a version whose
    /// records have a MAC, or by one before.
    pub(crate) fn audit_kept_mac(&self, seq: i64, hash: &[u8; 32], with_records: bool) -> [u8; 32] {
        let kind: &[u8] = if with_records { b"kept, with records" } else { b"kept" };
        mac(&self.audit_head, &[kind, &seq.to_be_bytes(), hash])
    }

    /// The MAC of a row of the agents' register: its kind, and its columns.
    pub(crate) fn register_mac(&self, columns: &[&[u8]]) -> [u8; 32] {
        mac(&self.agents, columns)
    }

    /// The MAC of a record's row: its columns.
    pub(crate) fn record_mac(&self, columns: &[&[u8]]) -> [u8; 32] {
        over(self.records.clone(), columns)
    }

    /// What tells one plan, or a part of it that is not shown, from another.
    pub(crate) fn plan_mac(&self, bytes: &[u8]) -> [u8; 32] {
        mac(&self.secret_values, &[b"plan", b"", bytes])
    }

    /// What tells one value of a secret from another after the value itself is forgotten.
    pub(crate) fn secret_value_mac(&self, name: &str, value: &str) -> [u8; 32] {
        mac(&self.secret_values, &[name.as_bytes(), value.as_bytes()])
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    over(keyed(key), parts)
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn over(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn label(name: &str) -> Label<'_> {
    Label {
        kind: KIND,
        name,
        version: 0,
    }
}

fn load(conn: &Connection, keys: &Keyring, name: &str) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let damaged = || Fault::corrupt(format_args!("the store's key for {name}"));
    let stored = conn
        .query_row(
            "SELECT key_id, data_key, sealed FROM store_keys WHERE name = ?1",
            [name],
            |row| Sealed::from_row(row, 0),
        )
        .optional()?
        .ok_or_else(damaged)?;
    let bytes = keys.open(label(name), &stored)?;
    <[u8; 32]>::try_from(bytes.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| damaged())
}

fn create(conn: &Connection, keys: &Keyring, name: &str) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let key = Zeroizing::new(random()?);
    let sealed = keys.seal(label(name), key.as_slice())?;
    conn.execute(
        "INSERT INTO store_keys (name, key_id, data_key, sealed) VALUES (?1, ?2, ?3, ?4)",
        params![name, sealed.key_id.as_str(), sealed.data_key, sealed.body],
    )?;
    Ok(key)
}
