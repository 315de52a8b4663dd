//! `revenue compute`: from a file, without an account.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::report::{Entry, Summary};
use cc_devops_revenue::run::Run;
use cc_devops_stripe::compute::{Checked, ComputeError, Duplicates, Input, read_coupons, read_customers, read_prices};
use cc_devops_stripe::objects::Terms;

use super::rules::Rules;
use super::shown::{Unusual, summary_text};
use crate::error::CliError;
use crate::output::{LongList, Output};

const AFTER_HELP: &str = "\
The input is a JSON array of Stripe subscriptions, a list as Stripe's API answers it, pages of one,
or one subscription a line (NDJSON), in any shape that Stripe has sent. Nothing is sent anywhere, and
the configuration does not count.

A subscription that is there more than once counts once. A customer's own discount is known where the
customer is expanded, or stands in the file of customers.

Policies: stripe-default (Stripe's published definition) and transactions (charges minus refunds,
which a file of subscriptions does not tell: mrrUSD is null). Options, with --set option=value:
  active_from                   first_period or first_payment
  churn_timing                  requested or period_end
  paused_collection             include or exclude
  subtract_recurring_discounts  true or false
  subtract_once_discounts       true or false
  discount_order                array or percent_first
  subtract_application_fee      true or false
  day_factor, week_factor       days and weeks of a month, as 365/12 or 30

Exit code 1 when the figures are incomplete: a subscription could not be computed and is listed with
its reason, a currency has no rate, or the list is only a page. Exit code 3 when the input is no
subscriptions at all: empty, cut off, CSV.

Examples:
  stripe subscriptions list --limit 100 > subscriptions.json
  cc-devops revenue compute --input subscriptions.json
  cc-devops revenue compute --input all.ndjson --customers customers.json --as-of 2026-06-30
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
    /// File of customers, for discounts that are theirs
    #[arg(long, value_name = "FILE")]
    customers: Option<PathBuf>,
    /// What counts of a subscription that is there more than once, with different values: none of it, or the last
    #[arg(long, value_name = "HOW", default_value = "refuse")]
    duplicates: Copies,
}

/// What counts of several different values of one subscription.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Copies {
    /// None: it is an error
    Refuse,
    /// The last in the file
    Newest,
}

impl From<Copies> for Duplicates {
    fn from(copies: Copies) -> Self {
        match copies {
            Copies::Refuse => Self::Refuse,
            Copies::Newest => Self::Newest,
        }
    }
}

/// Files to compute from, read and checked as far as they are read beforehand.
pub(super) struct Files<'a> {
    name: &'a Path,
    input: Input,
    checked: Checked,
    catalog: Catalog,
    policy: Policy,
    as_of: i64,
}

impl<'a> Files<'a> {
    /// Reads what stands beside, and looks at the subscriptions as a whole.
    pub(super) fn open(name: &'a Path, beside: &Beside, rules: &Rules) -> Result<Self, CliError> {
        let mut catalog = Catalog::default();
        let policy = rules.policy(Policy::default())?;
        if let Some(file) = &beside.prices {
            read_prices(open(file)?, &mut catalog).map_err(|error| unusable(file, error))?;
        }
        if let Some(file) = &beside.coupons {
            read_coupons(open(file)?, &mut catalog).map_err(|error| unusable(file, error))?;
        }
        if let Some(file) = &beside.customers {
            read_customers(open(file)?, &mut catalog).map_err(|error| unusable(file, error))?;
        }
        let input = if name == Path::new("-") {
            Input::from_pipe(std::io::stdin().lock())
        } else {
            Input::open(name)
        };
        let mut input = input.map_err(|error| cannot_read(name, &error))?;
        let checked = input.check(beside.duplicates.into());
        let checked = checked.map_err(|error| unusable(name, error))?;
        Ok(Self {
            name,
            input,
            checked,
            catalog,
            policy,
            as_of: rules.as_of.unwrap_or_else(|| SystemClock.now().as_second()),
        })
    }

    /// What was seen of the input as a whole.
    pub(super) fn checked(&self) -> &Checked {
        &self.checked
    }

    /// Hands over every subscription's figure, in the file's order.
    pub(super) fn figures(
        &mut self,
        explain: Explain,
        each: impl FnMut(&Figure<'_>) -> std::io::Result<()> + Send,
    ) -> Result<(), CliError> {
        let terms = Terms {
            catalog: &self.catalog,
            options: &self.policy.options,
            as_of: self.as_of,
            explain,
        };
        let computed = self.input.figures(&self.checked, terms, each);
        computed.map_err(|error| unusable(self.name, error))
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead + Send>, CliError> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    match File::open(file) {
        Ok(open) => Ok(Box::new(BufReader::with_capacity(1 << 20, open))),
        Err(error) => Err(cannot_read(file, &error)),
    }
}

/// What cannot be opened was named wrongly; what breaks off while it is read was not.
fn cannot_read(file: &Path, error: &std::io::Error) -> CliError {
    let message = format!("cannot read {}: {error}", file.display());
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory => CliError::Usage(message),
        _ => CliError::Failed(message),
    }
}

fn unusable(file: &Path, error: ComputeError) -> CliError {
    CliError::open(format!("cannot use {}", file.display()), error)
}

/// Computes all of it: the figures for programs one by one, as they come; the summary for people.
pub(super) fn run(output: Output, args: &Args) -> Result<(), CliError> {
    let mut files = Files::open(&args.input, &args.beside, &args.rules)?;
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
    run.add_duplicates(files.checked().duplicates());
    if files.checked().list_incomplete() {
        run.list_incomplete();
    }
    if let Some(error) = unkept {
        return Err(CliError::Failed(error.to_string()));
    }
    let summary = Summary::new(&run, &files.policy, files.as_of, &rates, None);
    let summary = summary.map_err(|error| CliError::Failed(error.to_string()))?;
    match answer {
        Some(answer) => answer.end(&summary)?,
        None => Output::raw(&summary_text(&summary, &unusual))?,
    }
    if summary.complete {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}
