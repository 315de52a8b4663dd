//! Pictures as files.

use std::io::Write;
use std::path::Path;

use cc_devops_files as files;
use cc_devops_reports::charts::png;

use crate::error::CliError;

/// Where a picture goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pictures<'a> {
    /// As SVG.
    pub(super) svg: Option<&'a Path>,
    /// As PNG.
    pub(super) png: Option<&'a Path>,
}

impl Pictures<'_> {
    /// Writes the picture to each file that was asked for.
    pub(super) fn write(&self, picture: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.svg.is_none() && self.png.is_none() {
            return Ok(());
        }
        let picture = picture();
        if let Some(file) = self.svg {
            write(file, picture.as_bytes())?;
        }
        if let Some(file) = self.png {
            let dots = png(&picture).map_err(|error| CliError::internal("a picture cannot be drawn", error))?;
            write(file, &dots)?;
        }
        Ok(())
    }

    /// Where it is, in words.
    pub(super) fn told(&self) -> Option<String> {
        let files: Vec<String> = self
            .svg
            .iter()
            .chain(&self.png)
            .map(|file| file.display().to_string())
            .collect();
        (!files.is_empty()).then(|| format!("the picture is in {}", files.join(" and ")))
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), CliError> {
    files::save(file, |mut made| made.write_all(bytes))
        .map_err(|error| CliError::Failed(format!("cannot write {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_picture_is_its_owners_and_goes_through_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (picture, precious) = (folder.path().join("mrr.svg"), folder.path().join("precious"));
        let write = |file: &Path| {
            let pictures = Pictures {
                svg: Some(file),
                png: None,
            };
            pictures.write(|| "<svg/>".to_owned())
        };
        write(&picture).unwrap();
        write(&picture).unwrap();
        assert_eq!(fs::read(&picture).unwrap(), b"<svg/>");
        assert_eq!(fs::metadata(&picture).unwrap().permissions().mode() & 0o777, 0o600);

        fs::write(&precious, "kept").unwrap();
        let link = folder.path().join("link.svg");
        symlink(&precious, &link).unwrap();
        let refused = write(&link).unwrap_err().to_string();
        assert!(refused.contains("is a link"), "{refused}");
        assert_eq!(fs::read(&precious).unwrap(), b"kept");
    }
}
