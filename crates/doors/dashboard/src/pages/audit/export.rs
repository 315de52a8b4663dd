//! Rows as files, as `cc-devops audit export` writes them.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use cc_devops_http::access::ReadAudit;
use cc_devops_http::problem::Problem;

use super::filter::Asked;
use super::one::Chain;
use crate::extract::{Path, Query};
use crate::gate::Visit;
use crate::refusal::Refusal;

/// The rows that a filter selects, while they are read.
pub(super) async fn file(visit: Visit<ReadAudit>, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let rows = visit.permitted.export(asked.filter()?);
    Ok(download(
        Body::from_stream(rows),
        "attachment; filename=\"audit.ndjson\"",
    ))
}

/// One row.
pub(super) async fn row(
    visit: Visit<ReadAudit>,
    Path(seq): Path<i64>,
    Query(chain): Query<Chain>,
) -> Result<Response, Refusal> {
    let row = chain.row(&visit, seq).await?;
    let mut line = serde_json::to_string(&row).map_err(|_| Problem::internal())?;
    line.push('\n');
    Ok(download(Body::from(line), "attachment; filename=\"row.json\""))
}

fn download(body: Body, disposition: &'static str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson; charset=utf-8"),
    );
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}
