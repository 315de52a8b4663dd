//! The commands, one file each. Those of an operator open the data folder; those an agent could
//! give as well go over HTTP.

mod action_name;
pub(crate) mod agents;
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
pub(crate) mod health;
pub(crate) mod outbox;
pub(crate) mod policy;
pub(crate) mod put_secret;
pub(crate) mod repos;
pub(crate) mod requests;
pub(crate) mod restore;
pub(crate) mod revenue;
pub(crate) mod sealing_key;
pub(crate) mod secrets;
pub(crate) mod send;
pub(crate) mod smoke_test;
pub(crate) mod stacks;
mod submit;
mod submitted;
mod times;
pub(crate) mod webhooks;
pub(crate) mod workflows;

use crate::args::Operation;
use crate::context::Context;
use crate::error::CliError;

/// Runs a command to its end.
pub(crate) async fn run(context: &Context, operation: Operation) -> Result<(), CliError> {
    match operation {
        Operation::Send(args) => Box::pin(send::run(context, args)).await,
        Operation::PutSecret(args) => Box::pin(put_secret::run(context, args)).await,
        Operation::Deploy(args) => Box::pin(deploy::run(context, args)).await,
        Operation::Requests(command) => Box::pin(requests::run(context, command)).await,
        Operation::Stacks(command) => Box::pin(stacks::run(context, command)).await,
        Operation::Agents(command) => Box::pin(agents::run(context, command)).await,
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
        Operation::Health(args) => Box::pin(health::run(context, &args)).await,
        Operation::SmokeTest(args) => Box::pin(smoke_test::run(context, &args)).await,
        Operation::Backup(args) => Box::pin(backup::run(context, args)).await,
        Operation::Restore(args) => Box::pin(restore::run(context, args)).await,
        Operation::Compact(args) => Box::pin(compact::run(context, args)).await,
    }
}
