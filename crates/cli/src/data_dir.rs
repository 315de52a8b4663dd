//! The data folder: its lock, the running server's address, the admin token.
//!
//! Whatever is written here is written beside its place and moved there, so that a reader sees the
//! whole file or none, and is for the owner's eyes alone.

use std::fs::{self, File, Metadata, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cc_devops_files as files;
use cc_devops_kernel::secret::SecretValue;
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::pinned::Fingerprint;

/// How often a lock that is held is tried again: a command may look at it for a moment.
const LOCK_TRIES: u32 = 5;
/// How long to wait between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The data folder.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// Where the running server is, as `server.json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningServer {
    /// Address and port.
    pub(crate) address: std::net::SocketAddr,
    /// The server's process.
    pub(crate) pid: u32,
    /// Whether it speaks TLS.
    #[serde(default)]
    pub(crate) tls: bool,
    /// The certificate it shows then, by which its operator's commands know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<Fingerprint>,
}

/// Proof that nobody else does on the folder what there may be one of, until it is dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    path: PathBuf,
    // Dropping the file gives the lock back.
    file: File,
}

impl FolderLock {
    /// Where its file was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The open file that is locked.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Whether its file is still at its path: another one there may be somebody else's lock by now.
    pub(crate) fn stands(&self) -> bool {
        let which = |found: &Metadata| (found.dev(), found.ino());
        match (self.file.metadata(), self.path.symlink_metadata()) {
            (Ok(ours), Ok(there)) => which(&ours) == which(&there),
            _ => false,
        }
    }
}

impl DataDir {
    /// The folder at `path`, which need not exist yet.
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the admin token is kept.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.0.join("admin.token")
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join("serve.lock")
    }

    fn server_file(&self) -> PathBuf {
        self.0.join("server.json")
    }

    /// Makes the folder where it does not exist, for its owner alone; a found one must be that already.
    pub(crate) fn create(&self) -> Result<(), CliError> {
        files::folder(&self.0).map_err(|error| self.unusable(error))
    }

    /// A found folder must be its owner's alone: whoever can write it can put another database there.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        files::found_folder(&self.0).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: files::NotPrivate) -> CliError {
        let message = format!(
            "cannot use the data folder {}; mend it, or choose another with --data-dir",
            self.0.display()
        );
        CliError::open(message, error)
    }

    /// Takes the folder for one replacement of the master key.
    pub(crate) fn lock_rotation(&self) -> Result<FolderLock, CliError> {
        let path = self.0.join("rotate-key.lock");
        let file = files::open_lock(&path)
            .map_err(|error| CliError::open(format!("cannot open {}", path.display()), error))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { path, file }),
            Err(TryLockError::WouldBlock) => Err(CliError::Failed(
                "the master key is being replaced just now by another `rotate-key`: let that one end, one is enough; \
                 `cc-devops audit list --action secrets.key_rotated` shows when it has"
                    .to_owned(),
            )),
            Err(TryLockError::Error(error)) => Err(CliError::open(format!("cannot lock {}", path.display()), error)),
        }
    }

    /// Takes the folder for one server.
    pub(crate) async fn lock(&self) -> Result<FolderLock, CliError> {
        let path = self.lock_file();
        let file = files::open_lock(&path)
            .map_err(|error| CliError::open(format!("cannot open {}", path.display()), error))?;
        let mut tries_left = LOCK_TRIES;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(FolderLock { path, file }),
                Err(TryLockError::WouldBlock) if tries_left > 0 => {
                    tries_left -= 1;
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => return Err(self.taken()),
                Err(TryLockError::Error(error)) => {
                    return Err(CliError::open(format!("cannot lock {}", path.display()), error));
                }
            }
        }
    }

    fn taken(&self) -> CliError {
        let by = match self.running() {
            Ok(Some(server)) => format!(" (process {}, {})", server.pid, server.address),
            _ => String::new(),
        };
        CliError::Open {
            message: format!(
                "a server already runs on the data folder {}{by}; stop it first, or choose another folder with \
                 --data-dir",
                self.0.display()
            ),
            source: None,
        }
    }

    /// Whether a server holds the folder. After a crash its address is left behind, and whoever
    /// listens there now must not be sent the admin's token.
    fn is_taken(&self) -> bool {
        File::open(self.lock_file()).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The server that runs on the folder, if one does.
    pub(crate) fn running(&self) -> Result<Option<RunningServer>, CliError> {
        if !self.is_taken() {
            return Ok(None);
        }
        let path = self.server_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CliError::open(format!("cannot read {}", path.display()), error)),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| CliError::open(format!("{} cannot be read; restart the server", path.display()), error))
    }

    /// Says where the server is.
    pub(crate) fn announce(&self, server: &RunningServer) -> Result<(), CliError> {
        let text = serde_json::to_string(server)
            .map_err(|error| CliError::internal("the server's address is no valid JSON", error))?;
        write_private(&self.server_file(), &text)
    }

    /// Says that no server runs any more.
    pub(crate) fn withdraw(&self) {
        let path = self.server_file();
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(file = %path.display(), %error, "the server's file could not be removed");
        }
    }

    /// Keeps the admin's token.
    pub(crate) fn keep_admin_token(&self, token: &str) -> Result<(), CliError> {
        write_private(&self.token_file(), token)
    }

    /// Forgets the admin's token.
    pub(crate) fn forget_admin_token(&self) -> Result<(), CliError> {
        match fs::remove_file(self.token_file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CliError::write(
                format!("cannot remove {}", self.token_file().display()),
                error,
            )),
            _ => Ok(()),
        }
    }
}

