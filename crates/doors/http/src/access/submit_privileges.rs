//! How a door beside the API hands requests in: by the same admission.

use cc_devops_kernel::outcome::Failure;
use cc_devops_requests::admission::prove;
use serde_json::Value;
use tokio::time::Instant;

use super::{Permitted, SubmitRequests};
use crate::dispatcher::Admitted;
use crate::problem::Problem;
use crate::routes::submit::{Sent, take_in};

/// What became of an event that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// Its request is durable. Its outcome follows, or is there already.
    Taken,
    /// It is not from whom it says, in this sentence. That is its request's outcome, unless a request with its id is on record.
    Disowned(String),
    /// It cannot be read. That is on record.
    Unreadable(Failure),
}

impl Permitted<SubmitRequests> {
    /// Hands an event in, as it comes in an EventBridge envelope, and begins to carry its request out.
    ///
    /// # Errors
    /// It could not be stored, or not in time: nothing is certain, and the same event may be handed in again.
    pub async fn hand_in(&self, event: Value) -> Result<SubmitOutcome, Problem> {
        let deadline = Instant::now() + self.app.config.limits.request_timeout;
        let sent = Sent::of(event);
        let disowned = match &sent.read {
            Ok(envelope) => prove(&envelope.source, &envelope.detail, &self.caller.principal()).err(),
            Err(_unreadable) => None,
        };
        let by = (&self.caller, self.credential.door());
        let admitted = take_in(&self.app, by, sent, false, deadline).await?;
        Ok(match (admitted, disowned) {
            (Admitted::Unreadable(failure), _) => SubmitOutcome::Unreadable(failure),
            // However a request with that id stands: who names another as its sender is told nothing of it.
            (Admitted::Ended(_) | Admitted::UnderWay(..), Some(failure)) => SubmitOutcome::Disowned(failure.message),
            (Admitted::Ended(_) | Admitted::UnderWay(..), None) => SubmitOutcome::Taken,
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
}
