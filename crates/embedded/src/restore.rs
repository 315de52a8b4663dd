//! Putting a backup in the database's place on purpose: looked at as a whole before anything is touched, with what was
//! there kept aside, and with everything ended that was ended since.

mod ended;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use cc_devops_files::{self as files, NewFile, NotPrivate};
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, Break, Mark, actions};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{AuditTrail, PortError, PortErrorKind};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use serde_json::json;

use crate::audit;
use crate::db::migrations::{AUTHENTICATED, known};
use crate::db::{FILE, KEY_FILE};
use crate::error::{Fault, OpenError};
use crate::store::{Store, StoreOptions};
use crate::vault::{KeyFile, MasterKeySource, StoreKeys};
use ended::Since;
pub use ended::{Ended, EndedPart};

/// Where the backup is made ready, in the data directory.
const STAGING: &str = "restoring";

/// Why a backup is not put in place.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is none.
    #[error("{} is no backup of a control plane: {why}", path.display())]
    NoBackup {
        /// The file that was named.
        path: PathBuf,
        /// What it is not.
        why: String,
    },
    /// It is not as it was written.
    #[error("the backup was changed or is damaged: {}", summary(breaks))]
    Broken {
        /// What is wrong with it.
        breaks: Vec<Break>,
    },
    /// It cannot be opened; mostly, it needs the master key of its time.
    #[error("the backup cannot be opened")]
    Open(#[source] OpenError),
    /// The data directory is not this user's alone.
    #[error(transparent)]
    NotPrivate(#[from] NotPrivate),
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store of the backup failed.
    #[error(transparent)]
    Store(#[from] PortError),
}

fn summary(breaks: &[Break]) -> String {
    let first = breaks.first().map_or("", |found| found.problem.as_str());
    match breaks.len() {
        0 | 1 => first.to_owned(),
        more => format!("{first}, and {} more", more - 1),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RestoreError + '_ {
    move |source| RestoreError::File {
        path: path.to_owned(),
        source,
    }
}

/// A backup that was looked at and is ready to be put in place. Dropped, it leaves everything as it was.
pub struct Restore {
    dir: PathBuf,
    backup: PathBuf,
    master_key: MasterKeySource,
    /// The key that is to be the folder's, where it is another.
    key: Option<KeyFile>,
    store: Store,
    staging: Staging,
    /// How many rows its audit trail has.
    pub rows: u64,
    /// Where its audit trail ends.
    pub head: Mark,
    /// When its newest audit row was written.
    pub newest: Option<Timestamp>,
    /// Whether its agents and tokens are known to be this store's. A backup of an older version does not say, and
    /// none of its tokens is good.
    pub authenticated: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Where the audit trail ends now.
    pub head: Mark,
    /// Where what was replaced is kept; none where there was nothing.
    pub aside: Option<PathBuf>,
    /// What of the backup has ended.
    #[serde(flatten)]
    pub ended: Ended,
    /// Why it is not known of all that may have ended since; none where it is. Of what: [`Ended::unknown`].
    pub unknown: Option<String>,
}

/// The folder in which the backup is made ready; it goes when it is dropped.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "what a restore left cannot be removed");
        }
    }
}

