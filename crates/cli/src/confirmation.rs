//! Asking a person before something that cannot be undone.

use std::io::IsTerminal;

use crate::error::CliError;
use crate::output::Output;

/// Asks on the terminal, unless `yes` was said on the command line.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(format!("{question} Nobody is there to ask: say --yes")));
    }
    Output::ask(&format!("{question} [yes/no] "));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| CliError::Failed(format!("the answer cannot be read: {error}")))?;
    match answer.trim() {
        "yes" | "y" => Ok(()),
        _ => Err(CliError::Failed("nothing was done".to_owned())),
    }
}
