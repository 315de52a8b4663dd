//! Webhook subscriptions, the deliveries that wait for them, and the dead letters.

use async_trait::async_trait;
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult, Webhooks};
use cc_devops_core::requests::record::{Cursor, OutgoingEvent, Page};
use cc_devops_core::secret::SecretValue;
use cc_devops_core::webhooks::{DeadLetter, Delivery, Subscription, SubscriptionId, message_id};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::audit::page;
use crate::columns::{limit, nanos, optional_name_at, time_at};
use crate::db::Db;
use crate::error::Fault;
use crate::events::{EVENT, ITS_REQUEST, outgoing};
use crate::vault::{Keyring, Label, Sealed};

/// The webhooks in the database.
pub struct SqliteWebhooks {
    db: Db,
}

impl SqliteWebhooks {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

/// What a signing secret is sealed as.
pub(crate) fn label(id: &str) -> Label<'_> {
    Label {
        kind: "webhook",
        name: id,
        version: 0,
    }
}

const SUBSCRIPTION: &str = "subscriptions.id, url, subscriptions.agent, subscriptions.created_at";
const SUBSCRIPTION_LEN: usize = 4;

const SECRET: &str = "subscriptions.key_id, subscriptions.data_key, subscriptions.sealed";

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription {
        id: SubscriptionId(row.get(0)?),
        url: row.get(1)?,
        agent: optional_name_at(row, 2)?,
        created_at: time_at(row, 3)?,
    })
}

#[async_trait]
impl Webhooks for SqliteWebhooks {
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue) -> PortResult<()> {
        let (subscription, secret) = (subscription.clone(), secret.clone());
        self.db
            .write(move |conn, keys| subscribe(conn, keys, &subscription, &secret))
            .await
    }

    async fn queue(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()> {
        // Most stores have no subscription, and a commit is dear.
        if events.is_empty() || !self.db.read_inline(|conn| Ok(anybody(conn)?))? {
            return Ok(());
        }
        let queued = events
            .iter()
            .map(|(id, event)| {
                Ok(Queued {
                    event: *id,
                    agent: event.agent.clone(),
                    message_id: message_id(&event.body.detail()?),
                })
            })
            .collect::<serde_json::Result<Vec<_>>>()
            .map_err(|error| {
                PortError::new(PortErrorKind::Refused, "an event cannot be written as JSON").because(error)
            })?;
        self.db.write_repeatable(move |conn, _| queue(conn, &queued, at)).await
    }

    async fn unsubscribe(&self, id: &SubscriptionId) -> PortResult<()> {
        let id = id.clone();
        self.db
            .write(move |conn, _| {
                let removed = conn
                    .prepare_cached("DELETE FROM subscriptions WHERE id = ?1")?
                    .execute([&id.0])?;
                if removed == 1 {
                    Ok(())
                } else {
                    Err(Fault::port(PortErrorKind::NotFound, "there is no such subscription"))
                }
            })
            .await
    }

    async fn subscriptions(&self) -> PortResult<Vec<Subscription>> {
        self.db
            .read(|conn| {
                let all = conn
                    .prepare_cached(&format!("SELECT {SUBSCRIPTION} FROM subscriptions ORDER BY seq"))?
                    .query_map([], subscription)?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(all)
            })
            .await
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        self.db
            .write_repeatable(move |conn, keys| claim(conn, keys, now, lease_until, limit))
            .await
    }

    async fn delivered(&self, id: i64) -> PortResult<()> {
        self.db
            .write(move |conn, _| {
                conn.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?
                    .execute([id])?;
                Ok(())
            })
            .await
    }

    async fn retry_at(&self, id: i64, retry_at: Timestamp, error: &str) -> PortResult<()> {
        let error = error.to_owned();
        self.db
            .write(move |conn, _| {
                conn.prepare_cached("UPDATE deliveries SET due_at = ?2, error = ?3 WHERE id = ?1")?
                    .execute(params![id, nanos(retry_at), error])?;
                Ok(())
            })
            .await
    }

    async fn bury(&self, id: i64, at: Timestamp, error: &str) -> PortResult<()> {
        let error = error.to_owned();
        self.db.write(move |conn, _| bury(conn, id, at, &error)).await
    }

    async fn dead_letters(
        &self,
        id: &SubscriptionId,
        after: Option<Cursor>,
        at_most: usize,
    ) -> PortResult<Page<DeadLetter>> {
        let id = id.clone();
        self.db.read(move |conn| dead_letters(conn, &id, after, at_most)).await
    }

    async fn replay(&self, id: &SubscriptionId, now: Timestamp) -> PortResult<u64> {
        let id = id.clone();
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(
                    "INSERT INTO deliveries (subscription, event, message_id, due_at) \
                     SELECT subscription, event, message_id, ?2 FROM dead_letters WHERE subscription = ?1 ORDER BY id",
                )?
                .execute(params![id.0, nanos(now)])?;
                let replayed = conn
                    .prepare_cached("DELETE FROM dead_letters WHERE subscription = ?1")?
                    .execute([&id.0])?;
                Ok(replayed as u64)
            })
            .await
    }
}

