//! The readers: connections that are opened when first needed and kept for the next read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cc_devops_kernel::ports::{PortError, PortResult};
use rusqlite::Connection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::closed;
use super::connection::{Held, Purpose, connect};
use super::place::Place;
use crate::error::Fault;

/// How many reads run at once on threads of their own.
const CONCURRENT: usize = 4;

/// How many connections are kept: those reads, and some on the threads that serve requests.
const KEPT: usize = 8;

/// What later reads are told.
type Refusal = fn() -> PortError;

/// A pool of readers.
pub(super) struct Readers {
    place: Arc<Place>,
    /// The connections nobody uses; once the store is closed, why.
    idle: Mutex<Result<Vec<Held>, Refusal>>,
    permits: Semaphore,
}

impl Readers {
    /// A pool without connections yet.
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self {
            place,
            idle: Mutex::new(Ok(Vec::new())),
            permits: Semaphore::new(CONCURRENT),
        }
    }

    /// Waits for a turn to read.
    pub(super) async fn permit(&self) -> PortResult<SemaphorePermit<'_>> {
        self.permits.acquire().await.map_err(|_| match &*self.idle() {
            Err(refusal) => refusal(),
            Ok(_) => closed(),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Result<Vec<Held>, Refusal>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on a connection of the pool.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let kept = match &mut *self.idle() {
            Err(refusal) => return Err(Fault::Port(refusal())),
            Ok(idle) => idle.pop(),
        };
        let conn = match kept {
            Some(conn) => conn,
            None => Held::new(connect(self.place.file(), Purpose::Read)?, &self.place),
        };
        let result = work(&conn);
        // A connection that failed may be in any state; the next read opens another.
        if !matches!(result, Err(Fault::Sqlite(_)))
            && conn.is_autocommit()
            && let Ok(idle) = &mut *self.idle()
            && idle.len() < KEPT
        {
            idle.push(conn);
        }
        result
    }

    /// Closes the connections, and refuses later reads. The first reason given stays.
    pub(super) fn close(&self, refusal: Refusal) {
        let mut idle = self.idle();
        if idle.is_ok() {
            *idle = Err(refusal);
        }
        drop(idle);
        self.permits.close();
    }
}
