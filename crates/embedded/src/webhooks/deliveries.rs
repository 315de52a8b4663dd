//! What waits for the endpoints: taken in turns, and kept when it is given up.

use std::collections::VecDeque;

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::webhooks::{DeadLetter, Delivery, Line, Places, SubscriptionId, longest_waits, take_turns};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{SECRET, SUBSCRIPTION, SUBSCRIPTION_LEN, label, subscription};
use crate::columns::{limit, nanos, page, time_at};
use crate::error::Fault;
use crate::events::{EVENT, ITS_REQUEST, outgoing};
use crate::vault::{Keyring, Sealed};

/// Takes what is due, until the lease ends.
pub(super) fn claim(
    conn: &Connection,
    keys: &Keyring,
    (now, lease_until): (Timestamp, Timestamp),
    at_most: usize,
    places: &Places,
) -> Result<Vec<Delivery>, Fault> {
    let due = take_turns(lines(conn, now, at_most, places)?, at_most, places);
    let mut update =
        conn.prepare_cached("UPDATE deliveries SET attempts = ?2, due_at = ?3, leased_until = ?3 WHERE id = ?1")?;
    let mut claimed = Vec::with_capacity(due.len());
    for (_, id) in due {
        let (mut delivery, sealed) = match due_delivery(conn, id)? {
            Ok(found) => found,
            // One damaged event must not hold up the others, nor come again and again.
            Err(error) => {
                tracing::error!(
                    delivery = id,
                    error,
                    "what is to be delivered cannot be read; it is set aside"
                );
                bury(conn, id, now, &format!("the event cannot be read: {error}"))?;
                continue;
            }
        };
        update.execute(params![delivery.id, delivery.attempt, nanos(lease_until)])?;
        match keys.open_text(label(&delivery.subscription.id.0), &sealed) {
            Ok(secret) => {
                delivery.secret = SecretValue::new(secret);
                claimed.push(delivery);
            }
            // One damaged subscription must not hold up the others.
            Err(Fault::Port(error)) if error.kind == PortErrorKind::Corrupt => {
                tracing::error!(subscription = %delivery.subscription.id.0, %error, "a webhook cannot be signed");
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(claimed)
}

/// An event with what can be made before the writer's time.
pub(super) struct Queued {
    pub(super) event: i64,
    pub(super) agent: AgentName,
    pub(super) message_id: String,
}

/// Whether there is a subscription.
pub(super) fn anybody(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM subscriptions)")?
        .query_row([], |row| row.get(0))
}

/// Queues events for every subscription that wants them, is not switched off, and does not have them.
pub(super) fn queue(conn: &Connection, events: &[Queued], at: Timestamp) -> Result<(), Fault> {
    let subscriptions = conn
        .prepare_cached("SELECT id, agent FROM subscriptions WHERE disabled_at IS NULL ORDER BY seq")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, Option<String>)>>>()?;
    let mut queue = conn.prepare_cached(
        "INSERT INTO deliveries (subscription, event, message_id, due_at) SELECT ?1, cursor, ?3, ?4 FROM events \
         WHERE cursor = ?2 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE subscription = ?1 AND event = ?2)",
    )?;
    for event in events {
        let wanted = subscriptions
            .iter()
            .filter(|(_, agent)| agent.as_ref().is_none_or(|agent| agent == event.agent.as_str()));
        for (subscription, _) in wanted {
            queue.execute(params![subscription, event.event, event.message_id, nanos(at)])?;
        }
    }
    Ok(())
}

/// Makes due what a dead process was delivering, and shortens what a clock that was wrong has wait.
pub(super) fn take_over(conn: &Connection, now: Timestamp) -> Result<u64, Fault> {
    let taken = conn
        .prepare_cached(
            "UPDATE deliveries SET due_at = ?1, leased_until = NULL, attempts = max(attempts - 1, 0) \
             WHERE leased_until IS NOT NULL",
        )?
        .execute([nanos(now)])?;
    let mut shorten = conn.prepare_cached("UPDATE deliveries SET due_at = ?2 WHERE attempts <= ?1 AND due_at > ?2")?;
    for (attempts, wait) in longest_waits() {
        let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        shorten.execute(params![attempts, nanos(until)])?;
    }
    Ok(u64::try_from(taken).unwrap_or(u64::MAX))
}

/// What is due to each endpoint, as much as it has room for, with when it is due.
fn lines(conn: &Connection, now: Timestamp, at_most: usize, places: &Places) -> Result<Vec<Line<(i64, i64)>>, Fault> {
    let endpoints = conn
        .prepare_cached(
            "SELECT id, failing_since IS NOT NULL, \
             (SELECT count(*) FROM deliveries WHERE subscription = subscriptions.id AND leased_until > ?1) \
             FROM subscriptions WHERE disabled_at IS NULL ORDER BY seq",
        )?
        .query_map([nanos(now)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, bool, u32)>>>()?;
    let mut due = conn.prepare_cached(
        "SELECT due_at, id FROM deliveries INDEXED BY deliveries_turn WHERE subscription = ?1 AND due_at <= ?2 \
         ORDER BY due_at, id LIMIT ?3",
    )?;
    let mut lines = Vec::with_capacity(endpoints.len());
    for (subscription, failing, held) in endpoints {
        let id = SubscriptionId(subscription);
        let standing = places.standing(&id, failing);
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        let own = places.own(&id);
        let room = places.room(standing, held, own).min(at_most);
        let mut line = Line {
            standing,
            held,
            own,
            due: VecDeque::new(),
        };
        if room > 0 {
            line.due = due
                .query_map(params![id.0, nanos(now), limit(room)], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
        }
        lines.push(line);
    }
    Ok(lines)
}

/// A delivery without its secret, and that as it is sealed; or why it cannot be read.
fn due_delivery(conn: &Connection, id: i64) -> rusqlite::Result<Result<(Delivery, Sealed), String>> {
    conn.prepare_cached(&format!(
        "SELECT {SUBSCRIPTION}, {SECRET}, message_id, deliveries.attempts, {EVENT} \
         FROM deliveries JOIN subscriptions ON subscriptions.id = subscription \
         JOIN events ON cursor = event {ITS_REQUEST} WHERE deliveries.id = ?1"
    ))?
    .query_row([id], |row| {
        let place = SUBSCRIPTION_LEN + 3;
        let event = match outgoing(row, place + 2) {
            Ok(event) => event,
            Err(why) => return Ok(Err(why)),
        };
        let attempts: u32 = row.get(place + 1)?;
        let delivery = Delivery {
            subscription: subscription(row)?,
            secret: SecretValue::new(String::new()),
            id,
            message_id: row.get(place)?,
            event,
            attempt: attempts.saturating_add(1),
        };
        Ok(Ok((delivery, Sealed::from_row(row, SUBSCRIPTION_LEN)?)))
    })
}

/// Makes a dead letter of a delivery.
pub(super) fn bury(conn: &Connection, id: i64, at: Timestamp, error: &str) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO dead_letters (subscription, event, message_id, attempts, error, buried_at) \
         SELECT subscription, event, message_id, attempts, ?3, ?2 FROM deliveries WHERE id = ?1",
    )?
    .execute(params![id, nanos(at), error])?;
    conn.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Dead letters behind a place.
pub(super) fn dead_letters(
    conn: &Connection,
    id: &SubscriptionId,
    after: Option<Cursor>,
    at_most: usize,
) -> Result<Page<DeadLetter>, Fault> {
    let after = after.map_or(0, |Cursor(place)| place);
    let letters = conn
        .prepare_cached(&format!(
            "SELECT dead_letters.id, message_id, dead_letters.attempts, error, buried_at, {EVENT} \
             FROM dead_letters JOIN events ON cursor = event {ITS_REQUEST} \
             WHERE subscription = ?1 AND dead_letters.id > ?2 ORDER BY dead_letters.id LIMIT ?3"
        ))?
        .query_map(params![id.0, after, limit(at_most).saturating_add(1)], |row| {
            let place: i64 = row.get(0)?;
            let event = outgoing(row, 5).inspect_err(|why| {
                tracing::error!(
                    letter = place,
                    error = why,
                    "a dead letter cannot be read and is left out"
                );
            });
            let Ok(event) = event else {
                return Ok((place, None));
            };
            let letter = DeadLetter {
                cursor: Cursor(place),
                message_id: row.get(1)?,
                event,
                attempts: row.get(2)?,
                error: row.get(3)?,
                buried_at: time_at(row, 4)?,
            };
            Ok((place, Some(letter)))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let letters = page(letters, at_most, |(place, _)| *place);
    Ok(Page {
        items: letters.items.into_iter().filter_map(|(_, letter)| letter).collect(),
        next: letters.next,
    })
}
