//! The readers: connections that are opened when first needed and kept for the next read.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use cc_devops_core::ports::PortResult;
use rusqlite::Connection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::closed;
use super::connection::{Purpose, connect};
use crate::error::Fault;

/// How many reads run at once on threads of their own.
const CONCURRENT: usize = 4;

/// How many connections are kept: those reads, and some on the threads that serve requests.
const KEPT: usize = 8;

/// A pool of readers.
pub(super) struct Readers {
    file: PathBuf,
    /// None once the store is closed.
    idle: Mutex<Option<Vec<Connection>>>,
    permits: Semaphore,
}

impl Readers {
    /// A pool without connections yet.
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            idle: Mutex::new(Some(Vec::new())),
            permits: Semaphore::new(CONCURRENT),
        }
    }

    /// Waits for a turn to read.
    pub(super) async fn permit(&self) -> PortResult<SemaphorePermit<'_>> {
        self.permits.acquire().await.map_err(|_| closed())
    }

    /// Runs `work` on a connection of the pool.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let kept = match self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            None => return Err(Fault::Port(closed())),
            Some(idle) => idle.pop(),
        };
        let conn = match kept {
            Some(conn) => conn,
            None => connect(&self.file, Purpose::Read)?,
        };
        let result = work(&conn);
        // A connection that failed may be in any state; the next read opens another.
        if !matches!(result, Err(Fault::Sqlite(_)))
            && conn.is_autocommit()
            && let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
            && idle.len() < KEPT
        {
            idle.push(conn);
        }
        result
    }

    /// Closes the connections, and refuses later reads.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
