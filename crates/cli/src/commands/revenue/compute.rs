//! `revenue compute`: from a file, without an account.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::report::{Entry, Summary};
use cc_devops_revenue::run::Run;
use cc_devops_stripe::compute::{ComputeError, compute, read_coupons, read_prices};
use cc_devops_stripe::objects::Terms;

use super::rules::Rules;
use super::shown::{Unusual, summary_text};
use crate::error::CliError;
use crate::output::{LongList, Output};

const AFTER_HELP: &str = "\
The input is a JSON array of Stripe subscriptions, a list as Stripe's API answers it, or one
subscription a line (NDJSON), in any shape that Stripe has sent. Nothing is sent anywhere, and the
configuration does not count.

Policies: stripe-default (Stripe's published definition) and transactions (charges minus refunds,
which a file of subscriptions does not tell: mrrUSD is null). Options, with --set option=value:
  active_from                   first_period or first_payment
  churn_timing                  requested or period_end
  paused_collection             include or exclude
  subtract_recurring_discounts  true or false
  subtract_once_discounts       true or false
  discount_order                array or percent_first
  day_factor, week_factor       days and weeks of a month, as 365/12 or 30

Exit code 1 when a subscription could not be computed: it is listed with its reason, and the totals
are only a part.

Examples:
  stripe subscriptions list --limit 100 > subscriptions.json
  cc-devops revenue compute --input subscriptions.json
  cc-devops revenue compute --input all.ndjson --rate eur=1.08 --set day_factor=30 --json";

/// What is computed.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// File of subscriptions; - for standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    #[command(flatten)]
    beside: Beside,
    #[command(flatten)]
    rules: Rules,
}

/// What stands beside a file of subscriptions.
#[derive(Debug, clap::Args)]
pub(super) struct Beside {
    /// File of prices, for tiers that the subscriptions do not tell
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// File of coupons, for discounts that the subscriptions do not tell
    #[arg(long, value_name = "FILE")]
    coupons: Option<PathBuf>,
}

/// Files to compute from, read and checked as far as they are read beforehand.
pub(super) struct Files<'a> {
    input: &'a Path,
    catalog: Catalog,
    policy: Policy,
    as_of: i64,
}

impl<'a> Files<'a> {
    pub(super) fn open(input: &'a Path, beside: &Beside, rules: &Rules) -> Result<Self, CliError> {
        let mut catalog = Catalog::default();
        let policy = rules.policy(Policy::default())?;
        if let Some(file) = &beside.prices {
            read_prices(open(file)?, &mut catalog).map_err(|error| unusable(file, error))?;
        }
        if let Some(file) = &beside.coupons {
            read_coupons(open(file)?, &mut catalog).map_err(|error| unusable(file, error))?;
        }
        Ok(Self {
            input,
            catalog,
            policy,
            as_of: rules.as_of.unwrap_or_else(|| SystemClock.now().as_second()),
        })
    }

    /// Hands over every subscription's figure, in the file's order.
    pub(super) fn figures(
        &self,
        explain: Explain,
        each: impl FnMut(&Figure<'_>) -> std::io::Result<()> + Send,
    ) -> Result<(), CliError> {
        let terms = Terms {
            catalog: &self.catalog,
            options: &self.policy.options,
            as_of: self.as_of,
            explain,
        };
        compute(open(self.input)?, terms, each).map_err(|error| unusable(self.input, error))
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead + Send>, CliError> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    match File::open(file) {
        Ok(open) => Ok(Box::new(BufReader::with_capacity(1 << 20, open))),
        Err(error) => Err(CliError::Usage(format!("cannot read {}: {error}", file.display()))),
    }
}

fn unusable(file: &Path, error: ComputeError) -> CliError {
    CliError::open(format!("cannot use {}", file.display()), error)
}

/// Computes all of it: the figures for programs one by one, as they come; the summary for people.
pub(super) fn run(output: Output, args: &Args) -> Result<(), CliError> {
    let files = Files::open(&args.input, &args.beside, &args.rules)?;
    let rates = args.rules.rates()?.unwrap_or_else(Rates::none);
    let explain = if output.is_json() { Explain::Yes } else { Explain::No };
    let mut answer = output.is_json().then(|| LongList::begin("subscriptions")).transpose()?;
    let mut run = Run::default();
    let mut unusual = Unusual::default();
    let mut unkept = None;
    let mut read = 0_u64;
    let mut progress = output.progress("subscriptions computed:");
    files.figures(explain, |figure| {
        read += 1;
        if read.is_multiple_of(10_000) {
            progress.at(read);
        }
        if let Err(error) = run.add(figure) {
            unkept.get_or_insert(error);
        }
        unusual.look_at(figure);
        match &mut answer {
            Some(answer) => answer.entry(&Entry::from(figure)),
            None => Ok(()),
        }
    })?;
    drop(progress);
    if let Some(error) = unkept {
        return Err(CliError::Failed(error.to_string()));
    }
    let summary = Summary::new(&run, &files.policy, files.as_of, &rates, None);
    let summary = summary.map_err(|error| CliError::Failed(error.to_string()))?;
    match answer {
        Some(answer) => answer.end(&summary)?,
        None => Output::raw(&summary_text(&summary, &unusual))?,
    }
    if summary.errors.is_empty() {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}
