//! `revenue backfill`: past days, from what Stripe still knows of them.

use cc_devops_app::billing::billing;
use cc_devops_app::revenue::reporter;
use cc_devops_revenue::backfill::{BackfillError, Backfilled, Step};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::report;
use super::rules::Rules;
use crate::context::Context;
use crate::credentials::{self, STRIPE_KEY};
use crate::error::CliError;
use crate::store;

const AFTER_HELP: &str = "\
Reads every subscription of the account and the invoices since then, computes each day as the daily
report would have been at 06:00 UTC, and keeps it, marked as reconstructed. A day that was reported
stays as it is. Nobody is told. Broken off and run again, it writes only what is missing.

What cannot be known is said at the end; docs/MRR.md has all of it. The key needs read on Invoices,
beside what `revenue report` needs.

Examples:
  cc-devops revenue backfill --from 2024-12-01
  cc-devops revenue backfill --from 2026-01-01 --to 2026-03-31 --json";

/// Which days.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Date,
    /// Last day; without it, yesterday
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Date>,
    #[command(flatten)]
    rules: Rules,
}

/// Runs `revenue backfill`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    if args.rules.as_of.is_some() {
        let message = "a backfill is of many moments, six in the morning of each day: leave out --as-of";
        return Err(CliError::Usage(message.to_owned()));
    }
    let settings = context.load_settings()?.settings;
    let config = args.rules.over(&settings.revenue)?;
    let opened = store::open(context).await?;
    let given = credentials::given(STRIPE_KEY, &config.key, output);
    let account = billing(&config, &opened.ports, given);
    let reporter = reporter(&config, settings.installation, account.clone(), opened.ports.clone())?;
    let today = opened.ports.clock.now().to_zoned(TimeZone::UTC).date();
    let to = match args.to {
        Some(to) => to,
        None => today
            .yesterday()
            .map_err(|error| CliError::internal("there is no day before today", error))?,
    };
    let mut reading = output.progress("objects of Stripe read:");
    let mut days = output.progress("days computed:");
    reading.start();
    let result = reporter
        .backfill(&*account, args.from, to, &mut |step| match step {
            Step::Reading(read) => reading.at(read.subscriptions + read.invoices),
            Step::Days { done, of } => days.of(done, of),
        })
        .await;
    drop(reading);
    drop(days);
    let done = result.map_err(refused)?;
    output.answer(&done, || text(&done))
}

fn text(done: &Backfilled) -> String {
    let mut lines = vec![format!(
        "{} days from {} until {} were reconstructed and kept",
        done.kept, done.from, done.to
    )];
    if done.unchanged > 0 {
        lines.push(format!(
            "{} had been reconstructed before, and are the same",
            done.unchanged
        ));
    }
    if done.reported > 0 {
        lines.push(format!(
            "{} were reported on their day, and stay as they are",
            done.reported
        ));
    }
    lines.push(format!(
        "{} requests to Stripe: {} subscriptions, {} invoices and invoice items",
        done.requests, done.subscriptions, done.invoices
    ));
    lines.push("\nwhat cannot be known of these days:".to_owned());
    lines.extend(done.notes.iter().map(|note| format!("- {}", note.text)));
    lines.join("\n")
}

fn refused(error: BackfillError) -> CliError {
    match error {
        BackfillError::Report(error) => report::refused(error),
        BackfillError::Range(_) | BackfillError::Policy => CliError::Usage(error.to_string()),
    }
}
