//! The secrets: every version on record, the values of the last two sealed, and those of older ones for a day.

mod changing;

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::outcome::SecretAction;
use cc_devops_kernel::ports::{
    MOST_VALUES, MOST_VERSIONS, PortErrorKind, PortResult, SecretChange, SecretChanged, SecretDescription, SecretRead,
    SecretStore, SecretSummary, SecretVersion, SecretWrite, SecretWritten, VALUE_KEPT, VersionSummary,
};
use cc_devops_kernel::secret::SecretValue;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::columns::{
    Unknown, count_at, limit, name_at, nanos, optional_json_at, optional_time_at, time_at, unreadable,
};
use crate::db::Db;
use crate::db::conditions::Conditions;
use crate::error::Fault;
use crate::vault::{Keyring, Label, Sealed, StoreKeys};

/// The secrets in the database.
pub struct SqliteSecrets {
    db: Db,
}

impl SqliteSecrets {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

/// What a version's value is sealed as.
pub(crate) fn label(name: &str, version: i64) -> Label<'_> {
    Label {
        kind: "secret",
        name,
        version,
    }
}

/// A write with what can be made before the writer's time.
pub(crate) struct Write {
    name: SecretName,
    value: SecretValue,
    value_mac: [u8; 32],
    token: String,
    agent: String,
    stage: String,
    at: i64,
    /// Since when versions that lose their place are to be written for their value to be kept.
    kept_since: i64,
}

impl Write {
    /// Prepares a write.
    pub(crate) fn of(write: SecretWrite<'_>, keys: &StoreKeys) -> Self {
        let (name, value) = (&write.put.name, &write.put.value);
        Self {
            name: name.clone(),
            value: value.clone(),
            value_mac: keys.secret_value_mac(name.as_str(), value.expose()),
            token: write.token.to_owned(),
            agent: write.agent.to_string(),
            stage: write.stage.to_string(),
            at: nanos(write.at),
            kept_since: nanos(write.at.checked_sub(VALUE_KEPT).unwrap_or(Timestamp::MIN)),
        }
    }
}

#[async_trait]
impl SecretStore for SqliteSecrets {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        let write = Write::of(write, self.db.store_keys());
        self.db
            .write_repeatable(move |conn, keys| put(conn, keys, &write))
            .await
    }

    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        let name = name.clone();
        self.db
            .read_sealed(move |conn, keys| read(conn, keys, &name, version))
            .await
    }

    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        let (prefix, after) = (prefix.cloned(), after.cloned());
        self.db
            .read(move |conn| list(conn, prefix.as_ref(), after.as_ref(), limit))
            .await
    }

    async fn describe(&self, name: &SecretName) -> PortResult<Option<SecretDescription>> {
        let name = name.clone();
        self.db.read(move |conn| describe(conn, &name)).await
    }

    async fn read_version(
        &self,
        name: &SecretName,
        id: &str,
    ) -> PortResult<Option<(Option<SecretVersion>, SecretRead)>> {
        let (name, id) = (name.clone(), id.to_owned());
        self.db
            .read_sealed(move |conn, keys| read_version(conn, keys, &name, &id))
            .await
    }

    async fn change(&self, change: SecretChange<'_>, audit: &AuditEntry) -> PortResult<SecretChanged> {
        let store_keys = Arc::clone(self.db.store_keys());
        let (change, audit) = (changing::Change::of(change, &store_keys), audit.clone());
        self.db
            .write(move |conn, keys| changing::change(conn, (keys, &store_keys), &change, &audit))
            .await
    }
}

/// A secret's row.
#[derive(Clone, Copy)]
struct Known {
    id: i64,
    versions: i64,
}

fn known(conn: &Connection, name: &SecretName) -> rusqlite::Result<Option<Known>> {
    conn.prepare_cached("SELECT id, versions FROM secrets WHERE name = ?1")?
        .query_row([name.as_str()], |row| {
            Ok(Known {
                id: row.get(0)?,
                versions: row.get(1)?,
            })
        })
        .optional()
}

/// Writes a version, or gives the answer of the write that this one repeats. A refusal comes before
/// anything is written.
pub(crate) fn put(conn: &Connection, keys: &Keyring, write: &Write) -> Result<SecretWritten, Fault> {
    let known = known(conn, &write.name)?;
    if let Some(known) = known
        && let Some(earlier) = earlier_write(conn, known, write)?
    {
        if !earlier.is_same {
            return Err(Fault::port(
                PortErrorKind::Refused,
                "the token was used before with another value: use a new request id",
            ));
        }
        return Ok(written(write, earlier.action));
    }
    let (_, action) = write_version(conn, keys, known, write)?;
    Ok(written(write, action))
}

