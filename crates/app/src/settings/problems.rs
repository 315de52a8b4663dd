//! What is wrong in the settings, collected while they are checked.

use std::path::{Path, PathBuf};

use cc_devops_kernel::names::{NameError, Namespace, SecretName};
use cc_devops_repos::policy::{Policy, PolicyErrors};
use serde::Serialize;

/// Something wrong in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The key, as in `server.listen`; empty where the file as a whole is meant.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
    /// The environment variable that set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

impl Problem {
    /// A problem at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
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

/// Reads a repository policy.
pub(crate) type ReadPolicy = fn(&str) -> Result<Policy, PolicyErrors>;

/// Where settings were written, as far as it decides what they mean.
pub(crate) struct Origin<'a> {
    /// The folder that relative paths count from.
    pub(crate) folder: &'a Path,
    /// The repository policy, where it is a text and not a file of its own, and who reads it.
    pub(crate) repository_policy: Option<(&'a str, ReadPolicy)>,
    /// Whether the name of a secret may be given whole, from the root on.
    pub(crate) whole_secret_names: bool,
}

impl<'a> Origin<'a> {
    /// A file in that folder.
    #[cfg(feature = "cli")]
    pub(crate) fn of_file(folder: &'a Path) -> Self {
        Self {
            folder,
            repository_policy: None,
            whole_secret_names: false,
        }
    }

    /// A secret that is named below the namespace.
    pub(crate) fn secret_name(&self, namespace: &Namespace, name: &str) -> Result<SecretName, NameError> {
        if self.whole_secret_names && name.starts_with('/') {
            SecretName::new(name)
        } else {
            SecretName::new(format!("/{namespace}/{}", name.trim_start_matches('/')))
        }
    }
}

/// Collects problems, so that all are told at once.
pub(crate) struct Findings<'a> {
    pub(crate) origin: &'a Origin<'a>,
    /// What was found so far.
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    /// None yet.
    pub(crate) fn of(origin: &'a Origin<'a>) -> Self {
        Self {
            origin,
            problems: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(path, message));
    }

    /// The value, or a problem at `path`.
    pub(crate) fn take<T, E: std::fmt::Display>(&mut self, path: impl Into<String>, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(path, error.to_string())).ok()
    }

    /// A secret that is named below the namespace.
    pub(crate) fn secret(&mut self, path: &str, namespace: &Namespace, name: &str) -> Option<SecretName> {
        let name = self.origin.secret_name(namespace, name);
        self.take(path, name)
    }

    /// The entries of a list, each read on its own.
    pub(crate) fn listed<T>(&mut self, path: &str, list: &[String], read: fn(&str) -> Result<T, String>) -> Vec<T> {
        let entries = list.iter().enumerate();
        let entries = entries.filter_map(|(at, text)| self.take(format!("{path}[{at}]"), read(text)));
        entries.collect()
    }

    /// A path of the file, which counts from the folder the file stands in.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.origin.folder.join(path)
    }

    pub(crate) fn file(&mut self, path: &str, value: &str) -> PathBuf {
        let full = self.resolve(value);
        if !full.is_file() {
            self.add(path, format!("there is no file {}", full.display()));
        }
        full
    }

    pub(crate) fn dir(&mut self, path: &str, value: &str) -> PathBuf {
        let full = self.resolve(value);
        if !full.is_dir() {
            self.add(path, format!("there is no folder {}", full.display()));
        }
        full
    }
}
