//! The event bus: EventBridge.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_outbox::ports::EventBus;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::port_error;
use crate::{Backend, Shared};

/// How many entries one PutEvents takes.
const BATCH: usize = 10;

/// The largest PutEvents in bytes: 256 KiB, by the service's own counting.
const BATCH_BYTES: usize = 256 * 1024;

/// What the service counts for an entry's time, in bytes.
const TIME_BYTES: usize = 14;

/// How many calls run at once.
const AT_ONCE: usize = 4;

/// Whether an entry was taken, or why not.
type Taken = Result<(), String>;

impl Backend {
    /// The event bus.
    pub fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(EventBridge(self.shared.clone()))
    }

    /// Puts a request on the bus, as an agent does; `event` is the whole envelope.
    pub async fn put_request(&self, event: &Value) -> PortResult<()> {
        let field = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let detail = event.get("detail").cloned().unwrap_or_default().to_string();
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.shared.resources.event_bus)
            .source(field("source"))
            .detail_type(field("detail-type"))
            .detail(detail)
            .build();
        match put(&self.shared, vec![entry]).await?.pop() {
            Some(Err(refused)) => Err(PortError::new(
                PortErrorKind::Refused,
                format!("the bus refused the event: {refused}"),
            )),
            _ => Ok(()),
        }
    }
}

struct EventBridge(Arc<Shared>);

#[async_trait]
impl EventBus for EventBridge {
    async fn publish(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<Vec<Taken>> {
        self.put_all(events, at).await
    }
}

impl EventBridge {
    /// Publishes all. An error is every entry's, unless some call went through.
    async fn put_all(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<Vec<Taken>> {
        let entries = events.iter().map(|(_, event)| self.entry(event, at)).collect();
        let sent: Vec<(usize, PortResult<Vec<Taken>>)> = stream::iter(batches(entries))
            .map(|batch| async { (batch.len(), self.put_batch(batch).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let is_up = sent.iter().any(|(_, sent)| sent.is_ok());
        let mut results = Vec::with_capacity(events.len());
        for (count, sent) in sent {
            match sent {
                Ok(sent) => results.extend(sent),
                Err(error) if is_up => results.extend(vec![Err(error.message); count]),
                Err(error) => return Err(error),
            }
        }
        Ok(results)
    }

    fn entry(&self, event: &OutgoingEvent, at: Timestamp) -> Result<PutEventsRequestEntry, String> {
        let detail = event
            .body
            .detail()
            .map_err(|error| format!("the event cannot be written as JSON: {error}"))?;
        Ok(PutEventsRequestEntry::builder()
            .event_bus_name(&self.0.resources.event_bus)
            .source(event.body.source())
            .detail_type(event.body.detail_type())
            .detail(detail)
            .time(DateTime::from_millis(at.as_millisecond()))
            .build())
    }

    /// Puts one batch; entries that failed are tried once more, each alone: they may have failed for
    /// their neighbours' sake.
    async fn put_batch(&self, batch: Batch) -> PortResult<Vec<Taken>> {
        let entries = match batch {
            Batch::Unfit(reason) => return Ok(vec![Err(reason)]),
            Batch::Fit(entries) => entries,
        };
        let mut results = put(&self.0, entries.clone()).await?;
        for (result, entry) in results.iter_mut().zip(entries) {
            if result.is_err() {
                *result = match put(&self.0, vec![entry]).await {
                    Ok(mut again) => again.pop().unwrap_or_else(unsaid),
                    Err(error) => Err(error.message),
                };
            }
        }
        Ok(results)
    }
}

/// What goes to the bus together.
enum Batch {
    /// Entries for one call.
    Fit(Vec<PutEventsRequestEntry>),
    /// One that cannot be sent, and why.
    Unfit(String),
}

impl Batch {
    fn len(&self) -> usize {
        match self {
            Self::Fit(entries) => entries.len(),
            Self::Unfit(_) => 1,
        }
    }
}

/// Cuts entries into calls, in their order.
fn batches(entries: Vec<Result<PutEventsRequestEntry, String>>) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut room = 0;
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(reason) => {
                batches.push(Batch::Unfit(reason));
                continue;
            }
        };
        let bytes = bytes(&entry);
        if bytes > BATCH_BYTES {
            let reason = format!("the event has {bytes} bytes, and the bus takes {BATCH_BYTES}");
            batches.push(Batch::Unfit(reason));
            continue;
        }
        match batches.last_mut() {
            Some(Batch::Fit(batch)) if batch.len() < BATCH && bytes <= room => {
                room -= bytes;
                batch.push(entry);
            }
            _ => {
                room = BATCH_BYTES - bytes;
                batches.push(Batch::Fit(vec![entry]));
            }
        }
    }
    batches
}

/// An entry's size as the service counts it.
fn bytes(entry: &PutEventsRequestEntry) -> usize {
    let text = |text: Option<&str>| text.map_or(0, str::len);
    TIME_BYTES + text(entry.source()) + text(entry.detail_type()) + text(entry.detail())
}

fn unsaid() -> Taken {
    Err("the bus did not say what became of it".to_owned())
}

/// One PutEvents; the results line up with the entries.
async fn put(shared: &Shared, entries: Vec<PutEventsRequestEntry>) -> PortResult<Vec<Taken>> {
    let count = entries.len();
    let call = shared.clients.eventbridge().put_events().set_entries(Some(entries));
    let answer = call
        .send()
        .await
        .map_err(|error| port_error("events:PutEvents", error))?;
    let mut results: Vec<Taken> = answer
        .entries
        .unwrap_or_default()
        .into_iter()
        .map(|entry| match entry.error_code {
            None => Ok(()),
            Some(code) => Err(format!("{code}: {}", entry.error_message.unwrap_or_default())),
        })
        .collect();
    results.resize_with(count, unsaid);
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of the calls; zero for what cannot be sent.
    fn sizes(details: &[usize]) -> Vec<usize> {
        let entry = |bytes: &usize| Ok(PutEventsRequestEntry::builder().detail("x".repeat(*bytes)).build());
        let size = |batch: &Batch| match batch {
            Batch::Fit(entries) => entries.len(),
            Batch::Unfit(_) => 0,
        };
        batches(details.iter().map(entry).collect()).iter().map(size).collect()
    }

    #[test]
    fn a_call_takes_ten_events() {
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert!(sizes(&[]).is_empty());
    }

    #[test]
    fn a_call_takes_256_kib() {
        let half = BATCH_BYTES / 2 - TIME_BYTES;
        assert_eq!(sizes(&[half; 3]), [2, 1], "two halves fit");
        assert_eq!(sizes(&[half, half + 1]), [1, 1], "a byte more does not");
    }

    #[test]
    fn what_is_too_large_stands_alone_and_in_its_place() {
        assert_eq!(sizes(&[1, BATCH_BYTES, 1]), [1, 0, 1]);
        assert_eq!(sizes(&[BATCH_BYTES - TIME_BYTES]), [1], "the largest that fits");
    }
}
