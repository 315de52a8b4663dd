//! The one writer: a thread that takes what callers want written, commits many of them with one
//! flush of the disk, and only then answers them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use rusqlite::{Connection, ffi};
use tokio::sync::{mpsc, oneshot};

use super::closed;
use super::connection::Held;
use super::place::Place;
use super::reserve::Reserve;
use super::wal::{self, Signal};
use super::write_health::{ThreadGuard, WriteHealth, concerns_all, ended};
use crate::error::{Fault, explain};
use crate::vault::{KeyId, KeyStore, Keyring};

/// How many callers may wait before further ones wait outside.
const QUEUE: usize = 1_024;

/// How many writes one commit takes at most.
const BATCH: usize = 256;

/// A caller's write together with the way to answer it.
pub(super) trait Job: Send {
    /// Does the write and keeps its result.
    fn run(&mut self, conn: &Connection, keys: &Keyring) -> Ran;
    /// Whether it may be run once more, after what it did was undone.
    fn repeatable(&self) -> bool;
    /// Answers the caller: with the kept result, or why nothing was written.
    fn answer(self: Box<Self>, writer: &WriterThread, failed: Option<&Arc<rusqlite::Error>>);
}

/// How a write went.
pub(super) enum Ran {
    /// It is to be committed.
    Good,
    /// It is to be undone; with SQLite's error, where it was one.
    Bad(Option<ffi::Error>),
}

/// A closure that writes.
pub(super) enum Closure<F, G> {
    /// It is run once, in a savepoint of its own; none once it was.
    Once(Option<F>),
    /// It may be run again where what it did was undone.
    Repeatable(G),
}

/// What [`Closure::Once`] and [`Closure::Repeatable`] have in the other's place.
pub(super) type Never<T> = fn(&Connection, &Keyring) -> Result<T, Fault>;

/// A write that is a closure.
pub(super) struct Work<F, G, T> {
    closure: Closure<F, G>,
    result: Option<Result<T, Fault>>,
    reply: oneshot::Sender<PortResult<T>>,
}

impl<F, G, T> Work<F, G, T> {
    /// The write and where its answer goes.
    pub(super) fn new(closure: Closure<F, G>, reply: oneshot::Sender<PortResult<T>>) -> Self {
        Self {
            closure,
            result: None,
            reply,
        }
    }
}

impl<F, G, T> Job for Work<F, G, T>
where
    F: FnOnce(&Connection, &Keyring) -> Result<T, Fault> + Send,
    G: Fn(&Connection, &Keyring) -> Result<T, Fault> + Send,
    T: Send,
{
    fn run(&mut self, conn: &Connection, keys: &Keyring) -> Ran {
        // One caller's bug must not take the store from all the others.
        let result = catch_unwind(AssertUnwindSafe(|| match &mut self.closure {
            Closure::Once(work) => work.take().map(|work| work(conn, keys)),
            Closure::Repeatable(work) => Some(work(conn, keys)),
        }));
        let result = match result {
            Ok(None) => return Ran::Bad(None),
            Ok(Some(result)) => result,
            Err(_panic) => Err(Fault::port(
                PortErrorKind::Refused,
                "the write failed by a fault of the program: look in the log",
            )),
        };
        let ran = match &result {
            Ok(_) => Ran::Good,
            Err(Fault::Sqlite(rusqlite::Error::SqliteFailure(error, _))) => Ran::Bad(Some(*error)),
            Err(_) => Ran::Bad(None),
        };
        self.result = Some(result);
        ran
    }

    fn repeatable(&self) -> bool {
        matches!(self.closure, Closure::Repeatable(_))
    }

    fn answer(self: Box<Self>, writer: &WriterThread, failed: Option<&Arc<rusqlite::Error>>) {
        let result = match (failed, self.result) {
            // Its own error tells the caller more than the batch's.
            (_, Some(Err(fault))) => Err(writer.explain(fault)),
            (Some(error), _) => Err(explain(error, &writer.file).because(Arc::clone(error))),
            (None, Some(Ok(value))) => Ok(value),
            (None, None) => Err(closed()),
        };
        // A caller that has gone away needs no answer.
        drop(self.reply.send(result));
    }
}

enum Message {
    Write(Box<dyn Job>),
    FinishCheckpoint,
    Close,
}

/// Asks the writer to move what is left of the write-ahead log, without waiting for it.
pub(super) struct CheckpointRequest(mpsc::WeakSender<Message>);

