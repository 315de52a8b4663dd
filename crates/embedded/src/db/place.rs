//! Whether the files that were opened are still the ones at their path.
//!
//! A folder or file that is moved away, removed or replaced under a running process stays open, and writing to it
//! succeeds: what is acknowledged then is gone with it.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Error, Result, ffi};

/// How long an answer is good enough for a read.
const FRESH: Duration = Duration::from_secs(1);

/// How long it is good enough to begin a write: where many are written, the look after one is that before the next.
const JUST_NOW: Duration = Duration::from_millis(10);

/// Where the database is, and which files were found there when it was opened.
pub(crate) struct Place {
    file: PathBuf,
    files: Vec<Watched>,
    /// What keeps a second server out, where this is one.
    lock: OnceLock<Watched>,
    seen: Mutex<Seen>,
}

/// A file by its path, and which one it was.
type Watched = (PathBuf, Identity);

/// What tells one file from another: its device and its number there.
type Identity = (u64, u64);

struct Seen {
    at: Instant,
    gone: bool,
}

impl Place {
    /// Takes the database, its write-ahead log and that log's index as they are now. They must be open, and stay so:
    /// SQLite removes the two with the last connection, and makes neither anew while there is one.
    pub(super) fn of(file: &Path) -> std::io::Result<Self> {
        let mut files = vec![(file.to_owned(), identity(file)?)];
        for end in ["-wal", "-shm"] {
            let mut beside = file.as_os_str().to_owned();
            beside.push(end);
            let beside = PathBuf::from(beside);
            // A file system that cannot have them makes do with a journal.
            files.extend(identity(&beside).ok().map(|identity| (beside, identity)));
        }
        let (at, gone) = (Instant::now(), false);
        Ok(Self {
            file: file.to_owned(),
            files,
            lock: OnceLock::new(),
            seen: Mutex::new(Seen { at, gone }),
        })
    }

    /// The database file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Takes the file whose lock keeps a second server out as one of them. The first that is given counts.
    pub(super) fn watch_lock(&self, path: &Path, lock: &File) -> std::io::Result<()> {
        let watched = (std::path::absolute(path)?, which(&lock.metadata()?));
        let _first = self.lock.set(watched);
        Ok(())
    }

    fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.files.iter().chain(self.lock.get())
    }

    /// Whether another file stands where one of them was: somebody else writes by it.
    pub(super) fn is_taken(&self) -> bool {
        self.watched()
            .any(|(path, known)| identity(path).is_ok_and(|found| found != *known))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether all of them are still there.
    pub(super) fn look(&self) -> Result<()> {
        let missed = self
            .watched()
            .find(|(path, known)| identity(path).ok().as_ref() != Some(known));
        let gone = missed.is_some();
        let mut seen = self.seen();
        if gone != seen.gone {
            if let Some((file, _)) = missed {
                let file = file.display();
                tracing::error!(
                    %file,
                    "a file of the database was moved or removed while it is in use: nothing is read or written"
                );
            } else {
                let file = self.file.display();
                tracing::info!(%file, "the database is at its place again");
            }
        }
        *seen = Seen {
            at: Instant::now(),
            gone,
        };
        if gone { Err(moved()) } else { Ok(()) }
    }

    /// The same, as it was found within the last second. What was gone is looked at again.
    pub(super) fn recent(&self) -> Result<()> {
        self.found_within(FRESH)
    }

    /// The same before something is written, as it was found within the last hundredth of a second.
    pub(super) fn just_now(&self) -> Result<()> {
        self.found_within(JUST_NOW)
    }

    fn found_within(&self, fresh: Duration) -> Result<()> {
        let seen = self.seen();
        if !seen.gone && seen.at.elapsed() < fresh {
            return Ok(());
        }
        drop(seen);
        self.look()
    }
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    fs::metadata(path).map(|found| which(&found))
}

fn which(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// The error SQLite has for it.
fn moved() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), None)
}
