//! Webhook subscriptions, the deliveries that wait for them, and the dead letters.

mod deliveries;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Webhooks;
use cc_devops_outbox::webhooks::{
    DeadLetter, Delivery, Endpoint, Places, Subscription, SubscriptionId, SubscriptionStatus, message_id, replayed,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::audit;
use crate::columns::{count_at, nanos, optional_name_at, optional_time_at, time_at};
use crate::db::Db;
use crate::error::Fault;
use crate::events::News;
use crate::vault::{Keyring, Label};
use deliveries::{Queued, anybody, bury, claim, dead_letters, queue, take_over};

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

impl SqliteWebhooks {
    /// Makes a change, and puts it on record in the same transaction if it changed anything.
    async fn act(
        &self,
        audit: &AuditEntry,
        change: impl FnOnce(&Connection, &Keyring) -> Result<bool, Fault> + Send + 'static,
    ) -> PortResult<bool> {
        let (keys, audit) = (Arc::clone(self.db.store_keys()), audit.clone());
        self.db
            .write(move |conn, keyring| {
                let changed = change(conn, keyring)?;
                if changed {
                    audit::append(conn, &keys, &audit)?;
                }
                Ok(changed)
            })
            .await
    }
}

#[async_trait]
impl Webhooks for SqliteWebhooks {
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue, audit: &AuditEntry) -> PortResult<()> {
        let (subscription, secret) = (subscription.clone(), secret.clone());
        self.act(audit, move |conn, keys| {
            subscribe(conn, keys, &subscription, &secret).map(|()| true)
        })
        .await
        .map(drop)
    }

    async fn unsubscribe(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()> {
        let id = id.clone();
        let removed = move |conn: &Connection, _: &Keyring| {
            let removed = conn
                .prepare_cached("DELETE FROM subscriptions WHERE id = ?1")?
                .execute([&id.0])?;
            if removed == 1 { Ok(true) } else { Err(unknown()) }
        };
        self.act(audit, removed).await.map(drop)
    }

    async fn disable(
        &self,
        id: &SubscriptionId,
        failing_since: Timestamp,
        audit: &AuditEntry,
        (reader, news): (&AgentName, &Announcement),
    ) -> PortResult<bool> {
        let (id, at, news) = (id.clone(), audit.at, News::of(reader, news)?);
        self.act(audit, move |conn, _| {
            let disabled = conn
                .prepare_cached(
                    "UPDATE subscriptions SET disabled_at = ?2 \
                     WHERE id = ?1 AND disabled_at IS NULL AND failing_since = ?3",
                )?
                .execute(params![id.0, nanos(at), nanos(failing_since)])?;
            if disabled == 1 {
                news.append(conn)?;
            }
            Ok(disabled == 1)
        })
        .await
    }

    async fn enable(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()> {
        let id = id.clone();
        let enabled = move |conn: &Connection, _: &Keyring| {
            let enabled = conn
                .prepare_cached(
                    "UPDATE subscriptions SET disabled_at = NULL, failing_since = NULL, last_error = NULL \
                     WHERE id = ?1 AND disabled_at IS NOT NULL",
                )?
                .execute([&id.0])?;
            if enabled == 0 {
                exists(conn, &id)?;
            }
            Ok(enabled == 1)
        };
        self.act(audit, enabled).await.map(drop)
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

    async fn statuses(&self) -> PortResult<Vec<SubscriptionStatus>> {
        self.db
            .read(|conn| {
                let all = conn
                    .prepare_cached(&format!(
                        "SELECT {SUBSCRIPTION}, failing_since, last_error, disabled_at, \
                         (SELECT count(*) FROM dead_letters WHERE subscription = subscriptions.id) \
                         FROM subscriptions ORDER BY seq"
                    ))?
                    .query_map([], status)?
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
        places: &Places,
    ) -> PortResult<Vec<Delivery>> {
        let places = places.clone();
        self.db
            .write_repeatable(move |conn, keys| claim(conn, keys, (now, lease_until), limit, &places))
            .await
    }

    async fn take_over(&self, now: Timestamp) -> PortResult<u64> {
        self.db.write(move |conn, _| take_over(conn, now)).await
    }

    async fn delivered(&self, delivery: &Delivery) -> PortResult<()> {
        let (id, subscription) = (delivery.id, delivery.subscription.id.clone());
        self.db
            .write(move |conn, _| {
                conn.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?
                    .execute([id])?;
                conn.prepare_cached(
                    "UPDATE subscriptions SET failing_since = NULL, last_error = NULL \
                     WHERE id = ?1 AND failing_since IS NOT NULL",
                )?
                .execute([subscription.0])?;
                Ok(())
            })
            .await
    }

    async fn retry_at(
        &self,
        delivery: &Delivery,
        at: Timestamp,
        retry_at: Timestamp,
        error: &str,
    ) -> PortResult<Timestamp> {
        let (id, subscription, error) = (delivery.id, delivery.subscription.id.clone(), error.to_owned());
        self.db
            .write(move |conn, _| {
                conn.prepare_cached(
                    "UPDATE deliveries SET due_at = ?2, leased_until = NULL, error = ?3 WHERE id = ?1",
                )?
                .execute(params![id, nanos(retry_at), error])?;
                failed(conn, &subscription, at, &error)
            })
            .await
    }

    async fn bury(&self, delivery: &Delivery, at: Timestamp, error: &str) -> PortResult<Timestamp> {
        let (id, subscription, error) = (delivery.id, delivery.subscription.id.clone(), error.to_owned());
        self.db
            .write(move |conn, _| {
                bury(conn, id, at, &error)?;
                failed(conn, &subscription, at, &error)
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

    async fn replay(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<u64> {
        let (id, keys, audit) = (id.clone(), Arc::clone(self.db.store_keys()), audit.clone());
        self.db
            .write(move |conn, _| {
                exists(conn, &id)?;
                conn.prepare_cached(
                    "INSERT INTO deliveries (subscription, event, message_id, due_at) \
                     SELECT subscription, event, message_id, ?2 FROM dead_letters WHERE subscription = ?1 ORDER BY id",
                )?
                .execute(params![id.0, nanos(audit.at)])?;
                let letters = conn
                    .prepare_cached("DELETE FROM dead_letters WHERE subscription = ?1")?
                    .execute([&id.0])? as u64;
                audit::append(conn, &keys, &replayed(&audit, letters))?;
                Ok(letters)
            })
            .await
    }
}

fn unknown() -> Fault {
    Fault::port(PortErrorKind::NotFound, "there is no such subscription")
}

fn exists(conn: &Connection, id: &SubscriptionId) -> Result<(), Fault> {
    let known = conn
        .prepare_cached("SELECT 1 FROM subscriptions WHERE id = ?1")?
        .exists([&id.0])?;
    if known { Ok(()) } else { Err(unknown()) }
}

fn status(row: &Row<'_>) -> rusqlite::Result<SubscriptionStatus> {
    Ok(SubscriptionStatus {
        subscription: subscription(row)?,
        endpoint: Endpoint {
            failing_since: optional_time_at(row, SUBSCRIPTION_LEN)?,
            last_error: row.get(SUBSCRIPTION_LEN + 1)?,
            disabled_at: optional_time_at(row, SUBSCRIPTION_LEN + 2)?,
        },
        dead_letters: count_at(row, SUBSCRIPTION_LEN + 3)?,
    })
}

/// The subscriptions whose endpoints are not switched off.
pub(crate) fn switched_on(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached("SELECT id FROM subscriptions WHERE disabled_at IS NULL ORDER BY seq")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Switches off every endpoint but these, which says why; which ones.
pub(crate) fn switch_off_but(
    conn: &Connection,
    good: &HashSet<String>,
    at: Timestamp,
    why: &str,
) -> rusqlite::Result<Vec<String>> {
    let mut on = switched_on(conn)?;
    on.retain(|id| !good.contains(id));
    let mut off = conn.prepare_cached("UPDATE subscriptions SET disabled_at = ?2, last_error = ?3 WHERE id = ?1")?;
    for id in &on {
        off.execute(params![id, nanos(at), why])?;
    }
    Ok(on)
}

/// Notes that an endpoint failed; since when it only fails.
fn failed(conn: &Connection, id: &SubscriptionId, at: Timestamp, error: &str) -> Result<Timestamp, Fault> {
    let since = conn
        .prepare_cached(
            "UPDATE subscriptions SET failing_since = coalesce(failing_since, ?2), last_error = ?3 WHERE id = ?1 \
             RETURNING failing_since",
        )?
        .query_row(params![id.0, nanos(at), error], |row| time_at(row, 0))
        .optional()?;
    Ok(since.unwrap_or(at))
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
