//! Webhook subscriptions, the deliveries that wait for them, and the dead letters.

use async_trait::async_trait;
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{PortErrorKind, PortResult, Webhooks};
use cc_devops_core::requests::record::{Cursor, OutgoingEvent, Page};
use cc_devops_core::secret::SecretValue;
use cc_devops_core::webhooks::{DeadLetter, Delivery, Subscription, SubscriptionId};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::audit::page;
use crate::columns::{json_at, limit, name_at, nanos, optional_name_at, time_at};
use crate::db::Db;
use crate::error::Fault;
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
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(
                    "INSERT INTO dead_letters (subscription, event, message_id, attempts, error, buried_at) \
                     SELECT subscription, event, message_id, attempts, ?3, ?2 FROM deliveries WHERE id = ?1",
                )?
                .execute(params![id, nanos(at), error])?;
                conn.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?
                    .execute([id])?;
                Ok(())
            })
            .await
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

fn claim(
    conn: &Connection,
    keys: &Keyring,
    now: Timestamp,
    lease_until: Timestamp,
    at_most: usize,
) -> Result<Vec<Delivery>, Fault> {
    let due = conn
        .prepare_cached(&format!(
            "SELECT {SUBSCRIPTION}, key_id, data_key, sealed, deliveries.id, message_id, events.agent, completed, \
             attempts FROM deliveries INDEXED BY deliveries_due JOIN subscriptions ON subscriptions.id = subscription \
             JOIN events ON cursor = event WHERE due_at <= ?1 ORDER BY deliveries.id LIMIT ?2"
        ))?
        .query_map(params![nanos(now), limit(at_most)], |row| {
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
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = conn.prepare_cached("UPDATE deliveries SET attempts = ?2, due_at = ?3 WHERE id = ?1")?;
    let mut claimed = Vec::with_capacity(due.len());
    for (mut delivery, sealed) in due {
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
        .prepare_cached(
            "SELECT id, message_id, agent, completed, attempts, error, buried_at \
             FROM dead_letters JOIN events ON cursor = event WHERE subscription = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?
        .query_map(params![id.0, after, limit(at_most).saturating_add(1)], |row| {
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
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(page(letters, at_most, |letter| letter.cursor.0))
}
