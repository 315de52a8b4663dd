//! What a visitor is told where it goes wrong. The gate puts it on a page.

use axum::response::{IntoResponse, Response};
use cc_devops_http::problem::Problem;

/// Why a page is not shown or an act not done.
#[derive(Debug, Clone)]
pub(crate) struct Refusal(pub(crate) Problem);

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
