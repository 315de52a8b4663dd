//! The agents' queues of completions: the event log from each one's place on, and what was handed out of it and is not deleted.

use async_trait::async_trait;
use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::completion_queue::{Hiding, QueueDepth, QueuedCompletion, kept_since};
use cc_devops_outbox::ports::CompletionQueues;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::columns::{count_at, limit, nanos, time, time_at};
use crate::db::Db;
use crate::error::Fault;
use crate::events::{EVENT, ITS_REQUEST, outgoing};

/// The queues in the database.
pub struct SqliteCompletionQueues {
    db: Db,
}

impl SqliteCompletionQueues {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl CompletionQueues for SqliteCompletionQueues {
    async fn receive(
        &self,
        agent: &AgentName,
        now: Timestamp,
        hidden_until: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<QueuedCompletion>> {
        // Empty queues are asked often, and a commit is dear.
        let next = self.next(agent, now).await?;
        if limit == 0 || next.is_none_or(|at| at > now) {
            return Ok(Vec::new());
        }
        let asked = Asked {
            agent: agent.to_string(),
            now,
            since: kept_since(now),
            hidden_until: nanos(hidden_until),
            limit,
        };
        self.db.write_repeatable(move |conn, _| receive(conn, &asked)).await
    }

    async fn next(&self, agent: &AgentName, now: Timestamp) -> PortResult<Option<Timestamp>> {
        self.db.read_inline(|conn| next(conn, agent.as_str(), now))
    }

    async fn delete(&self, agent: &AgentName, places: &[Cursor]) -> PortResult<()> {
        let (agent, places) = (agent.to_string(), places.to_vec());
        self.db
            .write_repeatable(move |conn, _| {
                let mut delete =
                    conn.prepare_cached("DELETE FROM completion_messages WHERE event = ?1 AND agent = ?2")?;
                for Cursor(place) in &places {
                    delete.execute(params![place, agent])?;
                }
                Ok(())
            })
            .await
    }

    async fn hide(&self, agent: &AgentName, place: Cursor, now: Timestamp, until: Timestamp) -> PortResult<Hiding> {
        let agent = agent.to_string();
        self.db
            .write_repeatable(move |conn, _| {
                let changed = conn
                    .prepare_cached(
                        "UPDATE completion_messages SET visible_at = ?4 \
                         WHERE event = ?1 AND agent = ?2 AND visible_at > ?3",
                    )?
                    .execute(params![place.0, agent, nanos(now), nanos(until)])?;
                if changed == 1 {
                    return Ok(Hiding::Changed);
                }
                let there = conn
                    .prepare_cached("SELECT 1 FROM completion_messages WHERE event = ?1 AND agent = ?2")?
                    .exists(params![place.0, agent])?;
                Ok(if there { Hiding::NotInFlight } else { Hiding::Gone })
            })
            .await
    }

    async fn depth(&self, agent: &AgentName, now: Timestamp) -> PortResult<QueueDepth> {
        let agent = agent.to_string();
        self.db.read(move |conn| depth(conn, &agent, now)).await
    }
}

/// What is asked for, as a transaction takes it.
struct Asked {
    agent: String,
    now: Timestamp,
    /// What came before is in no queue any more.
    since: Timestamp,
    hidden_until: i64,
    limit: usize,
}

/// An event at its place; none where it is no completion, is too old or cannot be read.
struct Found {
    place: i64,
    sent_at: Timestamp,
    completion: Option<QueuedCompletion>,
}

fn receive(conn: &Connection, asked: &Asked) -> Result<Vec<QueuedCompletion>, Fault> {
    let mut handed_out = again(conn, asked)?;
    if handed_out.len() < asked.limit {
        fresh(conn, asked, &mut handed_out)?;
    }
    Ok(handed_out)
}

/// What was handed out before and is not hidden any more. What need not be kept of it is deleted.
fn again(conn: &Connection, asked: &Asked) -> Result<Vec<QueuedCompletion>, Fault> {
    let mut delete = conn.prepare_cached("DELETE FROM completion_messages WHERE event = ?1")?;
    let found = loop {
        let page = not_hidden(conn, asked)?;
        let is_full = page.len() >= asked.limit;
        let (mut found, mut passed_over) = (Vec::with_capacity(page.len()), 0);
        for Found { place, completion, .. } in page {
            if let Some(completion) = completion {
                found.push(completion);
            } else {
                passed_over += delete.execute([place])?;
            }
        }
        if passed_over == 0 || !is_full {
            break found;
        }
    };
    let mut hide = conn
        .prepare_cached("UPDATE completion_messages SET receives = receives + 1, visible_at = ?2 WHERE event = ?1")?;
    for completion in &found {
        hide.execute([completion.place.0, asked.hidden_until])?;
    }
    Ok(found)
}

fn not_hidden(conn: &Connection, asked: &Asked) -> rusqlite::Result<Vec<Found>> {
    conn.prepare_cached(&format!(
        "SELECT event, published_at, {EVENT}, first_received_at, receives FROM completion_messages \
         JOIN events ON events.cursor = event {ITS_REQUEST} \
         WHERE completion_messages.agent = ?1 AND visible_at <= ?2 ORDER BY visible_at, event LIMIT ?3"
    ))?
    .query_map(params![asked.agent, nanos(asked.now), limit(asked.limit)], |row| {
        let (first, receives) = (time_at(row, 4)?, row.get::<_, u32>(5)?);
        found(row, asked, first, receives.saturating_add(1))
    })?
    .collect()
}

/// What was never handed out, from the queue's place in the log on.
fn fresh(conn: &Connection, asked: &Asked, handed_out: &mut Vec<QueuedCompletion>) -> Result<(), Fault> {
    let before = taken(conn, &asked.agent)?;
    let mut place = before;
    let mut keep = conn.prepare_cached(
        "INSERT INTO completion_messages (event, agent, receives, first_received_at, visible_at) \
         VALUES (?1, ?2, 1, ?3, ?4) ON CONFLICT (event) DO NOTHING",
    )?;
    loop {
        let wanted = asked.limit.saturating_sub(handed_out.len());
        let page = behind(conn, asked, place, wanted)?;
        let Some(first) = page.first() else { break };
        if first.sent_at <= asked.since {
            place = last_before(conn, first.place, asked.since)?;
            continue;
        }
        let is_last = page.len() < wanted;
        for found in page {
            place = found.place;
            if let Some(completion) = found.completion {
                keep.execute(params![place, asked.agent, nanos(asked.now), asked.hidden_until])?;
                handed_out.push(completion);
            }
        }
        if is_last || handed_out.len() >= asked.limit {
            break;
        }
    }
    if place > before {
        conn.prepare_cached(
            "INSERT INTO completion_queues (agent, taken) VALUES (?1, ?2) \
             ON CONFLICT (agent) DO UPDATE SET taken = excluded.taken",
        )?
        .execute(params![asked.agent, place])?;
    }
    Ok(())
}

/// The agent's events behind a place.
fn behind(conn: &Connection, asked: &Asked, place: i64, wanted: usize) -> rusqlite::Result<Vec<Found>> {
    conn.prepare_cached(&format!(
        "SELECT cursor, published_at, {EVENT} FROM events {ITS_REQUEST} \
         WHERE events.agent = ?1 AND cursor > ?2 ORDER BY cursor LIMIT ?3"
    ))?
    .query_map(params![asked.agent, place, limit(wanted)], |row| {
        found(row, asked, asked.now, 1)
    })?
    .collect()
}

/// Reads a row that begins with an event's place, its time and itself.
fn found(row: &Row<'_>, asked: &Asked, first_received_at: Timestamp, receives: u32) -> rusqlite::Result<Found> {
    let place: i64 = row.get(0)?;
    let sent_at = time_at(row, 1)?;
    let event = outgoing(row, 2).inspect_err(|why| {
        tracing::error!(event = place, error = why, "an event cannot be read and is in no queue");
    });
    let logged = event.ok().map(|event| LoggedEvent {
        cursor: Cursor(place),
        published_at: sent_at,
        event,
    });
    Ok(Found {
        place,
        sent_at,
        completion: logged
            .filter(|_| sent_at > asked.since)
            .and_then(|logged| QueuedCompletion::of(logged, first_received_at, receives)),
    })
}

/// The last place whose event is not after a time, where that of `low` is not. Places grow with time, as far as clocks do: so
/// the place is found without looking at each, however long nobody asked.
fn last_before(conn: &Connection, mut low: i64, since: Timestamp) -> rusqlite::Result<i64> {
    let newest: Option<i64> = conn
        .prepare_cached("SELECT max(cursor) FROM events")?
        .query_row([], |row| row.get(0))?;
    let mut high = newest.unwrap_or(low);
    let mut look =
        conn.prepare_cached("SELECT cursor, published_at FROM events WHERE cursor >= ?1 ORDER BY cursor LIMIT 1")?;
    while low < high {
        // Above `low`, so that each look takes something away.
        let middle = high - (high - low) / 2;
        let found: Option<(i64, i64)> = look
            .query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match found {
            Some((place, at)) if at <= nanos(since) && place <= high => low = place,
            Some(_) | None => high = middle - 1,
        }
    }
    Ok(low)
}

/// Up to which place the agent's events are dealt with.
fn taken(conn: &Connection, agent: &str) -> rusqlite::Result<i64> {
    let taken = conn
        .prepare_cached("SELECT taken FROM completion_queues WHERE agent = ?1")?
        .query_row([agent], |row| row.get(0))
        .optional()?;
    Ok(taken.unwrap_or_default())
}

fn next(conn: &Connection, agent: &str, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let hidden: Option<i64> = conn
        .prepare_cached("SELECT min(visible_at) FROM completion_messages WHERE agent = ?1")?
        .query_row([agent], |row| row.get(0))?;
    if hidden.is_some_and(|at| at <= nanos(now)) {
        return Ok(Some(now));
    }
    let is_fresh = conn
        .prepare_cached("SELECT 1 FROM events WHERE agent = ?1 AND cursor > ?2 LIMIT 1")?
        .exists(params![agent, taken(conn, agent)?])?;
    Ok(if is_fresh { Some(now) } else { hidden.map(time) })
}

fn depth(conn: &Connection, agent: &str, now: Timestamp) -> Result<QueueDepth, Fault> {
    let (again, in_flight) = conn
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE visible_at <= ?2), count(*) FILTER (WHERE visible_at > ?2) \
             FROM completion_messages JOIN events ON events.cursor = event \
             WHERE completion_messages.agent = ?1 AND published_at > ?3",
        )?
        .query_row(params![agent, nanos(now), nanos(kept_since(now))], |row| {
            Ok((count_at(row, 0)?, count_at(row, 1)?))
        })?;
    let fresh = conn
        .prepare_cached(
            "SELECT count(*) FROM events WHERE agent = ?1 AND cursor > ?2 AND published_at > ?3 \
             AND (request_seq IS NOT NULL \
             OR CASE WHEN json_valid(body) THEN json_extract(body, '$.kind') END IS NOT 'announcement')",
        )?
        .query_row(params![agent, taken(conn, agent)?, nanos(kept_since(now))], |row| {
            count_at(row, 0)
        })?;
    Ok(QueueDepth {
        visible: again.saturating_add(fresh),
        in_flight,
    })
}
