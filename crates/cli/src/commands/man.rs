//! `man`: the manual pages, made from the command line's own definition. For those who make packages.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::CliError;

const AFTER_HELP: &str = "\
Example:
  cc-devops man ~/.local/share/man/man1";

/// Where the pages go.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Folder to write them to, which must exist; what has their names there is replaced
    folder: PathBuf,
}

/// Writes a page for the program and one for each of its commands, as the command line defines them.
pub(crate) fn run(args: &Args, command_line: clap::Command) -> Result<(), CliError> {
    write(&args.folder, command_line).map_err(|source| CliError::Write {
        message: format!("cannot write the manual pages to {}", args.folder.display()),
        source,
    })
}

fn write(folder: &Path, command_line: clap::Command) -> io::Result<()> {
    clap_mangen::generate_to(command_line, folder)
}
