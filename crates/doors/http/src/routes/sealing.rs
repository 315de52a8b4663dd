//! The key that values are sealed to before they are sent.

use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Json, Response};

use crate::access::{Permitted, SealValues};
use crate::problem::Problem;
use crate::wire::SealingKeyView;

/// Tells the key that values of secrets are sealed to
///
/// It is public; every agent may know it. It is replaced from time to time, so ask for it before a value is sealed,
/// not once for all.
#[utoipa::path(
    get, path = "/v1/sealing-key", tag = "secrets",
    responses((status = 200, description = "The newest key; not to be cached", body = SealingKeyView)),
)]
pub(crate) async fn get_sealing_key(permitted: Permitted<SealValues>) -> Result<Response, Problem> {
    let key = permitted.key().await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(SealingKeyView::from(key))).into_response())
}