/// Writes the next version of a secret, or makes the secret with its first; the secret's row, and what was done.
fn write_version(
    conn: &Connection,
    keys: &Keyring,
    known: Option<Known>,
    write: &Write,
) -> Result<(i64, SecretAction), Fault> {
    let (secret, version, action) = if let Some(Known { id, versions }) = known {
        conn.prepare_cached("UPDATE secrets SET versions = ?2 WHERE id = ?1")?
            .execute([id, versions + 1])?;
        forget_values(conn, id, versions + 1, write.kept_since)?;
        (id, versions + 1, SecretAction::Updated)
    } else {
        conn.prepare_cached("INSERT INTO secrets (name, versions, created_at) VALUES (?1, 1, ?2)")?
            .execute(params![write.name.as_str(), write.at])?;
        (conn.last_insert_rowid(), 1, SecretAction::Created)
    };
    let sealed = keys.seal(label(write.name.as_str(), version), write.value.expose().as_bytes())?;
    conn.prepare_cached(
        "INSERT INTO secret_versions \
         (secret, version, token, action, value_mac, created_at, agent, stage, key_id, data_key, sealed) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        secret,
        version,
        write.token,
        word(action),
        write.value_mac,
        write.at,
        write.agent,
        write.stage,
        sealed.key_id.as_str(),
        sealed.data_key,
        sealed.body,
    ])?;
    Ok((secret, action))
}

/// Forgets the values of versions behind the previous one: those from before a time, and the one that is not among the
/// newest any more. Further back there are none.
fn forget_values(conn: &Connection, secret: i64, newest: i64, since: i64) -> Result<(), Fault> {
    let last = newest.saturating_sub(limit(MOST_VALUES));
    conn.prepare_cached(
        "UPDATE secret_versions SET key_id = NULL, data_key = NULL, sealed = NULL \
         WHERE secret = ?1 AND version BETWEEN ?2 AND ?3 AND sealed IS NOT NULL AND (created_at < ?4 OR version = ?2)",
    )?
    .execute([secret, last, newest - 2, since])?;
    Ok(())
}

/// What was written before under the token of a write.
struct EarlierWrite {
    version: i64,
    action: SecretAction,
    /// Whether it was the same value.
    is_same: bool,
}

fn earlier_write(conn: &Connection, secret: Known, write: &Write) -> rusqlite::Result<Option<EarlierWrite>> {
    conn.prepare_cached("SELECT version, action, value_mac FROM secret_versions WHERE secret = ?1 AND token = ?2")?
        .query_row(params![secret.id, write.token], |row| {
            let value_mac: [u8; 32] = row.get(2)?;
            Ok(EarlierWrite {
                version: row.get(0)?,
                action: action_at(row, 1)?,
                is_same: value_mac == write.value_mac,
            })
        })
        .optional()
}

fn written(write: &Write, action: SecretAction) -> SecretWritten {
    SecretWritten {
        action,
        arn: format!("local:secret:{}", write.name),
        version_id: write.token.clone(),
    }
}

fn word(action: SecretAction) -> &'static str {
    match action {
        SecretAction::Created => "created",
        SecretAction::Updated => "updated",
    }
}

fn action_at(row: &Row<'_>, column: usize) -> rusqlite::Result<SecretAction> {
    match row.get_ref(column)?.as_str()? {
        "created" => Ok(SecretAction::Created),
        "updated" => Ok(SecretAction::Updated),
        _ => Err(unreadable(column, Unknown("action"))),
    }
}

fn read(
    conn: &Connection,
    keys: &Keyring,
    name: &SecretName,
    version: SecretVersion,
) -> Result<Option<SecretRead>, Fault> {
    let found = conn
        .prepare_cached(
            "SELECT version, token, secret_versions.created_at, key_id, data_key, sealed FROM secrets \
             JOIN secret_versions ON secret = secrets.id AND version = versions - ?2 WHERE name = ?1",
        )?
        .query_row(params![name.as_str(), version.back()], |row| {
            let version: i64 = row.get(0)?;
            let token: String = row.get(1)?;
            Ok((version, token, time_at(row, 2)?, Sealed::from_row_if_any(row, 3)?))
        })
        .optional()?;
    let Some((version, version_id, created_at, sealed)) = found else {
        return Ok(None);
    };
    let sealed = sealed.ok_or_else(|| Fault::corrupt(format_args!("the sealed secret {name}")))?;
    let value = SecretValue::new(keys.open_text(label(name.as_str(), version), &sealed)?);
    Ok(Some(SecretRead {
        value,
        version_id,
        created_at,
    }))
}

