//! Every setting: one definition, three sources.
//!
//! [`file`] defines each setting once: its key, its type, its range, its default, the sentence that documents it. What
//! that means beyond its shape is decided once too, when [`Settings`] are made. The three sources lead there:
//!
//! - the configuration file, and over it the variables `CC_DEVOPS__SECTION__KEY` and a command's flags ([`load`]);
//! - a function's variables, whose names the template gives ([`of_variables`]).
//!
//! All problems are reported together.

mod check;
pub mod file;
#[cfg(feature = "cli")]
mod load;
mod repositories;
mod retention;
mod revenue;
#[cfg(feature = "cli")]
mod server;
mod shape;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "aws", feature = "embedded"))]
mod sources_tests;
mod stacks;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "aws", feature = "embedded"))]
mod tests;
mod variables;

use serde::Serialize;

pub use check::{AwsSettings, PolicySource, Settings, parse_address};
#[cfg(feature = "cli")]
pub use load::{DEFAULT_FILE, LoadedSettings, load, of_text};
pub use repositories::{RepositoriesSettings, login};
pub use retention::RetentionSettings;
pub use revenue::{RatesFrom, RevenueSettings, rate, table_of};
pub use variables::{BadVariables, Form, VARIABLES, Variable, of_variables};

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
