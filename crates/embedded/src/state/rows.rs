//! The rows of records, each with a MAC under a key of the store: one that somebody else wrote, changed, or put in
//! another's place is refused. Whoever can write the file, or a backup of it, approves nothing.

use std::collections::BTreeMap;

use cc_devops_kernel::ports::{Content, PortErrorKind, Record, RecordKey, RecordKind};
use jiff::Timestamp;
use rusqlite::{Connection, Error, Row, params};

use crate::columns::{nanos, time};
use crate::error::Fault;
use crate::vault::StoreKeys;

/// The columns of a row.
pub(super) const COLUMNS: &str = "name, version, due_at, list, body, mac";

/// How many rows are read before they are written, where all are.
const BATCH: usize = 500;

/// What a row's MAC is over.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) version: i64,
    pub(super) due_at: Option<i64>,
    pub(super) list: Option<&'a str>,
    pub(super) body: &'a str,
}

impl<'a> Columns<'a> {
    /// What is to be written of a record.
    pub(super) fn of(kind: RecordKind, name: &'a str, version: i64, content: &'a Content) -> Self {
        Self {
            kind: kind.as_str(),
            name,
            version,
            due_at: content.due_at.map(nanos),
            list: content.list.as_deref(),
            body: &content.body,
        }
    }

    /// The MAC that stands beside them.
    pub(super) fn mac(&self, keys: &StoreKeys) -> [u8; 32] {
        let due_at = self.due_at.map(i64::to_be_bytes);
        let due_at: &[u8] = due_at.as_ref().map_or(&[][..], <[u8; 8]>::as_slice);
        let is_listed = [u8::from(self.list.is_some())];
        keys.record_mac(&[
            self.kind.as_bytes(),
            self.name.as_bytes(),
            &self.version.to_be_bytes(),
            due_at,
            &is_listed,
            self.list.unwrap_or_default().as_bytes(),
            self.body.as_bytes(),
        ])
    }
}

/// A row as it stands.
pub(super) struct Stored {
    name: String,
    version: i64,
    due_at: Option<i64>,
    list: Option<String>,
    body: String,
    mac: Option<Vec<u8>>,
}

impl Stored {
    /// Reads [`COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            version: row.get(1)?,
            due_at: row.get(2)?,
            list: row.get(3)?,
            body: row.get(4)?,
            mac: row.get(5)?,
        })
    }

    fn mac_under(&self, keys: &StoreKeys, kind: &str) -> [u8; 32] {
        let columns = Columns {
            kind,
            name: &self.name,
            version: self.version,
            due_at: self.due_at,
            list: self.list.as_deref(),
            body: &self.body,
        };
        columns.mac(keys)
    }

    /// Whether this store wrote it.
    fn is_ours(&self, keys: &StoreKeys, kind: &str) -> bool {
        self.mac.as_deref() == Some(&self.mac_under(keys, kind)[..])
    }

    /// The record, if this store wrote it.
    pub(super) fn into_record(self, keys: &StoreKeys, kind: RecordKind) -> Result<Record, Fault> {
        if !self.is_ours(keys, kind.as_str()) {
            return Err(Fault::port(
                PortErrorKind::Corrupt,
                format!(
                    "the record {:?} of kind {} was not written by this store and is refused: restore the last \
                     backup, see the runbook",
                    self.name,
                    kind.as_str()
                ),
            ));
        }
        let version = u64::try_from(self.version).map_err(|_| Error::IntegralValueOutOfRange(1, self.version))?;
        Ok(Record {
            key: RecordKey { kind, name: self.name },
            version,
            content: Content {
                due_at: self.due_at.map(time),
                list: self.list,
                body: self.body,
            },
        })
    }
}

/// The first `at_most` records of rows. Those that this store did not write hold up no other: they are left out, and told
/// in one line, because whoever looks does so every second.
pub(super) fn records(
    keys: &StoreKeys,
    kind: RecordKind,
    mut rows: impl Iterator<Item = rusqlite::Result<Stored>>,
    at_most: usize,
) -> Result<Vec<Record>, Fault> {
    let (mut records, mut left_out) = (Vec::new(), 0_u64);
    let mut first = None;
    while records.len() < at_most {
        let Some(row) = rows.next() else { break };
        match row?.into_record(keys, kind) {
            Ok(record) => records.push(record),
            Err(Fault::Port(error)) if error.kind == PortErrorKind::Corrupt => {
                left_out += 1;
                first.get_or_insert(error);
            }
            Err(fault) => return Err(fault),
        }
    }
    if let Some(error) = first {
        tracing::error!(%error, left_out, "records are left out");
    }
    Ok(records)
}

