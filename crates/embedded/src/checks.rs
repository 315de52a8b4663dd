//! Whether the store works: the database, the room on its disk, the master key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_kernel::health::Check;
use cc_devops_kernel::ports::{Checks, PortError, PortErrorKind, PortResult};
use rusqlite::Connection;
use tokio::time::timeout;

use crate::agents::register;
use crate::db::Db;
use crate::vault::KeyId;

/// Less room than this is too little, in bytes.
const LEAST_ROOM: u64 = 100 * 1024 * 1024;

/// A write that became durable within this time is proof enough, and no other is made.
const PROOF: Duration = Duration::from_secs(1);

/// How long a write of the probe may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The checks of the embedded backend.
pub struct SqliteChecks {
    db: Db,
}

impl SqliteChecks {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Whether it can be read, and how writing stands.
    fn database(&self) -> PortResult<()> {
        self.db.read_inline(|conn| Ok(sealing_key(conn)?))?;
        match self.db.pulse().trouble() {
            None => Ok(()),
            Some(trouble) => Err(PortError::new(PortErrorKind::Unavailable, trouble)),
        }
    }

    /// Makes one small write durable.
    async fn write(&self) -> PortResult<()> {
        if self.db.pulse().is_fresh(PROOF) {
            return Ok(());
        }
        let written = self.db.write(|conn, _| {
            // A value that differs each time: an equal one might be left out.
            conn.prepare_cached(
                "INSERT INTO meta (key, value) VALUES ('probes', '1') \
                 ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
            )?
            .execute([])?;
            Ok(())
        });
        match timeout(PATIENCE, written).await {
            Ok(written) => written,
            Err(_) => Err(PortError::new(
                PortErrorKind::Timeout,
                format!(
                    "a write did not end within {} seconds: look at the disk",
                    PATIENCE.as_secs()
                ),
            )),
        }
    }

    async fn master_key(&self) -> PortResult<()> {
        let needed = self.db.read_inline(|conn| Ok(sealing_key(conn)?))?;
        let keys = self.db.key_store().clone();
        let checked = tokio::task::spawn_blocking(move || {
            // From its source and not from memory: a restart would need it there.
            let pair = keys.read_pair()?;
            if pair.into_keys().iter().any(|key| *key.id() == needed) {
                Ok(())
            } else {
                Err(keys.wrong(&needed))
            }
        })
        .await;
        match checked {
            Ok(result) => result.map_err(crate::OpenError::into_port),
            Err(_) => Ok(()),
        }
    }

    /// What speaks against the audit trail and the rows of agents and tokens; nothing, mostly.
    async fn tampering(&self) -> Vec<Check> {
        let mut found = Vec::new();
        if let Some(doubt) = self.db.trail().doubt() {
            found.push(Check::degraded("audit_trail", doubt.to_string()));
        }
        let keys = self.db.store_keys().clone();
        let forged = self.db.read(move |conn| Ok(register::forged(conn, &keys)?)).await;
        // That they cannot be read, the database's own check says.
        let forged = forged.unwrap_or_default();
        if !forged.is_empty() {
            let message = format!(
                "rows of {} agent(s) were not written by this store and are refused ({}): see the runbook",
                forged.len(),
                forged.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ")
            );
            found.push(Check::degraded("agents", message));
        }
        found
    }

    async fn all(&self, database: PortResult<()>) -> Vec<Check> {
        let file = self.db.file().to_owned();
        let room = tokio::task::spawn_blocking(move || room(&file)).await;
        let mut all = vec![
            outcome("database", database),
            room.unwrap_or_else(|_| Check::degraded("disk", "the room on the disk cannot be found out")),
            outcome("master_key", self.master_key().await),
        ];
        all.extend(self.tampering().await);
        all
    }
}

fn sealing_key(conn: &Connection) -> rusqlite::Result<KeyId> {
    conn.prepare_cached("SELECT value FROM meta WHERE key = 'sealing_key_id'")?
        .query_row([], |row| row.get(0).map(KeyId::from_stored))
}

#[async_trait]
impl Checks for SqliteChecks {
    async fn check(&self) -> Vec<Check> {
        self.all(self.database()).await
    }

    async fn probe(&self) -> Vec<Check> {
        let written = self.write().await;
        // What the writer itself says of it is the fuller sentence.
        self.all(self.database().and(written)).await
    }
}

fn outcome(name: &str, result: PortResult<()>) -> Check {
    match result {
        Ok(()) => Check::healthy(name),
        Err(error) => Check::degraded(name, error.message),
    }
}

fn room(file: &Path) -> Check {
    let dir = file.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    match rustix::fs::statvfs(&dir) {
        Ok(stat) if stat.f_bavail.saturating_mul(stat.f_frsize) < LEAST_ROOM => Check::degraded(
            "disk",
            format!(
                "less than {} MiB are free on the volume of {}: make room before requests are refused",
                LEAST_ROOM / (1024 * 1024),
                dir.display()
            ),
        ),
        Ok(_) => Check::healthy("disk"),
        Err(error) => Check::degraded("disk", format!("the room on the disk cannot be found out: {error}")),
    }
}
