//! What is made for its owner alone, and what is found: whose it is, and who else may use it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Why a file or folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum NotPrivate {
    /// It is somebody else's.
    #[error(
        "{} belongs to user {owner}, and this is user {user}: run as that user, or give it to this one with \
         `chown {user} {}`",
        path.display(), path.display()
    )]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is, as a number.
        owner: u32,
        /// Whose this process is, as a number.
        user: u32,
    },
    /// Others may read or write it.
    #[error("others may use {}: run `chmod {mode} {}`", path.display(), path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// The mode it is to have, as `chmod` takes it.
        mode: &'static str,
    },
    /// It is no file, or none of its own.
    #[error("{} is a link, or no file: put the file itself there", path.display())]
    NoFile {
        /// What is at the file's place.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot use {}: let this user, and nobody else, read and write it", path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl NotPrivate {
    fn system(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::System { path, source }
    }
}

fn check(path: &Path, found: &Metadata, mode: &'static str) -> Result<(), NotPrivate> {
    let (owner, user) = (found.uid(), rustix::process::geteuid().as_raw());
    let path = path.to_owned();
    if owner != user {
        return Err(NotPrivate::Foreign { path, owner, user });
    }
    if found.mode() & 0o077 != 0 {
        return Err(NotPrivate::Open { path, mode });
    }
    Ok(())
}

/// Makes a folder, and those it lies in, where it does not exist; looks at it where it does. A link to a folder
/// counts as the folder.
///
/// # Errors
/// It is somebody else's, others may use it, or it cannot be made.
pub fn folder(path: &Path) -> Result<(), NotPrivate> {
    make_folder(path).map_err(|error| NotPrivate::system(path, error))?;
    found_folder(path)
}

/// Makes a folder, and those it lies in, where it does not exist; a found one is taken as it is.
///
/// # Errors
/// What the system says.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Looks at a folder that must exist.
///
/// # Errors
/// It is somebody else's, others may use it, or there is none.
pub fn found_folder(path: &Path) -> Result<(), NotPrivate> {
    let found = fs::metadata(path).map_err(|error| NotPrivate::system(path, error))?;
    if !found.is_dir() {
        return Err(NotPrivate::system(path, io::ErrorKind::NotADirectory.into()));
    }
    check(path, &found, "700")
}

/// Opens a file for reading; none where there is none.
///
/// # Errors
/// It is somebody else's, others may use it, it is a link or no file.
pub fn open_private(path: &Path) -> Result<Option<File>, NotPrivate> {
    // Without waiting for a writer, should it be a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) if path.is_symlink() => return Err(NotPrivate::NoFile { path: path.to_owned() }),
        Err(error) => return Err(NotPrivate::system(path, error)),
    };
    let found = file.metadata().map_err(|error| NotPrivate::system(path, error))?;
    if !found.is_file() {
        return Err(NotPrivate::NoFile { path: path.to_owned() });
    }
    check(path, &found, "600")?;
    Ok(Some(file))
}

/// Opens a file that is there to be locked, and makes it where there is none.
///
/// # Errors
/// It is a link, or what the system says.
pub fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
}

/// Makes an empty file for its owner, in place of what a crash left there; what is no file of ours is not written
/// through.
pub(crate) fn make(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a file as a whole in the place of the one that is there: a crash leaves the old one or the new one.
///
/// # Errors
/// What the system says.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut file = make(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder_of(path)
    })();
    if written.is_err() {
        let _left_over = fs::remove_file(&beside);
    }
    written
}

/// Makes a new name, or a rename, in the folder of `path` durable.
///
/// # Errors
/// What the system says.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_made_for_its_owner_and_a_found_one_that_others_may_use_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("a/b");
        folder(&data).unwrap();
        assert_eq!((mode(&data), mode(data.parent().unwrap())), (0o700, 0o700));
        for open in [0o750, 0o701, 0o770] {
            fs::set_permissions(&data, Permissions::from_mode(open)).unwrap();
            let refusal = folder(&data).unwrap_err().to_string();
            assert!(refusal.contains("chmod 700"), "{refusal}");
        }
        fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
        let linked = parent.path().join("link");
        symlink(&data, &linked).unwrap();
        found_folder(&linked).unwrap();
        assert!(found_folder(&parent.path().join("none")).is_err());
    }

    #[test]
    fn a_found_file_is_opened_only_if_it_is_its_owners_alone_and_no_link() {
        let parent = tempfile::tempdir().unwrap();
        let (key, linked) = (parent.path().join("key"), parent.path().join("link"));
        assert!(open_private(&key).unwrap().is_none());
        replace(&key, b"1").unwrap();
        assert_eq!(mode(&key), 0o600);
        assert!(open_private(&key).unwrap().is_some());
        symlink(&key, &linked).unwrap();
        assert!(matches!(open_private(&linked), Err(NotPrivate::NoFile { .. })));
        assert!(matches!(open_private(parent.path()), Err(NotPrivate::NoFile { .. })));
        fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
        let refusal = open_private(&key).unwrap_err().to_string();
        assert!(refusal.contains("chmod 600"), "{refusal}");
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused_with_the_command_that_mends_it() {
        // Every system has something that is somebody else's: for root, what a test run may give away.
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        folder(&data).unwrap();
        let other = rustix::process::geteuid().as_raw() ^ 1;
        let path = match std::os::unix::fs::chown(&data, Some(other), None) {
            Ok(()) => data,
            Err(_) => PathBuf::from("/"),
        };
        let refusal = found_folder(&path).unwrap_err();
        assert!(matches!(refusal, NotPrivate::Foreign { .. }), "{refusal}");
        assert!(refusal.to_string().contains("chown"), "{refusal}");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_a_link_is_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let (precious, token) = (parent.path().join("precious"), parent.path().join("token"));
        fs::write(&precious, "kept").unwrap();
        symlink(&precious, &token).unwrap();
        replace(&token, b"new").unwrap();
        assert_eq!(fs::read(&token).unwrap(), b"new");
        assert_eq!(fs::read(&precious).unwrap(), b"kept");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2);

        fs::remove_file(&token).unwrap();
        symlink(parent.path().join("elsewhere"), &token).unwrap();
        assert!(open_lock(&token).is_err(), "a lock is not made through a link");
    }
}
