//! `revenue cohorts`: how many of those who first paid in a month still pay, and how much.

use std::path::PathBuf;

use cc_devops_reports::charts::{Cell as HeatCell, HeatMap, HeatRow};
use cc_devops_revenue::cohorts::{self, Cell, NoRetention, Retention, Row};
use cc_devops_revenue::currency::Currency;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::csv;
use super::pictures::Pictures;
use super::words::{money as money_of, reporting_currency};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::store;

const AFTER_HELP: &str = "\
A row is everybody who first paid in a month; its cells say how many of them pay at the end of that
month, of the next, and so on. With --money it is how much of what they first paid they pay then:
more than 100 % where those who stayed pay more. Who paid before there were records is the row
`before`. Money is converted at the newest rates throughout.

Examples:
  cc-devops revenue cohorts
  cc-devops revenue cohorts --money --svg retention.svg --png retention.png
  cc-devops revenue cohorts --csv";

/// What is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Show how much of the money stays, instead of how many of the customers
    #[arg(long)]
    money: bool,
    /// Last day that counts; without it, the last day that was kept
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Date>,
    /// Currency that money is in, instead of the configuration's
    #[arg(long, value_name = "CURRENCY")]
    currency: Option<Currency>,
    /// Write the picture to this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the picture to this file, too, as PNG of 2560 by 1440 dots
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Answer as CSV, a line for each month of each cohort
    #[arg(long)]
    csv: bool,
}

/// Runs `revenue cohorts`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    csv::alone(output, args.csv)?;
    let currency = reporting_currency(context, args.currency)?;
    let opened = store::open(context).await?;
    let today = opened.ports.clock.now().to_zoned(TimeZone::UTC).date();
    let until = args.until.unwrap_or(today);
    let found = cohorts::retention(&*opened.ports.revenue, until, currency).await;
    let retention = found.map_err(|error| match error {
        NoRetention::Port(error) => CliError::Port(error),
        error => CliError::Failed(error.to_string()),
    })?;
    let map = heat_map(&retention, args.money);
    let files = Pictures {
        svg: args.svg.as_deref(),
        png: args.png.as_deref(),
    };
    files.write(|| map.svg())?;
    if args.csv {
        return Output::raw(&csv::written(&retention.table())?);
    }
    output.answer(&retention, || {
        let mut parts = vec![map.title.clone(), map.terminal(output.size().0), map.note.clone()];
        parts.extend(files.told());
        parts.join("\n\n")
    })
}

fn heat_map(retention: &Retention, money: bool) -> HeatMap {
    let (what, note) = if money {
        (
            "Revenue",
            "what they pay at the end of each month since, of what they first paid",
        )
    } else {
        ("Customer", "who still pays at the end of each month since")
    };
    let going_on = if retention.month_is_over {
        ""
    } else {
        "; the last month goes on"
    };
    let longest = retention.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let oldest = retention.rows.iter().find_map(|row| row.cohort);
    let from = oldest.map_or(String::new(), |month| format!(" from {month}"));
    HeatMap {
        title: format!("{what} retention by month of first MRR{from} until {}", retention.until),
        note: format!("{note}{going_on}"),
        corner: "first MRR".to_owned(),
        columns: (0..longest).map(|month| month.to_string()).collect(),
        rows: retention
            .rows
            .iter()
            .map(|row| heat_row(row, retention.currency, money))
            .collect(),
    }
}

fn heat_row(row: &Row, currency: Currency, money: bool) -> HeatRow {
    let cohort = row.name();
    let size = if money {
        money_of(&row.mrr, currency)
    } else {
        row.customers.to_string()
    };
    let cell = |cell: &Cell| {
        let share = if money {
            &cell.revenue_retention
        } else {
            &cell.customer_retention
        };
        let permille = share.as_ref()?.shifted(3, 0).ok()?.parse::<u32>().unwrap_or_default();
        let now = if money {
            currency.exact(&cell.mrr)
        } else {
            cell.customers.to_string()
        };
        Some(HeatCell {
            permille,
            label: format!("{} %", share.as_ref()?.shifted(2, 0).ok()?),
            about: format!("{cohort}, end of {}: {now} of {size}", cell.month),
        })
    };
    HeatRow {
        name: format!("{cohort}  {size}"),
        cells: row.cells.iter().map(cell).collect(),
    }
}
