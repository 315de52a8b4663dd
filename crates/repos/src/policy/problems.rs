//! What is wrong with a policy, collected while it is read.

use std::fmt;

use serde::Serialize;

use crate::patterns::Glob;

/// Something wrong in a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyProblem {
    /// The key, as in `overrides.0.protection.required_reviews`; empty for the text as a whole.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects problems, so that all are told at once.
pub(super) struct Problems(pub(super) Vec<PolicyProblem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(PolicyProblem {
            path: path.into(),
            message: message.into(),
        });
    }

    /// Patterns, as far as they can be read.
    pub(super) fn globs(&mut self, path: &str, patterns: &[String]) -> Vec<Glob> {
        let mut globs = Vec::new();
        for pattern in patterns {
            match Glob::new(pattern) {
                Ok(glob) => globs.push(glob),
                Err(error) => self.add(path, format!("the pattern `{pattern}` cannot be read: {error}")),
            }
        }
        globs
    }
}
