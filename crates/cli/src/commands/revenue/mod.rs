//! `revenue`: Monthly Recurring Revenue from Stripe's subscriptions, exact and explained.

mod account;
mod backfill;
mod breakdown;
mod churn;
mod cohorts;
mod compute;
mod csv;
mod explain;
mod figures;
mod history;
mod movements;
mod notes;
mod period;
mod pictures;
mod report;
mod rules;
mod shown;
mod words;

use crate::context::Context;
use crate::error::CliError;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Read the account at Stripe, compute MRR, keep it and tell it
    Report(report::Args),
    /// Show MRR over the days, and what moved it
    History(history::Args),
    /// Show which customers moved MRR, and by how much
    Movements(movements::Args),
    /// Compute past days from what Stripe still knows of them
    Backfill(backfill::Args),
    /// Split MRR by product, price, interval, currency, country or plan
    Breakdown(breakdown::Args),
    /// Show ARR, churn, retention and the other figures, by day, month or year
    Figures(figures::Args),
    /// Show how many of those who first paid in a month still pay
    Cohorts(cohorts::Args),
    /// Show every line that leads to a subscription's or a customer's MRR
    Explain(explain::Args),
    /// Compute MRR from a file of Stripe subscriptions; needs no account
    Compute(compute::Args),
}

/// Runs `revenue`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Report(args) => Box::pin(report::run(context, args)).await,
        Command::History(args) => Box::pin(history::run(context, args)).await,
        Command::Movements(args) => Box::pin(movements::run(context, args)).await,
        Command::Backfill(args) => Box::pin(backfill::run(context, args)).await,
        Command::Breakdown(args) => Box::pin(breakdown::run(context, args)).await,
        Command::Figures(args) => Box::pin(figures::run(context, args)).await,
        Command::Cohorts(args) => Box::pin(cohorts::run(context, args)).await,
        Command::Explain(args) => Box::pin(explain::run(context, args)).await,
        Command::Compute(args) => compute::run(context.output, &args),
    }
}
