//! The configuration: one TOML file, environment overrides, and what they mean.
//!
//! [`file`] is what may be written, [`load`] reads it and checks its shape, [`check`] checks its
//! meaning. Both kinds of problems are reported together.

pub(crate) mod check;
pub(crate) mod file;
mod github;
mod load;
mod retention;
mod revenue;
mod stacks;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub(crate) use check::Checked;
use file::ConfigFile;
pub(crate) use github::{Repositories, login};
pub(crate) use revenue::{RatesFrom, Revenue, rate, table_of};

use crate::error::CliError;

/// The file that is read when none is named and it stands in the current folder.
pub(crate) const DEFAULT_FILE: &str = "cc-devops.toml";

/// Something wrong in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The key, as in `server.listen`; empty where the file as a whole is meant.
    pub(crate) path: String,
    /// What is wrong and what is allowed.
    pub(crate) message: String,
    /// The environment variable that set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variable: Option<String>,
}

impl Problem {
    /// A problem at `path`.
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            variable: None,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(variable) = &self.variable {
            write!(f, " (set by {variable})")?;
        }
        Ok(())
    }
}

/// The configuration in force, and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The file; none where only defaults and the environment count.
    pub(crate) source: Option<PathBuf>,
    /// Every key with its value.
    pub(crate) file: ConfigFile,
    /// What it means.
    pub(crate) checked: Checked,
}

/// Reads the configuration: the file at `path`, or the one in the current folder, or none.
/// `flags` are laid over it.
pub(crate) fn load(path: Option<&Path>, flags: impl FnOnce(&mut ConfigFile)) -> Result<Loaded, CliError> {
    let default = Path::new(DEFAULT_FILE);
    let source = path
        .or_else(|| default.is_file().then_some(default))
        .map(Path::to_path_buf);
    let text = match &source {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| CliError::Usage(format!("cannot read the configuration {}: {error}", file.display())))?,
        None => String::new(),
    };
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let folder = source
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new(""));
    let mut read = load::read(&text, &environment)?;
    if let Some(file) = &mut read.file {
        flags(file);
    }
    match load::finish(read, folder) {
        Ok((file, checked)) => Ok(Loaded { source, file, checked }),
        Err(problems) => Err(CliError::Config { file: source, problems }),
    }
}

impl Loaded {
    /// Refuses a configuration whose commands this process could not start: for those that start them.
    pub(crate) fn permitted(self) -> Result<Self, CliError> {
        let problems = stacks::not_permitted(&self.checked.stacks);
        if problems.is_empty() {
            return Ok(self);
        }
        Err(CliError::Config {
            file: self.source,
            problems,
        })
    }
}
