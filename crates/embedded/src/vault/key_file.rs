//! The master key's file: its text, its permissions, and replacing it so that a crash leaves
//! either the old file or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{MasterKey, random};
use crate::error::OpenError;

/// What the file holds: the current key and, while a rotation is under way, the one before.
#[derive(Clone)]
pub(crate) struct KeyFile {
    /// The key that new rows use, or will once the rotation reaches the database.
    pub(crate) current: MasterKey,
    /// The key that is being replaced.
    pub(crate) previous: Option<MasterKey>,
}

/// Longer files are none of ours.
const MAX_BYTES: u64 = 4_096;

impl KeyFile {
    /// A file with a new key.
    pub(crate) fn generate() -> Result<Self, OpenError> {
        Ok(Self {
            current: new_key()?,
            previous: None,
        })
    }

    /// The same with a new key in front and the current one behind it.
    pub(crate) fn succeeded(&self) -> Result<Self, OpenError> {
        Ok(Self {
            current: new_key()?,
            previous: Some(self.current.clone()),
        })
    }

    /// The keys in it.
    pub(crate) fn into_keys(self) -> Vec<MasterKey> {
        std::iter::once(self.current).chain(self.previous).collect()
    }

    /// Reads the file; none where there is none. Refuses a file that others may read.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, OpenError> {
        let failed = |source| OpenError::KeyFile {
            path: path.to_owned(),
            source,
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(OpenError::KeyExposed { path: path.to_owned() });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
        Self::parse(&text).map(Some).ok_or_else(|| OpenError::KeyMalformed {
            place: path.display().to_string(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut current, mut previous) = (None, None);
        for line in text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            let (name, value) = line.split_once('=')?;
            let place = match name.trim() {
                "current" => &mut current,
                "previous" => &mut previous,
                _ => return None,
            };
            if place.replace(MasterKey::from_hex(value)?).is_some() {
                return None;
            }
        }
        Some(Self {
            current: current?,
            previous,
        })
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(512));
        text.push_str(
            "# The master key of this cc-devops database. Whoever has both can read every secret.\n\
             # Keep a copy of this file apart from the database's backups.\n",
        );
        for (name, key) in
            std::iter::once(("current", &self.current)).chain(self.previous.as_ref().map(|k| ("previous", k)))
        {
            text.push_str(name);
            text.push_str(" = ");
            text.push_str(&key.to_hex());
            text.push('\n');
        }
        text
    }

    /// Writes the file where there is none; fails where there is one.
    pub(crate) fn create(&self, path: &Path) -> Result<(), OpenError> {
        self.write(path, |draft| {
            fs::hard_link(draft, path)?;
            fs::remove_file(draft)
        })
    }

    /// Puts the file in the place of the one that is there.
    pub(crate) fn replace(&self, path: &Path) -> Result<(), OpenError> {
        self.write(path, |draft| fs::rename(draft, path))
    }

    fn write(&self, path: &Path, publish: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), OpenError> {
        let draft = draft_of(path);
        let written = (|| {
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&draft)?;
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            publish(&draft)?;
            sync_directory(path)
        })();
        written.map_err(|source| OpenError::KeyFile {
            path: path.to_owned(),
            source,
        })
    }
}

fn new_key() -> Result<MasterKey, OpenError> {
    Ok(MasterKey::new(Zeroizing::new(random()?)))
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Makes a rename or a new name in the directory of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_as_it_was_written_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        assert!(KeyFile::read(&path).unwrap().is_none());
        let first = KeyFile::generate().unwrap();
        first.create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(KeyFile::generate().unwrap().create(&path).is_err(), "never overwritten");
        let second = first.succeeded().unwrap();
        second.replace(&path).unwrap();
        let read = KeyFile::read(&path).unwrap().unwrap();
        assert_eq!(read.current.id(), second.current.id());
        assert_eq!(read.previous.unwrap().id(), first.current.id());
        assert!(!draft_of(&path).exists());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refusal = KeyFile::read(&path).err().unwrap().to_string();
        assert!(refusal.contains("chmod 600"), "{refusal}");
    }

    #[test]
    fn what_is_not_a_key_file_is_refused() {
        let key = "ab".repeat(32);
        assert!(KeyFile::parse(&format!("current = {key}")).is_some());
        for bad in [
            String::new(),
            format!("previous = {key}"),
            format!("current = {key}\ncurrent = {key}"),
            format!("current = {key}00"),
            format!("current = {key}\nother = {key}"),
            key,
        ] {
            assert!(KeyFile::parse(&bad).is_none(), "{bad:?}");
        }
    }
}
