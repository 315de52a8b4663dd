//! `revenue figures`: ARR, churn, retention and the rest, by day, month or year.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figures::{By, CHURN_DAYS, Days, Entry, Figures, Missing, Name, Period, Term};
use cc_devops_revenue::ports::RevenueStore;
use cc_devops_revenue::tables::Table;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::csv;
use super::words::{nothing_kept, reporting_currency};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::store;

const AFTER_HELP: &str = "\
The figures are computed from the days that were kept, exactly, and rounded when they are shown.
docs/MRR.md defines each, with its source and an example. By month and by year, rates are of the
period; by day they are of the 30 days that end with it. A figure whose ground is not there is
a dash, with the reason below: no day was kept, or nothing before it.

Figures:
  mrr, arr, subscribers, arpa, gross_revenue_churn, net_revenue_churn, nrr, grr, quick_ratio,
  customer_churn, ltv, trial_mrr, trial_conversion, committed_mrr, mrr_at_risk

Money is in the currency that revenue.currency says, US dollars without it.

Examples:
  cc-devops revenue figures
  cc-devops revenue figures --by day --from 2026-11-01 --to 2026-11-30 --csv
  cc-devops revenue figures --explain nrr --currency eur";

/// Which figures.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// How long a period is
    #[arg(long, value_enum, value_name = "PERIOD", default_value = "month")]
    by: Length,
    /// First day; without it, the last 30 days, 12 months or 5 years
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// Last day; without it, today
    #[arg(long, value_name = "YYYY-MM-DD", visible_alias = "until")]
    to: Option<Date>,
    /// Only this figure, with the numbers it is computed from
    #[arg(long, value_name = "FIGURE", value_parser = name)]
    explain: Option<Name>,
    /// Currency that money is shown in, instead of the configuration's
    #[arg(long, value_name = "CURRENCY")]
    currency: Option<Currency>,
    /// Answer as CSV, a line for each period
    #[arg(long, conflicts_with = "explain")]
    csv: bool,
}

/// How long a period is.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Length {
    /// A day, with the rates of the 30 days that end with it
    Day,
    /// A month of the calendar
    Month,
    /// A year of the calendar
    Year,
}

fn name(text: &str) -> Result<Name, String> {
    Name::named(text).ok_or_else(|| {
        let names: Vec<&str> = Name::ALL.into_iter().map(Name::as_str).collect();
        format!("there is no such figure; the figures are {}", names.join(", "))
    })
}

impl Length {
    fn by(self) -> By {
        match self {
            Self::Day => By::Day,
            Self::Month => By::Month,
            Self::Year => By::Year,
        }
    }

    /// The day that many periods before `until`, which are shown where nobody says.
    fn back(self, until: Date) -> Date {
        match self {
            Self::Day => until.saturating_sub(29.days()),
            Self::Month => until.saturating_sub(11.months()),
            Self::Year => until.saturating_sub(4.years()),
        }
    }
}

/// The figures as programs see them.
#[derive(Serialize)]
struct Answer<'a> {
    by: By,
    currency: Currency,
    /// The one figure that was asked for; `null` where all are given.
    figure: Option<Name>,
    periods: &'a [Figures],
}

/// Runs `revenue figures`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    csv::alone(output, args.csv)?;
    let currency = reporting_currency(context, args.currency)?;
    let opened = store::open(context).await?;
    let today = opened.ports.clock.now().to_zoned(TimeZone::UTC).date();
    let until = args.to.unwrap_or(today);
    let from = args.from.unwrap_or_else(|| args.by.back(until));
    if from > until {
        return Err(CliError::Usage(format!(
            "{from} is after {until}: give --from a day before --to"
        )));
    }
    let mut periods = figures(&*opened.ports.revenue, args.by.by(), from, until, currency).await?;
    if let Some(name) = args.explain {
        for figures in &mut periods {
            figures.entries.retain(|entry| entry.name == name);
        }
    }
    if args.csv {
        return Output::raw(&as_csv(&periods, currency)?);
    }
    let answer = Answer {
        by: args.by.by(),
        currency,
        figure: args.explain,
        periods: &periods,
    };
    output.answer(&answer, || match args.explain {
        Some(_) => periods.iter().map(explained).collect::<Vec<_>>().join("\n\n"),
        None => shown(&periods, usize::from(output.size().0)),
    })
}

/// The figures of every period from the first that has a day.
async fn figures(
    store: &dyn RevenueStore,
    by: By,
    from: Date,
    until: Date,
    currency: Currency,
) -> Result<Vec<Figures>, CliError> {
    let first = Period::of(by, from).from;
    let loaded = store.days(first.saturating_sub((CHURN_DAYS + 8).days()), until).await?;
    // Of the day that the first one is compared with, the rates are needed.
    let mut before = Vec::new();
    for date in Days::new(&loaded).wanted() {
        before.extend(store.day(date).await?);
    }
    let days = Days::new(before.iter().chain(&loaded));
    let kept = days.newest(first, until).and_then(|_| days.first());
    let Some(kept) = kept else {
        return Err(nothing_kept(first, until));
    };
    let periods = Period::between(by, from.max(kept.date), until);
    let figures = periods.into_iter().map(|period| {
        // Days after the last one that was asked for do not count.
        let period = Period {
            until: period.until.min(until),
            ..period
        };
        Figures::of(&days, period, currency)
    });
    Ok(figures.collect())
}

