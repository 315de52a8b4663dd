//! Moves the write-ahead log into the database file, on a thread of its own, so that commits do
//! not wait for it.
//!
//! A checkpoint that runs beside a busy writer never quite reaches the log's end, and until it
//! does the log only grows. So when the log is long, the writer is asked to move the last few
//! pages itself between two batches; its next commit then starts the log from the front.
//!
//! What else follows a commit without anybody waiting for it is done here too: where the audit trail ends is kept
//! beside the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::connection::{Held, Purpose, connect};
use super::place::Place;
use super::wal::{Log, Signal};
use super::write_health::{ThreadGuard, WriteHealth};
use super::writer::CheckpointRequest;
use crate::audit::Keeper;
use crate::error::explain;

/// How many pages are moved at once at least (16 MiB): a page that is written again and again meanwhile
/// is moved once.
const MOVE_PAGES: i64 = 4_096;

/// From how many pages on the writer is asked to help (32 MiB).
const LONG_PAGES: i64 = 8_192;

/// The checkpointing thread.
pub(super) struct Checkpointer {
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(
        place: Arc<Place>,
        signal: Arc<Signal>,
        request: CheckpointRequest,
        pulse: Arc<WriteHealth>,
        mut keeper: Keeper,
        vital: ThreadGuard,
    ) -> std::io::Result<Self> {
        let heard = Arc::clone(&signal);
        let thread = thread::Builder::new()
            .name("cc-devops-checkpoint".into())
            .spawn(move || {
                run(&place, &heard, &request, &pulse, &mut keeper);
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

fn run(place: &Arc<Place>, signal: &Signal, request: &CheckpointRequest, pulse: &WriteHealth, keeper: &mut Keeper) {
    let mut conn = None;
    let mut written = false;
    let open = |conn: Option<Held>| match conn {
        Some(conn) => Ok(conn),
        None => connect(place.file(), Purpose::Checkpoint).map(|conn| Held::new(conn, place)),
    };
    loop {
        let state = signal.wait(keeper.due());
        written |= state.written;
        if state.closing {
            break;
        }
        // Others may write there by now: nothing is moved into what is theirs, and nothing kept beside it.
        if place.just_now().is_err() {
            signal.rest();
            continue;
        }
        let looked = open(conn.take()).and_then(|open| {
            keeper.follow(&open, false)?;
            if state.written {
                look(&open, request)?;
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
                pulse.moved(Err(explain(&error, place.file()).message));
            }
        }
        signal.rest();
    }
    if written
        && place.look().is_ok()
        && let Err(error) = open(conn).and_then(|open| keeper.follow(&open, true))
    {
        tracing::warn!(%error, "where the audit trail ends cannot be kept beside the database");
    }
}

fn look(conn: &Connection, request: &CheckpointRequest) -> rusqlite::Result<()> {
    let log = Log::after(conn, "NOOP")?;
    if log.left() < MOVE_PAGES {
        return Ok(());
    }
    let log = Log::after(conn, "PASSIVE")?;
    if log.pages >= LONG_PAGES {
        request.finish_checkpoint();
    }
    Ok(())
}
