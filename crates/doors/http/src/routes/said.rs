//! What people say along with an act: reasons and comments, as they are kept.

use cc_devops_kernel::text::cleaned;

use crate::problem::Problem;

/// A comment of 1 to `most` characters, on one line without anything hidden. What is left may be nothing.
pub(super) fn comment(name: &str, said: &str, most: usize) -> Result<String, Problem> {
    if (1..=most).contains(&said.chars().count()) {
        return Ok(cleaned(said));
    }
    Err(Problem::invalid(format!("`{name}` must have 1 to {most} characters")))
}

/// A reason: a comment that holds something to be seen. The API's description says so in a pattern.
pub(super) fn reason(said: &str, most: usize) -> Result<String, Problem> {
    let kept = comment("reason", said, most)?;
    if kept.is_empty() {
        return Err(Problem::invalid("`reason` must say something"));
    }
    Ok(kept)
}
