//! A file that appears whole or not at all, for its owner's eyes alone, and never in place of another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A file in the making. Dropped before [`NewFile::finish`], it leaves nothing.
pub(crate) struct NewFile {
    path: PathBuf,
    draft: PathBuf,
    out: BufWriter<File>,
}

impl NewFile {
    /// Begins the file that is to stand at `path`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut draft = path.as_os_str().to_owned();
        draft.push(".partial");
        let draft = PathBuf::from(draft);
        // What a crash left is worthless; what is no file of ours is not written through.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        Ok(Self {
            path: path.to_owned(),
            draft,
            out: BufWriter::with_capacity(1 << 16, file),
        })
    }

    /// Writes a line of JSON.
    pub(crate) fn json_line<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    /// Puts the file in its place; when this returns, it is durable. Refused where another stands there by now.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        // A link is refused where the name is taken, and a move is not.
        fs::hard_link(&self.draft, &self.path)?;
        fs::remove_file(&self.draft)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
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

    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_appears_whole_for_its_owner_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.ndjson");
        let mut file = NewFile::create(&path).unwrap();
        file.json_line(&json!({"a": 1})).unwrap();
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
}
