//! Canonical JSON (RFC 8785): one text for everything that means the same, to be hashed or signed.

use serde_json::Value;

/// The canonical form of a value.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a JSON value always has a canonical form"
)]
pub fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a JSON value has a canonical form")
}
