//! The event log: what was published, for those who fetch it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{EventLog, PortError, PortErrorKind, PortResult};
use cc_devops_core::requests::record::{Cursor, LoggedEvent, OutboxEntry, OutgoingEvent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{corrupt, is_condition, port_error};
use crate::ledger::incomplete;
use crate::places::sortable;
use crate::table::{Item, TRIES, from_item, text, to_item};
use crate::{Backend, Shared};

/// The partition of the log.
pub(crate) const EVENTS: &str = "EVENTS";

/// How long a reader stays behind the present. Several processes publish, their clocks differ, and
/// a transaction takes its time: nearer than this an event may still appear before another.
pub const SETTLED: Duration = Duration::from_secs(2);

/// The most events that are asked for in one call.
const LARGEST_PAGE: usize = 1_000;

/// An event in the log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    published_at: Timestamp,
    agent: AgentName,
    /// The content as JSON text, for an outcome its detail.
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
        let body = serde_json::from_str(&self.completed);
        Ok(LoggedEvent {
            cursor: Cursor(place),
            published_at: self.published_at,
            event: OutgoingEvent {
                agent: self.agent,
                body: body.map_err(|error| corrupt("an event").because(error))?,
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
            // The limit counts before the filter does, so with one a page is as large as it can be.
            if agent.is_none() {
                call = call.set_limit(i32::try_from(limit.clamp(1, LARGEST_PAGE)).ok());
            }
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

/// How many items, and how many bytes of text in them, one transaction writes: its limits are 100
/// and 4 MB.
pub(crate) const WRITES: (usize, usize) = (50, 3 * 1024 * 1024);

/// The largest event in bytes. The bus refuses larger ones, so nobody is told them here either.
const LARGEST: usize = 256 * 1024;

/// How long after it was given its place an event may appear there, in microseconds. The rest of
/// [`SETTLED`] is for clocks that differ.
const IN_TIME: i64 = 1_000_000;

/// How many of these texts, from the first on, fit into one transaction; one at least.
pub(crate) fn fit<'text>(texts: impl Iterator<Item = &'text str>) -> usize {
    let (most, mut room) = WRITES;
    let fit = texts.take(most).take_while(|text| {
        let fits = text.len() <= room;
        room = room.saturating_sub(text.len());
        fits
    });
    fit.count().max(1)
}

impl Shared {
    /// Puts events at the end of the log.
    pub(crate) async fn log(&self, events: &[&OutboxEntry], at: Timestamp) -> PortResult<()> {
        let mut texts = Vec::with_capacity(events.len());
        for entry in events {
            let completed = serde_json::to_string(&entry.event.body).map_err(|error| {
                PortError::new(PortErrorKind::Refused, "an event cannot be written as JSON").because(error)
            })?;
            if completed.len() <= LARGEST {
                texts.push((&entry.event.agent, completed));
            }
        }
        let mut texts = texts.as_slice();
        while !texts.is_empty() {
            let count = fit(texts.iter().map(|(_, completed)| completed.as_str()));
            let (now, later) = texts.split_at_checked(count).unwrap_or((texts, &[]));
            self.log_together(now, at).await?;
            texts = later;
        }
        Ok(())
    }

    /// Logs events in one write, which is made again at new places where another process took one
    /// of these, or where the write took so long that a reader may have passed them. Then some stand
    /// in the log twice, which readers expect.
    async fn log_together(&self, events: &[(&AgentName, String)], at: Timestamp) -> PortResult<()> {
        for _ in 0..TRIES {
            let mut first = None;
            let mut items = Vec::with_capacity(events.len());
            for (agent, completed) in events {
                let place = self.places.next();
                first.get_or_insert(place);
                let row = EventRow::new(place, at, (*agent).clone(), completed.clone());
                items.push(to_item(&row)?);
            }
            let written = self.put_new(items).await?;
            let late = Timestamp::now().as_microsecond() - first.unwrap_or_default();
            if written && late <= IN_TIME {
                return Ok(());
            }
            tracing::debug!(written, late, "events are logged again, at new places");
        }
        Err(PortError::new(
            PortErrorKind::Unavailable,
            "the event log could not be written in time; the events are published again",
        ))
    }

    /// Puts items all or none; false where one stands already.
    async fn put_new(&self, mut items: Vec<Item>) -> PortResult<bool> {
        const IS_NEW: &str = "attribute_not_exists(PK)";
        let dynamodb = self.clients.dynamodb();
        // A transaction costs twice as much, and an event mostly comes alone.
        if items.len() == 1 {
            let call = dynamodb.put_item().table_name(self.table()).set_item(items.pop());
            return match call.condition_expression(IS_NEW).send().await {
                Ok(_) => Ok(true),
                Err(error) if is_condition(&error) => Ok(false),
                Err(error) => Err(port_error("dynamodb:PutItem", error)),
            };
        }
        let mut call = dynamodb.transact_write_items();
        for item in items {
            let put = Put::builder().table_name(self.table()).set_item(Some(item));
            let put = put.condition_expression(IS_NEW).build().map_err(incomplete)?;
            call = call.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(port_error("dynamodb:TransactWriteItems", error)),
        }
    }
}

/// Whether a transaction wrote nothing because another process has or is about to take a place.
pub(crate) fn is_taken(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> bool {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => &[],
    };
    let taken = |code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict");
    reasons.iter().any(|reason| reason.code().is_some_and(taken))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_takes_so_many_events_and_so_many_bytes() {
        let (most, room) = WRITES;
        let fits = |texts: &[String]| fit(texts.iter().map(String::as_str));
        assert_eq!(fits(&vec!["x".to_owned(); most + 1]), most);
        let half = "x".repeat(room / 2);
        assert_eq!(fits(&vec![half; 3]), 2);
        assert_eq!(fits(&["x".repeat(room + 1)]), 1, "one at least, or nothing would go on");
    }
}