fn read_version(
    conn: &Connection,
    keys: &Keyring,
    name: &SecretName,
    id: &str,
) -> Result<Option<(Option<SecretVersion>, SecretRead)>, Fault> {
    let found = conn
        .prepare_cached(
            "SELECT version, secret_versions.created_at, versions - version, key_id, data_key, sealed FROM secrets \
             JOIN secret_versions ON secret = secrets.id WHERE name = ?1 AND token = ?2",
        )?
        .query_row(params![name.as_str(), id], |row| {
            let number: i64 = row.get(0)?;
            Ok((
                number,
                time_at(row, 1)?,
                SecretVersion::of_back(row.get::<_, i64>(2)?),
                Sealed::from_row_if_any(row, 3)?,
            ))
        })
        .optional()?;
    let Some((number, created_at, version, sealed)) = found else {
        return Ok(None);
    };
    let sealed = match (sealed, version) {
        (Some(sealed), _) => sealed,
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(Fault::corrupt(format_args!("the sealed secret {name}"))),
    };
    let value = SecretValue::new(keys.open_text(label(name.as_str(), number), &sealed)?);
    let read = SecretRead {
        value,
        version_id: id.to_owned(),
        created_at,
    };
    Ok(Some((version, read)))
}

fn list(
    conn: &Connection,
    prefix: Option<&SecretPrefix>,
    after: Option<&SecretName>,
    at_most: usize,
) -> Result<Vec<SecretSummary>, Fault> {
    let mut conditions = Conditions::default();
    if let Some(prefix) = prefix {
        conditions.with("name >= ?", prefix.as_str().to_owned());
        // Names are ASCII and a prefix ends in `/`, so `0`, the character behind it, ends the range.
        let behind = prefix.as_str().trim_end_matches('/');
        conditions.with("name < ?", format!("{behind}0"));
    }
    conditions.with_some("name > ?", after.map(|name| name.as_str().to_owned()));
    conditions.and(WHOLE);
    let sql = format!("{SUMMARIES}{} ORDER BY name LIMIT ?", conditions.clause());
    Ok(conditions.query(conn, &sql, 1, limit(at_most), summary)?)
}

/// Secrets, each with its newest version and the one before. No column of a value is among these.
const SUMMARIES: &str = "SELECT name, newest.token, versions, coalesce(newest.agent, made_by), secrets.created_at, \
                         newest.created_at, older.token, description, tags, changed_at FROM secrets \
                         LEFT JOIN secret_versions AS newest ON newest.secret = secrets.id AND newest.version = versions \
                         LEFT JOIN secret_versions AS older ON older.secret = secrets.id \
                         AND older.version = versions - 1 AND older.sealed IS NOT NULL";

/// What a secret's row has beside it, unless somebody took it away: its newest version, or who made it without one.
const WHOLE: &str = "coalesce(newest.agent, made_by) IS NOT NULL AND (newest.token IS NOT NULL OR versions = 0)";

fn summary(row: &Row<'_>) -> rusqlite::Result<SecretSummary> {
    let created_at = time_at(row, 4)?;
    let updated_at = optional_time_at(row, 5)?.unwrap_or(created_at);
    let changed_at = optional_time_at(row, 9)?;
    Ok(SecretSummary {
        name: name_at(row, 0)?,
        version_id: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        previous_id: row.get(6)?,
        versions: count_at(row, 2)?,
        updated_by: name_at(row, 3)?,
        created_at,
        updated_at,
        changed_at: changed_at.map_or(updated_at, |changed_at| changed_at.max(updated_at)),
        description: row.get(7)?,
        tags: optional_json_at(row, 8)?.unwrap_or_default(),
    })
}

fn describe(conn: &Connection, name: &SecretName) -> Result<Option<SecretDescription>, Fault> {
    let summary = conn
        .prepare_cached(&format!("{SUMMARIES} WHERE name = ?1 AND {WHOLE}"))?
        .query_row([name.as_str()], summary)
        .optional()?;
    let Some(summary) = summary else { return Ok(None) };
    let versions = conn
        .prepare_cached(
            "SELECT token, secret_versions.created_at, agent, versions - version FROM secrets \
             JOIN secret_versions ON secret = secrets.id WHERE name = ?1 ORDER BY version DESC LIMIT ?2",
        )?
        .query_map(params![name.as_str(), limit(MOST_VERSIONS)], |row| {
            Ok(VersionSummary {
                version_id: row.get(0)?,
                created_at: time_at(row, 1)?,
                by: Some(name_at(row, 2)?),
                version: SecretVersion::of_back(row.get::<_, i64>(3)?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(SecretDescription { summary, versions }))
}
