//! How a door beside the API hands requests in: by the same admission.

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_requests::admission::prove;
use serde_json::Value;
use tokio::time::Instant;

use super::{Permitted, SubmitRequests};
use crate::dispatcher::Admitted;
use crate::problem::Problem;
use crate::routes::submit::take_in;

/// What became of an event that was handed in. All of it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedIn {
    /// Its request is durable. Its outcome follows, or is there already.
    Taken,
    /// It is not from whom it says. That is its request's outcome, in this sentence.
    Disowned(String),
    /// It cannot be read.
    Unreadable(Failure),
}

impl Permitted<SubmitRequests> {
    /// Hands an event in, as it comes in an EventBridge envelope, and begins to carry its request out.
    ///
    /// # Errors
    /// It could not be stored, or not in time: nothing is certain, and the same event may be handed in again.
    pub async fn hand_in(&self, event: Value) -> Result<HandedIn, Problem> {
        let deadline = Instant::now() + self.app.config.limits.request_timeout;
        let is_disowned = self.is_disowned(&event);
        let by = (&self.caller, self.credential.door());
        Ok(match take_in(&self.app, by, event, false, deadline).await? {
            Admitted::Unreadable(failure) => HandedIn::Unreadable(failure),
            // A repeat of what the policies denied ends so too, and is no less well handed in than it was before.
            Admitted::Ended(completed) if is_disowned && completed.reason == Some(Reason::SecurityViolation) => {
                HandedIn::Disowned(completed.error.unwrap_or_default())
            }
            Admitted::Ended(_) | Admitted::UnderWay(..) => HandedIn::Taken,
        })
    }

    /// Puts on record that the caller sent something that is no event, and why it was refused.
    ///
    /// # Errors
    /// What the store says.
    pub async fn refuse(&self, failure: Failure) -> Result<(), Problem> {
        let (door, principal) = (self.credential.door(), self.caller.principal());
        let control = &self.app.control;
        control.receive_unreadable_by(door, Some(&principal), failure).await?;
        self.app.relay.ring();
        Ok(())
    }

    /// Whether an event says of its sender what was not proven.
    fn is_disowned(&self, event: &Value) -> bool {
        let source = event.get("source").and_then(Value::as_str);
        let source = source.and_then(|source| AgentName::new(source.strip_prefix("agent.")?).ok());
        match (source, event.get("detail")) {
            (Some(source), Some(Value::Object(detail))) => prove(&source, detail, &self.caller.principal()).is_err(),
            _ => false,
        }
    }
}
