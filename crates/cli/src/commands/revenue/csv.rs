//! Tables for spreadsheets.

use cc_devops_revenue::tables::Table;

use crate::error::CliError;
use crate::output::Output;

/// A table as CSV.
pub(super) fn written(table: &Table) -> Result<String, CliError> {
    cc_devops_reports::csv(&table.head, &table.rows)
        .map_err(|error| CliError::internal("a table cannot be written as CSV", error))
}

/// Refuses `--csv` beside `--json`: an answer has one form.
pub(super) fn alone(output: Output, csv: bool) -> Result<(), CliError> {
    if csv && output.is_json() {
        return Err(CliError::Usage("give --csv or --json, not both".to_owned()));
    }
    Ok(())
}
