//! Tables for spreadsheets: CSV as RFC 4180 has it, with a head.

use crate::error::CliError;
use crate::output::Output;

/// A table as CSV.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<String, CliError> {
    let unwritten = |error| CliError::internal("a table cannot be written as CSV", error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(head).map_err(unwritten)?;
    for row in rows {
        writer
            .write_record(row.iter().map(|cell| plain(cell).into_owned()))
            .map_err(unwritten)?;
    }
    let written = writer.into_inner().map_err(|error| {
        let error = error.into_error();
        CliError::internal("a table cannot be written as CSV", error)
    })?;
    Ok(String::from_utf8_lossy(&written).into_owned())
}

/// A cell that no spreadsheet takes for a formula. A number stays one.
fn plain(cell: &str) -> std::borrow::Cow<'_, str> {
    let is_number = cell.parse::<f64>().is_ok();
    if !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{cell}").into();
    }
    cell.into()
}

/// Refuses `--csv` beside `--json`: an answer has one form.
pub(super) fn alone(output: Output, csv: bool) -> Result<(), CliError> {
    if csv && output.is_json() {
        return Err(CliError::Usage("give --csv or --json, not both".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_is_smuggled_in() {
        let rows = [vec!["a,\"b\"".to_owned(), "=SUM(A1)".to_owned(), "-1.50".to_owned()]];
        let text = table(&["one", "two", "three"], rows).unwrap();
        assert_eq!(text, "one,two,three\n\"a,\"\"b\"\"\",'=SUM(A1),-1.50\n");
    }
}
