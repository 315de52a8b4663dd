//! Pictures as files.

use std::path::Path;

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
    std::fs::write(file, bytes).map_err(|error| CliError::Failed(format!("cannot write {}: {error}", file.display())))
}
