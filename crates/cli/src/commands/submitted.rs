//! How a request stands that a command submitted.

use serde_json::Value;

/// What is said while a request is waited for.
pub(super) const WAITING: &str = "waiting for the outcome";

/// How a submitted request stands.
pub(super) enum Submitted {
    /// It has its outcome: the detail of `devops.completed`.
    Completed(Value),
    /// It is on record and has not ended in the time given: the server's acknowledgement.
    Accepted(Value),
}
