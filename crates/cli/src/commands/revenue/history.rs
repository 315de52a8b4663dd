//! `revenue history`: MRR over the days that were kept, and what moved it.

use std::path::PathBuf;

use cc_devops_revenue::day::Day;
use cc_devops_revenue::history::Waterfall;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::report::{Summary, Usd};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::notes;
use super::shown::{Moved, code_of};
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store;
use cc_devops_reports::charts::{Point, Unit, Waterfall as Bars, svg, terminal};

const AFTER_HELP: &str = "\
The line shows each day's MRR in US dollars. A day that is incomplete is a hollow point, a day that
was not kept a gap. The waterfall shows what moved MRR over the period, all days together.

Examples:
  cc-devops revenue history
  cc-devops revenue history --days 365 --svg mrr.svg
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
}

/// A day as programs see it.
#[derive(Serialize)]
struct Row<'a> {
    date: Date,
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(flatten)]
    moved: Moved<'a>,
}

/// Runs `revenue history`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let today = opened.ports.clock.now().to_zoned(TimeZone::UTC).date();
    let until = args.until.unwrap_or(today);
    let from = match args.from {
        Some(from) => from,
        None => until.saturating_sub(i32::from(args.days - 1).days()),
    };
    let days = opened.ports.revenue.days(from, until).await?;
    if days.is_empty() {
        return Err(CliError::Failed(format!(
            "no MRR is kept from {from} until {until}: `cc-devops revenue report` keeps today's"
        )));
    }
    let waterfall = Waterfall::of(&days);
    let points: Vec<Point> = days.iter().map(point).collect();
    let bars = waterfall.as_ref().map(bars).transpose()?;
    if let Some(file) = &args.svg {
        let title = format!("MRR from {from} until {until}");
        let picture = svg::history(&title, &points, bars.as_ref(), Unit::UsCents);
        std::fs::write(file, picture)
            .map_err(|error| CliError::Failed(format!("cannot write {}: {error}", file.display())))?;
    }
    let rows = days.iter().map(|day| Row {
        date: day.date,
        summary: &day.summary,
        moved: Moved::of(day),
    });
    let rows: Vec<Row<'_>> = rows.collect();
    context.output.answer(
        &Answer {
            days: rows,
            waterfall: waterfall.as_ref(),
        },
        || {
            let (width, height) = context.output.size();
            let mut parts = vec![terminal::line(&points, Unit::UsCents, width, height)];
            parts.extend(
                bars.as_ref()
                    .map(|bars| terminal::waterfall(bars, Unit::UsCents, width)),
            );
            parts.extend(waterfall.as_ref().map(|whole| movements(&days, whole)));
            parts.extend(notes::rates_of(&days));
            parts.extend(notes::of_days(&days));
            parts.extend(
                args.svg
                    .as_ref()
                    .map(|file| format!("the picture is in {}", file.display())),
            );
            parts.retain(|part| !part.is_empty());
            parts.join("\n\n")
        },
    )
}

/// A day on the line.
fn point(day: &Day) -> Point {
    Point {
        date: day.date,
        amount: day.mrr_usd().map(|usd| usd.0),
        complete: day.summary.complete,
    }
}

/// The steps of the period, those that moved nothing left out.
fn bars(whole: &Waterfall) -> Result<Bars, CliError> {
    let moved = whole.moved.iter().map(|(kind, usd)| (code_of(kind), usd.0));
    let others = [("rates", whole.currency_effects.0), ("days not kept", whole.gaps.0)];
    let others = others.map(|(name, cents)| (name.to_owned(), cents));
    let steps = moved
        .chain(others.into_iter().filter(|(_, cents)| *cents != 0))
        .collect();
    Bars::new(whole.opening.0, steps, whole.closing.0)
        .map_err(|error| CliError::internal("the movements of the period do not add up", error))
}

#[derive(Serialize)]
struct Answer<'a> {
    days: Vec<Row<'a>>,
    /// What moved MRR over the period, in US dollars; `null` where no day could be converted.
    waterfall: Option<&'a Waterfall>,
}

/// What moved MRR, in numbers.
fn movements(days: &[Day], whole: &Waterfall) -> String {
    let customers = |kind: Kind| days.iter().map(|day| day.moved(kind)).sum::<u64>().to_string();
    let row = |what: String, usd: Usd, customers: String| vec![what, usd.to_string(), customers];
    let mut rows = vec![row("opening".to_owned(), whole.opening, String::new())];
    for (kind, usd) in &whole.moved {
        rows.push(row(code_of(kind), *usd, customers(*kind)));
    }
    for (what, usd) in [
        ("currency effects", whole.currency_effects),
        ("days not kept", whole.gaps),
    ] {
        if usd.0 != 0 {
            rows.push(row(what.to_owned(), usd, String::new()));
        }
    }
    rows.push(row("closing".to_owned(), whole.closing, String::new()));
    table(&["MOVEMENT", "USD", "CUSTOMERS"], rows)
}
