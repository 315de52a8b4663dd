//! `completions`: a shell's completion script, made from the command line's own definition.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
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

/// Prints the script.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cc-devops", &mut script);
    Output::raw(&String::from_utf8_lossy(&script))
}
