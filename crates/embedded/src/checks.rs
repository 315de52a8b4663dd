//! Whether the store works: the database, the room on its disk, the master key.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cc_devops_core::health::Check;
use cc_devops_core::ports::{Checks, PortResult};

use crate::db::Db;
use crate::vault::KeyId;

/// Less room than this is too little, in bytes.
const LEAST_ROOM: u64 = 100 * 1024 * 1024;

/// The checks of the embedded backend.
pub struct SqliteChecks {
    db: Db,
}

impl SqliteChecks {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    async fn database(&self) -> PortResult<()> {
        self.db.read_inline(|conn| Ok(sealing_key(conn)?))?;
        // An empty transaction shows that the writer answers and the lock is free; it writes nothing.
        self.db.write(|_, _| Ok(())).await
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
}

fn sealing_key(conn: &rusqlite::Connection) -> rusqlite::Result<KeyId> {
    conn.prepare_cached("SELECT value FROM meta WHERE key = 'sealing_key_id'")?
        .query_row([], |row| row.get(0).map(KeyId::from_stored))
}

#[async_trait]
impl Checks for SqliteChecks {
    async fn check(&self) -> Vec<Check> {
        let file = self.db.file().to_owned();
        let room = tokio::task::spawn_blocking(move || room(&file)).await;
        vec![
            outcome("database", self.database().await),
            room.unwrap_or_else(|_| Check::degraded("disk", "the room on the disk cannot be found out")),
            outcome("master_key", self.master_key().await),
        ]
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