impl Restore {
    /// Copies a backup into the data directory, beside what is there, and looks at all of it: the file, the master
    /// key, the audit trail, the rows of agents and tokens. `key_file` is the master key of its time, where the
    /// directory has another. Nobody else may use the directory meanwhile.
    pub async fn prepare(
        dir: &Path,
        backup: &Path,
        master_key: MasterKeySource,
        key_file: Option<&Path>,
    ) -> Result<Self, RestoreError> {
        files::make_folder(dir).map_err(at(dir))?;
        let staging = Staging(dir.join(STAGING));
        match fs::remove_dir_all(&staging.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&staging.0)(error)),
            _ => {}
        }
        files::folder(&staging.0)?;
        let file = staging.0.join(FILE);
        copy(backup, &file)?;
        let schema = schema(&file).map_err(|why| RestoreError::NoBackup {
            path: backup.to_owned(),
            why,
        })?;
        let key = match key_file {
            None => None,
            Some(path) => Some(read_key(path)?),
        };
        if matches!(master_key, MasterKeySource::File) {
            let fits = match &key {
                Some(key) => Some(key.clone()),
                None => KeyFile::read(&dir.join(KEY_FILE)).map_err(RestoreError::Open)?,
            };
            if let Some(key) = fits {
                key.create(&staging.0.join(KEY_FILE)).map_err(RestoreError::Open)?;
            }
        }
        let store = Store::open(StoreOptions {
            data_dir: staging.0.clone(),
            master_key: master_key.clone(),
            create: false,
        })
        .map_err(|error| RestoreError::Open(of_the_folder(error, dir)))?;
        let verification = store.audit().verify().await?;
        if !verification.breaks.is_empty() {
            return Err(RestoreError::Broken {
                breaks: verification.breaks,
            });
        }
        let newest = store.audit().list(&AuditFilter::default(), None, 1).await?;
        let newest = newest.items.first().map(|row| row.entry.at);
        let head = store.audit().mark(None).await?.ok_or_else(no_end)?;
        Ok(Self {
            dir: dir.to_owned(),
            backup: backup.to_owned(),
            master_key,
            key,
            staging,
            store,
            rows: verification.rows,
            head,
            newest,
            authenticated: schema >= AUTHENTICATED,
        })
    }

    /// Puts it in place. What was there is kept aside; the act is on record, and what lets somebody in or sends something
    /// out has ended where it was ended since.
    pub async fn finish(self, now: Timestamp) -> Result<Restored, RestoreError> {
        let (since, doubt) = match self.since().await {
            Ok(since) => {
                let doubt = since.doubt.clone();
                (Some(since), doubt)
            }
            Err(why) => (None, Some(why)),
        };
        let replaced = since.as_ref().map(|since| since.head);
        let ended = ended::end(&self.store, self.authenticated, since, now).await?;
        let is_partial = !ended.unknown.is_empty();
        let partial = || is_partial.then(|| "not all of the database that was replaced can be read".to_owned());
        let unknown = doubt.or_else(partial);
        let mut detail = json!(ended);
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("by".to_owned(), json!("operator"));
            fields.insert("from".to_owned(), json!(self.head));
            fields.insert("replaced".to_owned(), json!(replaced));
            fields.insert("unknown".to_owned(), json!(unknown));
        }
        let entry = AuditEntry {
            at: now,
            principal: None,
            agent: None,
            action: actions::RESTORED.to_owned(),
            request_id: None,
            stage: None,
            resource: self.backup.file_name().map(|name| name.to_string_lossy().into_owned()),
            status: Status::Success,
            reason: None,
            detail,
        };
        let head = self.store.accept(entry).await?;
        let Self {
            dir,
            staging,
            store,
            key,
            ..
        } = self;
        // Moves the write-ahead log into the file and removes it.
        store.close();
        let aside = put_in_place(&dir, &staging.0, key.as_ref(), now)?;
        Ok(Restored {
            head,
            aside,
            ended,
            unknown,
        })
    }

    /// What the database that is there says; in words, why it says nothing.
    async fn since(&self) -> Result<Since, String> {
        if !self.dir.join(FILE).exists() {
            return Err("the folder had no database".to_owned());
        }
        let opened = Store::open(StoreOptions {
            data_dir: self.dir.clone(),
            master_key: self.master_key.clone(),
            create: false,
        });
        let old = opened.map_err(|error| format!("the database that was replaced cannot be opened: {error}"))?;
        if !is_same(old.db().store_keys(), self.store.db().store_keys()) {
            return Err("the database that was replaced is another control plane's".to_owned());
        }
        let head = old.audit().mark(None).await.ok().flatten();
        let head = head.ok_or("the database that was replaced has no audit trail")?;
        if head.seq < self.head.seq {
            return Err("the database that was replaced is older than the backup".to_owned());
        }
        let doubt = self.doubt(&old).await;
        Ok(Since::read(&old, head, doubt).await)
    }

    /// Why the database that is there may not be the one that went on from the backup, or not be as it was written.
    async fn doubt(&self, old: &Store) -> Option<String> {
        if let Some(doubt) = old.doubt() {
            return Some(format!("the database that was replaced may not be the newest: {doubt}"));
        }
        if let Ok(Some(mark)) = old.audit().mark(Some(self.head.seq)).await
            && mark != self.head
        {
            return Some(format!(
                "the database that was replaced did not go on from this backup: row {} of its audit trail is another",
                mark.seq
            ));
        }
        match old.audit().verify().await {
            Ok(verification) if verification.breaks.is_empty() => None,
            Ok(verification) => Some(format!(
                "the audit trail of the database that was replaced is broken: {}",
                summary(&verification.breaks)
            )),
            Err(error) => Some(format!(
                "the audit trail of the database that was replaced cannot be verified: {error}"
            )),
        }
    }
}

