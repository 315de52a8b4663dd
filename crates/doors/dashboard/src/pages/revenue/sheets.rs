//! Tables as files for spreadsheets.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use cc_devops_http::problem::Problem;
use cc_devops_revenue::tables::Table;

use crate::refusal::Refusal;

/// A table as a file of this name.
pub(super) fn file(name: &str, table: &Table) -> Result<Response, Refusal> {
    let text = cc_devops_reports::csv(&table.head, &table.rows).map_err(|error| {
        tracing::error!(%error, "a table cannot be written as CSV");
        Problem::internal()
    })?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    Ok((headers, text).into_response())
}
