//! What is wrong with a policy file, and where.

use miette::Diagnostic;
use serde::Serialize;

/// What is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}: {problem}", self.place())]
pub struct PolicyProblem {
    /// The file.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and, where that can be told, what may have been meant.
    pub problem: String,
}

impl PolicyProblem {
    /// The file, and the line behind it: `mine.cedar:7`.
    pub fn place(&self) -> String {
        self.line
            .map_or_else(|| self.file.clone(), |line| format!("{}:{line}", self.file))
    }
}

/// A problem in Cedar's words, at the place that Cedar names.
pub(super) fn problem((file, text): (&str, &str), error: &(impl Diagnostic + ?Sized)) -> PolicyProblem {
    let offset = error
        .labels()
        .and_then(|mut labels| labels.next())
        .map(|label| label.offset());
    let help = error.help().map(|help| format!("; {help}"));
    PolicyProblem {
        file: file.to_owned(),
        line: offset.and_then(|offset| Some(text.get(..offset)?.matches('\n').count() + 1)),
        problem: format!("{error}{}", help.unwrap_or_default()),
    }
}