/// A table with a column for each period: as many of the newest as fit.
fn shown(periods: &[Figures], width: usize) -> String {
    const CELL: usize = 16;
    const NAME: usize = 21;
    let fitting = (width.saturating_sub(NAME) / CELL).max(1);
    let newest = periods.get(periods.len().saturating_sub(fitting)..).unwrap_or(periods);
    let titles: Vec<String> = newest.iter().map(|figures| figures.period.to_string()).collect();
    let head: Vec<&str> = std::iter::once("FIGURE")
        .chain(titles.iter().map(String::as_str))
        .collect();
    let rows = Name::ALL.map(|name| {
        let cells = newest.iter().map(|figures| {
            let entry = figures.get(name);
            entry
                .and_then(|entry| entry.shown().ok())
                .unwrap_or_else(|| "-".to_owned())
        });
        std::iter::once(name.as_str().to_owned())
            .chain(cells)
            .collect::<Vec<_>>()
    });
    let mut parts = vec![table(&head, rows)];
    let why: Vec<String> = newest.iter().flat_map(reasons).collect();
    if !why.is_empty() {
        parts.push(why.join("\n"));
    }
    let incomplete: Vec<String> = newest
        .iter()
        .filter(|figures| figures.day.is_some() && !figures.complete)
        .map(|figures| figures.period.to_string())
        .collect();
    if !incomplete.is_empty() {
        parts.push(format!(
            "incomplete: {}; not everything could be computed or converted on the last day, see `revenue history`",
            incomplete.join(", ")
        ));
    }
    let afterwards: Vec<String> = newest
        .iter()
        .filter(|figures| figures.reconstructed)
        .map(|figures| figures.period.to_string())
        .collect();
    if !afterwards.is_empty() {
        parts.push(format!(
            "reconstructed: {}; docs/MRR.md says what is not known of such days",
            afterwards.join(", ")
        ));
    }
    if newest.len() < periods.len() {
        parts.push(format!(
            "{} earlier periods with --csv, --json or --to",
            periods.len() - newest.len()
        ));
    }
    parts.join("\n\n")
}

/// Why figures of a period are not there, each reason once.
fn reasons(figures: &Figures) -> Vec<String> {
    let mut reasons: Vec<(Missing, Vec<&str>)> = Vec::new();
    for entry in &figures.entries {
        let Err(missing) = entry.shown() else { continue };
        match reasons.iter_mut().find(|(reason, _)| *reason == missing) {
            Some((_, names)) => names.push(entry.name.as_str()),
            None => reasons.push((missing, vec![entry.name.as_str()])),
        }
    }
    let line = |(missing, names): &(Missing, Vec<&str>)| {
        let names = if names.len() == figures.entries.len() {
            "every figure".to_owned()
        } else {
            names.join(", ")
        };
        format!("{}  no {names}: {missing}", figures.period)
    };
    reasons.iter().map(line).collect()
}

/// A figure of a period with everything it was computed from.
fn explained(figures: &Figures) -> String {
    let entries = figures.entries.iter().map(|entry| {
        let head = format!("{} of {}", entry.name.as_str(), figures.period);
        match entry.worked() {
            Ok(worked) => {
                let money = entry.currency.code();
                let days = match (figures.opening, figures.day) {
                    (Some(opening), Some(day)) => format!("opened at the end of {opening}, closed at the end of {day}"),
                    (None, Some(day)) => format!("at the end of {day}"),
                    _ => String::new(),
                };
                format!(
                    "{head}: {worked}\n  {}\n  {days}, money in {money}\n\n{}",
                    entry.name.formula(),
                    terms(entry)
                )
            }
            Err(missing) => format!("{head}: not known\n  {}\n  {missing}", entry.name.formula()),
        }
    });
    entries.collect::<Vec<_>>().join("\n\n")
}

fn terms(entry: &Entry) -> String {
    let row = |below: bool, (place, term): (usize, &Term)| {
        let sign = match (below, place, term.minus) {
            (_, _, true) => "−",
            (true, 0, false) => "÷",
            (false, 0, false) => "",
            (_, _, false) => "+",
        };
        let amount = entry.amount(term).unwrap_or_default();
        vec![sign.to_owned(), term.what.clone(), amount, term.amount.to_string()]
    };
    let above = entry.numerator().iter().enumerate().map(|term| row(false, term));
    let below = entry.denominator().iter().enumerate().map(|term| row(true, term));
    table(&["", "NUMBER", "AMOUNT", "EXACT (MINOR UNITS)"], above.chain(below))
}

/// A line for each period: money in units of its currency, shares as parts of 1, what is not known empty.
fn as_csv(periods: &[Figures], currency: Currency) -> Result<String, CliError> {
    let mut head = vec!["period", "from", "until", "day", "complete", "currency"];
    head.extend(Name::ALL.map(Name::as_str));
    let rows = periods.iter().map(|figures| {
        let mut row = vec![
            figures.period.to_string(),
            figures.period.from.to_string(),
            figures.period.until.to_string(),
            figures.day.map(|day| day.to_string()).unwrap_or_default(),
            figures.complete.to_string(),
            currency.to_string(),
        ];
        row.extend(Name::ALL.map(|name| {
            figures
                .get(name)
                .and_then(|entry| entry.decimal().ok())
                .unwrap_or_default()
        }));
        row
    });
    let table = Table {
        rows: rows.collect(),
        head: head.into_iter().map(ToOwned::to_owned).collect(),
    };
    csv::written(&table)
}
