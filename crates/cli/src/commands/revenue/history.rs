//! `revenue history`: MRR over the days that were kept, and what moved it.

use std::path::PathBuf;

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::history::Waterfall;
use cc_devops_revenue::over_time::OverTime;
use cc_devops_revenue::report::Summary;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::churn::Churn;
use super::csv;
use super::notes;
use super::period::Period;
use super::pictures::Pictures;
use super::shown::Moved;
use super::words::{nothing_kept, reporting_currency};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::store;
use cc_devops_reports::charts::{svg, terminal};

const AFTER_HELP: &str = "\
The line shows each day's MRR, in the currency that revenue.currency or --currency says, US dollars
without it. A day that is incomplete or was reconstructed is a hollow point, a day that was not kept a
gap. The waterfall shows what moved MRR over the period, all days together.

Examples:
  cc-devops revenue history
  cc-devops revenue history --days 365 --svg mrr.svg --png mrr.png
  cc-devops revenue history --days 365 --csv
  cc-devops revenue history --from 2026-01-01 --until 2026-03-31 --json";

/// Which days.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// How many days back
    #[arg(long, value_name = "N", default_value_t = 90, conflicts_with = "from",
          value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
    /// First day, instead of so many days back
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// Last day; without it, today
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Date>,
    /// Write the picture to this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the picture to this file, too, as PNG of 2560 by 1440 dots
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Currency of the table and the pictures, instead of the configuration's
    #[arg(long, value_name = "CURRENCY")]
    currency: Option<Currency>,
    /// Answer as CSV, a line for each day
    #[arg(long)]
    csv: bool,
}

/// A day as programs see it.
#[derive(Serialize)]
struct Row<'a> {
    date: Date,
    /// Whether it was computed afterwards, by a backfill.
    reconstructed: bool,
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(flatten)]
    moved: Moved<'a>,
}

/// Runs `revenue history`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    csv::alone(context.output, args.csv)?;
    let currency = reporting_currency(context, args.currency)?;
    let opened = store::open(context).await?;
    let today = opened.ports.clock.now().to_zoned(TimeZone::UTC).date();
    let until = args.until.unwrap_or(today);
    let from = match args.from {
        Some(from) => from,
        None => until.saturating_sub(i32::from(args.days - 1).days()),
    };
    let over = OverTime::read(&*opened.ports.revenue, from, until, currency).await?;
    let days = over.days();
    if days.is_empty() {
        return Err(nothing_kept(from, until));
    }
    let known = over.known();
    let period = Period(&over);
    let (points, bars, unit) = (period.points(), period.bars()?, period.unit());
    let files = Pictures {
        svg: args.svg.as_deref(),
        png: args.png.as_deref(),
    };
    files.write(|| {
        let title = match reconstructed(&over) {
            Some(which) => format!("MRR from {from} until {until} ({which})"),
            None => format!("MRR from {from} until {until}"),
        };
        svg::history(&title, &points, bars.as_ref(), unit)
    })?;
    if args.csv {
        return Output::raw(&csv::written(&over.table())?);
    }
    let rows = days.iter().map(|day| Row {
        date: day.date,
        reconstructed: day.reconstructed.is_some(),
        summary: &day.summary,
        moved: Moved::of(day, Churn::among(&known, day)),
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let waterfall = Waterfall::of(days);
    context.output.answer(
        &Answer {
            days: rows,
            waterfall: waterfall.as_ref(),
        },
        || {
            let (width, height) = context.output.size();
            let mut parts = vec![terminal::line(&points, unit, width, height)];
            parts.extend(bars.as_ref().map(|bars| terminal::waterfall(bars, unit, width)));
            parts.extend(period.table());
            parts.extend(notes::rates_of(days));
            parts.extend(notes::of_days(days));
            parts.extend(files.told());
            parts.extend(reconstructed(&over));
            parts.retain(|part| !part.is_empty());
            parts.join("\n\n")
        },
    )
}

/// Which days were computed afterwards.
fn reconstructed(over: &OverTime) -> Option<String> {
    let (first, last) = over.reconstructed()?;
    Some(if first == last {
        format!("reconstructed: {first}")
    } else {
        format!("reconstructed: {first} until {last}")
    })
}

#[derive(Serialize)]
struct Answer<'a> {
    days: Vec<Row<'a>>,
    /// What moved MRR over the period, in US dollars; `null` where no day could be converted.
    waterfall: Option<&'a Waterfall>,
}