fn subscribe(
    conn: &Connection,
    keys: &Keyring,
    subscription: &Subscription,
    secret: &SecretValue,
) -> Result<(), Fault> {
    let sealed = keys.seal(label(&subscription.id.0), secret.expose().as_bytes())?;
    let added = conn
        .prepare_cached(
            "INSERT INTO subscriptions (id, url, agent, created_at, key_id, data_key, sealed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            subscription.id.0,
            subscription.url,
            subscription.agent.as_ref().map(AgentName::as_str),
            nanos(subscription.created_at),
            sealed.key_id.as_str(),
            sealed.data_key,
            sealed.body,
        ])?;
    if added == 1 {
        Ok(())
    } else {
        Err(Fault::port(PortErrorKind::Exists, "the subscription exists already"))
    }
}

fn bury(conn: &Connection, id: i64, at: Timestamp, error: &str) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO dead_letters (subscription, event, message_id, attempts, error, buried_at) \
         SELECT subscription, event, message_id, attempts, ?3, ?2 FROM deliveries WHERE id = ?1",
    )?
    .execute(params![id, nanos(at), error])?;
    conn.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// An event with what can be made before the writer's time.
struct Queued {
    event: i64,
    agent: AgentName,
    message_id: String,
}

fn anybody(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM subscriptions)")?
        .query_row([], |row| row.get(0))
}

/// Queues events for every subscription that wants them and does not have them.
fn queue(conn: &Connection, events: &[Queued], at: Timestamp) -> Result<(), Fault> {
    let subscriptions = conn
        .prepare_cached("SELECT id, agent FROM subscriptions ORDER BY seq")?
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

fn claim(
    conn: &Connection,
    keys: &Keyring,
    now: Timestamp,
    lease_until: Timestamp,
    at_most: usize,
) -> Result<Vec<Delivery>, Fault> {
    let due = conn
        .prepare_cached(&format!(
            "SELECT {SUBSCRIPTION}, {SECRET}, deliveries.id, message_id, deliveries.attempts, {EVENT} \
             FROM deliveries INDEXED BY deliveries_due JOIN subscriptions ON subscriptions.id = subscription \
             JOIN events ON cursor = event {ITS_REQUEST} \
             WHERE deliveries.due_at <= ?1 ORDER BY deliveries.id LIMIT ?2"
        ))?
        .query_map(params![nanos(now), limit(at_most)], |row| {
            let place = SUBSCRIPTION_LEN + 3;
            let id: i64 = row.get(place)?;
            let event = match outgoing(row, place + 3) {
                Ok(event) => event,
                Err(why) => return Ok((id, Err(why))),
            };
            let attempts: u32 = row.get(place + 2)?;
            let delivery = Delivery {
                subscription: subscription(row)?,
                secret: SecretValue::new(String::new()),
                id,
                message_id: row.get(place + 1)?,
                event,
                attempt: attempts.saturating_add(1),
            };
            Ok((id, Ok((delivery, Sealed::from_row(row, SUBSCRIPTION_LEN)?))))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = conn.prepare_cached("UPDATE deliveries SET attempts = ?2, due_at = ?3 WHERE id = ?1")?;
    let mut claimed = Vec::with_capacity(due.len());
    for (id, due) in due {
        let (mut delivery, sealed) = match due {
            Ok(due) => due,
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

fn dead_letters(
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
