//! The event log: what was published, for those who fetch it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{EventLog, PortError, PortErrorKind, PortResult};
use cc_devops_core::requests::record::{Cursor, LoggedEvent, OutboxEntry, OutgoingEvent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{corrupt, port_error};
use crate::places::sortable;
use crate::table::{from_item, text, to_item};
use crate::{Backend, Shared};

/// The partition of the log.
pub(crate) const EVENTS: &str = "EVENTS";

/// How long a reader stays behind the present. Several processes publish, their clocks differ, and
/// a transaction takes its time: nearer than this an event may still appear before another.
pub const SETTLED: Duration = Duration::from_secs(2);

/// An event in the log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    published_at: Timestamp,
    agent: AgentName,
    /// The detail as JSON text.
    completed: String,
}

impl EventRow {
    /// An event at a place.
    pub(crate) fn new(place: i64, published_at: Timestamp, agent: AgentName, completed: String) -> Self {
        Self {
            pk: EVENTS.to_owned(),
            sk: sortable(place),
            published_at,
            agent,
            completed,
        }
    }

    fn read(self) -> PortResult<LoggedEvent> {
        let place = self
            .sk
            .parse()
            .map_err(|error| corrupt("an event's place").because(error))?;
        let completed = serde_json::from_str(&self.completed);
        Ok(LoggedEvent {
            cursor: Cursor(place),
            published_at: self.published_at,
            event: OutgoingEvent {
                agent: self.agent,
                completed: completed.map_err(|error| corrupt("an event").because(error))?,
            },
        })
    }
}

impl Backend {
    /// The event log, `settled` behind the present; [`SETTLED`] is what keeps its order among
    /// several processes.
    pub fn events(&self, settled: Duration) -> Arc<dyn EventLog> {
        Arc::new(DynamoEvents {
            shared: self.shared.clone(),
            settled,
        })
    }
}

struct DynamoEvents {
    shared: Arc<Shared>,
    settled: Duration,
}

impl Shared {
    /// Events between two places, without the first, up to and with the last; at most `limit`.
    pub(crate) async fn events_between(
        &self,
        after: i64,
        until: i64,
        agent: Option<&AgentName>,
        limit: usize,
    ) -> PortResult<Vec<LoggedEvent>> {
        let mut events = Vec::new();
        if after >= until {
            return Ok(events);
        }
        let mut start = None;
        loop {
            let mut call = self
                .clients
                .dynamodb()
                .query()
                .table_name(self.table())
                .consistent_read(true);
            call = call
                .key_condition_expression("PK = :events AND SK BETWEEN :first AND :last")
                .expression_attribute_values(":events", text(EVENTS))
                .expression_attribute_values(":first", text(sortable(after.saturating_add(1))))
                .expression_attribute_values(":last", text(sortable(until)));
            if let Some(agent) = agent {
                call = call
                    .filter_expression("#agent = :agent")
                    .expression_attribute_names("#agent", "agent")
                    .expression_attribute_values(":agent", text(agent.as_str()));
            }
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                if events.len() == limit {
                    return Ok(events);
                }
                events.push(from_item::<EventRow>(item, "an event")?.read()?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() || events.len() == limit {
                return Ok(events);
            }
        }
    }

    /// The newest event's place at or before `until`; zero when there is none.
    pub(crate) async fn newest_event(&self, until: i64) -> PortResult<i64> {
        let call = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.table())
            .consistent_read(true);
        let call = call
            .key_condition_expression("PK = :events AND SK <= :last")
            .expression_attribute_values(":events", text(EVENTS))
            .expression_attribute_values(":last", text(sortable(until)))
            .scan_index_forward(false)
            .limit(1);
        let answer = call.send().await.map_err(|error| port_error("dynamodb:Query", error))?;
        let newest = answer.items.unwrap_or_default().pop();
        newest.map_or(Ok(0), |item| {
            from_item::<EventRow>(item, "an event")?
                .read()
                .map(|event| event.cursor.0)
        })
    }
}

/// How many items one BatchWriteItem takes.
const BATCH: usize = 25;

impl Shared {
    /// Puts events at the end of the log.
    pub(crate) async fn log(&self, events: &[&OutboxEntry], at: Timestamp) -> PortResult<()> {
        for events in events.chunks(BATCH) {
            let mut writes = Vec::with_capacity(events.len());
            for entry in events {
                let completed = serde_json::to_string(&entry.event.completed).map_err(|error| {
                    PortError::new(PortErrorKind::Refused, "an event cannot be written as JSON").because(error)
                })?;
                let row = EventRow::new(self.places.next(), at, entry.event.agent.clone(), completed);
                let put = PutRequest::builder().set_item(Some(to_item(&row)?)).build();
                let put = put.map_err(|error| corrupt("an event").because(error))?;
                writes.push(WriteRequest::builder().put_request(put).build());
            }
            // What DynamoDB had no room for in one go is handed over again.
            while !writes.is_empty() {
                let call = self
                    .clients
                    .dynamodb()
                    .batch_write_item()
                    .request_items(self.table(), writes);
                let answer = call.send().await;
                let answer = answer.map_err(|error| port_error("dynamodb:BatchWriteItem", error))?;
                let left = answer.unprocessed_items.unwrap_or_default();
                writes = left.into_values().flatten().collect();
            }
        }
        Ok(())
    }
}

/// The newest place that is settled.
pub(crate) fn settled_place(settled: Duration) -> i64 {
    let behind = i64::try_from(settled.as_micros()).unwrap_or(i64::MAX);
    // With no distance to keep, a place given out this very microsecond counts too.
    let now = Timestamp::now().as_microsecond() + i64::from(behind == 0) * 1_000_000;
    now.saturating_sub(behind)
}

#[async_trait]
impl EventLog for DynamoEvents {
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, limit: usize) -> PortResult<Vec<LoggedEvent>> {
        let until = settled_place(self.settled);
        self.shared.events_between(cursor.0.max(0), until, agent, limit).await
    }

    async fn newest(&self) -> PortResult<Cursor> {
        self.shared.newest_event(settled_place(self.settled)).await.map(Cursor)
    }
}
