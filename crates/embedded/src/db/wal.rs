//! The write-ahead log: how long it is, how it is moved into the database file, and who is told that it grew.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

/// The least time between two looks at the log.
const PACE: Duration = Duration::from_millis(50);

/// What the checkpointer is told.
#[derive(Default, Clone, Copy)]
pub(super) struct State {
    /// Something was committed.
    pub(super) written: bool,
    /// The store closes.
    pub(super) closing: bool,
}

/// Tells the checkpointer that something was committed.
#[derive(Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was committed.
    pub(super) fn written(&self) {
        let mut state = self.lock();
        if !state.written {
            state.written = true;
            self.changed.notify_one();
        }
    }

    /// The store closes.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// Waits until something was committed or the store closes, or so long; how it stands then.
    pub(super) fn wait(&self, at_most: Option<Duration>) -> State {
        let asleep = |state: &mut State| !state.written && !state.closing;
        let mut state = match at_most {
            None => self
                .changed
                .wait_while(self.lock(), asleep)
                .unwrap_or_else(PoisonError::into_inner),
            Some(at_most) => {
                let waited = self.changed.wait_timeout_while(self.lock(), at_most, asleep);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        let found = *state;
        state.written = false;
        found
    }

    /// Lets [`PACE`] go by, unless the store closes.
    pub(super) fn rest(&self) {
        let rested = self
            .changed
            .wait_timeout_while(self.lock(), PACE, |state| !state.closing);
        drop(rested.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Moves what is left of the log, as far as readers allow; never waits for anybody.
pub(super) fn finish(conn: &Connection) -> rusqlite::Result<()> {
    Log::after(conn, "PASSIVE").map(|_| ())
}

/// The state of the log.
pub(super) struct Log {
    pub(super) pages: i64,
    moved: i64,
}

impl Log {
    /// How it stands after a checkpoint in one of SQLite's modes.
    pub(super) fn after(conn: &Connection, mode: &str) -> rusqlite::Result<Self> {
        conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(Self {
                pages: row.get(1)?,
                moved: row.get(2)?,
            })
        })
    }

    /// How many pages are still to be moved.
    pub(super) fn left(&self) -> i64 {
        self.pages - self.moved
    }
}
