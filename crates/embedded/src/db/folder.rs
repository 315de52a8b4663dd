//! The data directory: what its files are called, and who holds it while they are opened.

use std::fs::File;
use std::path::Path;

use rustix::fs::FlockOperation;

use crate::error::OpenError;

/// The database's file in the data directory.
pub(crate) const FILE: &str = "control-plane.db";

/// The master key's file in the data directory.
pub(crate) const KEY_FILE: &str = "master.key";

/// Holds the folder until it is dropped: two processes that start at once make one database, not two halves.
pub(super) fn door(dir: &Path) -> Result<File, OpenError> {
    let wrong = |source| OpenError::Directory {
        path: dir.to_owned(),
        source,
    };
    let door = File::open(dir).map_err(wrong)?;
    rustix::fs::flock(&door, FlockOperation::LockExclusive).map_err(|error| wrong(error.into()))?;
    Ok(door)
}
