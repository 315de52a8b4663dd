//! Answers that are not the object asked for, in Stripe's words.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

/// A refusal, as Stripe phrases one.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<String>,
    param: Option<String>,
    message: String,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: &str) -> Self {
        Self {
            status,
            kind,
            code: None,
            param: None,
            message: message.to_owned(),
            headers: Vec::new(),
        }
    }

    pub(super) fn bad_request(message: &str, code: Option<&str>, param: Option<&str>) -> Self {
        Self {
            code: code.map(str::to_owned),
            param: param.map(str::to_owned),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
        }
    }

    pub(super) fn missing(what: &str, id: &str, param: &str, status: StatusCode) -> Self {
        Self {
            status,
            ..Self::bad_request(
                &format!("No such {what}: '{id}'"),
                Some("resource_missing"),
                Some(param),
            )
        }
    }

    pub(super) fn wrong_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            "Invalid API Key provided: sk_test_****fake",
        )
    }

    pub(super) fn permission(permission: &str) -> Self {
        let message = format!(
            "The provided key 'rk_test_****fake' does not have the required permissions for this endpoint on \
             account 'acct_fake'. Having the '{permission}' permission would allow this request to continue."
        );
        Self::new(StatusCode::FORBIDDEN, "invalid_request_error", &message)
    }

    pub(super) fn too_many(reason: &str) -> Self {
        Self {
            code: Some("rate_limit".to_owned()),
            headers: vec![("stripe-rate-limited-reason", reason.to_owned())],
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "invalid_request_error",
                "Request rate limit exceeded.",
            )
        }
    }

    pub(super) fn fault(status: StatusCode) -> Self {
        Self::new(status, "api_error", "An unknown error occurred")
    }

    pub(super) fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": {
            "type": self.kind, "code": self.code, "param": self.param, "message": self.message,
        }});
        let mut response = (self.status, Json(body)).into_response();
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("a header of the fake is text");
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
        response
    }
}
