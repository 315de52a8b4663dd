//! The database: one file, one writer that groups commits, readers beside it.
//!
//! Other processes use the file at the same time (operator commands while the server runs), so
//! nothing they may change is remembered from one transaction to the next.

mod checkpoint;
mod compaction;
pub(crate) mod conditions;
mod connection;
mod folder;
pub(crate) mod migrations;
mod open;
mod place;
pub(crate) mod reach;
mod readers;
mod reserve;
#[cfg(test)]
mod tests;
mod wal;
pub(crate) mod write_health;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::audit::Standing;
use crate::error::Fault;
use crate::vault::{KeyStore, Keyring, StoreKeys};
use checkpoint::Checkpointer;
pub use compaction::{Compacted, compact};
pub(crate) use folder::{FILE, KEY_FILE};
pub(crate) use open::open;
use place::Place;
use readers::Readers;
use reserve::Reserve;
use write_health::WriteHealth;
use writer::{Closure, Job, Never, Work, Writer};

/// A handle of the open database; clones are the same database.
#[derive(Clone)]
pub(crate) struct Db(Arc<Inner>);

struct Inner {
    file: PathBuf,
    keys: Arc<KeyStore>,
    store_keys: Arc<StoreKeys>,
    // The order is that of closing: first what writes, last what may hold the file open.
    writer: Writer,
    pulse: Arc<WriteHealth>,
    place: Arc<Place>,
    reserve: Arc<Reserve>,
    trail: Arc<Standing>,
    checkpointer: Checkpointer,
    readers: Arc<Readers>,
}

impl Db {
    /// Runs `work` in a transaction and answers once that is durable.
    ///
    /// The transaction may be shared: what other callers wrote at the same time is committed with
    /// it. `work` runs inside a savepoint of its own, so its error undoes its own writes alone.
    /// It is never run twice. It must not begin or end a transaction itself.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Keyring) -> Result<T, Fault> + Send + 'static,
    ) -> PortResult<T> {
        let closure: Closure<_, Never<T>> = Closure::Once(Some(work));
        self.send(|reply| Box::new(Work::new(closure, reply))).await
    }

    /// The same for what is written often: `work` may be run again where what it did was undone, so
    /// as a rule it needs no savepoint. It must change nothing but the database.
    pub(crate) async fn write_repeatable<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection, &Keyring) -> Result<T, Fault> + Send + 'static,
    ) -> PortResult<T> {
        let closure: Closure<Never<T>, _> = Closure::Repeatable(work);
        self.send(|reply| Box::new(Work::new(closure, reply))).await
    }

    async fn send<T>(&self, job: impl FnOnce(oneshot::Sender<PortResult<T>>) -> Box<dyn Job>) -> PortResult<T> {
        let (reply, answer) = oneshot::channel();
        self.0.writer.send(job(reply)).await?;
        answer.await.unwrap_or_else(|_| {
            Err(PortError::new(
                PortErrorKind::Unavailable,
                "the store's writer ended before it answered: look in the log, then repeat the request",
            ))
        })
    }

    /// Runs `work` on a reader, away from the threads that serve requests. Every statement sees
    /// what was durable when it began; for one view over several, `work` begins a transaction.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> PortResult<T> {
        let _permit = self.0.readers.permit().await?;
        let (readers, place) = (Arc::clone(&self.0.readers), Arc::clone(&self.0.place));
        let read = tokio::task::spawn_blocking(move || {
            place.recent()?;
            readers.with(work)
        });
        let read = read.await;
        match read {
            Ok(result) => result.map_err(|fault| fault.into_port(&self.0.file)),
            Err(error) => {
                Err(PortError::new(PortErrorKind::Refused, "a read of the database ended early").because(error))
            }
        }
    }

    /// Like [`Db::read`], with the keys to open what is sealed. Where a row names a key that is
    /// not loaded, the keys are loaded again and `work` runs once more: another process may have
    /// replaced the master key in between.
    pub(crate) async fn read_sealed<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection, &Keyring) -> Result<T, Fault> + Send + 'static,
    ) -> PortResult<T> {
        let keys = Arc::clone(&self.0.keys);
        self.read(move |conn| match work(conn, &keys.keyring()) {
            Err(Fault::UnknownKey(id)) => {
                keys.reload(&id).map_err(|error| Fault::Port(error.into_port()))?;
                match work(conn, &keys.keyring()) {
                    Err(Fault::UnknownKey(id)) => Err(Fault::Port(keys.wrong(&id).into_port())),
                    result => result,
                }
            }
            result => result,
        })
        .await
    }

    /// Runs `work` on a reader on this very thread. For single rows by key only: such a read takes
    /// some microseconds from the page cache, less than handing it to another thread would.
    pub(crate) fn read_inline<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> PortResult<T> {
        let place = self.0.place.recent();
        place.map_err(|error| Fault::Sqlite(error).into_port(&self.0.file))?;
        self.look_up(work)
    }

    /// The same where the file is not at its place any more: to know who asks, so that they can be told.
    pub(crate) fn look_up<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> PortResult<T> {
        self.0.readers.with(work).map_err(|fault| fault.into_port(&self.0.file))
    }

    /// The database file.
    pub(crate) fn file(&self) -> &Path {
        &self.0.file
    }

    /// What is known against the audit trail.
    pub(crate) fn trail(&self) -> &Arc<Standing> {
        &self.0.trail
    }

    /// Takes a lock as one of the files without which nothing is read or written.
    pub(crate) fn watch_lock(&self, path: &Path, lock: &File) -> std::io::Result<()> {
        self.0.place.watch_lock(path, lock)
    }

    /// The room that is kept for a restart.
    pub(crate) fn reserve(&self) -> &Reserve {
        &self.0.reserve
    }

    /// The data directory.
    pub(crate) fn folder(&self) -> &Path {
        self.0.file.parent().unwrap_or(Path::new("."))
    }

    /// How writing stands.
    pub(crate) fn pulse(&self) -> &WriteHealth {
        &self.0.pulse
    }

    /// The master keys.
    pub(crate) fn key_store(&self) -> &Arc<KeyStore> {
        &self.0.keys
    }

    /// The store's own keys.
    pub(crate) fn store_keys(&self) -> &Arc<StoreKeys> {
        &self.0.store_keys
    }

    /// Ends what was begun, moves the write-ahead log into the file, and lets go of it. Later
    /// calls are refused. Blocks until that is done.
    pub(crate) fn close(&self) {
        self.0.writer.close();
        self.0.checkpointer.close();
        self.0.readers.close(closed);
    }
}

/// The answer to calls after [`Db::close`].
fn closed() -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        "the store is closed: the server is shutting down",
    )
}
