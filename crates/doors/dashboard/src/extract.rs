//! Reading queries, paths and forms; what cannot be read is a [`Refusal`].

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use cc_devops_http::access::Privilege;
use cc_devops_http::problem::Problem;
use cc_devops_http::read_open;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;
use crate::state::{DashboardState, PageState};

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

/// That of somebody who has signed in.
impl<P: Privilege, T: DeserializeOwned> FromRequest<PageState<P>> for Form<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &PageState<P>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = read(body).await?;
        Self::of(parts, bytes).await
    }
}

/// That of anybody: while it is waited for, it takes nothing from agents.
impl<T: DeserializeOwned> FromRequest<Arc<DashboardState>> for Form<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Arc<DashboardState>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = read_open(&state.app, &parts.extensions, read(body)).await??;
        Self::of(parts, bytes).await
    }
}

impl<T: DeserializeOwned> Form<T> {
    async fn of(parts: Parts, bytes: Bytes) -> Result<Self, Refusal> {
        let request = Request::from_parts(parts, bytes.into());
        match axum::extract::Form::<T>::from_request(request, &()).await {
            Ok(axum::extract::Form(form)) => Ok(Self(form)),
            Err(error) => Err(Problem::invalid(error.body_text()).into()),
        }
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let bytes = axum::body::to_bytes(body, LARGEST_FORM).await;
    bytes.map_err(|_| Problem::malformed(format!("the form has more than {LARGEST_FORM} bytes, or broke off")))
}
