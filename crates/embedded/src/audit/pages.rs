//! Pages of the trail, and a row of it.

use cc_devops_kernel::audit::{AuditFilter, AuditRow, ChainHash};
use cc_devops_kernel::paging::{Cursor, Page};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::columns::{json_at, limit, nanos, page};
use crate::db::conditions::Conditions;
use crate::error::Fault;

/// The columns of [`row`].
pub(super) const COLUMNS: &str = "seq, entry, prev_hash, hash";

/// One row.
pub(super) fn one(conn: &Connection, seq: i64) -> Result<Option<AuditRow>, Fault> {
    let found = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE seq = ?1"))?
        .query_row([seq], row)
        .optional()?;
    Ok(found)
}

/// Rows, newest first.
pub(super) fn list(
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

/// Rows about a resource, newest first.
pub(super) fn about(
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
