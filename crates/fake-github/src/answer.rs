//! What a request is answered with, before it is sent.

use axum::http::HeaderName;
use serde_json::{Value, json};

/// An answer: its status, its body, and headers beside the usual ones.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Headers that a test names.
    pub(super) more: Vec<(HeaderName, String)>,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    pub(super) fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
            more: Vec::new(),
        }
    }

    pub(super) fn none() -> Self {
        Self::new(204, Value::Null)
    }

    /// A refusal as GitHub writes it.
    pub(super) fn refused(status: u16, message: &str) -> Self {
        let url = "https://docs.github.com/rest";
        Self::new(
            status,
            json!({"message": message, "documentation_url": url, "status": status.to_string()}),
        )
    }
}
