//! Cutting the oldest rows off: the record of the cut under its MAC, in one transaction with the entry that
//! tells of it; then the rows go, the oldest first.

use cc_devops_kernel::audit::{AuditEntry, ChainHash, Cut, Section, cut};
use cc_devops_kernel::ports::PortErrorKind;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{SELECT, read};
use super::{Head, append};
use crate::columns::{limit, nanos};
use crate::error::Fault;
use crate::vault::StoreKeys;

/// Where the chain is cut.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) seq: i64,
    pub(super) hash: ChainHash,
    cut_at: i64,
    mac: [u8; 32],
}

impl Standing {
    /// The cut as it is now; none where the chain was never cut.
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached("SELECT seq, hash, cut_at, mac FROM audit_cut WHERE id = 1")?
            .query_row([], |row| {
                Ok(Self {
                    seq: row.get(0)?,
                    hash: ChainHash(row.get(1)?),
                    cut_at: row.get(2)?,
                    mac: row.get(3)?,
                })
            })
            .optional()
    }

    /// Whether this store wrote it.
    pub(super) fn is_ours(&self, keys: &StoreKeys) -> bool {
        self.mac == keys.audit_cut_mac(self.seq, &self.hash.0, self.cut_at)
    }

    /// The cut to go on from: a forged one must not take rows with it.
    fn to_go_on_from(conn: &Connection, keys: &StoreKeys) -> Result<Option<(i64, ChainHash)>, Fault> {
        match Self::read(conn)? {
            None => Ok(None),
            Some(standing) if standing.is_ours(keys) => Ok(Some((standing.seq, standing.hash))),
            Some(_) => Err(cut::refusal("the record of its cut was changed from outside").into()),
        }
    }

    fn write(conn: &Connection, keys: &StoreKeys, section: &Section, at: Timestamp) -> rusqlite::Result<()> {
        let (seq, hash, cut_at) = (section.last, &section.hash.0, nanos(at));
        conn.prepare_cached(
            "INSERT INTO audit_cut (id, seq, hash, cut_at, mac) VALUES (1, ?1, ?2, ?3, ?4) \
             ON CONFLICT (id) DO UPDATE \
             SET seq = excluded.seq, hash = excluded.hash, cut_at = excluded.cut_at, mac = excluded.mac",
        )?
        .execute(params![seq, hash, cut_at, keys.audit_cut_mac(seq, hash, cut_at)])
        .map(|_| ())
    }
}

/// The oldest rows that were written before a time.
pub(super) fn oldest(
    conn: &Connection,
    keys: &StoreKeys,
    before: Timestamp,
    at_most: usize,
) -> Result<Option<Section>, Fault> {
    let view = conn.unchecked_transaction()?;
    let behind = Standing::to_go_on_from(&view, keys)?;
    let start = behind.map_or(0, |(seq, _)| seq);
    let sql = format!("{SELECT} WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    let mut statement = view.prepare_cached(&sql)?;
    let mut found = statement.query([start, limit(at_most)])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let row = read(row, row.get(0)?).map_err(|problem| cut::refusal(&problem))?;
        if row.entry.at >= before {
            break;
        }
        rows.push(row);
    }
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(None);
    };
    cut::unbroken(None, behind, &rows)?;
    let (first, last, hash) = (first.seq, last.seq, last.hash);
    let cuts = vec![Cut {
        chain: None,
        seq: last,
        hash,
    }];
    Ok(Some(Section {
        rows,
        cuts,
        first,
        last,
        hash,
    }))
}

/// Cuts the chain behind a section, and puts it on record.
pub(super) fn cut(conn: &Connection, keys: &StoreKeys, section: &Section, entry: &AuditEntry) -> Result<(), Fault> {
    let start = Standing::to_go_on_from(conn, keys)?.map_or(0, |(seq, _)| seq);
    if section.first != start + 1 {
        return Err(Fault::port(
            PortErrorKind::Superseded,
            "somebody else cut the audit trail meanwhile",
        ));
    }
    if follower(conn, section.last)? != Some(section.hash) {
        return Err(cut::refusal("what stands behind the oldest rows does not follow from them").into());
    }
    append(conn, keys, entry)?;
    Standing::write(conn, keys, section, entry.at)?;
    Ok(())
}

/// The hash that whatever stands behind a row has for it: the next row, or the record of the end.
fn follower(conn: &Connection, seq: i64) -> Result<Option<ChainHash>, Fault> {
    let next = conn
        .prepare_cached("SELECT prev_hash FROM audit WHERE seq = ?1")?
        .query_row([seq + 1], |row| row.get(0).map(ChainHash))
        .optional()?;
    Ok(match next {
        Some(hash) => Some(hash),
        None => Head::read(conn)?.filter(|head| head.seq == seq).map(|head| head.hash),
    })
}

/// Removes rows that are cut off, the oldest first.
pub(super) fn clear(conn: &Connection, keys: &StoreKeys, at_most: usize) -> Result<u64, Fault> {
    let Some((seq, _)) = Standing::to_go_on_from(conn, keys)? else {
        return Ok(0);
    };
    let first: Option<i64> = conn
        .prepare_cached("SELECT min(seq) FROM audit")?
        .query_row([], |row| row.get(0))?;
    let Some(first) = first.filter(|first| *first <= seq) else {
        return Ok(0);
    };
    let last = seq.min(first.saturating_add(limit(at_most)).saturating_sub(1));
    let removed = conn
        .prepare_cached("DELETE FROM audit WHERE seq <= ?1")?
        .execute([last])?;
    Ok(removed as u64)
}
