//! `revenue movements`: which customers moved MRR, on which day, by which of their subscriptions.

use cc_devops_kernel::paging::Cursor;
use cc_devops_revenue::customer_movements::{Covered, CustomerMovement, MovementFilter, days_or_usual};
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::ports::RevenueStore;
use cc_devops_revenue::tables::{MOVEMENT_COLUMNS, Table};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::csv;
use super::words::nothing_kept;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{LongList, Output, table};
use crate::store;

const AFTER_HELP: &str = "\
Each line is a customer on a day: what it paid a month before, and at the day's end. A customer who
pays in two currencies has a line for each. Subscriptions are those whose own figures changed.

Examples:
  cc-devops revenue movements
  cc-devops revenue movements --from 2026-01-01 --to 2026-03-31 --kind churn
  cc-devops revenue movements --customer cus_QXg1o8vcGmoR32 --json
  cc-devops revenue movements --from 2026-01-01 --csv > movements.csv";

/// How many are read at once.
const PAGE: usize = 1_000;

/// Which movements.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// First day; without it, 90 days before the last
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// Last day; without it, today
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Date>,
    /// Only this kind
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    kind: Option<Kind>,
    /// Only this customer's
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Write comma-separated values
    #[arg(long)]
    csv: bool,
}

/// The kinds, by name.
fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).try_map(|name| name.parse::<Kind>())
}

/// Runs `revenue movements`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    csv::alone(context.output, args.csv)?;
    let opened = store::open(context).await?;
    let store = &*opened.ports.revenue;
    let today = opened.ports.clock.now().to_zoned(TimeZone::UTC).date();
    let (from, until) = days_or_usual(args.from, args.to, today);
    let days = store.days(from, until).await?;
    if days.is_empty() {
        return Err(nothing_kept(from, until));
    }
    let rest = Covered::of(from, until, &days);
    let wanted = MovementFilter {
        from,
        until,
        kind: args.kind,
        customer: args.customer,
    };
    if context.output.is_json() {
        return stream(store, &wanted, &rest).await;
    }
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = next(store, &wanted, &mut after).await?;
        let (between, unknown) = if args.csv { (" ", "") } else { (", ", "not known") };
        rows.extend(page.iter().map(|moved| moved.cells(between, unknown)));
        if after.is_none() {
            break;
        }
    }
    if args.csv {
        let head = MOVEMENT_COLUMNS.map(ToOwned::to_owned).into();
        Output::raw(&csv::written(&Table { head, rows })?)?;
        for remark in rest.remarks() {
            context.output.note(&remark);
        }
        return Ok(());
    }
    let mut parts = vec![match rows.as_slice() {
        [] => format!("nobody moved that is known of, from {from} until {until}"),
        rows => {
            let head = MOVEMENT_COLUMNS.map(str::to_ascii_uppercase);
            table(&head.each_ref().map(String::as_str), rows.iter().cloned())
        }
    }];
    parts.extend(rest.remarks());
    Output::raw(&parts.join("\n\n"))
}

/// The page after `after`, which becomes where the next one starts.
async fn next(
    store: &dyn RevenueStore,
    wanted: &MovementFilter,
    after: &mut Option<Cursor>,
) -> Result<Vec<CustomerMovement>, CliError> {
    let page = store.movements(wanted, *after, PAGE).await?;
    *after = page.next;
    Ok(page.items)
}

async fn stream(store: &dyn RevenueStore, wanted: &MovementFilter, rest: &Covered) -> Result<(), CliError> {
    let mut list = LongList::begin("movements")?;
    let mut after = None;
    loop {
        for moved in next(store, wanted, &mut after).await? {
            list.entry(&moved)
                .map_err(|error| CliError::write("cannot write to standard output", error))?;
        }
        if after.is_none() {
            return list.end(rest);
        }
    }
}
