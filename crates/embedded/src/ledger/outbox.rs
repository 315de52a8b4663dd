//! The outbox: events that wait to be published.

use cc_devops_core::names::{AgentName, RequestId};
use cc_devops_core::requests::record::{OutboxEntry, OutgoingEvent};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::columns::{json_at, limit, name_at, nanos};
use crate::error::Fault;

/// Puts a concluded request's event into the outbox again.
pub(super) fn republish(conn: &Connection, id: &RequestId) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO outbox (request_seq) SELECT seq FROM requests WHERE id = ?1 AND state = 'concluded' \
         ON CONFLICT (request_seq) DO NOTHING",
    )?
    .execute([id.as_str()])?;
    Ok(())
}

/// Puts news into the outbox.
pub(crate) fn announce(conn: &Connection, agent: &AgentName, body: &str) -> Result<(), Fault> {
    conn.prepare_cached("INSERT INTO outbox (agent, completed) VALUES (?1, ?2)")?
        .execute([agent.as_str(), body])?;
    Ok(())
}

/// Events whose time has come, oldest first.
pub(super) fn unpublished(conn: &Connection, now: Timestamp, at_most: usize) -> Result<Vec<OutboxEntry>, Fault> {
    let entries = conn
        .prepare_cached(
            "SELECT outbox.id, outbox.failures, coalesce(outbox.agent, requests.agent), \
             coalesce(outbox.completed, requests.completed) \
             FROM outbox LEFT JOIN requests ON requests.seq = outbox.request_seq \
             WHERE outbox.due_at IS NULL OR outbox.due_at <= ?1 ORDER BY outbox.id LIMIT ?2",
        )?
        .query_map(params![nanos(now), limit(at_most)], |row| {
            Ok(OutboxEntry {
                id: row.get(0)?,
                failures: row.get(1)?,
                event: OutgoingEvent {
                    agent: name_at(row, 2)?,
                    body: json_at(row, 3)?,
                },
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(entries)
}

/// Takes events out; with that, their requests count as published.
pub(super) fn published(conn: &Connection, ids: &[i64]) -> Result<(), Fault> {
    let mut delete = conn.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
    for id in ids {
        delete.execute([id])?;
    }
    Ok(())
}

/// Leaves an event for later.
pub(super) fn publish_failed(conn: &Connection, id: i64, retry_at: Timestamp) -> Result<(), Fault> {
    conn.prepare_cached("UPDATE outbox SET failures = failures + 1, due_at = ?2 WHERE id = ?1")?
        .execute(params![id, nanos(retry_at)])?;
    Ok(())
}
