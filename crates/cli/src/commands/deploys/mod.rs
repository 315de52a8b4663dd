//! `deploys`: what a deploy would change, who approves exactly that, what was deployed, and when deploys rest.

mod account;
mod again;
mod decide;
mod diff;
mod freeze;
mod history;
mod list;
mod plan;
mod review;
mod show;

use account::Account;
use cc_devops_deploys::PlanId;
use cc_devops_kernel::names::AgentName;
use cc_devops_outbound::Method;
use serde_json::Value;

use crate::client::{Client, Target};
use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;
use crate::store::ADMIN;

/// What to do with deploys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List deploys that were planned
    List(list::Args),
    /// Review a change set from a file, and say what the policies make of it; needs no control plane
    Review(review::Args),
    /// Show what a plan changes
    Show(show::Args),
    /// Approve a plan, exactly as its digest stands for it
    Approve(decide::Approve),
    /// Deny a plan
    Deny(decide::Deny),
    /// Show what was deployed to a stack: when, by whom, and how long it took
    History(history::Args),
    /// Show in what two plans differ
    Diff(diff::Args),
    /// Deploy to one stage what was deployed to another
    Promote(again::Promote),
    /// Deploy again what a stack had before
    Rollback(again::Rollback),
    /// Show when deploys rest, and let one run all the same
    Freeze(freeze::Args),
}

/// Runs `deploys`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::List(args) => list::run(context, args).await,
        Command::Review(args) => review::run(context, &args),
        Command::Show(args) => show::run(context, args).await,
        Command::Approve(args) => decide::approve(context, args).await,
        Command::Deny(args) => decide::deny(context, args).await,
        Command::History(args) => history::run(context, args).await,
        Command::Diff(args) => diff::run(context, args).await,
        Command::Promote(args) => again::promote(context, args).await,
        Command::Rollback(args) => again::rollback(context, args).await,
        Command::Freeze(args) => freeze::run(context, args).await,
    }
}

/// A plan's name, as it was given.
fn plan_id(text: &str) -> Result<PlanId, CliError> {
    PlanId::read(text).ok_or_else(|| {
        CliError::Usage(format!(
            "{} is no plan's name: that is plan- and 24 hexadecimal digits, as `cc-devops deploys list` shows it",
            visible(text)
        ))
    })
}

/// Where plans are, and who decides.
#[derive(Debug, Clone, clap::Args)]
struct Acting {
    /// Operator who decides, where that is done in the stack of an account; admin where none is named. A server knows who
    /// decides by the token
    #[arg(long, value_name = "NAME")]
    by: Option<AgentName>,
    #[command(flatten)]
    target: Target,
}

impl Acting {
    /// Nobody decides: something is looked at.
    fn looking(target: &Target) -> Self {
        Self {
            by: None,
            target: target.clone(),
        }
    }

    fn by(&self) -> Result<AgentName, CliError> {
        match &self.by {
            Some(name) => Ok(name.clone()),
            None => AgentName::new(ADMIN).map_err(|error| CliError::internal("the admin's name is refused", error)),
        }
    }

    /// The server, whose caller the token names.
    fn server(&self, context: &Context) -> Result<Client, CliError> {
        if self.by.is_some() {
            let message =
                "--by is for the stack of an account: a server knows who decides by the token that it is given";
            return Err(CliError::Usage(message.to_owned()));
        }
        Client::authenticated(context, &self.target)
    }
}

/// What the control plane has under a path.
async fn get(context: &Context, target: &Target, path: &[&str], query: &[(&str, String)]) -> Result<Value, CliError> {
    let acting = Acting::looking(target);
    if let Some(account) = Account::of(context, &acting).await? {
        return account.get(path, query).await;
    }
    let client = acting.server(context)?;
    client.ask(Method::GET, path, query, None, 0).await?.success()
}

/// What the control plane answers to a document.
async fn post(context: &Context, acting: &Acting, path: &[&str], body: &Value) -> Result<Value, CliError> {
    if let Some(account) = Account::of(context, acting).await? {
        return account.post(path, body).await;
    }
    let client = acting.server(context)?;
    let body = body.to_string().into_bytes();
    client.ask(Method::POST, path, &[], Some(body), 0).await?.success()
}
