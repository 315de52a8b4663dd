//! Whether the files that were opened are still the ones at their path.
//!
//! A folder or file that is moved away, removed or replaced under a running process stays open, and writing to it
//! succeeds: what is acknowledged then is gone with it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Error, Result, ffi};

/// How long an answer is good enough for a read, or to begin a write.
const FRESH: Duration = Duration::from_secs(1);

/// Where the database is, and which files were found there when it was opened.
pub(crate) struct Place {
    file: PathBuf,
    files: Vec<(PathBuf, Identity)>,
    seen: Mutex<Seen>,
}

/// What tells one file from another: its device and its number there.
type Identity = (u64, u64);

struct Seen {
    at: Instant,
    gone: bool,
}

impl Place {
    /// Takes the database and its write-ahead log as they are now. Both must be open, so that nobody removes them.
    pub(super) fn of(file: &Path) -> std::io::Result<Self> {
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        let mut files = vec![(file.to_owned(), identity(file)?)];
        // A file system that cannot have one makes do with a journal.
        files.extend(identity(&log).ok().map(|identity| (log, identity)));
        let (at, gone) = (Instant::now(), false);
        Ok(Self {
            file: file.to_owned(),
            files,
            seen: Mutex::new(Seen { at, gone }),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether both are still there.
    pub(super) fn look(&self) -> Result<()> {
        let gone = self
            .files
            .iter()
            .any(|(path, known)| identity(path).ok().as_ref() != Some(known));
        let mut seen = self.seen();
        if gone != seen.gone {
            let file = self.file.display();
            if gone {
                tracing::error!(%file, "the database was moved or removed while it is in use: nothing is read or written");
            } else {
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
        let seen = self.seen();
        if !seen.gone && seen.at.elapsed() < FRESH {
            return Ok(());
        }
        drop(seen);
        self.look()
    }
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

/// The error SQLite has for it.
fn moved() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), None)
}