/// A token that stands alone in a file.
pub(crate) fn read_token(path: &Path) -> Result<SecretValue, CliError> {
    let cannot_read = |error: &dyn std::error::Error| {
        CliError::Usage(format!(
            "cannot read a token from {}: {error}; name another with --token-file, or set CC_DEVOPS_TOKEN",
            path.display()
        ))
    };
    let bytes = files::read_secret(path).map_err(|error| cannot_read(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| cannot_read(&error))?;
    Ok(SecretValue::new(text.trim().to_owned()))
}

/// Writes a file of mode 0600 as a whole: a crash leaves the old one or the new one.
fn write_private(path: &Path, text: &str) -> Result<(), CliError> {
    files::replace(path, format!("{text}\n").as_bytes())
        .map_err(|error| CliError::write(format!("cannot write {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::ExitCodes;

    #[test]
    fn the_token_is_for_its_owner_alone_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(&folder.path().join("data"));
        dir.create().unwrap();
        for token in ["one", "two"] {
            dir.keep_admin_token(token).unwrap();
            assert_eq!(read_token(&dir.token_file()).unwrap().expose(), token);
        }
        let mode = fs::metadata(dir.token_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o700);
        dir.forget_admin_token().unwrap();
        dir.forget_admin_token().unwrap();
        assert!(read_token(&dir.token_file()).is_err());
    }

    #[tokio::test]
    async fn one_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        let held = dir.lock().await.unwrap();
        assert_eq!(dir.lock().await.unwrap_err().code(ExitCodes::Common), 3);
        drop(held);
        dir.lock().await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_whose_file_was_removed_does_not_stand_beside_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        let first = dir.lock().await.unwrap();
        assert!(first.stands());
        fs::remove_file(dir.lock_file()).unwrap();
        assert!(!first.stands());
        let second = dir.lock().await.unwrap();
        assert!(!first.stands() && second.stands());
    }

    #[tokio::test]
    async fn a_server_is_announced_while_it_runs_and_not_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        assert_eq!(dir.running().unwrap(), None);
        let held = dir.lock().await.unwrap();
        let server = RunningServer {
            address: "127.0.0.1:1".parse().unwrap(),
            pid: 7,
            tls: false,
            certificate: None,
        };
        dir.announce(&server).unwrap();
        assert_eq!(dir.running().unwrap(), Some(server));
        drop(held);
        assert!(dir.server_file().exists());
        assert_eq!(dir.running().unwrap(), None);
        dir.withdraw();
        assert!(!dir.server_file().exists());
    }
}
