//! What waits for the endpoints: taken in turns, and kept when it is given up.

use std::collections::VecDeque;

use cc_devops_core::ports::PortErrorKind;
use cc_devops_core::requests::record::{Cursor, OutgoingEvent, Page};
use cc_devops_core::secret::SecretValue;
use cc_devops_core::webhooks::{DeadLetter, Delivery, Line, SubscriptionId, room, take_turns};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{SUBSCRIPTION, SUBSCRIPTION_LEN, label, subscription};
use crate::audit::page;
use crate::columns::{json_at, limit, name_at, nanos, time_at};
use crate::error::Fault;
use crate::vault::{Keyring, Sealed};

/// Takes what is due, until the lease ends.
pub(super) fn claim(
    conn: &Connection,
    keys: &Keyring,
    (now, lease_until): (Timestamp, Timestamp),
    at_most: usize,
    places: usize,
) -> Result<Vec<Delivery>, Fault> {
    let due = take_turns(lines(conn, now, at_most, places)?, at_most);
    let mut update =
        conn.prepare_cached("UPDATE deliveries SET attempts = ?2, due_at = ?3, leased_until = ?3 WHERE id = ?1")?;
    let mut claimed = Vec::with_capacity(due.len());
    for (_, id) in due {
        let (mut delivery, sealed) = match due_delivery(conn, id) {
            Ok(found) => found,
            Err(error) if is_unreadable(&error) => {
                tracing::error!(delivery = id, %error, "a webhook delivery cannot be read; it is a dead letter");
                bury(conn, id, now, "what is to be delivered cannot be read")?;
                continue;
            }
            Err(error) => return Err(error.into()),
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

/// What is due to each endpoint that has room, with when it is due.
fn lines(conn: &Connection, now: Timestamp, at_most: usize, places: usize) -> Result<Vec<Line<(i64, i64)>>, Fault> {
    let endpoints = conn
        .prepare_cached(
            "SELECT id, failing_since IS NOT NULL, \
             (SELECT count(*) FROM deliveries WHERE subscription = subscriptions.id AND leased_until > ?1) \
             FROM subscriptions WHERE disabled_at IS NULL ORDER BY seq",
        )?
        .query_map([nanos(now)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, bool, usize)>>>()?;
    let mut due = conn.prepare_cached(
        "SELECT due_at, id FROM deliveries INDEXED BY deliveries_turn WHERE subscription = ?1 AND due_at <= ?2 \
         ORDER BY due_at, id LIMIT ?3",
    )?;
    let mut lines = Vec::with_capacity(endpoints.len());
    for (subscription, failing, held) in endpoints {
        let room = room(places, held, failing).min(at_most);
        if room > 0 {
            let due = due
                .query_map(params![subscription, nanos(now), limit(room)], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<rusqlite::Result<VecDeque<(i64, i64)>>>()?;
            lines.push(Line { held, due });
        }
    }
    Ok(lines)
}

/// A delivery without its secret, and that as it is sealed.
fn due_delivery(conn: &Connection, id: i64) -> rusqlite::Result<(Delivery, Sealed)> {
    conn.prepare_cached(&format!(
        "SELECT {SUBSCRIPTION}, key_id, data_key, sealed, deliveries.id, message_id, events.agent, completed, \
         attempts FROM deliveries JOIN subscriptions ON subscriptions.id = subscription \
         JOIN events ON cursor = event WHERE deliveries.id = ?1"
    ))?
    .query_row([id], |row| {
        let place = SUBSCRIPTION_LEN + 3;
        let attempts: u32 = row.get(place + 4)?;
        let delivery = Delivery {
            subscription: subscription(row)?,
            secret: SecretValue::new(String::new()),
            id: row.get(place)?,
            message_id: row.get(place + 1)?,
            event: OutgoingEvent {
                agent: name_at(row, place + 2)?,
                body: json_at(row, place + 3)?,
            },
            attempt: attempts.saturating_add(1),
        };
        Ok((delivery, Sealed::from_row(row, SUBSCRIPTION_LEN)?))
    })
}

/// Whether a row is damaged, and not the database behind it.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::QueryReturnedNoRows
    )
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
        .prepare_cached(
            "SELECT id, message_id, agent, completed, attempts, error, buried_at \
             FROM dead_letters JOIN events ON cursor = event WHERE subscription = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?
        .query_map(params![id.0, after, limit(at_most).saturating_add(1)], |row| {
            let place: i64 = row.get(0)?;
            let letter = letter(row).inspect_err(|error| {
                tracing::error!(letter = place, %error, "a dead letter cannot be read and is left out");
            });
            Ok((place, letter.ok()))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let letters = page(letters, at_most, |(place, _)| *place);
    Ok(Page {
        items: letters.items.into_iter().filter_map(|(_, letter)| letter).collect(),
        next: letters.next,
    })
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        cursor: Cursor(row.get(0)?),
        message_id: row.get(1)?,
        event: OutgoingEvent {
            agent: name_at(row, 2)?,
            body: json_at(row, 3)?,
        },
        attempts: row.get(4)?,
        error: row.get(5)?,
        buried_at: time_at(row, 6)?,
    })
}
