//! The command line: global flags, the commands, and the exit codes as `--help` tells them.

use clap::{Parser, Subcommand};

use crate::commands::{Operation, completions, man};
use crate::context::Global;
use crate::error::ExitCodes;
use crate::serve;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  what was asked for failed: a request ended in error, the audit chain is broken,
     the control plane is degraded, the configuration has errors
  2  the command line is wrong
  3  the control plane cannot be reached: none runs on the data folder, or nothing listens there;
     or its data cannot be opened
  4  denied: a policy says no, or the token is not accepted
  5  the server ended by itself because its store has failed; start it again
  6  the data folder holds no control plane: another folder is meant
  7  TLS failed: what answers is not what is trusted, or speaks no TLS
  8  the control plane answers that it is overloaded, or that a system it needs is; try again
  9  the control plane did not answer in time

First steps:
  cc-devops serve
  cc-devops agents add ContentOrchestrator
  printf %s \"$KEY\" | cc-devops put-secret /contentcraft/contentorchestrator/api-key
  cc-devops requests list";

/// The DevOps control plane: secrets, deploys, agents and their audit trail, on one machine or in an
/// AWS account.
#[derive(Debug, Parser)]
#[command(name = "cc-devops", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(arg_required_else_help = true, infer_long_args = false)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the control plane
    Serve(serve::Args),
    #[command(flatten)]
    Operation(Box<Operation>),
    /// Print a shell's completion script
    Completions(completions::Args),
    /// Write the manual pages to a folder
    #[command(hide = true)]
    Man(man::Args),
}

impl Command {
    /// Which table of exit codes it ends by.
    pub(crate) fn exit_codes(&self) -> ExitCodes {
        match self {
            Self::Operation(operation) => operation.exit_codes(),
            Self::Serve(_) | Self::Completions(_) | Self::Man(_) => ExitCodes::Common,
        }
    }
}
