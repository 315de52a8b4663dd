//! When jobs are due.

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortResult, Schedule};
use cc_devops_kernel::schedule::Job;
use jiff::Timestamp;
use rusqlite::params;

use crate::columns::{nanos, time_at};
use crate::db::Db;

/// The schedule in the database.
pub struct SqliteSchedule {
    db: Db,
}

impl SqliteSchedule {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Schedule for SqliteSchedule {
    async fn due(&self, job: Job, first: Timestamp) -> PortResult<Timestamp> {
        self.db
            .write(move |conn, _| {
                conn.prepare_cached("INSERT INTO jobs (name, due_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
                    .execute(params![job.as_str(), nanos(first)])?;
                let due = conn
                    .prepare_cached("SELECT due_at FROM jobs WHERE name = ?1")?
                    .query_row([job.as_str()], |row| time_at(row, 0))?;
                Ok(due)
            })
            .await
    }

    async fn advance(&self, job: Job, from: Timestamp, to: Timestamp) -> PortResult<bool> {
        self.db
            .write(move |conn, _| {
                let moved = conn
                    .prepare_cached("UPDATE jobs SET due_at = ?3 WHERE name = ?1 AND due_at = ?2")?
                    .execute(params![job.as_str(), nanos(from), nanos(to)])?;
                Ok(moved == 1)
            })
            .await
    }
}
