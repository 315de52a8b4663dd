//! The event bus and the function of a stack on AWS, for the commands that go that way.

use std::time::{Duration, Instant};

use cc_devops_kernel::events::EventBody;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::Completed;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::work::Progress;
use cc_devops_requests::bus::asked_stage;
use cc_devops_requests::sealed_values::SealingKey;
use serde_json::{Value, json};

use super::submitted::{Submitted, WAITING};
use crate::error::CliError;
use crate::output::Output;
use crate::store::AwsBackend as Backend;

/// How soon a request on the bus is looked for, and how often once that takes long.
const LOOK_FIRST: Duration = Duration::from_millis(200);
const LOOK_LAST: Duration = Duration::from_secs(5);
/// How many events of the log are read at a time.
const EVENTS: usize = 256;

/// Whose control plane it is.
pub(super) fn stage(backend: &Backend) -> &str {
    backend.resources().stage.as_str()
}

/// The key that values are sealed to, if one is published, and where.
pub(super) async fn sealing_key(backend: &Backend) -> Result<(Option<SealingKey>, &str), CliError> {
    let key = backend.published_sealing_key().await?;
    Ok((key, &backend.resources().sealing_key))
}

/// What the function answers.
pub(super) async fn invoke(backend: &Backend, payload: &Value) -> Result<Value, CliError> {
    Ok(backend.invoke(payload).await?)
}

/// How the deployed function says it is.
pub(super) async fn function_health(backend: &Backend) -> Result<Value, CliError> {
    let answer = match backend.invoke(&json!({"task_type": "health_check"})).await {
        Err(error) if error.kind == PortErrorKind::NotFound => {
            return Err(CliError::Unreachable {
                message: format!(
                    "{}; where `serve` runs in its place, name its address with --url",
                    error.message
                ),
                source: None,
            });
        }
        answer => answer?,
    };
    let body = answer
        .get("body")
        .and_then(Value::as_str)
        .map(serde_json::from_str::<Value>);
    match body {
        Some(Ok(body)) => Ok(body),
        _ => Err(CliError::Failed(format!(
            "the function {} does not answer as a control plane does",
            backend.resources().function
        ))),
    }
}

/// A request that was put on the bus.
pub(super) struct Sent {
    id: RequestId,
    begun: Instant,
    /// Where the event log ended before, for a request that was on record already: its outcome, or
    /// that it conflicts, comes after.
    repeat: Option<Cursor>,
}

impl Sent {
    /// How a request stands that has not ended.
    fn accepted(&self) -> Submitted {
        Submitted::Accepted(json!({"status": "accepted", "requestId": self.id}))
    }
}

/// Puts one event on the bus.
pub(super) async fn put(backend: &Backend, event: &Value) -> Result<Sent, CliError> {
    let ours = &backend.resources().stage;
    let asked = asked_stage(event, backend.installation());
    if asked != *ours {
        return Err(CliError::Usage(format!(
            "the request is for the stage {asked}, and its outcome would stand there: give --aws-stage {asked}"
        )));
    }
    let id = event
        .pointer("/detail/requestId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let id = RequestId::new(id).map_err(|error| CliError::Usage(format!("`detail.requestId`: {error}")))?;
    let repeat = match backend.ledger().find(&id).await? {
        None => None,
        Some(_) => Some(backend.events().newest().await?),
    };
    let begun = Instant::now();
    backend.put_request(event).await?;
    Ok(Sent { id, begun, repeat })
}

/// Looks for the outcome of a request that was put on the bus, up to `wait` seconds after it was.
pub(super) async fn outcome(
    backend: &Backend,
    mut sent: Sent,
    wait: u64,
    output: Output,
) -> Result<Submitted, CliError> {
    let deadline = Duration::from_secs(wait);
    let mut progress = output.progress(WAITING);
    let mut pause = LOOK_FIRST;
    loop {
        match look(backend, &mut sent).await? {
            Seen::Ended(completed) => {
                let completed = serde_json::to_value(&completed);
                let completed = completed.map_err(|error| CliError::internal("an outcome is not JSON", error))?;
                return Ok(Submitted::Completed(completed));
            }
            Seen::GoesOn(Some(far)) => progress.of_request(&far),
            Seen::GoesOn(None) => progress.start(),
        }
        let elapsed = sent.begun.elapsed();
        if elapsed >= deadline {
            return Ok(sent.accepted());
        }
        tokio::time::sleep(pause.min(deadline.saturating_sub(elapsed))).await;
        pause = (pause * 2).min(LOOK_LAST);
    }
}

/// How a request stands that is waited for.
enum Seen {
    Ended(Completed),
    GoesOn(Option<Progress>),
}

async fn look(backend: &Backend, sent: &mut Sent) -> Result<Seen, CliError> {
    let Some(after) = &mut sent.repeat else {
        let Some(record) = backend.ledger().find(&sent.id).await? else {
            return Ok(Seen::GoesOn(None));
        };
        return Ok(match record.completed {
            Some(completed) => Seen::Ended(completed),
            None => Seen::GoesOn(record.progress),
        });
    };
    loop {
        let events = backend.events().after(*after, None, EVENTS).await?;
        let ended = events.len() < EVENTS;
        for logged in events {
            *after = logged.cursor;
            match logged.event.body {
                EventBody::Completed(completed) if completed.request_id == sent.id.as_str() => {
                    return Ok(Seen::Ended(completed));
                }
                _ => {}
            }
        }
        if ended {
            return Ok(Seen::GoesOn(None));
        }
    }
}
