//! What can go wrong: [`OpenError`] for those who open a store, and the crate's own [`Fault`],
//! which becomes a [`PortError`] that says what to do where it leaves the crate.

use std::path::{Path, PathBuf};

use cc_devops_files::NotPrivate;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use jiff::SignedDuration;
use rusqlite::{ErrorCode, ffi};

use crate::vault::KeyId;

/// Why a store cannot be opened, or its master key not be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no database, and none was to be made.
    #[error("there is no database at {}: name the data directory of a server that has run", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The data directory cannot be used.
    #[error("cannot use {}: make it a directory that this user may read and write", path.display())]
    Directory {
        /// The directory or the file in it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A newer version of the program wrote the database.
    #[error(
        "the database {} has schema {found}, and this version knows {known} at most: run the newer version, or restore \
         a backup this version made",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema's version.
        found: i64,
        /// The newest this program knows.
        known: usize,
    },
    /// An older version's database is to be brought up to date while another program has it open.
    #[error(
        "the database {} was made by an older version, and another program has it open: stop the server that runs on it, \
         or let its command end, and start this again",
        path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The database is of an older version than the one that kept `audit.head` beside it.
    #[error(
        "the database {} is of an older version than audit.head beside it: put a backup in place with `cc-devops restore \
         FILE`; if it is to be here as it stands, take audit.head away, see the runbook",
        path.display()
    )]
    Outdated {
        /// The database.
        path: PathBuf,
    },
    /// The database's schema cannot be brought up to date.
    #[error("cannot bring the database {} up to date: restore the last backup, see the runbook", path.display())]
    Migration {
        /// The database.
        path: PathBuf,
        /// What went wrong.
        source: Box<rusqlite_migration::Error>,
    },
    /// The database is empty, and it was not.
    #[error(
        "the database {} is empty, and its audit trail had come further: its write-ahead log is lost; put it back, or \
         restore a backup with `cc-devops restore`, see the runbook",
        path.display()
    )]
    Emptied {
        /// The database.
        path: PathBuf,
    },
    /// The key file is not this user's alone.
    #[error(transparent)]
    NotPrivate(#[from] NotPrivate),
    /// The database needs a master key that is not there.
    #[error(
        "the database was sealed with master key {key_id}, and {} does not exist: restore that file from where it is \
         kept apart from the backups",
        path.display()
    )]
    KeyMissing {
        /// The key file.
        path: PathBuf,
        /// The key the database needs.
        key_id: String,
    },
    /// There is a master key, and it is another one.
    #[error(
        "the database was sealed with master key {key_id}, which is not in {place}: restore the key of that id there"
    )]
    KeyWrong {
        /// The key the database needs.
        key_id: String,
        /// The file or the variable that was read.
        place: String,
    },
    /// Others may read the key file.
    #[error("others may read the master key: run `chmod 600 {}`", path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
    },
    /// The key file cannot be read or written.
    #[error("cannot use the master key file {}: let this user, and nobody else, read and write it", path.display())]
    KeyFile {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text of a master key is none.
    #[error("{place} does not hold a master key of 64 hex digits: restore it")]
    KeyMalformed {
        /// The file or the variable that was read.
        place: String,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] PortError),
}

impl OpenError {
    /// The same as a port's error, for a key that is looked up while the store is open.
    pub(crate) fn into_port(self) -> PortError {
        match self {
            Self::Store(error) => error,
            error @ (Self::KeyMissing { .. }
            | Self::KeyWrong { .. }
            | Self::KeyExposed { .. }
            | Self::KeyFile { .. }
            | Self::NotPrivate(_)
            | Self::KeyMalformed { .. }) => PortError::new(PortErrorKind::Key, error.to_string()).because(error),
            error @ (Self::Missing { .. } | Self::Directory { .. } | Self::InUse { .. }) => {
                PortError::new(PortErrorKind::Unavailable, error.to_string()).because(error)
            }
            error @ (Self::Newer { .. } | Self::Outdated { .. } | Self::Migration { .. } | Self::Emptied { .. }) => {
                PortError::new(PortErrorKind::Corrupt, error.to_string()).because(error)
            }
        }
    }
}

/// What goes wrong inside a transaction, before it is known which file it concerns.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// A row was sealed with a master key that is not loaded.
    UnknownKey(KeyId),
    /// The port's answer is an error.
    Port(PortError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<PortError> for Fault {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl Fault {
    /// A refusal of the port's own.
    pub(crate) fn port(kind: PortErrorKind, message: impl Into<String>) -> Self {
        Self::Port(PortError::new(kind, message))
    }

    /// Stored data that cannot be what was written.
    pub(crate) fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::port(
            PortErrorKind::Corrupt,
            format!("{what} cannot be read: restore the last backup, see the runbook"),
        )
    }

    /// What a caller of the port is told.
    pub(crate) fn into_port(self, file: &Path) -> PortError {
        match self {
            Self::Port(error) => error,
            Self::Sqlite(error) => explain(&error, file).because(error),
            Self::UnknownKey(id) => PortError::new(
                PortErrorKind::Key,
                format!("a row was sealed with master key {id}, which is not loaded: restore the key of that id"),
            ),
        }
    }
}

fn disk_full(name: impl std::fmt::Display) -> String {
    format!("the disk is full: make room on the volume of {name}, then repeat the request")
}

/// What an SQLite error means for a caller. The source is left for the caller to attach.
pub(crate) fn explain(error: &rusqlite::Error, file: &Path) -> PortError {
    // The name without its directory: these sentences also reach those who only send requests.
    let name = file.file_name().unwrap_or(file.as_os_str()).display();
    let (kind, message) = match error {
        rusqlite::Error::SqliteFailure(failure, _) if failure.extended_code == ffi::SQLITE_READONLY_DBMOVED => (
            PortErrorKind::Unavailable,
            format!(
                "the database {name} or a file beside it was moved or removed while the server runs, so nothing is \
                 read or written: put it back where it was, or stop the server and start it again on the right folder"
            ),
        ),
        // The index of the write-ahead log lies in a file that could not be made longer.
        rusqlite::Error::SqliteFailure(failure, _) if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            (PortErrorKind::Full, disk_full(name))
        }
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => (PortErrorKind::Full, disk_full(name)),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
                PortErrorKind::Unavailable,
                format!("the database {name} is locked by another process: end that process, or repeat the request"),
            ),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => (
                PortErrorKind::Corrupt,
                format!("the database {name} is damaged: restore the last backup, see the runbook"),
            ),
            ErrorCode::SystemIoFailure => (
                PortErrorKind::Unavailable,
                format!("the disk of {name} cannot be read or written: check it, then repeat the request"),
            ),
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => (
                PortErrorKind::Unavailable,
                format!(
                    "the database {name} cannot be opened for writing: check the permissions of it and its directory"
                ),
            ),
            _ => (
                PortErrorKind::Refused,
                format!("the database {name} refused a statement"),
            ),
        },
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => (
            PortErrorKind::Corrupt,
            format!("a row of the database {name} cannot be read: restore the last backup, see the runbook"),
        ),
        _ => (
            PortErrorKind::Refused,
            format!("the database {name} refused a statement"),
        ),
    };
    let mut explained = PortError::new(kind, message);
    if kind == PortErrorKind::Unavailable {
        explained.retry_after = Some(SignedDuration::from_secs(1));
    }
    explained
}
