//! The audit trail's port over the database.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, ChainHash, Mark, Section, Verification};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{AuditTrail, PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::kept::{self, Kept};
use super::{Head, append, cutting, keep_anew, looking, verification};
use crate::columns::{json_at, limit, nanos, page};
use crate::db::Db;
use crate::db::conditions::Conditions;
use crate::error::Fault;

/// The audit trail in the database.
pub struct SqliteAudit {
    db: Db,
}

impl SqliteAudit {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
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

#[async_trait]
impl AuditTrail for SqliteAudit {
    async fn append(&self, entry: &AuditEntry) -> PortResult<()> {
        let (keys, entry) = (Arc::clone(self.db.store_keys()), entry.clone());
        self.db.write(move |conn, _| append(conn, &keys, &entry)).await
    }

    async fn list(&self, filter: &AuditFilter, before: Option<Cursor>, limit: usize) -> PortResult<Page<AuditRow>> {
        let filter = filter.clone();
        self.db
            .read(move |conn| {
                let is_narrow = filter.reason.is_some() || filter.request.is_some() || filter.resource.is_some();
                if is_narrow || filter.reach.is_some() {
                    looking::list(conn, &filter, before, limit)
                } else {
                    list(conn, &filter, before, limit)
                }
            })
            .await
    }

    async fn row(&self, chain: Option<&str>, seq: i64) -> PortResult<Option<AuditRow>> {
        if chain.is_some() {
            return Ok(None);
        }
        self.db
            .read(move |conn| {
                let found = conn
                    .prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE seq = ?1"))?
                    .query_row([seq], row)
                    .optional()?;
                Ok(found)
            })
            .await
    }

    async fn about(
        &self,
        resource: &str,
        action: Option<&str>,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<AuditRow>> {
        let (resource, action) = (resource.to_owned(), action.map(str::to_owned));
        self.db
            .read(move |conn| about(conn, resource, action, before, limit))
            .await
    }

    async fn verify(&self) -> PortResult<Verification> {
        let (keys, dir) = (Arc::clone(self.db.store_keys()), self.db.folder().to_owned());
        let kept = Kept::in_folder(&dir);
        self.db.read(move |conn| verification::verify(conn, &keys, &kept)).await
    }

    async fn doubt(&self) -> PortResult<Option<String>> {
        Ok(self.db.trail().doubt().map(|doubt| doubt.to_string()))
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

/// The columns of [`row`].
pub(super) const COLUMNS: &str = "seq, entry, prev_hash, hash";

fn list(
    conn: &Connection,
    filter: &AuditFilter,
    before: Option<Cursor>,
    at_most: usize,
) -> Result<Page<AuditRow>, Fault> {
    let mut conditions = conditions(filter);
    conditions.with_some("seq < ?", before.map(|Cursor(seq)| seq));
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

/// What a row must be beside somebody's, as far as that stands in columns of its own.
pub(super) fn conditions(filter: &AuditFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.with_some("action = ?", filter.action.clone());
    conditions.with_some("status = ?", filter.status.map(|status| status.as_str().to_owned()));
    conditions.with_some("at >= ?", filter.since.map(nanos));
    conditions.with_some("at < ?", filter.until.map(nanos));
    conditions
}

fn about(
    conn: &Connection,
    resource: String,
    action: Option<String>,
    before: Option<Cursor>,
    at_most: usize,
) -> Result<Page<AuditRow>, Fault> {
    let mut conditions = Conditions::default();
    // The text of the index's expression.
    conditions.with(
        "CASE WHEN json_valid(entry) THEN json_extract(entry, '$.resource') END = ?",
        resource,
    );
    conditions.with_some("seq < ?", before.map(|Cursor(seq)| seq));
    conditions.with_some("action = ?", action);
    let wanted = limit(at_most).saturating_add(1);
    let sql = format!(
        "SELECT {COLUMNS} FROM audit INDEXED BY audit_resource{} ORDER BY seq DESC LIMIT ?",
        conditions.clause()
    );
    let rows = conditions.query(conn, &sql, 1, wanted, row)?;
    Ok(page(rows, at_most, |row| row.seq))
}

/// A row of the trail.
pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        chain: None,
        seq: row.get(0)?,
        entry: json_at(row, 1)?,
        prev_hash: ChainHash(row.get(2)?),
        hash: ChainHash(row.get(3)?),
    })
}
