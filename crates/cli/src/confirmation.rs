//! Asking a person before something that cannot be undone.

use std::io::IsTerminal;

use crate::error::CliError;
use crate::output::Output;

/// What is said where a person said no.
pub(crate) const NOTHING_DONE: &str = "nothing was done";

/// Whether it is to be done: asks on the terminal, unless `yes` was said on the command line.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<bool, CliError> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(format!("{question} Nobody is there to ask: say --yes")));
    }
    Output::ask(&format!("{question} [yes/no] "));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| CliError::Failed(format!("the answer cannot be read: {error}")))?;
    Ok(matches!(answer.trim(), "yes" | "y"))
}
