//! `revenue explain`: the lines that lead to a figure.

use std::path::PathBuf;

use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::ports::{Billing, Wanted};
use cc_devops_revenue::report::Entry;
use serde_json::json;

use super::account::reach;
use super::compute::{Beside, Files};
use super::rules::Rules;
use super::shown::explained;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

const AFTER_HELP: &str = "\
Each line is an amount a month; together they are the figure, to the last fraction of a cent.
Without --input the subscription is read from the account at Stripe, and the configured policy
counts; with STRIPE_API_KEY, that needs no control plane.

Exit code 1 when a subscription cannot be computed. One that does not count is no failure.

Examples:
  cc-devops revenue explain sub_1Pgc6xB7WZ01zgkW
  cc-devops revenue explain cus_QXg1o8vcGmoR32 --set churn_timing=period_end
  cc-devops revenue explain sub_1Pgc6xB7WZ01zgkW --input subscriptions.json --json";

/// What is explained.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Subscription's or customer's id
    id: String,
    /// File of subscriptions instead of the account; - for standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    #[command(flatten)]
    beside: Beside,
    #[command(flatten)]
    rules: Rules,
}

/// Shows the lines of one subscription, or of all of a customer's.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let found = match &args.input {
        Some(input) => in_file(context.output, &args, input)?,
        None => Box::pin(in_account(context, &args)).await?,
    };
    let entries: Vec<Entry<'_>> = found.iter().map(Entry::from).collect();
    context.output.answer(&json!({"subscriptions": entries}), || {
        found.iter().map(explained).collect::<Vec<_>>().join("\n\n")
    })?;
    if found.iter().all(|figure| figure.mrr.is_ok()) {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}

fn in_file(output: Output, args: &Args, input: &std::path::Path) -> Result<Vec<Figure<'static>>, CliError> {
    let mut files = Files::open(input, &args.beside, &args.rules)?;
    let mut found: Vec<Figure<'static>> = Vec::new();
    let id = args.id.as_str();
    let wanted = |figure: &Figure<'_>| figure.id == id || figure.customer == id;
    let progress = output.progress("reading subscriptions");
    progress.start();
    files.figures(Explain::Yes, |figure| {
        if wanted(figure) {
            found.push(figure.clone().into_owned());
        }
        Ok(())
    })?;
    drop(progress);
    if found.is_empty() {
        let file = input.display();
        let part = if files.checked().list_incomplete() {
            "; its list is only a part: it says that there is more"
        } else {
            ""
        };
        return Err(CliError::Failed(format!(
            "{file} has no subscription {id} and none of a customer {id}{part}"
        )));
    }
    Ok(found)
}

async fn in_account(context: &Context, args: &Args) -> Result<Vec<Figure<'static>>, CliError> {
    let config = args.rules.over(&context.load_settings()?.settings.revenue)?;
    let reached = reach(context, &config).await?;
    let progress = context.output.progress("asking Stripe");
    progress.start();
    let wanted = Wanted {
        options: &config.policy.options,
        as_of: args.rules.as_of.unwrap_or_else(|| reached.clock.now().as_second()),
        explain: Explain::Yes,
    };
    let found = reached.account.figures_of(&args.id, wanted).await;
    drop(progress);
    Ok(found?)
}