fn rows_of(conn: &Connection, kind: RecordKind) -> rusqlite::Result<Vec<Stored>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM records WHERE kind = ?1 ORDER BY name"))?
        .query_map([kind.as_str()], Stored::read)?
        .collect()
}

/// Every record of a kind that this store wrote, by name. Those that it did not write are passed over: [`forged`] tells
/// them.
pub(crate) fn all(conn: &Connection, keys: &StoreKeys, kind: RecordKind) -> rusqlite::Result<Vec<Record>> {
    let rows = rows_of(conn, kind)?.into_iter();
    Ok(rows.filter_map(|row| row.into_record(keys, kind).ok()).collect())
}

/// Of a kind's records keeps those that are among the newer ones, as these have them, but none for longer than before.
/// Which became others, each with when it is due, and which went, without.
pub(crate) fn keep_as(
    conn: &Connection,
    keys: &StoreKeys,
    kind: RecordKind,
    newer: &[Record],
) -> rusqlite::Result<BTreeMap<String, Option<Timestamp>>> {
    let mut changed = BTreeMap::new();
    for older in rows_of(conn, kind)? {
        let name = older.name.clone();
        let newer = newer
            .iter()
            .find(|newer| newer.key.kind == kind && newer.key.name == name);
        let Some(Record { content, .. }) = newer else {
            conn.execute(
                "DELETE FROM records WHERE kind = ?1 AND name = ?2",
                params![kind.as_str(), name],
            )?;
            changed.insert(name, None);
            continue;
        };
        let version = older.version.saturating_add(1);
        // One that this store did not write becomes one that it did.
        if older
            .into_record(keys, kind)
            .is_ok_and(|older| older.content == *content || ends(&older.content) < ends(content))
        {
            continue;
        }
        let columns = Columns::of(kind, &name, version, content);
        conn.execute(
            "UPDATE records SET version = ?3, due_at = ?4, list = ?5, body = ?6, mac = ?7 \
             WHERE kind = ?1 AND name = ?2",
            params![
                columns.kind,
                columns.name,
                columns.version,
                columns.due_at,
                columns.list,
                columns.body,
                columns.mac(keys)
            ],
        )?;
        changed.insert(name, content.due_at);
    }
    Ok(changed)
}

/// When a record that ends when it is due has ended.
fn ends(content: &Content) -> Timestamp {
    content.due_at.unwrap_or(Timestamp::MAX)
}

/// Removes every record of a kind; how many there were.
pub(crate) fn remove_all(conn: &Connection, kind: RecordKind) -> rusqlite::Result<usize> {
    conn.execute("DELETE FROM records WHERE kind = ?1", [kind.as_str()])
}

/// The names of the records that this store did not write, by kind.
pub(crate) fn forged(conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let mut statement = conn.prepare(&format!("SELECT {COLUMNS}, kind FROM records ORDER BY kind, name"))?;
    let mut rows = statement.query([])?;
    let mut forged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (stored, kind) = (Stored::read(row)?, row.get::<_, String>(6)?);
        if !stored.is_ours(keys, &kind) {
            forged.entry(kind).or_default().push(stored.name);
        }
    }
    Ok(forged)
}

/// Gives every row its MAC: those of a schema that had none.
pub(crate) fn authenticate_all(conn: &Connection, keys: &StoreKeys) -> rusqlite::Result<()> {
    let mut select = conn.prepare(&format!(
        "SELECT {COLUMNS}, kind FROM records WHERE (kind, name) > (?1, ?2) ORDER BY kind, name LIMIT {BATCH}"
    ))?;
    let mut update = conn.prepare("UPDATE records SET mac = ?3 WHERE kind = ?1 AND name = ?2")?;
    // No kind is empty.
    let mut place = (String::new(), String::new());
    loop {
        let mut rows = select
            .query_map(params![place.0, place.1], |row| Ok((Stored::read(row)?, row.get(6)?)))?
            .collect::<rusqlite::Result<Vec<(Stored, String)>>>()?;
        for (row, kind) in &rows {
            update.execute(params![kind, row.name, row.mac_under(keys, kind)])?;
        }
        let Some((last, kind)) = rows.pop() else {
            return Ok(());
        };
        place = (kind, last.name);
    }
}
