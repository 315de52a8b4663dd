//! Links that sign in to the dashboard.

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Json, Response};

use crate::access::{MakeSessionLinks, Permitted};
use crate::problem::Problem;
use crate::wire::SessionLinkView;

/// Makes a link that signs the caller in to the dashboard
///
/// It is good once, for a minute: the page behind it has a button that uses it up. The session it begins ends with the
/// token that asked for it. Operators and observers have sessions, agents have none.
#[utoipa::path(
    post, path = "/v1/dashboard/links", tag = "dashboard",
    responses(
        (status = 201, description = "The link; not to be cached", body = SessionLinkView),
        (
            status = 404, description = "The dashboard is switched off here",
            content((crate::wire::ProblemBody = "application/problem+json")),
        ),
    ),
)]
pub(crate) async fn make_link(permitted: Permitted<MakeSessionLinks>) -> Result<Response, Problem> {
    let (url, expires_at) = permitted.link().await?;
    let body = Json(SessionLinkView { url, expires_at });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], body).into_response())
}
