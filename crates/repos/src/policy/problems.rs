//! What is wrong with a policy, collected while it is read.

use super::PolicyProblem;
use crate::patterns::Glob;

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
