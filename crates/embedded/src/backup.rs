//! A copy of the database, made while it is in use.

use std::io;
use std::path::Path;
use std::time::Duration;

use cc_devops_files::NewFile;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::db::Db;
use crate::error::Fault;

/// Writes the copy beside `path` first, so that a half-made one never stands there.
pub(crate) async fn write(db: &Db, path: &Path) -> PortResult<()> {
    let path = path.to_owned();
    db.read(move |conn| copy(conn, &path)).await
}

fn copy(conn: &Connection, path: &Path) -> Result<(), Fault> {
    let failed = |error: io::Error| failed(path, error);
    let file = NewFile::create(path).map_err(failed)?;
    let mut target = Connection::open_with_flags(file.draft(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
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
    file.finish().map_err(failed)
}

fn failed(path: &Path, error: io::Error) -> Fault {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Fault::port(
            PortErrorKind::Exists,
            format!("{} exists: name a file that does not", path.display()),
        );
    }
    let message = format!(
        "cannot write the backup {}: name a file in a directory that is this user's, where nothing else is named so",
        path.display()
    );
    Fault::Port(PortError::new(PortErrorKind::Refused, message).because(error))
}
