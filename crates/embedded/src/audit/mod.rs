//! The audit trail: a chain of rows that only grows, and its end under a keyed MAC.

mod cutting;
mod keeper;
mod kept;
mod told;
mod verification;

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Canonical, ChainHash, Mark, Section, Verification};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{AuditTrail, PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::columns::{self, json_at, limit, nanos};
use crate::db::Db;
use crate::db::conditions::Conditions;
use crate::error::Fault;
use crate::vault::StoreKeys;
pub(crate) use keeper::{Keeper, Standing};
pub use kept::Doubt;
pub(crate) use kept::{FILE, Found, Kept};

/// The audit trail in the database.
pub struct SqliteAudit {
    db: Db,
}

impl SqliteAudit {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

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

/// Begins to keep beside the database where the trail ends, or compares with what was kept. Why the trail may not
/// be the newest, where that is so; then nothing is kept.
pub(crate) fn begin_keeping(
    conn: &mut Connection,
    keys: &StoreKeys,
    kept: &Kept,
    found: &Found,
) -> Result<Option<Doubt>, Fault> {
    let view = conn.transaction()?;
    let is_kept = view
        .prepare_cached("SELECT 1 FROM meta WHERE key = ?1")?
        .exists([IS_KEPT])?;
    let doubt = Kept::doubt(found, &view, is_kept)?;
    let head = Head::read(&view)?.filter(|head| head.is_ours(keys));
    view.commit()?;
    let (None, false, Some(head)) = (&doubt, is_kept, head) else {
        return Ok(doubt);
    };
    if found.is_nothing() {
        keep_anew(kept, head.mark(), keys)?;
    }
    conn.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?1, '1')", [IS_KEPT])?;
    Ok(None)
}

/// Keeps where the trail ends, whatever was kept before.
fn keep_anew(kept: &Kept, mark: Mark, keys: &StoreKeys) -> Result<(), Fault> {
    kept.replace(mark, keys).map_err(|error| {
        let message = format!("cannot write {FILE} beside the database: let this user write its folder");
        Fault::Port(PortError::new(PortErrorKind::Unavailable, message).because(error))
    })
}

/// Takes the trail as it stands, on an operator's word: puts that on record, and keeps where it ends.
pub(crate) async fn accept(db: &Db, entry: AuditEntry) -> PortResult<Mark> {
    let keys = Arc::clone(db.store_keys());
    let mark = db
        .write(move |conn, _| {
            append(conn, &keys, &entry)?;
            Ok(Head::read(conn)?.map(|head| head.mark()))
        })
        .await?;
    let mark = mark.ok_or_else(|| PortError::new(PortErrorKind::Corrupt, "the audit trail has no end"))?;
    let kept = Kept::in_folder(db.folder());
    keep_anew(&kept, mark, db.store_keys()).map_err(|fault| fault.into_port(db.file()))?;
    db.trail().settle();
    Ok(mark)
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

#[async_trait]
impl AuditTrail for SqliteAudit {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        let (keys, entry) = (Arc::clone(self.db.store_keys()), entry.clone());
        self.db.write(move |conn, _| append(conn, &keys, &entry)).await
    }

    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>> {
        let filter = filter.clone();
        self.db.read(move |conn| list(conn, &filter, before, limit)).await
    }

    async fn verify(&self) -> PortResult<Verification> {
        let (keys, dir) = (Arc::clone(self.db.store_keys()), self.db.folder().to_owned());
        let kept = Kept::in_folder(&dir);
        self.db.read(move |conn| verification::verify(conn, &keys, &kept)).await
    }

    async fn mark(&self, seq: Option<i64>) -> PortResult<Option<Mark>> {
        self.db
            .read(move |conn| {
                Ok(match seq {
                    Some(seq) => kept::at(conn, seq)?,
                    None => Head::read(conn)?.map(|head| head.mark()),
                })
            })
            .await
    }

    /// Nothing: the end of the one chain is kept under its MAC with every row.
    async fn checkpoint(&self, _at: Timestamp) -> PortResult<()> {
        Ok(())
    }

    async fn oldest(&self, before: Timestamp, limit: usize) -> PortResult<Option<Section>> {
        let keys = Arc::clone(self.db.store_keys());
        self.db
            .read(move |conn| cutting::oldest(conn, &keys, before, limit))
            .await
    }

    async fn cut(&self, section: &Section, entry: &AuditEntry) -> PortResult<()> {
        let keys = Arc::clone(self.db.store_keys());
        // Its rows have been looked at; what is written is where it ends.
        let section = Section {
            rows: Vec::new(),
            ..section.clone()
        };
        let entry = entry.clone();
        self.db
            .write(move |conn, _| cutting::cut(conn, &keys, &section, &entry))
            .await
    }

    async fn clear(&self, limit: usize) -> PortResult<u64> {
        let keys = Arc::clone(self.db.store_keys());
        self.db.write(move |conn, _| cutting::clear(conn, &keys, limit)).await
    }
}

const COLUMNS: &str = "seq, entry, prev_hash, hash";

fn list(
    conn: &Connection,
    filter: &AuditFilter,
    before: Option<Cursor>,
    at_most: usize,
) -> Result<Page<AuditRow>, Fault> {
    let mut conditions = Conditions::default();
    conditions.with_some("seq < ?", before.map(|Cursor(seq)| seq));
    conditions.with_some("action = ?", filter.action.clone());
    conditions.with_some("status = ?", filter.status.map(|status| status.as_str().to_owned()));
    conditions.with_some("at >= ?", filter.since.map(nanos));
    conditions.with_some("at < ?", filter.until.map(nanos));
    // One more than asked for tells whether there is a next page.
    let wanted = limit(at_most).saturating_add(1);
    let rows = match &filter.agent {
        None => {
            let sql = format!(
                "SELECT {COLUMNS} FROM audit{} ORDER BY seq DESC LIMIT ?",
                conditions.clause()
            );
            conditions.query(conn, &sql, 1, wanted, row)?
        }
        Some(agent) => {
            // Two searches by index, merged; `OR` would sort all rows of the agent for every page.
            conditions.with("agent = ?", agent.as_str().to_owned());
            let by_agent = conditions.clause().to_owned();
            let by_principal = by_agent.replace("agent = ?", "principal = ? AND principal IS NOT agent");
            let sql = format!(
                "SELECT {COLUMNS} FROM audit{by_agent} UNION ALL SELECT {COLUMNS} FROM audit{by_principal} \
                 ORDER BY seq DESC LIMIT ?"
            );
            conditions.query(conn, &sql, 2, wanted, row)?
        }
    };
    Ok(page(rows, at_most, |row| row.seq))
}

/// A page of `at_most` rows, of which one more was read where there is one.
pub(crate) fn page<T>(mut items: Vec<T>, at_most: usize, place: impl Fn(&T) -> i64) -> Page<T> {
    let more = items.len() > at_most;
    items.truncate(at_most);
    let next = items.last().filter(|_| more).map(|last| Cursor(place(last)));
    Page { items, next }
}

fn row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        chain: None,
        seq: row.get(0)?,
        entry: json_at(row, 1)?,
        prev_hash: ChainHash(row.get(2)?),
        hash: ChainHash(row.get(3)?),
    })
}
