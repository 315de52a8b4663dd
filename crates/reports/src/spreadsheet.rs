//! Tables for spreadsheets: CSV as RFC 4180 has it, with a head.

use std::borrow::Cow;

/// A table as CSV. No cell of it is taken for a formula.
///
/// # Errors
/// A row has another number of cells than the head.
pub fn csv(head: &[String], rows: &[Vec<String>]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(head)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| plain(cell).into_owned()))?;
    }
    let written = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&written).into_owned())
}

/// A cell that no spreadsheet takes for a formula. A number stays one.
fn plain(cell: &str) -> Cow<'_, str> {
    let is_number = cell.parse::<f64>().is_ok();
    if !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{cell}").into();
    }
    cell.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_is_smuggled_in() {
        let head = ["one", "two", "three"].map(ToOwned::to_owned);
        let rows = [["a,\"b\"", "=SUM(A1)", "-1.50"].map(ToOwned::to_owned).to_vec()];
        let text = csv(&head, &rows).unwrap();
        assert_eq!(text, "one,two,three\n\"a,\"\"b\"\"\",'=SUM(A1),-1.50\n");
        assert!(csv(&head, &[Vec::new()]).is_err());
    }
}
