//! The file of a plan, which one command writes and another reads.
//!
//! It stands in a folder of its own that belongs to the user whom the commands run as. The server may be neither that
//! user nor root, so a process that has become the user makes the folder, takes the file out of it, and removes it:
//! whatever a command leaves there, nobody follows it with more rights than the command had.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::super::user::RunAs;
use super::{AT_PLAN_FILE, Bytes, Order, this_program};

/// The variable that names the file.
pub(in super::super) const PLAN_FILE: &str = "CC_DEVOPS_PLAN_FILE";
/// The longest file that is a plan, in bytes.
const LONGEST: usize = 1024 * 1024;
/// The file's name in its folder.
const NAME: &str = "plan";
/// How long seeing to the file may take. Only a file system that does not answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

const MAKE: &str = "make";
const GIVE: &str = "give";
const TAKE: &str = "take";
const REMOVE: &str = "remove";

/// Where a command finds its plan, and what stands there as it begins.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct PlanFile {
    folder: Bytes,
    /// None where the command is to write it.
    content: Option<Bytes>,
}

impl PlanFile {
    /// A file in a folder that is made for it and removed with it.
    pub(in super::super) fn new(folder: &Path, content: Option<Vec<u8>>) -> Self {
        Self {
            folder: Bytes::of(folder),
            content: content.map(Bytes::new),
        }
    }

    /// The file's path.
    pub(in super::super) fn path(&self) -> PathBuf {
        Path::new(OsStr::from_bytes(self.folder.expose())).join(NAME)
    }
}

/// What a plan command left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Written {
    /// A file.
    File(Bytes),
    /// Nothing that could be taken, and why, in words that follow the command's name.
    Nothing(String),
}

/// A plan's file as the supervisor sees to it.
pub(super) struct Place {
    file: PlanFile,
    /// The user, as JSON; empty where it is the supervisor's own.
    run_as: String,
}

impl Place {
    /// That of an order, which has the file's content no more.
    pub(super) fn of(order: &mut Order) -> io::Result<Option<Self>> {
        let run_as = order.run_as.as_ref().map(serde_json::to_string).transpose()?;
        let run_as = run_as.unwrap_or_default();
        Ok(order.plan_file.take().map(|file| Self { file, run_as }))
    }

    /// Whether the command is to write the file.
    pub(super) fn is_to_be_written(&self) -> bool {
        self.file.content.is_none()
    }

    /// Makes the folder, and the file where it has a content already.
    pub(super) async fn make(&self) -> io::Result<()> {
        let done = match &self.file.content {
            None => self.have(MAKE, &[]).await,
            Some(content) => self.have(GIVE, content.expose()).await,
        };
        done.map(drop)
            .map_err(|error| io::Error::other(format!("its plan's file cannot be made: {error}")))
    }

    /// What the command left there.
    pub(super) async fn take(&self) -> Written {
        match self.have(TAKE, &[]).await {
            Ok(bytes) => Written::File(Bytes::new(bytes)),
            Err(error) => Written::Nothing(error.to_string()),
        }
    }

    /// Removes the folder with all that is in it.
    pub(super) async fn remove(&self) -> io::Result<()> {
        self.have(REMOVE, &[]).await.map(drop)
    }

    /// Has a process of the user do it; gives what that says.
    async fn have(&self, act: &str, input: &[u8]) -> io::Result<Vec<u8>> {
        let mut child = Command::new(this_program()?)
            .arg(AT_PLAN_FILE)
            .arg(act)
            .arg(&self.run_as)
            .arg(self.file.folder.to_os())
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            // It says itself what kept it from reading.
            let _unread = pipe.write_all(input).await;
        }
        let done = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let done = done.map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
        if done.status.success() {
            return Ok(done.stdout);
        }
        Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()))
    }
}

