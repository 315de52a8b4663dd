//! Reading queries, paths and forms; what cannot be read is a [`Refusal`].

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use cc_devops_http::problem::Problem;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// The largest form, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

/// The query. A name that is not known is passed over: links carry what a page says after an act.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::invalid(error.body_text()).into()),
        }
    }
}

/// The path's parameters.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(error) if error.status().is_server_error() => Err(Problem::internal().into()),
            Err(_) => Err(Problem::not_found("there is no such page").into()),
        }
    }
}

/// A form, as a browser sends it.
pub(crate) struct Form<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, LARGEST_FORM)
            .await
            .map_err(|_| Problem::malformed(format!("the form has more than {LARGEST_FORM} bytes, or broke off")))?;
        let request = Request::from_parts(parts, bytes.into());
        match axum::extract::Form::<T>::from_request(request, state).await {
            Ok(axum::extract::Form(form)) => Ok(Self(form)),
            Err(error) => Err(Problem::invalid(error.body_text()).into()),
        }
    }
}
