//! The commands, one file each. Those of an operator open the data folder; those an agent could
//! give as well go over HTTP.

mod action_name;
pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod backup;
#[cfg(feature = "aws")]
mod bus;
#[cfg(not(feature = "aws"))]
#[path = "no_bus.rs"]
mod bus;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod deploy;
pub(crate) mod deploys;
pub(crate) mod fleet;
pub(crate) mod health;
pub(crate) mod maintenance;
pub(crate) mod man;
pub(crate) mod open;
pub(crate) mod outbox;
pub(crate) mod policy;
pub(crate) mod put_secret;
pub(crate) mod repos;
pub(crate) mod requests;
pub(crate) mod restore;
pub(crate) mod revenue;
mod schedules;
pub(crate) mod sealing_key;
pub(crate) mod secrets;
pub(crate) mod send;
mod shell;
pub(crate) mod smoke_test;
pub(crate) mod stacks;
mod submit;
mod submitted;
mod times;
pub(crate) mod webhooks;
mod who;
pub(crate) mod workflows;

use clap::Subcommand;

use crate::context::Context;
use crate::error::{CliError, ExitCodes};

/// The commands that do one thing and end.
#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Send a request to the running control plane, from a file or standard input
    Send(send::Args),
    /// Write a secret; the value comes from standard input or a file, never from the command line
    PutSecret(put_secret::Args),
    /// Deploy a stack
    Deploy(deploy::Args),
    /// See what deploys would change, approve or deny that, and see what was deployed
    #[command(subcommand)]
    Deploys(deploys::Command),
    /// See requests and what became of them
    #[command(subcommand)]
    Requests(requests::Command),
    /// See who holds a stack, and free one whose last deploy's fate was unknown
    #[command(subcommand)]
    Stacks(stacks::Command),
    /// Add, list and revoke agents, replace their tokens, and set how they are watched
    #[command(subcommand)]
    Agents(agents::Command),
    /// See what needs a person, take it on, silence it, and try the channels
    #[command(subcommand)]
    Alerts(alerts::Command),
    /// Say a schedule in words, and try schedules and alerts on past data
    #[command(subcommand)]
    Fleet(fleet::Command),
    /// Let the control plane do nothing unasked for a time
    #[command(subcommand)]
    Maintenance(maintenance::Command),
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
    #[command(subcommand, after_help = crate::error::REPOSITORIES_EXIT_CODES)]
    Repos(repos::Command),
    /// Look for failing workflows, and keep one issue for each
    #[command(subcommand, after_help = crate::error::REPOSITORIES_EXIT_CODES)]
    Workflows(workflows::Command),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Sign in to the dashboard: print a link that is good once, and open it
    Open(open::Args),
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

impl Operation {
    /// Which table of exit codes it ends by.
    pub(crate) fn exit_codes(&self) -> ExitCodes {
        match self {
            Self::Repos(_) | Self::Workflows(_) => ExitCodes::Repositories,
            _ => ExitCodes::Common,
        }
    }
}

/// Runs a command to its end.
pub(crate) async fn run(context: &Context, operation: Operation) -> Result<(), CliError> {
    match operation {
        Operation::Send(args) => Box::pin(send::run(context, args)).await,
        Operation::PutSecret(args) => Box::pin(put_secret::run(context, args)).await,
        Operation::Deploy(args) => Box::pin(deploy::run(context, args)).await,
        Operation::Deploys(command) => Box::pin(deploys::run(context, command)).await,
        Operation::Requests(command) => Box::pin(requests::run(context, command)).await,
        Operation::Stacks(command) => Box::pin(stacks::run(context, command)).await,
        Operation::Agents(command) => Box::pin(agents::run(context, command)).await,
        Operation::Alerts(command) => Box::pin(alerts::run(context, command)).await,
        Operation::Fleet(command) => Box::pin(fleet::run(context, &command)).await,
        Operation::Maintenance(command) => Box::pin(maintenance::run(context, command)).await,
        Operation::Secrets(command) => Box::pin(secrets::run(context, command)).await,
        Operation::SealingKey(command) => Box::pin(sealing_key::run(context, command)).await,
        Operation::Outbox(command) => Box::pin(outbox::run(context, command)).await,
        Operation::Webhooks(command) => Box::pin(webhooks::run(context, command)).await,
        Operation::Audit(command) => Box::pin(audit::run(context, command)).await,
        Operation::Policy(command) => Box::pin(policy::run(context, command)).await,
        Operation::Config(command) => config::run(context, &command),
        Operation::Repos(command) => Box::pin(repos::run(context, command)).await,
        Operation::Workflows(command) => Box::pin(workflows::run(context, command)).await,
        Operation::Revenue(command) => Box::pin(revenue::run(context, command)).await,
        Operation::Open(args) => Box::pin(open::run(context, &args)).await,
        Operation::Health(args) => Box::pin(health::run(context, &args)).await,
        Operation::SmokeTest(args) => Box::pin(smoke_test::run(context, &args)).await,
        Operation::Backup(args) => Box::pin(backup::run(context, args)).await,
        Operation::Restore(args) => Box::pin(restore::run(context, args)).await,
        Operation::Compact(args) => Box::pin(compact::run(context, args)).await,
    }
}
