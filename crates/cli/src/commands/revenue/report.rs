//! `revenue report`: the day's MRR, read, kept, told.

use std::ops::ControlFlow;
use std::sync::Arc;

use cc_devops_app::billing::{billing, billing_with};
use cc_devops_app::revenue::reporter;
use cc_devops_kernel::ports::SystemClock;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::no_store::NoStore;
use cc_devops_revenue::ports::RevenuePorts;
use cc_devops_revenue::report::Entry;
use cc_devops_revenue::reporting::{Ask, ReportError};

use super::churn::Churn;
use super::rules::Rules;
use super::shown::{DayView, Unusual, day_text};
use crate::context::Context;
use crate::credentials::{self, STRIPE_KEY};
use crate::error::CliError;
use crate::output::{LongList, Output};
use crate::store;

const AFTER_HELP: &str = "\
Reads every subscription of the account at Stripe, computes MRR, compares each customer with the
day before, keeps the day and tells it as the event `MRR Calculation Complete`. The control plane
does the same every day at 06:00 UTC. A run that fails changes nothing that was kept.

The key is the secret /contentcraft/stripe/reporting_api_key, or STRIPE_API_KEY. A restricted key
with read on Subscriptions, Prices, Products, Coupons, Customers, Tax rates and Balance is enough.

With --dry-run and STRIPE_API_KEY no control plane is needed, and nothing is left behind; where there is
one, the day is compared with the last one kept before it.

Exit code 1 when the day is incomplete: a subscription could not be computed, or a currency has no
rate. What is missing is said.

Examples:
  cc-devops revenue report
  cc-devops revenue report --dry-run --json
  STRIPE_API_KEY=rk_live_... cc-devops revenue report --dry-run --policy transactions";

/// How to report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Keep nothing and tell nobody
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    rules: Rules,
}

/// Runs `revenue report`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    let settings = context.load_settings()?.settings;
    let config = args.rules.over(&settings.revenue)?;
    let given = credentials::given(STRIPE_KEY, &config.key, output);
    let nothing_kept = settings.aws.is_none() && !store::exists(&context.global.data_dir);
    // It is open as long as it is used.
    let opened = match given {
        Some(_) if args.dry_run && nothing_kept => None,
        _ => Some(store::open(context).await?),
    };
    let (account, ports) = match (given, &opened) {
        (given, Some(opened)) => (
            billing(&config, &opened.ports, given),
            RevenuePorts::from(&opened.ports),
        ),
        (Some(key), None) => {
            let ports = RevenuePorts {
                revenue: Arc::new(NoStore),
                conditions: Arc::new(NoStore),
                clock: Arc::new(SystemClock),
            };
            (billing_with(&config, key, Arc::clone(&ports.clock)), ports)
        }
        (None, None) => {
            let message = "without a control plane, put the key into STRIPE_API_KEY";
            return Err(CliError::Usage(message.to_owned()));
        }
    };
    let kept = Arc::clone(&ports.revenue);
    let reporter = reporter(&config, settings.installation, account, ports)?;
    let ask = Ask {
        as_of: args.rules.as_of,
        keep: !args.dry_run,
        explain: if output.is_json() { Explain::Yes } else { Explain::No },
    };
    let mut answer: Option<LongList> = None;
    let mut unwritten = None;
    let mut unusual = Unusual::default();
    let mut read = 0_u64;
    let mut progress = output.progress("subscriptions read:");
    progress.start();
    let result = reporter
        .report(ask, &mut |figure: &Figure<'_>| {
            read += 1;
            progress.at(read);
            unusual.look_at(figure);
            if !output.is_json() {
                return ControlFlow::Continue(());
            }
            match write_entry(&mut answer, figure) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    unwritten = Some(error);
                    ControlFlow::Break(())
                }
            }
        })
        .await;
    drop(progress);
    if let Some(error) = unwritten {
        return Err(error);
    }
    let day = result.map_err(refused)?;
    let churn = Churn::of(&*kept, &day).await?;
    if output.is_json() {
        write_answer(answer, &DayView::of(&day, !args.dry_run, churn))?;
    } else {
        Output::raw(&day_text(&day, !args.dry_run, &unusual, config.currency))?;
    }
    if day.summary.complete {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}

/// Writes a figure into the answer, which begins with the first: a run that fails before says nothing.
fn write_entry(answer: &mut Option<LongList>, figure: &Figure<'_>) -> Result<(), CliError> {
    let list = match answer {
        Some(list) => list,
        None => answer.insert(LongList::begin("subscriptions")?),
    };
    list.entry(&Entry::from(figure))
        .map_err(|error| CliError::write("cannot write to standard output", error))
}

fn write_answer(answer: Option<LongList>, day: &DayView<'_>) -> Result<(), CliError> {
    let list = match answer {
        Some(list) => list,
        None => LongList::begin("subscriptions")?,
    };
    list.end(day)
}

/// Why there is no report, as a command says it.
pub(super) fn refused(error: ReportError) -> CliError {
    match error {
        ReportError::Port(error) => CliError::Port(error),
        ReportError::Past { .. } | ReportError::NoDate(_) => CliError::Usage(error.to_string()),
        error => CliError::Failed(error.to_string()),
    }
}
