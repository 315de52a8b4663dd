//! Reading queries, paths and bodies; what cannot be read is answered with problem details.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use cc_devops_kernel::input;
use cc_devops_kernel::input::InputError;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use crate::connections::arriving::BrokenOff;
use crate::places::Full;
use crate::problem::Problem;

/// The largest body of anything but events, in bytes.
pub(crate) const SMALL_BODY: usize = 16 * 1024;

/// The query, all of it: an unknown name is an error where the type says so.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::invalid(error.body_text())),
        }
    }
}

/// The path's parameters.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(error) if error.status().is_server_error() => Err(Problem::internal()),
            Err(error) => Err(Problem::malformed(error.body_text())),
        }
    }
}

/// A small body in JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_json_bytes(&parts.headers, body, SMALL_BODY).await?;
        input::typed(&bytes).map(Self).map_err(|error| not_taken(&error))
    }
}

/// Reads a body that says it is JSON, at most `limit` bytes of it.
pub(crate) async fn read_json_bytes(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    if !says_json(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be JSON; send it with the header `Content-Type: application/json`",
        ));
    }
    read_bytes(headers, body, limit).await
}

/// Reads a body, at most `limit` bytes of it.
///
/// # Errors
/// There is more of it, there is no room for it, it broke off, or the server stops.
pub async fn read_bytes(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {limit} bytes"),
        )
    };
    if announces_more(headers, limit) {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|error| {
        if let Some(full) = caused_by::<Full>(&error) {
            Problem::from(*full)
        } else if is_caused_by::<LengthLimitError>(&error) {
            too_large()
        } else if is_caused_by::<BrokenOff>(&error) {
            Problem::stopping()
        } else {
            Problem::malformed("the body did not arrive completely")
        }
    })
}

/// Whether a body is announced as larger than `limit` bytes, before any of it is read.
pub fn announces_more(headers: &HeaderMap, limit: usize) -> bool {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    announced.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > limit))
}

/// Whether a body could not be read because of this.
pub(crate) fn is_caused_by<T: std::error::Error + 'static>(error: &axum::Error) -> bool {
    caused_by::<T>(error).is_some()
}

/// Why a body could not be read, where it is this.
fn caused_by<T: std::error::Error + 'static>(error: &axum::Error) -> Option<&T> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(cause) = error.downcast_ref::<T>() {
            return Some(cause);
        }
        source = error.source();
    }
    None
}

/// A body that cannot be taken as it is. The position is named, the contents are not.
pub(crate) fn not_taken(error: &InputError) -> Problem {
    match error {
        InputError::NotJson(error) => Problem::malformed(format!("the body is not JSON: {error}")),
        InputError::Refused(error) => {
            Problem::invalid(format!("the body does not have the shape it must have: {error}"))
        }
    }
}

/// Whether the body is declared as JSON, or not declared at all. `curl -d` declares a form unless
/// it is told otherwise; nobody else sends one with a bearer token, so that is no declaration.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let Ok(declared) = declared.to_str() else {
        return false;
    };
    let essence = declared
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || essence == "application/x-www-form-urlencoded"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn json_goes_by_several_names() {
        let says = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(text));
            says_json(&headers)
        };
        assert!(says("application/json"));
        assert!(says("application/json; charset=utf-8"));
        assert!(says("Application/JSON"));
        assert!(says("application/cloudevents+json"));
        assert!(!says("text/plain"));
        assert!(says("application/x-www-form-urlencoded"), "what `curl -d` says");
        assert!(says_json(&HeaderMap::new()));
    }
}
