//! The audit trail: a chain of rows that only grows, and its end under a keyed MAC.

mod cutting;
mod keeper;
mod kept;
mod looking;
mod pages;
mod reconciliation;
mod rows;
pub(crate) mod trail;
mod verification;

use std::io::ErrorKind;

use cc_devops_kernel::audit::{AuditEntry, Canonical, ChainHash, Mark};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{self, nanos};
use crate::error::Fault;
use crate::vault::StoreKeys;
pub(crate) use keeper::{Keeper, Standing};
pub use kept::TrailMismatch;
pub(crate) use kept::{FILE, Found, Kept};

/// The end of the chain.
struct Head {
    seq: i64,
    hash: ChainHash,
    mac: [u8; 32],
}

impl Head {
    fn read(conn: &Connection) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached("SELECT seq, hash, mac FROM audit_head WHERE id = 1")?
            .query_row([], |row| {
                Ok(Self {
                    seq: row.get(0)?,
                    hash: ChainHash(row.get(1)?),
                    mac: row.get(2)?,
                })
            })
            .optional()
    }

    /// Whether this store wrote it.
    fn is_ours(&self, keys: &StoreKeys) -> bool {
        self.mac == keys.audit_head_mac(self.seq, &self.hash.0)
    }

    fn mark(&self) -> Mark {
        Mark {
            seq: self.seq,
            hash: self.hash,
        }
    }
}

/// Begins the chain of a new database.
pub(crate) fn begin(conn: &Connection, keys: &StoreKeys) -> Result<(), Fault> {
    let genesis = ChainHash::GENESIS.0;
    conn.execute(
        "INSERT INTO audit_head (id, seq, hash, mac) VALUES (1, 0, ?1, ?2)",
        params![genesis, keys.audit_head_mac(0, &genesis)],
    )?;
    Ok(())
}

/// The name under which the database remembers that a record is kept beside it.
const IS_KEPT: &str = "audit_head_kept";

/// Begins to keep beside the database where the trail ends, or compares with what was kept; what a version whose
/// records had no MAC kept is kept anew. Why the trail may not be the newest, where that is so; then nothing is kept.
pub(crate) fn begin_keeping(
    conn: &mut Connection,
    keys: &StoreKeys,
    kept: &Kept,
    found: &Found,
) -> Result<Option<TrailMismatch>, Fault> {
    let view = conn.transaction()?;
    let is_kept = view
        .prepare_cached("SELECT 1 FROM meta WHERE key = ?1")?
        .exists([IS_KEPT])?;
    let doubt = Kept::doubt(found, &view, is_kept)?;
    let head = Head::read(&view)?.filter(|head| head.is_ours(keys));
    view.commit()?;
    let (None, Some(head)) = (&doubt, head) else {
        return Ok(doubt);
    };
    if !found.is_of_records() {
        keep_anew(kept, head.mark(), keys)?;
    }
    if !is_kept {
        conn.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?1, '1')", [IS_KEPT])?;
    }
    Ok(None)
}

/// Keeps where the trail ends, whatever was kept before.
fn keep_anew(kept: &Kept, mark: Mark, keys: &StoreKeys) -> Result<(), Fault> {
    kept.replace(mark, keys).map_err(|error| {
        // Room that is kept for a full disk is given back where it is said to be full.
        let kind = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => PortErrorKind::Full,
            _ => PortErrorKind::Unavailable,
        };
        let message = format!("cannot write {FILE} beside the database: let this user write its folder");
        Fault::Port(PortError::new(kind, message).because(error))
    })
}

/// An entry with what can be made of it before the writer's time.
pub(crate) struct Prepared {
    entry: AuditEntry,
    text: String,
    canonical: Canonical,
}

impl Prepared {
    /// Prepares an entry.
    pub(crate) fn of(entry: AuditEntry) -> rusqlite::Result<Self> {
        Ok(Self {
            text: columns::json(&entry)?,
            canonical: Canonical::of(&entry),
            entry,
        })
    }

    /// Puts the entry at the end of the chain, in the caller's transaction.
    pub(crate) fn append(&self, conn: &Connection, keys: &StoreKeys) -> Result<(), Fault> {
        let head = Head::read(conn)?;
        // Going on from an end that somebody forged would put our MAC under the forgery.
        let head = head.filter(|head| head.is_ours(keys)).ok_or_else(|| {
            Fault::port(
                PortErrorKind::Corrupt,
                "the end of the audit trail was changed from outside: run `cc-devops audit verify`, then restore the \
                 last backup, see the runbook",
            )
        })?;
        let Self { entry, text, canonical } = self;
        let seq = head.seq + 1;
        let hash = canonical.link(head.hash, seq);
        conn.prepare_cached(
            "INSERT INTO audit (seq, at, principal, agent, action, status, entry, prev_hash, hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            seq,
            nanos(entry.at),
            entry.principal.as_ref().map(AgentName::as_str),
            entry.agent.as_ref().map(AgentName::as_str),
            entry.action,
            entry.status.as_str(),
            text,
            head.hash.0,
            hash.0,
        ])?;
        conn.prepare_cached("UPDATE audit_head SET seq = ?1, hash = ?2, mac = ?3 WHERE id = 1")?
            .execute(params![seq, hash.0, keys.audit_head_mac(seq, &hash.0)])?;
        Ok(())
    }
}

/// Puts an entry at the end of the chain, in the caller's transaction.
pub(crate) fn append(conn: &Connection, keys: &StoreKeys, entry: &AuditEntry) -> Result<(), Fault> {
    Prepared::of(entry.clone())?.append(conn, keys)
}
