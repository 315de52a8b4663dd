//! Room on the disk that is kept for a restart: a file that holds it while all is well, and goes when the disk is
//! full at a start. Until there is room for it again, nothing new is written: a second restart needs it as well.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cc_devops_files::NewFile;
use rusqlite::{Error, Result, ffi};
use rustix::fs::FallocateFlags;

/// The file's name in the data directory.
const FILE: &str = "reserve";

/// Its length: what a start writes, many times over (4 MiB).
const BYTES: u64 = 4 * 1024 * 1024;

/// How often it is looked whether there is room for it again.
const PACE: Duration = Duration::from_secs(1);

/// The reserve of a data directory.
pub(crate) struct Reserve {
    path: PathBuf,
    state: Mutex<State>,
}

enum State {
    /// Nobody asked for one.
    None,
    /// It is there.
    Held,
    /// There was no room for it the last time.
    Missing(Instant),
}

impl Reserve {
    /// The reserve of a directory; none is kept yet.
    pub(super) fn of(dir: &Path) -> Self {
        Self {
            path: dir.join(FILE),
            state: Mutex::new(State::None),
        }
    }

    /// Gives the room of a directory's reserve back; whether there was one.
    pub(super) fn free(dir: &Path) -> bool {
        fs::remove_file(dir.join(FILE)).is_ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it from now on.
    pub(crate) fn keep(&self) {
        let mut state = self.state();
        *state = self.made();
        if matches!(*state, State::Missing(_)) {
            tracing::error!("the disk is full: nothing new is taken until there is room again");
        }
    }

    fn made(&self) -> State {
        match make(&self.path) {
            Ok(()) => State::Held,
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                State::Missing(Instant::now())
            }
            Err(error) => {
                tracing::warn!(%error, "no room is kept on the disk for a restart");
                State::None
            }
        }
    }

    /// Whether something new may be written.
    pub(super) fn ready(&self) -> Result<()> {
        let mut state = self.state();
        match *state {
            State::None | State::Held => return Ok(()),
            State::Missing(at) if at.elapsed() < PACE => return Err(full()),
            State::Missing(_) => {}
        }
        *state = self.made();
        if matches!(*state, State::Held) {
            tracing::info!("there is room on the disk again");
            return Ok(());
        }
        Err(full())
    }
}

fn full() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None)
}

fn make(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() && found.len() == BYTES && found.blocks() * 512 >= BYTES => return Ok(()),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = NewFile::create(path)?;
    match rustix::fs::fallocate(file.file(), FallocateFlags::empty(), 0, BYTES) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = vec![0; 64 * 1024];
            for _ in 0..BYTES / 65_536 {
                file.write_all(&zeros)?;
            }
        }
        other => other?,
    }
    file.finish()
}