/// Whether both have the same keys of their own, which are made once.
fn is_same(one: &StoreKeys, other: &StoreKeys) -> bool {
    let proof = |keys: &StoreKeys| keys.register_mac(&[b"the same"]);
    proof(one) == proof(other)
}

fn no_end() -> RestoreError {
    RestoreError::Store(PortError::new(
        PortErrorKind::Corrupt,
        "the audit trail of the backup has no end",
    ))
}

fn copy(backup: &Path, file: &Path) -> Result<(), RestoreError> {
    let mut log = backup.as_os_str().to_owned();
    log.push("-wal");
    if fs::metadata(Path::new(&log)).is_ok_and(|log| log.len() > 0) {
        return Err(RestoreError::NoBackup {
            path: backup.to_owned(),
            why: "a write-ahead log stands beside it, so it is a database in use; copy it with `cc-devops backup`"
                .to_owned(),
        });
    }
    let mut source = File::open(backup).map_err(at(backup))?;
    if !source.metadata().map_err(at(backup))?.is_file() {
        return Err(at(backup)(io::ErrorKind::InvalidInput.into()));
    }
    let mut target = NewFile::create(file).map_err(at(file))?;
    io::copy(&mut source, &mut target)
        .and_then(|_| target.finish())
        .map_err(at(file))
}

/// The schema of a file that is a whole database of a control plane, or what it is not.
fn schema(file: &Path) -> Result<usize, String> {
    let read = |conn: &Connection| -> rusqlite::Result<(String, bool)> {
        let whole = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        let sealed = conn
            .prepare("SELECT 1 FROM meta WHERE key = 'sealing_key_id'")
            .and_then(|mut statement| statement.exists([]));
        Ok((whole, sealed.unwrap_or(false)))
    };
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let conn = conn.map_err(|error| error.to_string())?;
    let (whole, sealed) = read(&conn).map_err(|error| Fault::Sqlite(error).into_port(file).message)?;
    if whole != "ok" {
        return Err(format!("it is damaged ({whole})"));
    }
    if !sealed {
        return Err("it is another program's database".to_owned());
    }
    known(&conn, file).map_err(|error| error.to_string())
}

fn read_key(path: &Path) -> Result<KeyFile, RestoreError> {
    let missing = || at(path)(io::ErrorKind::NotFound.into());
    KeyFile::read(path).map_err(RestoreError::Open)?.ok_or_else(missing)
}

/// The same error with the key file's own place, and not that of the copy.
fn of_the_folder(error: OpenError, dir: &Path) -> OpenError {
    let file = dir.join(KEY_FILE);
    match error {
        OpenError::KeyMissing { key_id, .. } => OpenError::KeyMissing { path: file, key_id },
        OpenError::KeyWrong { key_id, place } if place.ends_with(KEY_FILE) => OpenError::KeyWrong {
            key_id,
            place: file.display().to_string(),
        },
        error => error,
    }
}

/// Keeps aside what is there, and moves what was made ready in its place. A crash in between leaves one of both
/// databases, and a record of the trail that does not fit it: the next start says so.
fn put_in_place(
    dir: &Path,
    staging: &Path,
    key: Option<&KeyFile>,
    now: Timestamp,
) -> Result<Option<PathBuf>, RestoreError> {
    let file = dir.join(FILE);
    let beside = |suffix: &str| dir.join(format!("{FILE}{suffix}"));
    let mut aside = None;
    if file.exists() {
        let folder = dir.join(format!("replaced-{}", now.strftime("%Y%m%dT%H%M%SZ")));
        files::folder(&folder)?;
        let mut kept = vec![file.clone(), beside("-wal"), beside("-shm"), dir.join(audit::FILE)];
        kept.extend(key.map(|_| dir.join(KEY_FILE)));
        for path in kept {
            let name = path.file_name().unwrap_or_default();
            match fs::hard_link(&path, folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
                _ => {}
            }
        }
        files::sync_folder_of(&folder.join(FILE)).map_err(at(&folder))?;
        aside = Some(folder);
    }
    if let Some(key) = key {
        key.replace(&dir.join(KEY_FILE)).map_err(RestoreError::Open)?;
    }
    for path in [beside("-wal"), beside("-shm")] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
            _ => {}
        }
    }
    for name in [FILE, audit::FILE] {
        let place = dir.join(name);
        fs::rename(staging.join(name), &place).map_err(at(&place))?;
    }
    files::sync_folder_of(&file).map_err(at(&file))?;
    Ok(aside)
}