impl CheckpointRequest {
    /// Asks once; a writer that is too busy to take the message is asked again later.
    pub(super) fn finish_checkpoint(&self) {
        if let Some(sender) = self.0.upgrade() {
            drop(sender.try_send(Message::FinishCheckpoint));
        }
    }
}

/// The way to the writer.
pub(super) struct Writer {
    sender: mpsc::Sender<Message>,
    pulse: Arc<WriteHealth>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(writer: WriterThread, vital: ThreadGuard) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let pulse = Arc::clone(&writer.pulse);
        let thread = thread::Builder::new()
            .name("cc-devops-writer".into())
            .spawn(move || writer.run(receiver, vital))?;
        Ok(Self {
            sender,
            pulse,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// A way to ask for the end of a checkpoint.
    pub(super) fn checkpoint_request(&self) -> CheckpointRequest {
        CheckpointRequest(self.sender.downgrade())
    }

    /// Hands a write over; waits while too many are before it.
    pub(super) async fn send(&self, job: Box<dyn Job>) -> PortResult<()> {
        let sent = self.sender.send(Message::Write(job)).await;
        sent.map_err(|_| if self.pulse.has_ended() { ended() } else { closed() })
    }

    /// Ends the thread once it has done what was handed over before.
    pub(super) fn close(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let mut message = Message::Close;
        // Spins only while the queue is full, which the writer is emptying.
        while let Err(mpsc::error::TrySendError::Full(unsent)) = self.sender.try_send(message) {
            message = unsent;
            thread::yield_now();
        }
        if thread.join().is_err() {
            tracing::error!("the writing thread ended early");
        }
    }
}

/// How a batch ended: nothing said is good, else why no write of it is durable.
type Ended = Option<Arc<rusqlite::Error>>;

/// The thread's side.
pub(super) struct WriterThread {
    conn: Held,
    file: PathBuf,
    keys: Arc<KeyStore>,
    signal: Arc<Signal>,
    pulse: Arc<WriteHealth>,
    place: Arc<Place>,
    reserve: Arc<Reserve>,
}

/// What a batch did beside what its callers are answered.
#[derive(Default)]
struct Effect {
    /// Whether a write that is to be committed changed a row: only that reaches the disk.
    changed: bool,
    /// The error of a write that the others would have met as well.
    hurt: Option<ffi::Error>,
}

impl WriterThread {
    /// The thread's side, with its connection.
    pub(super) fn new(
        conn: Connection,
        file: PathBuf,
        keys: Arc<KeyStore>,
        signal: Arc<Signal>,
        pulse: Arc<WriteHealth>,
        (place, reserve): (Arc<Place>, Arc<Reserve>),
    ) -> Self {
        Self {
            conn: Held::new(conn, &place),
            file,
            keys,
            signal,
            pulse,
            place,
            reserve,
        }
    }

    // `vital` comes last, so that it is dropped first: whoever finds the channel closed knows why.
    fn run(self, mut receiver: mpsc::Receiver<Message>, vital: ThreadGuard) {
        let mut pending = VecDeque::with_capacity(BATCH);
        loop {
            let Some(message) = receiver.blocking_recv() else { break };
            let (mut finish, mut close) = (false, false);
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Write(job) => pending.push_back(job),
                    Message::FinishCheckpoint => finish = true,
                    Message::Close => close = true,
                }
                // No waiting for more: what has queued up while the last batch was committed is
                // batch enough under load, and a single write is not delayed.
                next = (pending.len() < BATCH && !close)
                    .then(|| receiver.try_recv().ok())
                    .flatten();
            }
            while !pending.is_empty() {
                self.batch(&mut pending);
            }
            if finish
                && self.place.look().is_ok()
                && let Err(error) = wal::finish(&self.conn)
            {
                tracing::warn!(%error, "the write-ahead log cannot be moved into the database; trying again");
            }
            if close {
                break;
            }
        }
        vital.asked();
    }

    /// Writes what is pending in one transaction. Where the transaction is lost in the middle, the
    /// writes that were not tried stay pending.
    fn batch(&self, pending: &mut VecDeque<Box<dyn Job>>) {
        let (mut done, mut effect) = (Vec::with_capacity(pending.len()), Effect::default());
        let ended = self.write_all(pending, &mut done, &mut effect).err().map(Arc::new);
        if done.is_empty() {
            // It could not begin: all of them would wait for the same lock, one after the other.
            done.extend(pending.drain(..));
        }
        // Before the callers are answered, so that none of them finds out more than is known here.
        self.note(&effect, &ended);
        self.answer(done.into_iter(), &ended);
        if ended.is_none() {
            self.signal.written();
        }
    }

