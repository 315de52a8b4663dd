//! `revenue`: Monthly Recurring Revenue from Stripe's subscriptions, exact and explained.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use cc_devops_core::revenue::currency::Currency;
use cc_devops_core::revenue::figure::Figure;
use cc_devops_core::revenue::lines::Explain;
use cc_devops_core::revenue::model::Catalog;
use cc_devops_core::revenue::money::Exact;
use cc_devops_core::revenue::policy::Policy;
use cc_devops_core::revenue::rates::Rates;
use cc_devops_core::revenue::report::{Entry, Summary};
use cc_devops_core::revenue::run::Run;
use cc_devops_stripe::compute::{ComputeError, compute, read_coupons, read_prices};
use cc_devops_stripe::objects::Terms;
use serde::Serialize;

use crate::Context;
use crate::error::CliError;
use crate::output::{LongList, Output, table};

const COMPUTE_HELP: &str = "\
The input is a JSON array of Stripe subscriptions, a list as Stripe's API answers it, or one
subscription a line (NDJSON), in any shape that Stripe has sent. Nothing is sent anywhere.

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

const EXPLAIN_HELP: &str = "\
Each line is an amount a month; together they are the figure, to the last fraction of a cent.

Examples:
  cc-devops revenue explain sub_1Pgc6xB7WZ01zgkW --input subscriptions.json
  cc-devops revenue explain cus_QXg1o8vcGmoR32 --input subscriptions.json --json";

/// How many subscriptions with an error are shown to a person.
const SHOWN: usize = 20;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Compute MRR from a file of Stripe subscriptions; needs no account
    #[command(after_help = COMPUTE_HELP)]
    Compute(Source),
    /// Show every line that leads to a subscription's or a customer's MRR
    #[command(after_help = EXPLAIN_HELP)]
    Explain {
        /// Subscription's or customer's id
        id: String,
        #[command(flatten)]
        source: Source,
    },
}

/// What is computed, and by which rules.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// File of subscriptions; - for standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// File of prices, for tiers that the subscriptions do not tell
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// File of coupons, for discounts that the subscriptions do not tell
    #[arg(long, value_name = "FILE")]
    coupons: Option<PathBuf>,
    /// Moment the figures are of, in Unix seconds; without it, now
    #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
    as_of: Option<i64>,
    /// Which definition of MRR
    #[arg(long, value_name = "NAME", default_value = "stripe-default")]
    policy: String,
    /// Change an option of the policy; may be given more than once
    #[arg(long = "set", value_name = "OPTION=VALUE")]
    options: Vec<String>,
    /// How many US dollars a unit of a currency is worth; may be given more than once
    #[arg(long = "rate", value_name = "CURRENCY=DOLLARS")]
    rates: Vec<String>,
}

/// Runs `revenue`.
pub(crate) fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Compute(source) => tell(context.output, &source),
        Command::Explain { id, source } => explain(context.output, &id, &source),
    }
}

/// The rules as they were given, read and checked.
struct Rules {
    policy: Policy,
    catalog: Catalog,
    rates: Rates,
    as_of: i64,
}

impl Rules {
    fn of(source: &Source) -> Result<Self, CliError> {
        let usage = |error: &dyn std::fmt::Display| CliError::Usage(error.to_string());
        let mut policy = Policy::named(&source.policy).map_err(|error| usage(&error))?;
        for option in &source.options {
            policy.assign(option).map_err(|error| usage(&error))?;
        }
        let mut catalog = Catalog::default();
        if let Some(file) = &source.prices {
            read_prices(open(file)?, &mut catalog).map_err(|error| unusable(file, error))?;
        }
        if let Some(file) = &source.coupons {
            read_coupons(open(file)?, &mut catalog).map_err(|error| unusable(file, error))?;
        }
        let as_of = source.as_of.unwrap_or_else(|| jiff::Timestamp::now().as_second());
        Ok(Self {
            policy,
            catalog,
            rates: rates(&source.rates)?,
            as_of,
        })
    }

    fn terms(&self, explain: Explain) -> Terms<'_> {
        Terms {
            catalog: &self.catalog,
            options: &self.policy.options,
            as_of: self.as_of,
            explain,
        }
    }
}

