//! Tables as comma-separated values, for spreadsheets: RFC 4180, with a header.

use crate::error::CliError;

/// The table as text.
pub(super) fn csv_text(header: &[String], rows: &[Vec<String>]) -> Result<String, CliError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = std::iter::once(header)
        .chain(rows.iter().map(Vec::as_slice))
        .try_for_each(|row| writer.write_record(row));
    let bytes = written.map_err(std::io::Error::from).and_then(|()| {
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        String::from_utf8(bytes).map_err(std::io::Error::other)
    });
    bytes.map_err(|error| CliError::write("the table cannot be written as CSV", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_comma_or_a_quote_is_quoted() {
        let text = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let table = csv_text(&text(&["a", "b"]), &[text(&["1,5", "say \"so\""])]).unwrap();
        assert_eq!(table, "a,b\n\"1,5\",\"say \"\"so\"\"\"\n");
    }
}
