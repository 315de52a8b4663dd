//! A copy of the database, made while it is in use.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::db::Db;
use crate::error::Fault;
use crate::vault::sync_directory;

/// Writes the copy beside `path` first, so that a half-made one never stands there.
pub(crate) async fn write(db: &Db, path: &Path) -> PortResult<()> {
    let (path, draft) = (path.to_owned(), draft_of(path));
    db.read(move |conn| {
        let written = copy(conn, &path, &draft);
        if written.is_err() {
            // It is worthless, and the error already says what went wrong.
            drop(fs::remove_file(&draft));
        }
        written
    })
    .await
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn copy(conn: &Connection, path: &Path, draft: &Path) -> Result<(), Fault> {
    if path.exists() {
        return Err(Fault::port(
            PortErrorKind::Exists,
            format!("{} exists: name a file that does not", path.display()),
        ));
    }
    let failed = |error: io::Error| {
        Fault::Port(
            PortError::new(
                PortErrorKind::Refused,
                format!(
                    "cannot write the backup {}: name a file in a directory this user may write",
                    path.display()
                ),
            )
            .because(error),
        )
    };
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)
        .map_err(failed)?;
    let mut target = Connection::open(draft)?;
    {
        // The transaction holds one view of the source; without it, every write of the server
        // would make the copy start again.
        let view = conn.unchecked_transaction()?;
        view.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0))?;
        let backup = Backup::new(&view, &mut target)?;
        match backup.step(-1)? {
            StepResult::Done => {}
            _ => backup.run_to_completion(1_024, Duration::from_millis(10), None)?,
        }
    }
    // One file, without a write-ahead log beside it, so that it can be copied like any other.
    target.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0))?;
    let check: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Err(Fault::port(
            PortErrorKind::Corrupt,
            format!("the copy is damaged, and so the database may be: see the runbook ({check})"),
        ));
    }
    target.close().map_err(|(_, error)| error)?;
    File::open(draft).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::hard_link(draft, path)
        .and_then(|()| fs::remove_file(draft))
        .map_err(failed)?;
    sync_directory(path).map_err(failed)
}