/// Rates from `eur=1.08`: the dollars that one unit is worth.
fn rates(given: &[String]) -> Result<Rates, CliError> {
    if given.is_empty() {
        return Ok(Rates::none());
    }
    let per_dollar = given.iter().map(|text| {
        let bad = || {
            CliError::Usage(format!(
                "write a rate as currency=dollars, such as eur=1.08, not `{text}`"
            ))
        };
        let (currency, dollars) = text.split_once('=').ok_or_else(bad)?;
        let currency: Currency = currency.trim().parse().map_err(|_| bad())?;
        let dollars: Exact = dollars.trim().parse().map_err(|_| bad())?;
        Ok((currency, Exact::ONE.over(dollars).map_err(|_| bad())?))
    });
    let per_dollar: Vec<(Currency, Exact)> = per_dollar.collect::<Result<_, CliError>>()?;
    Rates::new(Currency::USD, "command line", None, per_dollar).map_err(|error| CliError::Usage(error.to_string()))
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
fn tell(output: Output, source: &Source) -> Result<(), CliError> {
    let rules = Rules::of(source)?;
    let explain = if output.is_json() { Explain::Yes } else { Explain::No };
    let mut answer = output.is_json().then(|| LongList::begin("subscriptions")).transpose()?;
    let mut run = Run::default();
    let mut unusual = Vec::new();
    let mut unkept = None;
    let mut read = 0_u64;
    let mut progress = output.progress("subscriptions computed:");
    compute(open(&source.input)?, rules.terms(explain), |figure| {
        read += 1;
        if read.is_multiple_of(10_000) {
            progress.at(read);
        }
        if let Err(error) = run.add(figure) {
            unkept.get_or_insert(error);
        }
        if let Err(error) = &figure.mrr
            && unusual.len() < SHOWN
        {
            unusual.push(vec![
                figure.id.to_string(),
                figure.customer.to_string(),
                code_of(&error.code),
                error.message.clone(),
            ]);
        }
        match &mut answer {
            Some(answer) => answer.entry(&Entry::from(figure)),
            None => Ok(()),
        }
    })
    .map_err(|error| unusable(&source.input, error))?;
    drop(progress);
    if let Some(error) = unkept {
        return Err(CliError::Failed(error.to_string()));
    }
    let summary = Summary::new(&run, &rules.policy, rules.as_of, &rules.rates, None);
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

fn summary_text(summary: &Summary, unusual: &[Vec<String>]) -> String {
    let code = |currency: Currency| currency.as_str().to_ascii_uppercase();
    let money = |minor: i128, currency: Currency| {
        let whole = i64::try_from(minor).map_or(Exact::ZERO, Exact::whole);
        whole.decimal(currency.exponent())
    };
    let rows = summary.totals.iter().map(|total| {
        vec![
            code(total.currency),
            money(total.mrr_minor, total.currency),
            total.subscriptions.to_string(),
            money(total.collection_paused_minor, total.currency),
        ]
    });
    let total = match summary.mrr_usd {
        Some(usd) => format!("{usd} USD"),
        None if summary.without_rate.is_empty() => "cannot be told from subscriptions alone".to_owned(),
        None => {
            let missing: Vec<String> = summary.without_rate.iter().map(|currency| code(*currency)).collect();
            format!("cannot be told: give a --rate for {}", missing.join(", "))
        }
    };
    let whole = if summary.complete { "" } else { " (incomplete)" };
    let mut lines = vec![
        table(&["CURRENCY", "MRR", "SUBSCRIPTIONS", "COLLECTION PAUSED"], rows),
        String::new(),
        format!("MRR           {total}{whole}"),
        format!("subscribers   {}", summary.subscribers),
    ];
    lines.extend(summary.arpa_usd.map(|arpa| format!("ARPA          {arpa} USD")));
    lines.push(format!("policy        {}", summary.policy));
    let excluded: Vec<String> = summary
        .excluded
        .iter()
        .map(|(reason, count)| format!("{count} {}", code_of(reason)))
        .collect();
    if !excluded.is_empty() {
        lines.push(format!("not counted   {}", excluded.join(", ")));
    }
    let errors: u64 = summary.errors.values().sum();
    if errors > 0 {
        lines.push(format!("\n{errors} could not be computed:"));
        lines.push(table(&["SUBSCRIPTION", "CUSTOMER", "CODE", "WHY"], unusual.to_vec()));
    }
    if errors > unusual.len() as u64 {
        lines.push("... all of them with --json".to_owned());
    }
    lines.join("\n")
}

/// A code as programs see it.
fn code_of<T: Serialize>(code: &T) -> String {
    let value = serde_json::to_value(code).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Shows the lines of one subscription, or of all of a customer's.
fn explain(output: Output, id: &str, source: &Source) -> Result<(), CliError> {
    let rules = Rules::of(source)?;
    let mut found: Vec<Figure<'static>> = Vec::new();
    let wanted = |figure: &Figure<'_>| figure.id == id || figure.customer == id;
    let progress = output.progress("reading subscriptions");
    progress.start();
    compute(open(&source.input)?, rules.terms(Explain::Yes), |figure| {
        if wanted(figure) {
            found.push(figure.clone().into_owned());
        }
        Ok(())
    })
    .map_err(|error| unusable(&source.input, error))?;
    drop(progress);
    if found.is_empty() {
        let file = source.input.display();
        return Err(CliError::Failed(format!(
            "{file} has no subscription {id} and none of a customer {id}"
        )));
    }
    let entries: Vec<Entry<'_>> = found.iter().map(Entry::from).collect();
    output.answer(&serde_json::json!({"subscriptions": entries}), || {
        found.iter().map(explained).collect::<Vec<_>>().join("\n\n")
    })
}

fn explained(figure: &Figure<'_>) -> String {
    let Some(currency) = figure.currency else {
        return format!("{}  nobody can say", figure.id);
    };
    let rows = figure.lines.iter().map(|line| {
        vec![
            line.item.clone().unwrap_or_default(),
            line.text.clone(),
            line.amount.money(currency),
            line.amount.to_string(),
        ]
    });
    let lines = table(&["ITEM", "LINE", "A MONTH", "EXACT (MINOR UNITS)"], rows);
    match &figure.mrr {
        Ok(mrr) => format!(
            "{} of {}: {} a month\n\n{lines}",
            figure.id,
            figure.customer,
            mrr.money(currency)
        ),
        Err(error) => format!("{} of {}: {error}", figure.id, figure.customer),
    }
}
