//! Keeps the record beside the database up to date, off the writer's path.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cc_devops_kernel::audit::Mark;
use rusqlite::Connection;

use super::Head;
use super::kept::{Kept, TrailMismatch};
use crate::vault::StoreKeys;

/// How often what is kept is made to survive a loss of power.
const SYNC: Duration = Duration::from_secs(1);

/// What is known against the trail in the database.
#[derive(Default)]
pub(crate) struct Standing(Mutex<Option<TrailMismatch>>);

impl Standing {
    /// Starts with what was found when the database was opened.
    pub(crate) fn new(doubt: Option<TrailMismatch>) -> Self {
        Self(Mutex::new(doubt))
    }

    fn lock(&self) -> MutexGuard<'_, Option<TrailMismatch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the trail may not be the newest.
    pub(crate) fn doubt(&self) -> Option<TrailMismatch> {
        self.lock().clone()
    }

    /// An operator takes the trail as it is.
    pub(crate) fn settle(&self) {
        *self.lock() = None;
    }
}

/// Follows the trail of an open database. While there is a doubt, what is kept stays: it is the evidence.
pub(crate) struct Keeper {
    kept: Kept,
    keys: Arc<StoreKeys>,
    standing: Arc<Standing>,
    last: Option<Mark>,
    synced_at: Option<Instant>,
    unsynced: bool,
    failing: bool,
}

impl Keeper {
    /// Keeps the record in a data directory.
    pub(crate) fn new(dir: &Path, keys: Arc<StoreKeys>, standing: Arc<Standing>) -> Self {
        Self {
            kept: Kept::in_folder(dir),
            keys,
            standing,
            last: None,
            synced_at: None,
            unsynced: false,
            failing: false,
        }
    }

    /// When to look again at the latest, though nothing is written.
    pub(crate) fn due(&self) -> Option<Duration> {
        let at = self.synced_at.filter(|_| self.unsynced)?;
        Some(SYNC.saturating_sub(at.elapsed()))
    }

    /// Keeps where the trail ends now; what is read has been durable before. With `last`, for good.
    pub(crate) fn follow(&mut self, conn: &Connection, last: bool) -> rusqlite::Result<()> {
        if self.standing.doubt().is_some() {
            return Ok(());
        }
        let Some(head) = Head::read(conn)?.filter(|head| head.is_ours(&self.keys)) else {
            return Ok(());
        };
        let mark = head.mark();
        if let Some(kept) = self.last
            && (mark.seq < kept.seq || mark.seq == kept.seq && mark != kept)
        {
            let doubt = TrailMismatch::Behind { kept, found: mark };
            tracing::error!(%doubt, "the audit trail was rolled back while the database is in use");
            *self.standing.lock() = Some(doubt);
            return Ok(());
        }
        let sync = last || self.synced_at.is_none_or(|at| at.elapsed() >= SYNC);
        if self.last == Some(mark) && !(sync && self.unsynced) {
            return Ok(());
        }
        match self.kept.keep(mark, &self.keys, sync) {
            Ok(()) => {
                self.last = Some(mark);
                self.unsynced = !sync;
                self.failing = false;
                if sync {
                    self.synced_at = Some(Instant::now());
                }
            }
            Err(error) if self.failing => tracing::debug!(%error, "where the audit trail ends is still not kept"),
            Err(error) => {
                self.failing = true;
                tracing::warn!(%error, "where the audit trail ends cannot be kept beside the database; trying again");
            }
        }
        Ok(())
    }
}
