//! The master key's file: its text, its permissions, and replacing it so that a crash leaves
//! either the old file or the new one.

use std::io::{self, Read, Write};
use std::path::Path;

use cc_devops_files::{self as files, NewFile, NotPrivate};
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

    /// Reads the file; none where there is none. Refuses a file that others may read, and one of somebody else's.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, OpenError> {
        let Some(file) = files::open_private(path).map_err(|refusal| refused(path, refusal))? else {
            return Ok(None);
        };
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(|source| failed(path, source))?;
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
        let create = || {
            let mut file = NewFile::create(path)?;
            file.write_all(self.text().as_bytes())?;
            file.finish()
        };
        create().map_err(|source| failed(path, source))
    }

    /// Puts the file in the place of the one that is there.
    pub(crate) fn replace(&self, path: &Path) -> Result<(), OpenError> {
        files::replace(path, self.text().as_bytes()).map_err(|source| failed(path, source))
    }
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    OpenError::KeyFile { path, source }
}

fn refused(path: &Path, refusal: NotPrivate) -> OpenError {
    match refusal {
        NotPrivate::Open { path, .. } => OpenError::KeyExposed { path },
        NotPrivate::System { source, .. } => failed(path, source),
        refusal @ (NotPrivate::Foreign { .. } | NotPrivate::NoFile { .. }) => OpenError::NotPrivate(refusal),
    }
}

fn new_key() -> Result<MasterKey, OpenError> {
    Ok(MasterKey::new(Zeroizing::new(random()?)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

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
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");

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
