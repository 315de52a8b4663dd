//! The event log, which is the outbox too: an event enters it with what it tells, and is there for readers at
//! once.

use async_trait::async_trait;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::stored;
use cc_devops_outbox::ports::EventLog;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::columns::{limit, name_at, nanos, time_at};
use crate::db::Db;
use crate::db::conditions::Conditions;
use crate::error::Fault;

/// The event log in the database.
pub struct SqliteEvents {
    db: Db,
}

impl SqliteEvents {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

/// What an event tells.
#[derive(Clone, Copy)]
pub(crate) enum EventSource<'a> {
    /// The outcome that stands in the row of a request.
    Request(i64),
    /// This.
    Body(&'a str),
}

/// Puts an event at the end of the log, in the caller's transaction. `at` in nanoseconds.
pub(crate) fn append(conn: &Connection, agent: &str, source: EventSource<'_>, at: i64) -> Result<(), Fault> {
    let (request, body) = match source {
        EventSource::Request(seq) => (Some(seq), None),
        EventSource::Body(body) => (None, Some(body)),
    };
    conn.prepare_cached("INSERT INTO events (request_seq, agent, body, published_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![request, agent, body, at])?;
    Ok(())
}

/// News on their way into the log.
pub(crate) struct News {
    agent: AgentName,
    body: String,
    /// In nanoseconds.
    at: i64,
}

impl News {
    /// News for an agent.
    pub(crate) fn of(agent: &AgentName, news: &Announcement) -> PortResult<Self> {
        let body = stored::write_event(&news.clone().into()).map_err(|error| {
            PortError::new(PortErrorKind::Refused, "an event cannot be written as JSON").because(error)
        })?;
        Ok(Self {
            agent: agent.clone(),
            body,
            at: nanos(news.timestamp),
        })
    }

    /// Puts them at the end of the log, in the caller's transaction.
    pub(crate) fn append(&self, conn: &Connection) -> Result<(), Fault> {
        append(conn, self.agent.as_str(), EventSource::Body(&self.body), self.at)
    }
}

/// Puts a concluded request's event at the end of the log again, unless it is there and nobody was told of it
/// yet.
pub(crate) fn append_again(conn: &Connection, id: &RequestId, at: i64) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO events (request_seq, agent, published_at) SELECT seq, agent, ?2 FROM requests \
         WHERE id = ?1 AND state = 'concluded' AND NOT EXISTS (SELECT 1 FROM events \
         WHERE request_seq = requests.seq AND cursor > (SELECT max(cursor) FROM consumers))",
    )?
    .execute(params![id.as_str(), at])?;
    Ok(())
}

/// An event's columns, which [`outgoing`] reads; they need [`ITS_REQUEST`].
pub(crate) const EVENT: &str = "events.agent, coalesce(events.body, requests.completed)";

/// How many they are.
pub(crate) const EVENT_LEN: usize = 2;

/// Beside the events, the rows of the requests they tell of.
pub(crate) const ITS_REQUEST: &str = "LEFT JOIN requests ON requests.seq = events.request_seq";

/// Reads the columns of [`EVENT`], from `column` on: the event, or why it cannot be read.
pub(crate) fn outgoing(row: &Row<'_>, column: usize) -> Result<OutgoingEvent, String> {
    let unreadable = |error: rusqlite::Error| error.to_string();
    let body = row
        .get_ref(column + 1)
        .and_then(|text| Ok(text.as_str_or_null()?))
        .map_err(unreadable)?
        .ok_or_else(|| "the request it tells of is gone".to_owned())?;
    Ok(OutgoingEvent {
        agent: name_at(row, column).map_err(unreadable)?,
        body: stored::read_event(body).map_err(|error| error.to_string())?,
    })
}

#[async_trait]
impl EventLog for SqliteEvents {
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, at_most: usize) -> PortResult<Vec<LoggedEvent>> {
        let agent = agent.map(ToString::to_string);
        self.db
            .read(move |conn| {
                let (mut found, mut place) = (Vec::new(), cursor);
                // A page of which nothing can be read must not look like the end.
                loop {
                    let wanted = at_most.saturating_sub(found.len());
                    let page = after(conn, place, agent.as_deref(), wanted)?;
                    let last = page.last().map(|(cursor, _)| *cursor);
                    let whole = page.len() < wanted;
                    found.extend(page.into_iter().filter_map(|(_, logged)| logged));
                    match last {
                        Some(last) if !whole && found.len() < at_most => place = last,
                        Some(_) | None => return Ok(found),
                    }
                }
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

/// The rows behind a place, each with its event where that can be read.
fn after(
    conn: &Connection,
    cursor: Cursor,
    agent: Option<&str>,
    at_most: usize,
) -> Result<Vec<(Cursor, Option<LoggedEvent>)>, Fault> {
    let mut conditions = Conditions::default();
    conditions.with("cursor > ?", cursor.0);
    conditions.with_some("events.agent = ?", agent.map(ToOwned::to_owned));
    let sql = format!(
        "SELECT cursor, published_at, {EVENT} FROM events {ITS_REQUEST}{} ORDER BY cursor LIMIT ?",
        conditions.clause()
    );
    conditions
        .query(conn, &sql, 1, limit(at_most), |row| {
            let cursor = Cursor(row.get(0)?);
            let published_at: Timestamp = time_at(row, 1)?;
            let event = outgoing(row, 2).inspect_err(|why| {
                tracing::error!(
                    event = cursor.0,
                    error = why,
                    "an event cannot be read and is passed over"
                );
            });
            let logged = event.ok().map(|event| LoggedEvent {
                cursor,
                published_at,
                event,
            });
            Ok((cursor, logged))
        })
        .map_err(Fault::from)
}
