//! The command line: global flags, the commands, and the exit codes as `--help` tells them.

use std::path::PathBuf;

use cc_devops_app::settings::file::{BackendName, LogFormat};
use clap::{ArgAction, Parser, Subcommand};

use crate::commands::{
    agents, audit, backup, compact, completions, config, deploy, health, outbox, policy, put_secret, repos, requests,
    restore, revenue, sealing_key, secrets, send, smoke_test, stacks, webhooks, workflows,
};
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

/// Flags that every command takes.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Folder that holds the database, the keys and the admin token
    #[arg(
        long,
        global = true,
        env = "CC_DEVOPS_DATA_DIR",
        value_name = "DIR",
        default_value = "cc-devops-data"
    )]
    pub(crate) data_dir: PathBuf,
    /// Configuration file; without it, cc-devops.toml in the current folder where there is one
    #[arg(long, global = true, env = "CC_DEVOPS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept and done: embedded or aws; without it, as the configuration says
    #[arg(
        long,
        global = true,
        env = "CC_DEVOPS_BACKEND",
        value_name = "BACKEND",
        hide_possible_values = true
    )]
    pub(crate) backend: Option<BackendName>,
    /// Whose control plane, on AWS; without it, as the configuration says, or else the first stage's
    #[arg(long, global = true, env = "CC_DEVOPS_AWS_STAGE", value_name = "STAGE")]
    pub(crate) aws_stage: Option<String>,
    /// AWS region; without it, the configuration's, the environment's or the profile's
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// AWS profile; without it, the configuration's or the environment's
    #[arg(long, global = true, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How log lines look: human or json; without it, as the configuration says
    #[arg(long, global = true, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// Log more; twice logs everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
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
}

/// The commands that do one thing and end.
#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Send a request to the running control plane, from a file or standard input
    Send(send::Args),
    /// Write a secret; the value comes from standard input or a file, never from the command line
    PutSecret(put_secret::Args),
    /// Deploy a stack
    Deploy(deploy::Args),
    /// See requests and what became of them
    #[command(subcommand)]
    Requests(requests::Command),
    /// See who holds a stack, and free one whose last deploy's fate was unknown
    #[command(subcommand)]
    Stacks(stacks::Command),
    /// Add, list and revoke agents, and replace their tokens
    #[command(subcommand)]
    Agents(agents::Command),
    /// List and read secrets, and replace the key that protects them
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Show the key that values are sealed to before they are sent, and replace it
    #[command(subcommand)]
    SealingKey(sealing_key::Command),
    /// Show who is still to be told of events, and give back what was given up
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Add, list and remove webhooks, switch them on, and replay what was given up
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Read and check the audit trail
    #[command(subcommand)]
    Audit(audit::Command),
    /// Show the policies and ask what they allow
    #[command(subcommand)]
    Policy(policy::Command),
    /// Compute Monthly Recurring Revenue from Stripe's subscriptions, and explain it
    #[command(subcommand)]
    Revenue(revenue::Command),
    /// Hold the repositories of a GitHub owner against a policy, and put them right
    #[command(subcommand)]
    Repos(repos::Command),
    /// Look for failing workflows, and keep one issue for each
    #[command(subcommand)]
    Workflows(workflows::Command),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Ask the running control plane how it is
    Health(health::Args),
    /// Check a deployed control plane from end to end
    SmokeTest(smoke_test::Args),
    /// Copy the database to a file, while the control plane runs or not
    Backup(backup::Args),
    /// Put a backup in the database's place
    Restore(restore::Args),
    /// Make the database file as short as what is in it, while no control plane runs
    Compact(compact::Args),
}
