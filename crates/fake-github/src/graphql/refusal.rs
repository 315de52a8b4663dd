//! What a token is told that may not.

use super::super::access::Access;

/// How GitHub puts it that a token may not.
pub(super) fn refusal(access: &Access) -> String {
    match access.inaccessible() {
        "Not Found" => "Resource not accessible by personal access token".to_owned(),
        other => other.to_owned(),
    }
}
