//! The event bus and the log behind it: an event is logged, and queued for every webhook that
//! wants it, in one transaction.

use async_trait::async_trait;
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{EventBus, EventLog, PortErrorKind, PortResult};
use cc_devops_core::requests::record::{Cursor, LoggedEvent, OutboxEntry, OutgoingEvent};
use cc_devops_core::webhooks::message_id;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::columns::{json, json_at, limit, name_at, nanos, time_at};
use crate::db::Db;
use crate::db::conditions::Conditions;
use crate::error::Fault;

/// The event bus and the event log in the database.
pub struct SqliteEvents {
    db: Db,
}

impl SqliteEvents {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

/// An event with what can be made before the writer's time.
struct Outgoing {
    outbox_id: i64,
    key: String,
    agent: AgentName,
    body: String,
}

#[async_trait]
impl EventBus for SqliteEvents {
    async fn publish(&self, events: &[OutboxEntry], at: Timestamp) -> PortResult<Vec<Result<(), String>>> {
        let count = events.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let outgoing = events
            .iter()
            .map(|entry| {
                Ok(Outgoing {
                    outbox_id: entry.id,
                    key: entry.event.body.key().to_owned(),
                    agent: entry.event.agent.clone(),
                    body: json(&entry.event.body)?,
                })
            })
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(|error| {
                Fault::port(PortErrorKind::Refused, "an event cannot be written as JSON")
                    .into_port(self.db.file())
                    .because(error)
            })?;
        self.db
            .write_repeatable(move |conn, _| publish(conn, &outgoing, at))
            .await?;
        Ok(vec![Ok(()); count])
    }
}

fn publish(conn: &Connection, events: &[Outgoing], at: Timestamp) -> Result<(), Fault> {
    let subscriptions = conn
        .prepare_cached("SELECT id, agent FROM subscriptions ORDER BY seq")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, Option<String>)>>>()?;
    // The same entry again is the same event; where nothing was inserted, nothing is queued.
    let mut insert = conn.prepare_cached(
        "INSERT INTO events (outbox_id, request_id, agent, completed, published_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (outbox_id, request_id) DO NOTHING",
    )?;
    let mut queue = conn
        .prepare_cached("INSERT INTO deliveries (subscription, event, message_id, due_at) VALUES (?1, ?2, ?3, ?4)")?;
    for event in events {
        let inserted = insert.execute(params![
            event.outbox_id,
            event.key,
            event.agent.as_str(),
            event.body,
            nanos(at)
        ])?;
        if inserted == 0 {
            continue;
        }
        let cursor = conn.last_insert_rowid();
        let wanted = subscriptions
            .iter()
            .filter(|(_, agent)| agent.as_ref().is_none_or(|agent| agent == event.agent.as_str()));
        for (subscription, _) in wanted {
            queue.execute(params![subscription, cursor, message_id(&event.body), nanos(at)])?;
        }
    }
    Ok(())
}

#[async_trait]
impl EventLog for SqliteEvents {
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, at_most: usize) -> PortResult<Vec<LoggedEvent>> {
        let agent = agent.map(ToString::to_string);
        self.db
            .read(move |conn| {
                let mut conditions = Conditions::default();
                conditions.with("cursor > ?", cursor.0);
                conditions.with_some("agent = ?", agent);
                let sql = format!(
                    "SELECT cursor, published_at, agent, completed FROM events{} ORDER BY cursor LIMIT ?",
                    conditions.clause()
                );
                let events = conditions.query(conn, &sql, 1, limit(at_most), |row| {
                    Ok(LoggedEvent {
                        cursor: Cursor(row.get(0)?),
                        published_at: time_at(row, 1)?,
                        event: OutgoingEvent {
                            agent: name_at(row, 2)?,
                            body: json_at(row, 3)?,
                        },
                    })
                })?;
                Ok(events)
            })
            .await
    }

    async fn newest(&self) -> PortResult<Cursor> {
        self.db.read_inline(|conn| {
            let newest: Option<i64> = conn
                .prepare_cached("SELECT max(cursor) FROM events")?
                .query_row([], |row| row.get(0))?;
            Ok(Cursor(newest.unwrap_or_default()))
        })
    }
}
