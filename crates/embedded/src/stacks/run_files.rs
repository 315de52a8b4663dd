//! The files of runs that have no end on record: one for each, in the folder `runs` of the data folder or, those of
//! plan commands, in `plans`.
//!
//! A supervisor holds its file locked as long as it lives and leaves its last word in it. Beside it may stand a folder
//! with the plan's file, for the command.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cc_devops_kernel::names::RequestId;
use sha2::{Digest, Sha256};

use super::supervisor::ExitRecord;

/// What a run's file says.
pub(super) enum Found {
    /// Its supervisor lives.
    Held,
    /// Its supervisor has spoken.
    Said(ExitRecord),
    /// Its supervisor is gone and has left no word.
    Silent,
    /// There is no file.
    Nothing,
}

#[derive(Clone)]
pub(super) struct RunFiles {
    folder: PathBuf,
}

impl RunFiles {
    pub(super) fn in_folder(data_dir: &Path, name: &str) -> Self {
        let folder = data_dir.join(name);
        Self {
            // Supervisors run elsewhere.
            folder: std::path::absolute(&folder).unwrap_or(folder),
        }
    }

    /// A new, locked file for a run that is about to begin. The lock goes with the open file: whoever inherits
    /// it holds it.
    pub(super) fn make(&self, request: &RequestId) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // One that is left was never told what to run, unless the database is older than the file.
        if let Found::Held = self.look(request)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.remove(request)?;
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(self.path(request))?;
        file.try_lock()?;
        Ok(file)
    }

    /// What a run's file says now.
    pub(super) fn look(&self, request: &RequestId) -> io::Result<Found> {
        let mut file = match File::open(self.path(request)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Found::Held),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(ExitRecord::read(&text).map_or(Found::Silent, Found::Said))
    }

    /// Blocks until a run's supervisor has ended.
    pub(super) fn wait(&self, request: &RequestId) -> io::Result<()> {
        let file = File::open(self.path(request))?;
        loop {
            match file.lock_shared() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                locked => return locked,
            }
        }
    }

    /// Removes a run's file, and its plan's folder, where there are such.
    pub(super) fn remove(&self, request: &RequestId) -> io::Result<()> {
        missing_or(fs::remove_dir_all(self.plan_folder(request)))?;
        missing_or(fs::remove_file(self.path(request)))
    }

    /// Where the file of a run's plan stands while its command runs as the server's own user.
    pub(super) fn plan_folder(&self, request: &RequestId) -> PathBuf {
        self.path(request).with_extension("plan")
    }

    /// Removes the files of all other runs.
    pub(super) fn remove_all_but(&self, requests: &[RequestId]) -> io::Result<()> {
        let kept = requests.iter().map(|request| self.path(request));
        let kept: HashSet<PathBuf> = kept
            .chain(requests.iter().map(|request| self.plan_folder(request)))
            .collect();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if kept.contains(&path) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// A request's id may hold what a file's name cannot.
    fn path(&self, request: &RequestId) -> PathBuf {
        self.folder.join(hex::encode(Sha256::digest(request.as_str())))
    }
}

fn missing_or(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_held_while_it_is_open_and_then_says_what_was_left_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::in_folder(folder.path(), "runs");
        let request = RequestId::new("a/../b").unwrap();
        assert!(matches!(files.look(&request).unwrap(), Found::Nothing));

        let mut file = files.make(&request).unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let inherited = file.try_clone().unwrap();
        write!(file, r#"{{"v":1,"ending":"timed_out"}}"#).unwrap();
        drop(file);
        assert!(matches!(files.look(&request).unwrap(), Found::Held));
        drop(inherited);
        files.wait(&request).unwrap();
        assert!(matches!(files.look(&request).unwrap(), Found::Said(_)));

        fs::create_dir(files.plan_folder(&request)).unwrap();
        files.remove_all_but(std::slice::from_ref(&request)).unwrap();
        assert!(matches!(files.look(&request).unwrap(), Found::Said(_)));
        assert!(files.plan_folder(&request).exists());
        files.remove_all_but(&[]).unwrap();
        assert!(matches!(files.look(&request).unwrap(), Found::Nothing));
        assert!(!files.plan_folder(&request).exists());
    }
}
