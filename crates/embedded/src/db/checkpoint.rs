//! Moves the write-ahead log into the database file, on a thread of its own, so that commits do
//! not wait for it.
//!
//! A checkpoint that runs beside a busy writer never quite reaches the log's end, and until it
//! does the log only grows. So when the log is long, the writer is asked to move the last few
//! pages itself between two batches; its next commit then starts the log from the front.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::connection::{Purpose, connect};
use super::writer::Nudge;

/// How many pages are moved at once at least (16 MiB): a page that is written again and again meanwhile
/// is moved once.
const MOVE_PAGES: i64 = 4_096;

/// From how many pages on the writer is asked to help (32 MiB).
const LONG_PAGES: i64 = 8_192;

/// The least time between two looks at the log.
const PACE: Duration = Duration::from_millis(50);

#[derive(Default)]
struct State {
    written: bool,
    closing: bool,
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

    fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// Waits until something was committed; false when the store closes.
    fn wait(&self) -> bool {
        let mut state = self
            .changed
            .wait_while(self.lock(), |state| !state.written && !state.closing)
            .unwrap_or_else(PoisonError::into_inner);
        state.written = false;
        !state.closing
    }

    /// Lets [`PACE`] go by, unless the store closes.
    fn rest(&self) {
        let rested = self
            .changed
            .wait_timeout_while(self.lock(), PACE, |state| !state.closing);
        drop(rested.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The checkpointing thread.
pub(super) struct Checkpointer {
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(file: &Path, signal: Arc<Signal>, nudge: Nudge) -> std::io::Result<Self> {
        let file = file.to_owned();
        let heard = Arc::clone(&signal);
        let thread = thread::Builder::new()
            .name("cc-devops-checkpoint".into())
            .spawn(move || run(&file, &heard, &nudge))?;
        Ok(Self {
            signal,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.signal.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpointing thread ended early");
        }
    }
}

fn run(file: &Path, signal: &Signal, nudge: &Nudge) {
    let mut conn = None;
    while signal.wait() {
        let looked = match conn.take() {
            Some(conn) => Ok(conn),
            None => connect(file, Purpose::Checkpoint),
        }
        .and_then(|open| look(&open, nudge).map(|()| open));
        match looked {
            Ok(open) => conn = Some(open),
            Err(error) => tracing::warn!(%error, "the write-ahead log cannot be moved into the database; trying again"),
        }
        signal.rest();
    }
}

fn look(conn: &Connection, nudge: &Nudge) -> rusqlite::Result<()> {
    let log = Log::after(conn, "NOOP")?;
    if log.left() < MOVE_PAGES {
        return Ok(());
    }
    let log = Log::after(conn, "PASSIVE")?;
    if log.pages >= LONG_PAGES {
        nudge.finish_checkpoint();
    }
    Ok(())
}

/// Moves what is left of the log, as far as readers allow; never waits for anybody.
pub(super) fn finish(conn: &Connection) -> rusqlite::Result<()> {
    Log::after(conn, "PASSIVE").map(|_| ())
}

/// The state of the log.
struct Log {
    pages: i64,
    moved: i64,
}

impl Log {
    fn after(conn: &Connection, mode: &str) -> rusqlite::Result<Self> {
        conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(Self {
                pages: row.get(1)?,
                moved: row.get(2)?,
            })
        })
    }

    fn left(&self) -> i64 {
        self.pages - self.moved
    }
}