    /// Keeps how writing stands.
    fn note(&self, effect: &Effect, ended: &Ended) {
        let failed = |error: &rusqlite::Error| self.pulse.failed(explain(error, &self.file).message);
        match (ended, effect.hurt) {
            (Some(error), _) => failed(error),
            (None, Some(error)) => failed(&rusqlite::Error::SqliteFailure(error, None)),
            (None, None) if effect.changed => self.pulse.written(),
            (None, None) => {}
        }
    }

    /// Writes what is pending; what was tried is `done`, also where the transaction is lost.
    fn write_all(
        &self,
        pending: &mut VecDeque<Box<dyn Job>>,
        done: &mut Vec<Box<dyn Job>>,
        effect: &mut Effect,
    ) -> rusqlite::Result<()> {
        // Not as it was a moment ago: what is written beside another process's index is written over its own.
        self.place.just_now()?;
        self.reserve.ready()?;
        let mut keys = self.begin()?;
        let before = self.conn.total_changes();
        if pending.iter().all(|job| job.repeatable()) {
            if self.run_together(pending, &keys) {
                done.extend(pending.drain(..));
                effect.changed = self.conn.total_changes() > before;
                return self.commit();
            }
            keys = self.begin()?;
        }
        while let Some(mut job) = pending.pop_front() {
            let ran = self.run_one(job.as_mut(), &keys, effect);
            done.push(job);
            ran?;
        }
        self.commit()
    }

    /// Runs all writes without savepoints, each of which would cost a copy of every page that the write
    /// touches. False where a write has to be undone without the others; then nothing is written.
    fn run_together(&self, pending: &mut VecDeque<Box<dyn Job>>, keys: &Keyring) -> bool {
        let together = pending.iter_mut().all(|job| {
            let changes = self.conn.total_changes();
            match job.run(&self.conn, keys) {
                Ran::Good => true,
                Ran::Bad(Some(_)) => false,
                // It was refused before it wrote anything.
                Ran::Bad(None) => !self.conn.is_autocommit() && self.conn.total_changes() == changes,
            }
        });
        if !together {
            self.roll_back();
        }
        together
    }

    fn begin(&self) -> rusqlite::Result<Keyring> {
        self.execute("BEGIN IMMEDIATE")?;
        let sealing = self
            .conn
            .prepare_cached("SELECT value FROM meta WHERE key = 'sealing_key_id'")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0).map(KeyId::from_stored)))
            .inspect_err(|_| self.roll_back())?;
        Ok(self.keys.sealing_keyring(sealing))
    }

    /// Runs one write in its savepoint. An error here means the whole transaction is lost.
    fn run_one(&self, job: &mut dyn Job, keys: &Keyring, effect: &mut Effect) -> rusqlite::Result<()> {
        let before = self.conn.total_changes();
        let mut end = |ran: Ran| match ran {
            Ran::Good => {
                effect.changed |= self.conn.total_changes() > before;
                self.execute("RELEASE job")
            }
            // Some errors (a full disk among them) end the transaction by themselves.
            Ran::Bad(error) if self.conn.is_autocommit() => Err(transaction_lost(error)),
            Ran::Bad(error) => {
                effect.hurt = error.filter(|error| concerns_all(*error)).or(effect.hurt);
                self.execute("ROLLBACK TO job")
                    .and_then(|()| self.execute("RELEASE job"))
            }
        };
        self.execute("SAVEPOINT job")
            .and_then(|()| end(job.run(&self.conn, keys)))
            .inspect_err(|_| self.roll_back())
    }

    /// Commits; what went into a file that is not at its place any more is not acknowledged.
    fn commit(&self) -> rusqlite::Result<()> {
        self.execute("COMMIT").inspect_err(|_| self.roll_back())?;
        self.place.look()
    }

    fn roll_back(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction cannot be rolled back");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    fn answer(&self, jobs: impl Iterator<Item = Box<dyn Job>>, ended: &Ended) {
        for job in jobs {
            job.answer(self, ended.as_ref());
        }
    }

    fn explain(&self, fault: Fault) -> cc_devops_kernel::ports::PortError {
        match fault {
            Fault::UnknownKey(id) => self.keys.wrong(&id).into_port(),
            fault => fault.into_port(&self.file),
        }
    }
}

/// What the other callers of a batch are told when one write cost them the transaction.
fn transaction_lost(error: Option<ffi::Error>) -> rusqlite::Error {
    let error = error.unwrap_or_else(|| ffi::Error::new(ffi::SQLITE_IOERR));
    rusqlite::Error::SqliteFailure(error, Some("the transaction ended early".into()))
}
