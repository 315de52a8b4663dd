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
        // The problem is among the answer's extensions, and a page is made of it.
        self.0.into_response()
    }
}