/// Sees to a plan's file. `arguments` are what is to be done, the user as JSON or nothing, and the folder. Standard
/// input is the file's content; standard output is what was found; standard error is why it was not done.
pub(super) fn see_to_it(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match try_it(&mut arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unheard = write!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn try_it(arguments: &mut impl Iterator<Item = OsString>) -> io::Result<()> {
    let incomplete = || io::Error::other("the supervisor did not say what to do");
    let act = arguments.next().ok_or_else(incomplete)?;
    let run_as = arguments.next().ok_or_else(incomplete)?;
    let folder = PathBuf::from(arguments.next().ok_or_else(incomplete)?);
    if !run_as.is_empty() {
        let run_as: RunAs = serde_json::from_slice(run_as.as_encoded_bytes())?;
        run_as
            .become_it()
            .map_err(|error| io::Error::other(format!("cannot run as {}: {error}", run_as.name())))?;
    }
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match act.to_str() {
        Some(MAKE) => make(&folder),
        Some(GIVE) => {
            let mut content = Vec::new();
            io::stdin().read_to_end(&mut content)?;
            give(&folder, &content)
        }
        Some(TAKE) => io::stdout().write_all(&take(&folder).map_err(io::Error::other)?),
        Some(REMOVE) => remove(&folder),
        _ => Err(incomplete()),
    }
}

fn make(folder: &Path) -> io::Result<()> {
    // A run that was broken off before it began may have left one.
    remove(folder)?;
    DirBuilder::new().mode(0o700).create(folder)
}

fn give(folder: &Path, content: &[u8]) -> io::Result<()> {
    make(folder)?;
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(folder.join(NAME))?;
    file.write_all(content)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What stands there, or what is wrong with it in words that follow the command's name.
fn take(folder: &Path) -> Result<Vec<u8>, String> {
    let nothing = || format!("wrote no file to {PLAN_FILE}");
    let no_file = || format!("left a link, a folder or the like at {PLAN_FILE}, and no file");
    let unreadable = |why: &dyn std::fmt::Display| format!("left a file at {PLAN_FILE} that cannot be read: {why}");
    let refused = |error| match error {
        Errno::NOENT => nothing(),
        Errno::LOOP | Errno::NOTDIR | Errno::NXIO => no_file(),
        error => unreadable(&error),
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(CWD, folder, flags | OFlags::DIRECTORY, Mode::empty()).map_err(refused)?;
    // A pipe that nobody writes to does not hold it up.
    let file = openat(&folder, NAME, flags | OFlags::NONBLOCK, Mode::empty()).map_err(refused)?;
    let found = fstat(&file).map_err(refused)?;
    if !FileType::from_raw_mode(found.st_mode).is_file() {
        return Err(no_file());
    }
    let mut bytes = Vec::new();
    let bound = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    let read = File::from(file).take(bound).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&error))?;
    if bytes.len() > LONGEST {
        return Err(format!("wrote more than {LONGEST} bytes (1 MiB) to {PLAN_FILE}"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("own");
        (outer, folder)
    }

    #[test]
    fn what_was_given_is_what_is_taken_and_belongs_to_its_user_alone() {
        let (_outer, folder) = place();
        for content in [vec![], vec![0, 255, b'\n'], vec![7; LONGEST]] {
            give(&folder, &content).unwrap();
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&folder), mode(&folder.join(NAME))), (0o700, 0o600));
            assert_eq!(take(&folder).unwrap(), content);
        }
        remove(&folder).unwrap();
        assert!(!folder.exists());
        remove(&folder).unwrap();
    }

    #[test]
    fn what_is_no_file_or_too_long_is_not_taken() {
        let (outer, folder) = place();
        let refusal = || take(&folder).unwrap_err();
        assert!(refusal().contains("no file"), "not even a folder");
        make(&folder).unwrap();
        assert!(refusal().starts_with("wrote no file"));
        let file = folder.join(NAME);

        fs::write(&file, vec![b' '; LONGEST + 1]).unwrap();
        assert!(refusal().contains("more than 1048576 bytes"), "{}", refusal());
        fs::remove_file(&file).unwrap();

        let elsewhere = outer.path().join("elsewhere");
        fs::write(&elsewhere, "precious").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        assert!(refusal().starts_with("left a link"), "{}", refusal());
        remove(&folder).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");

        make(&folder).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success());
        assert!(
            refusal().starts_with("left a link, a folder or the like"),
            "{}",
            refusal()
        );
        fs::remove_file(&file).unwrap();

        fs::create_dir(&file).unwrap();
        assert!(
            refusal().starts_with("left a link, a folder or the like"),
            "{}",
            refusal()
        );
        remove(&folder).unwrap();

        std::os::unix::fs::symlink(outer.path(), &folder).unwrap();
        assert!(
            refusal().starts_with("left a link"),
            "a link in the folder's place: {}",
            refusal()
        );
    }
}
