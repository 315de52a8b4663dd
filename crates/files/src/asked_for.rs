//! Files that a person names: to be written, and with a secret in it to be read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::new_file::NewFile;
use crate::private::NotPrivate;

/// What makes a secret everybody's, or somebody else's: the world may read it, or others may write it.
const EXPOSED: u32 = 0o026;

/// Writes what a person asked for to the file at `path`: whole or not at all, for its owner alone, and in place of a
/// file that is there. What is there and no file (a terminal, a pipe, a device) is written to as it is, and a file that
/// is open already (`/dev/stdout`, `/dev/fd/3`) is added to.
///
/// # Errors
/// `InvalidInput` where another link to a file stands there, or one to nothing; what the system or `write` says.
pub fn save(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let there = OpenOptions::new().write(true).open(path)?;
        // It may have been exchanged meanwhile.
        if there.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        return write(&there);
    }
    if path.is_symlink() {
        if leads_to_an_open_file(path) {
            return write(&OpenOptions::new().append(true).open(path)?);
        }
        let message = "it is a link, through which nothing is written: name the file itself";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let file = NewFile::replacing(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            let why = "its folder must be writable, because the file is written beside its place and moved there";
            with_reason(&error, why)
        }
        _ => error,
    })?;
    write(file.file())?;
    file.finish().map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => {
            let why = "something is mounted there, which no file is moved over: name another file, or mount its folder";
            with_reason(&error, why)
        }
        _ => error,
    })
}

/// Whether a link is one of the system's own to what a process has open. Nobody else makes links in `/dev` itself or in
/// `/proc`; in `/dev/shm` everybody does.
fn leads_to_an_open_file(link: &Path) -> bool {
    let folder = link.parent().and_then(|folder| fs::canonicalize(folder).ok());
    folder.is_some_and(|folder| folder == Path::new("/dev") || folder.starts_with("/proc"))
}

fn with_reason(error: &io::Error, why: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{error}: {why}"))
}

/// Reads a file that a person named, with a secret in it: a token, a private key. Links are followed. It may belong to
/// somebody else and be read by a group, as private keys often are; a pipe is nobody's.
///
/// # Errors
/// `PermissionDenied` with [`NotPrivate::Open`] where the world may read it or others may write it; what the system
/// says.
pub fn read_secret(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let found = file.metadata()?;
    if found.is_file() && found.mode() & EXPOSED != 0 {
        let (path, mode) = (path.to_owned(), "o-rwx,g-w");
        let exposed = NotPrivate::Open { path, mode };
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, exposed));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_was_asked_for_is_written_whole_for_its_owner_in_place_of_a_file_and_through_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (report, precious) = (folder.path().join("report"), folder.path().join("precious"));
        fs::write(&report, "an older and longer report").unwrap();
        fs::set_permissions(&report, Permissions::from_mode(0o644)).unwrap();
        save(&report, |mut file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&report).unwrap(), b"new");
        assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
        let broken_off = save(&report, |mut file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(broken_off.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&report).unwrap(), b"new");

        fs::write(&precious, "kept").unwrap();
        let (link, nowhere) = (folder.path().join("link"), folder.path().join("nowhere"));
        symlink(&precious, &link).unwrap();
        symlink(folder.path().join("none"), &nowhere).unwrap();
        for link in [&link, &nowhere] {
            let refused = save(link, |mut file| file.write_all(b"new")).unwrap_err();
            assert!(refused.to_string().contains("is a link"), "{refused}");
        }
        assert_eq!(fs::read(&precious).unwrap(), b"kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "no draft is left");
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (null, link) = (Path::new("/dev/null"), folder.path().join("null"));
        symlink(null, &link).unwrap();
        for path in [null, link.as_path()] {
            save(path, |mut file| file.write_all(b"gone")).unwrap();
        }
        assert!(link.is_symlink() && !fs::metadata(null).unwrap().is_file());
        assert!(save(folder.path(), |_| Ok(())).is_err(), "a folder");
    }

    #[test]
    fn a_file_that_is_open_already_is_added_to_under_the_systems_name_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        let mut open = File::create(&report).unwrap();
        open.write_all(b"head,").unwrap();
        for names in ["/dev/fd", "/proc/self/fd"] {
            let name = Path::new(names).join(open.as_raw_fd().to_string());
            save(&name, |mut file| file.write_all(b"row,")).unwrap();
        }
        assert_eq!(fs::read(&report).unwrap(), b"head,row,row,");
    }

    #[test]
    fn where_no_file_can_be_made_the_folder_is_named_as_the_reason() {
        // Not even root makes a file there.
        let refused = save(Path::new("/sys/report"), |_| Ok(())).unwrap_err();
        assert!(refused.to_string().contains("its folder must be writable"), "{refused}");
    }

    #[test]
    fn a_secret_that_everybody_may_read_or_others_may_write_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let (key, link) = (folder.path().join("key"), folder.path().join("link"));
        fs::write(&key, "k").unwrap();
        symlink(&key, &link).unwrap();
        for mode in [0o400, 0o600, 0o440, 0o640] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&link).unwrap(), b"k", "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o602, 0o660] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
            let refused = read_secret(&link).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{mode:o}");
            assert!(refused.to_string().contains("chmod o-rwx,g-w"), "{mode:o}: {refused}");
        }
        assert_eq!(
            read_secret(&folder.path().join("none")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
