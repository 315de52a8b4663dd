//! A file that appears whole or not at all, and in place of another only where that is asked for.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::private::{make, sync_folder_of};

/// A file in the making, not buffered. Dropped before [`NewFile::finish`], it leaves nothing.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    draft: PathBuf,
    file: File,
    replaces: bool,
}

impl NewFile {
    /// Begins the file that is to stand at `path`, as `path` with `.partial` behind it.
    ///
    /// # Errors
    /// `AlreadyExists` where something stands at `path`, be it a link; what the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Self::begin(path, false)
    }

    /// Begins the file that is to stand at `path` in the same way, in place of what stands there when it is finished.
    pub(crate) fn replacing(path: &Path) -> io::Result<Self> {
        Self::begin(path, true)
    }

    fn begin(path: &Path, replaces: bool) -> io::Result<Self> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".partial");
        let draft = PathBuf::from(draft);
        let (path, file) = (path.to_owned(), make(&draft)?);
        Ok(Self {
            path,
            draft,
            file,
            replaces,
        })
    }

    /// Where it stands until it is finished, for whoever writes to it by its name.
    pub fn draft(&self) -> &Path {
        &self.draft
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts the file in its place; when this returns, it is durable.
    ///
    /// # Errors
    /// `AlreadyExists` where another stands there by now; `InvalidData` where the draft was exchanged; what the
    /// system says.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        let (ours, there) = (self.file.metadata()?, self.draft.symlink_metadata()?);
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            let message = format!("{} is not the file that was begun", self.draft.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        if self.replaces {
            fs::rename(&self.draft, &self.path)?;
        } else {
            // A link is refused where the name is taken, and a move is not.
            fs::hard_link(&self.draft, &self.path)?;
            fs::remove_file(&self.draft)?;
        }
        sync_folder_of(&self.path)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After `finish` there is none.
        let _gone = fs::remove_file(&self.draft);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_appears_whole_for_its_owner_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.ndjson");
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"{\"a\":1}\n").unwrap();
        assert!(!path.exists(), "not before it is whole");
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            NewFile::create(&path).err().map(|error| error.kind()),
            Some(io::ErrorKind::AlreadyExists)
        );

        let other = folder.path().join("other.ndjson");
        let begun = NewFile::create(&other).unwrap();
        fs::write(&other, "somebody else's").unwrap();
        assert!(begun.finish().is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "somebody else's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn a_draft_is_not_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "kept").unwrap();
        std::os::unix::fs::symlink(&precious, folder.path().join("rows.ndjson.partial")).unwrap();
        let file = NewFile::create(&folder.path().join("rows.ndjson")).unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
    }

    #[test]
    fn a_draft_that_was_exchanged_does_not_become_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        let file = NewFile::create(&path).unwrap();
        fs::remove_file(file.draft()).unwrap();
        fs::write(file.draft(), "somebody else's").unwrap();
        assert_eq!(file.finish().unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(!path.exists());
    }
}
