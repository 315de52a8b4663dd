//! `completions`: a shell's completion script, made from the command line's own definition.

use clap_complete::Shell;

use crate::error::CliError;
use crate::output::Output;

const AFTER_HELP: &str = "\
Example:
  cc-devops completions bash > ~/.local/share/bash-completion/completions/cc-devops";

/// Which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Shell to complete for
    shell: Shell,
}

/// Prints the script that completes a command line.
pub(crate) fn run(args: &Args, command_line: &mut clap::Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command_line, "cc-devops", &mut script);
    Output::raw(&String::from_utf8_lossy(&script))
}
