//! `revenue movements`: which customers moved MRR, on which day, by which of their subscriptions.

use cc_devops_kernel::paging::Cursor;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter, days_or_usual};
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::ports::RevenueStore;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::csv;
use super::words::{amount_of, nothing_kept, upper};
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

/// What stands behind the list.
#[derive(Serialize)]
struct Rest {
    from: Date,
    to: Date,
    /// How many days of the range are kept.
    days: usize,
    /// Days that are kept without their movements, because they are older than those.
    days_without_movements: Vec<Date>,
    /// Days that were computed afterwards.
    days_reconstructed: Vec<Date>,
}

const COLUMNS: [&str; 8] = [
    "DATE",
    "CUSTOMER",
    "KIND",
    "CURRENCY",
    "BEFORE",
    "AFTER",
    "CHANGE",
    "SUBSCRIPTIONS",
];

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
    let rest = Rest {
        from,
        to: until,
        days: days.len(),
        days_without_movements: (days.iter().filter(|day| day.customer_movements.is_none()))
            .map(|day| day.date)
            .collect(),
        days_reconstructed: (days.iter().filter(|day| day.reconstructed.is_some()))
            .map(|day| day.date)
            .collect(),
    };
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
        rows.extend(page.iter().map(|moved| row(moved, args.csv)));
        if after.is_none() {
            break;
        }
    }
    if args.csv {
        let head = COLUMNS.map(str::to_ascii_lowercase);
        Output::raw(&csv::table(&head.each_ref().map(String::as_str), rows)?)?;
        for remark in remarks(&rest) {
            context.output.note(&remark);
        }
        return Ok(());
    }
    let mut parts = vec![match rows.as_slice() {
        [] => format!("nobody moved that is known of, from {from} until {until}"),
        rows => table(&COLUMNS, rows.iter().cloned()),
    }];
    parts.extend(remarks(&rest));
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

async fn stream(store: &dyn RevenueStore, wanted: &MovementFilter, rest: &Rest) -> Result<(), CliError> {
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

fn row(moved: &CustomerMovement, csv: bool) -> Vec<String> {
    let currency = moved.key.currency;
    // Rounded to the minor unit, as everywhere; JSON has the fraction.
    let money = |amount: &Exact| amount_of(amount.rounded(), currency);
    let between = if csv { " " } else { ", " };
    let subscriptions = moved.subscriptions.as_ref();
    let unknown = if csv { "" } else { "not known" };
    vec![
        moved.date.to_string(),
        moved.key.customer.clone(),
        moved.kind.to_string(),
        upper(currency),
        money(&moved.before),
        money(&moved.after),
        moved
            .after
            .minus(moved.before)
            .map_or_else(|_| String::new(), |change| money(&change)),
        subscriptions.map_or_else(|| unknown.to_owned(), |ids| ids.join(between)),
    ]
}

/// What is to be known about the list.
fn remarks(rest: &Rest) -> Vec<String> {
    let mut remarks = Vec::new();
    if let [first, .., last] | [first @ last] = rest.days_without_movements.as_slice() {
        let count = rest.days_without_movements.len();
        remarks.push(format!(
            "{count} of {} days, from {first} until {last}, were kept before movements of customers were: who moved \
             then is not known",
            rest.days
        ));
    }
    if let [first, .., last] | [first @ last] = rest.days_reconstructed.as_slice() {
        let count = rest.days_reconstructed.len();
        remarks.push(format!(
            "{count} of {} days, from {first} until {last}, were reconstructed: docs/MRR.md says what cannot be known \
             of them",
            rest.days
        ));
    }
    remarks
}
