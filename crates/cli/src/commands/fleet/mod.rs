//! `fleet`: what a schedule means, and what the watch and the alerts would make of past data. No control plane is
//! needed, and nothing is kept or told.

mod next;
mod simulate;

use crate::context::Context;
use crate::error::CliError;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say a schedule in words, with its next times
    Next(next::Args),
    /// Run cases through the watch and the alerts with a simulated clock
    Simulate(simulate::Args),
}

/// Runs `fleet`.
pub(crate) async fn run(context: &Context, command: &Command) -> Result<(), CliError> {
    match command {
        Command::Next(args) => next::run(context.output, args),
        Command::Simulate(args) => simulate::run(context.output, args).await,
    }
}
