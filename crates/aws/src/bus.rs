//! The event bus: EventBridge for everybody, and the log beside it for those who fetch.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use cc_devops_core::ports::{EventBus, PortError, PortErrorKind, PortResult};
use cc_devops_core::requests::envelope::{COMPLETED_DETAIL_TYPE, COMPLETED_SOURCE};
use cc_devops_core::requests::record::OutboxEntry;
use jiff::Timestamp;
use serde_json::Value;

use crate::error::port_error;
use crate::{Backend, Shared};

/// How many entries one PutEvents takes.
const BATCH: usize = 10;

/// The largest PutEvents in bytes: the service's limit is 256 KB, entries' names included.
const BATCH_BYTES: usize = 250_000;

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
    async fn publish(&self, events: &[OutboxEntry], at: Timestamp) -> PortResult<Vec<Result<(), String>>> {
        let all: Vec<&OutboxEntry> = events.iter().collect();
        let (told, logged) = tokio::join!(self.put_all(events, at), self.0.log(&all, at));
        logged?;
        told
    }
}

impl EventBridge {
    async fn put_all(&self, events: &[OutboxEntry], at: Timestamp) -> PortResult<Vec<Result<(), String>>> {
        let mut results = Vec::with_capacity(events.len());
        let mut batch = Vec::new();
        let mut bytes = 0;
        for entry in events {
            let detail = serde_json::to_string(&entry.event.completed).unwrap_or_default();
            let size = detail.len() + COMPLETED_SOURCE.len() + COMPLETED_DETAIL_TYPE.len() + 14;
            if batch.len() == BATCH || (!batch.is_empty() && bytes + size > BATCH_BYTES) {
                results.extend(self.put_batch(std::mem::take(&mut batch)).await?);
                bytes = 0;
            }
            bytes += size;
            batch.push(
                PutEventsRequestEntry::builder()
                    .event_bus_name(&self.0.resources.event_bus)
                    .source(COMPLETED_SOURCE)
                    .detail_type(COMPLETED_DETAIL_TYPE)
                    .detail(detail)
                    .time(DateTime::from_millis(at.as_millisecond()))
                    .build(),
            );
        }
        if !batch.is_empty() {
            results.extend(self.put_batch(batch).await?);
        }
        Ok(results)
    }

    /// Puts one batch; entries that failed are tried once more, each alone.
    async fn put_batch(&self, batch: Vec<PutEventsRequestEntry>) -> PortResult<Vec<Result<(), String>>> {
        let mut results = put(&self.0, batch.clone()).await?;
        for (result, entry) in results.iter_mut().zip(batch) {
            if result.is_err()
                && let Some(again) = put(&self.0, vec![entry]).await?.pop()
            {
                *result = again;
            }
        }
        Ok(results)
    }
}

/// One PutEvents; the results line up with the entries.
async fn put(shared: &Shared, entries: Vec<PutEventsRequestEntry>) -> PortResult<Vec<Result<(), String>>> {
    let count = entries.len();
    let call = shared.clients.eventbridge().put_events().set_entries(Some(entries));
    let answer = call
        .send()
        .await
        .map_err(|error| port_error("events:PutEvents", error))?;
    let mut results: Vec<Result<(), String>> = answer
        .entries
        .unwrap_or_default()
        .into_iter()
        .map(|entry| match entry.error_code {
            None => Ok(()),
            Some(code) => Err(format!("{code}: {}", entry.error_message.unwrap_or_default())),
        })
        .collect();
    results.resize(count, Err("the bus did not say what became of it".to_owned()));
    Ok(results)
}
