//! `audit export`: every row as a line of JSON, oldest first.

use std::collections::HashMap;
use std::path::PathBuf;

use cc_devops_app::audit_archive::Export;
use cc_devops_kernel::audit::{AuditFilter, AuditRow};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{AuditTrail, PortResult};
use jiff::Timestamp;
use serde_json::json;

use super::super::times::parse_moment;
use super::Filter;
use crate::error::CliError;
use crate::output::Output;

/// How many rows are read at a time.
const PAGE: usize = 1_000;

/// What to export, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// Only what was written before this day or time, each chain up to its first row that was not
    #[arg(long, value_name = "DATE", value_parser = parse_moment, conflicts_with_all = ["agent", "action", "status", "since", "until"])]
    before: Option<Timestamp>,
    /// File to write instead of standard output; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs `audit export`.
pub(super) async fn run(output: Output, trail: &dyn AuditTrail, args: Args) -> Result<(), CliError> {
    let mut filter: AuditFilter = args.filter.into();
    let mut chains = args.before.map(|_| Beginnings::default());
    filter.until = args.before.or(filter.until);
    let mut wanted = move |row: &AuditRow| chains.as_mut().is_none_or(|chains| chains.goes_on(row));
    let Some(path) = args.out else {
        return walk(trail, &filter, |row| {
            if wanted(row) { Output::json_line(row) } else { Ok(()) }
        })
        .await;
    };
    if path.exists() {
        return Err(CliError::Usage(format!(
            "{} exists already; name a new file",
            path.display()
        )));
    }
    let cannot = |error| CliError::write(format!("cannot write {}; name a new file", path.display()), error);
    let mut file = Export::create(&path).map_err(cannot)?;
    let mut rows = 0_u64;
    walk(trail, &filter, |row| {
        if wanted(row) {
            rows += 1;
            return file.row(row).map_err(cannot);
        }
        Ok(())
    })
    .await?;
    file.finish().map_err(cannot)?;
    let shown = path.display().to_string();
    output.answer(&json!({"file": shown, "rows": rows}), || {
        format!("exported to {shown} ({rows} row(s))")
    })
}

/// The beginnings of chains: a row that does not follow from the one before stands behind one that is not
/// wanted, and neither is it. So what is exported holds on its own.
#[derive(Default)]
struct Beginnings(HashMap<Option<String>, Option<i64>>);

impl Beginnings {
    fn goes_on(&mut self, row: &AuditRow) -> bool {
        let last = self.0.entry(row.chain.clone()).or_insert(Some(row.seq - 1));
        let goes_on = *last == Some(row.seq - 1);
        *last = goes_on.then_some(row.seq);
        goes_on
    }
}

/// Gives every row, oldest first. The trail gives its rows newest first, so the pages' places are noted on the
/// way down and the pages read again on the way up: memory holds one page.
async fn walk(
    trail: &dyn AuditTrail,
    filter: &AuditFilter,
    mut take: impl FnMut(&AuditRow) -> Result<(), CliError>,
) -> Result<(), CliError> {
    // Rows that come meanwhile push the newest page down, so that one is kept.
    let newest = trail.list(filter, None, PAGE).await?;
    let mut places: Vec<Cursor> = Vec::new();
    let mut next = newest.next;
    while let Some(place) = next {
        places.push(place);
        next = trail.list(filter, Some(place), PAGE).await?.next;
    }
    let mut give = |page: PortResult<Page<AuditRow>>| page?.items.iter().rev().try_for_each(&mut take);
    for place in places.into_iter().rev() {
        give(trail.list(filter, Some(place), PAGE).await)?;
    }
    give(Ok(newest))
}
