//! One message: an event of the bus in EventBridge's envelope, handed to the control plane.

use cc_devops_kernel::outcome::{Completed, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::bus::{Signal, Taken};
use cc_devops_requests::engine::ControlPlane;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It is on record, or nothing is to be done: it may be removed.
    Taken,
    /// It is to be given again; what never can be read ends in the dead letters so.
    Again,
}

/// Takes one message's text.
pub async fn take(plane: &ControlPlane, body: &str) -> Delivered {
    let signal = match Signal::parse(body) {
        Ok(signal) => signal,
        Err(failure) => {
            tracing::error!(%failure, "an event cannot be read; it ends in the dead letters");
            return Delivered::Again;
        }
    };
    match self::signal(plane, signal).await {
        Ok(_) => Delivered::Taken,
        Err(error) => {
            tracing::warn!(%error, "a message was not taken; it is given again");
            Delivered::Again
        }
    }
}

/// Hands an event over; what became of the request, and none for the news of a stack.
///
/// # Errors
/// Nothing is certain: the same event may be given again.
pub async fn signal(plane: &ControlPlane, signal: Signal) -> PortResult<Option<Taken>> {
    let taken = match signal {
        Signal::Request(event) => plane.take_request(event).await?,
        Signal::Refused(failure) => plane.refuse_signal(failure).await?,
        Signal::StackChanged(stack) => {
            if let Some(completed) = plane.stack_changed(&stack).await? {
                tracing::info!(request_id = completed.request_id, %stack, "a deploy has ended");
            }
            return Ok(None);
        }
    };
    log(&taken);
    Ok(Some(taken))
}

fn log(taken: &Taken) {
    match taken {
        Taken::OtherStage => tracing::debug!("another stage's control plane takes this request"),
        Taken::Unreadable(failure) => tracing::info!(%failure, "a request cannot be read"),
        Taken::Accepted(id) => tracing::info!(request_id = %id, "a request goes on"),
        Taken::Concluded(Completed {
            request_id,
            action,
            latency_ms,
            reason,
            requested_by,
            ..
        }) => {
            let reason = reason.map(Reason::as_str);
            tracing::info!(
                request_id,
                action,
                agent = requested_by,
                latency_ms,
                reason,
                "a request has ended"
            );
        }
    }
}
