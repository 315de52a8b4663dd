//! Moves the write-ahead log into the database file, on a thread of its own, so that commits do
//! not wait for it.
//!
//! A checkpoint that runs beside a busy writer never quite reaches the log's end, and until it
//! does the log only grows. So when the log is long, the writer is asked to move the last few
//! pages itself between two batches; its next commit then starts the log from the front.
//!
//! What else follows a commit without anybody waiting for it is done here too: where the audit trail ends is kept
//! beside the database.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::connection::{Purpose, connect};
use super::pulse::{Pulse, Vital};
use super::writer::Nudge;
use crate::audit::Keeper;
use crate::error::explain;

/// How many pages are moved at once at least (16 MiB): a page that is written again and again meanwhile
/// is moved once.
const MOVE_PAGES: i64 = 4_096;

/// From how many pages on the writer is asked to help (32 MiB).
const LONG_PAGES: i64 = 8_192;

/// The least time between two looks at the log.
const PACE: Duration = Duration::from_millis(50);

#[derive(Default, Clone, Copy)]
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

    /// Waits until something was committed or the store closes, or so long; how it stands then.
    fn wait(&self, at_most: Option<Duration>) -> State {
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
    pub(super) fn start(
        file: &Path,
        signal: Arc<Signal>,
        nudge: Nudge,
        pulse: Arc<Pulse>,
        mut keeper: Keeper,
        vital: Vital,
    ) -> std::io::Result<Self> {
        let file = file.to_owned();
        let heard = Arc::clone(&signal);
        let thread = thread::Builder::new()
            .name("cc-devops-checkpoint".into())
            .spawn(move || {
                run(&file, &heard, &nudge, &pulse, &mut keeper);
                vital.asked();
            })?;
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

fn run(file: &Path, signal: &Signal, nudge: &Nudge, pulse: &Pulse, keeper: &mut Keeper) {
    let mut conn = None;
    let mut written = false;
    let open = |conn: Option<Connection>| match conn {
        Some(conn) => Ok(conn),
        None => connect(file, Purpose::Checkpoint),
    };
    loop {
        let state = signal.wait(keeper.due());
        written |= state.written;
        if state.closing {
            break;
        }
        let looked = open(conn.take()).and_then(|open| {
            keeper.follow(&open, false)?;
            if state.written {
                look(&open, nudge)?;
            }
            Ok(open)
        });
        match looked {
            Ok(open) => {
                conn = Some(open);
                pulse.moved(Ok(()));
            }
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log cannot be moved into the database; trying again");
                pulse.moved(Err(explain(&error, file).message));
            }
        }
        signal.rest();
    }
    if written && let Err(error) = open(conn).and_then(|open| keeper.follow(&open, true)) {
        tracing::warn!(%error, "where the audit trail ends cannot be kept beside the database");
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
