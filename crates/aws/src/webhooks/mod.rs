//! Webhook subscriptions and what is still to be delivered to them.
//!
//! Publishing costs nothing more for them: each subscription remembers how far in the event log it
//! has been told, and whoever looks for deliveries makes those that are missing first.

mod rows;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult, Webhooks};
use cc_devops_core::requests::record::{Cursor, Page};
use cc_devops_core::secret::SecretValue;
use cc_devops_core::webhooks::{DeadLetter, Delivery, Subscription, SubscriptionId, message_id};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::error::{is_condition, port_error};
use crate::events::settled_place;
use crate::ledger::incomplete;
use crate::places::{sortable, sortable_time};
use crate::table::{Item, from_item, key, number, text, to_item};
use crate::{Backend, Shared};
use rows::{DELIVERIES, DeliveryRow, SubscriptionRow, WEBHOOKS, dead_of, delivery_key, subscription_key};

/// How many deliveries one transaction makes; with the subscription they stay under its 100 writes.
const FAN_OUT: usize = 50;

impl Backend {
    /// The webhooks; see [`Backend::events`] for `settled`.
    pub fn webhooks(&self, settled: Duration) -> Arc<dyn Webhooks> {
        Arc::new(DynamoWebhooks {
            shared: self.shared.clone(),
            settled,
        })
    }
}

struct DynamoWebhooks {
    shared: Arc<Shared>,
    settled: Duration,
}

impl DynamoWebhooks {
    /// The rows of a partition behind a key, in its order; at most `limit` that `keep` lets pass.
    async fn rows<T: DeserializeOwned>(
        &self,
        partition: &str,
        behind: &str,
        limit: usize,
        keep: impl Fn(&T) -> bool,
    ) -> PortResult<Vec<T>> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let call = self
                .shared
                .clients
                .dynamodb()
                .query()
                .table_name(self.shared.table())
                .consistent_read(true);
            let call = call
                .key_condition_expression("PK = :partition AND SK > :behind")
                .expression_attribute_values(":partition", text(partition))
                .expression_attribute_values(":behind", text(behind));
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                let row: T = from_item(item, "a webhook's row")?;
                if rows.len() == limit {
                    return Ok(rows);
                }
                if keep(&row) {
                    rows.push(row);
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn subscriptions(&self) -> PortResult<Vec<SubscriptionRow>> {
        let mut rows: Vec<SubscriptionRow> = self.rows(WEBHOOKS, " ", usize::MAX, |_| true).await?;
        rows.sort_by(|one, other| (one.created_at, &one.id.0).cmp(&(other.created_at, &other.id.0)));
        Ok(rows)
    }

    /// Makes the deliveries of events a subscription was not told yet. Of two processes one does.
    async fn fan_out(&self, row: &SubscriptionRow, now: Timestamp) -> PortResult<()> {
        let shared = &self.shared;
        let newest = shared.newest_event(settled_place(self.settled)).await?;
        let mut told = row.told;
        while told < newest {
            let events = shared.events_between(told, newest, row.agent.as_ref(), FAN_OUT).await?;
            let up_to = match events.last() {
                Some(last) if events.len() == FAN_OUT => last.cursor.0,
                _ => newest,
            };
            let update = Update::builder()
                .table_name(shared.table())
                .set_key(Some(subscription_key(&row.id)))
                .update_expression("SET told = :up_to")
                .condition_expression("told = :told")
                .expression_attribute_values(":up_to", number(up_to))
                .expression_attribute_values(":told", number(told))
                .build()
                .map_err(incomplete)?;
            let mut call = shared.clients.dynamodb().transact_write_items();
            call = call.transact_items(TransactWriteItem::builder().update(update).build());
            for logged in events {
                let completed = serde_json::to_string(&logged.event.completed).unwrap_or_default();
                let id = shared.places.next();
                let delivery = DeliveryRow {
                    pk: DELIVERIES.to_owned(),
                    sk: sortable(id),
                    id,
                    subscription: row.id.clone(),
                    message_id: message_id(&completed),
                    agent: logged.event.agent,
                    completed,
                    failures: 0,
                    due: sortable_time(now),
                    error: None,
                    buried_at: None,
                };
                call = call.transact_items(self.put(&delivery)?);
            }
            match call.send().await {
                Ok(_) => told = up_to,
                // Another process was first, or the subscription has gone.
                Err(error) if crate::ledger::refused_at(&error, 0).is_some() => return Ok(()),
                Err(error) => return Err(port_error("dynamodb:TransactWriteItems", error)),
            }
        }
        Ok(())
    }

    fn put(&self, row: &DeliveryRow) -> PortResult<TransactWriteItem> {
        let put = Put::builder()
            .table_name(self.shared.table())
            .set_item(Some(to_item(row)?));
        let put = put
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn delete(&self, key: Item) -> PortResult<TransactWriteItem> {
        let delete = Delete::builder().table_name(self.shared.table()).set_key(Some(key));
        let delete = delete
            .condition_expression("attribute_exists(PK)")
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Moves a row to another partition; false where it was gone.
    async fn moved(&self, from: Item, to: &DeliveryRow) -> PortResult<bool> {
        let call = self.shared.clients.dynamodb().transact_write_items();
        let call = call.transact_items(self.delete(from)?).transact_items(self.put(to)?);
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if crate::ledger::refused_at(&error, 0).is_some() => Ok(false),
            Err(error) => Err(port_error("dynamodb:TransactWriteItems", error)),
        }
    }

    async fn remove(&self, key: Item) -> PortResult<()> {
        let call = self
            .shared
            .clients
            .dynamodb()
            .delete_item()
            .table_name(self.shared.table());
        let done = call.set_key(Some(key)).send().await;
        done.map(drop).map_err(|error| port_error("dynamodb:DeleteItem", error))
    }

    /// Takes a delivery until `until`; false where somebody was first.
    async fn lease(&self, row: &DeliveryRow, until: Timestamp) -> PortResult<bool> {
        let call = self
            .shared
            .clients
            .dynamodb()
            .update_item()
            .table_name(self.shared.table());
        let call = call
            .set_key(Some(delivery_key(row.id)))
            .update_expression("SET due = :until")
            .condition_expression("due = :due")
            .expression_attribute_values(":until", text(sortable_time(until)))
            .expression_attribute_values(":due", text(&row.due));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(port_error("dynamodb:UpdateItem", error)),
        }
    }
}

#[async_trait]
impl Webhooks for DynamoWebhooks {
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue) -> PortResult<()> {
        let shared = &self.shared;
        let sealed = shared.keys().await?.seal(("webhook", &subscription.id.0), secret)?;
        let row = SubscriptionRow {
            pk: WEBHOOKS.to_owned(),
            sk: format!("SUB#{}", subscription.id.0),
            id: subscription.id.clone(),
            url: subscription.url.clone(),
            agent: subscription.agent.clone(),
            created_at: subscription.created_at,
            secret: serde_bytes::ByteBuf::from(sealed),
            told: shared.newest_event(settled_place(Duration::ZERO)).await?,
        };
        let call = shared.clients.dynamodb().put_item().table_name(shared.table());
        let call = call
            .set_item(Some(to_item(&row)?))
            .condition_expression("attribute_not_exists(PK)");
        call.send()
            .await
            .map(drop)
            .map_err(|error| port_error("dynamodb:PutItem", error))
    }

    async fn unsubscribe(&self, id: &SubscriptionId) -> PortResult<()> {
        let call = self
            .shared
            .clients
            .dynamodb()
            .delete_item()
            .table_name(self.shared.table());
        let call = call
            .set_key(Some(subscription_key(id)))
            .condition_expression("attribute_exists(PK)");
        match call.send().await {
            Ok(_) => {}
            Err(error) if is_condition(&error) => {
                return Err(PortError::new(PortErrorKind::NotFound, "there is no such subscription"));
            }
            Err(error) => return Err(port_error("dynamodb:DeleteItem", error)),
        }
        // What a crash leaves of these is removed when it is claimed.
        let ours = |row: &DeliveryRow| row.subscription == *id;
        for row in self.rows(DELIVERIES, " ", usize::MAX, ours).await? {
            self.remove(delivery_key(row.id)).await?;
        }
        for row in self
            .rows::<DeliveryRow>(&dead_of(id), " ", usize::MAX, |_| true)
            .await?
        {
            self.remove(key(&row.pk, &row.sk)).await?;
        }
        Ok(())
    }

    async fn subscriptions(&self) -> PortResult<Vec<Subscription>> {
        let rows = DynamoWebhooks::subscriptions(self).await?;
        Ok(rows.iter().map(SubscriptionRow::subscription).collect())
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        let rows = DynamoWebhooks::subscriptions(self).await?;
        for row in &rows {
            self.fan_out(row, now).await?;
        }
        let subscriptions: HashMap<&SubscriptionId, &SubscriptionRow> = rows.iter().map(|row| (&row.id, row)).collect();
        let keys = self.shared.keys().await?;
        let until = sortable_time(now);
        let is_due = |row: &DeliveryRow| row.due <= until;
        let mut claimed = Vec::new();
        for row in self.rows(DELIVERIES, " ", limit, is_due).await? {
            let Some(subscription) = subscriptions.get(&row.subscription) else {
                self.remove(delivery_key(row.id)).await?;
                continue;
            };
            if !self.lease(&row, lease_until).await? {
                continue;
            }
            claimed.push(Delivery {
                id: row.id,
                message_id: row.message_id.clone(),
                subscription: subscription.subscription(),
                secret: keys.open(("webhook", &subscription.id.0), &subscription.secret)?,
                event: row.event()?,
                attempt: row.failures + 1,
            });
        }
        Ok(claimed)
    }

    async fn delivered(&self, id: i64) -> PortResult<()> {
        self.remove(delivery_key(id)).await
    }

    async fn retry_at(&self, id: i64, retry_at: Timestamp, error: &str) -> PortResult<()> {
        let call = self
            .shared
            .clients
            .dynamodb()
            .update_item()
            .table_name(self.shared.table());
        let call = call
            .set_key(Some(delivery_key(id)))
            .update_expression("SET due = :due, #error = :error ADD failures :one")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#error", "error")
            .expression_attribute_values(":due", text(sortable_time(retry_at)))
            .expression_attribute_values(":error", text(error))
            .expression_attribute_values(":one", number(1));
        match call.send().await {
            Ok(_) => Ok(()),
            // Its subscription has gone.
            Err(refused) if is_condition(&refused) => Ok(()),
            Err(failed) => Err(port_error("dynamodb:UpdateItem", failed)),
        }
    }

    async fn bury(&self, id: i64, at: Timestamp, error: &str) -> PortResult<()> {
        let Some(row) = self.shared.get::<DeliveryRow>(delivery_key(id), "a delivery").await? else {
            return Ok(());
        };
        let place = self.shared.places.next();
        let letter = DeliveryRow {
            pk: dead_of(&row.subscription),
            sk: sortable(place),
            id: place,
            failures: row.failures + 1,
            error: Some(error.to_owned()),
            buried_at: Some(at),
            ..row
        };
        self.moved(delivery_key(id), &letter).await.map(drop)
    }

    async fn dead_letters(
        &self,
        id: &SubscriptionId,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<DeadLetter>> {
        let behind = after.map_or_else(|| " ".to_owned(), |Cursor(place)| sortable(place));
        let more = limit.saturating_add(1);
        let rows: Vec<DeliveryRow> = self.rows(&dead_of(id), &behind, more, |_| true).await?;
        let mut items = rows.iter().map(DeliveryRow::letter).collect::<PortResult<Vec<_>>>()?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|letter| letter.cursor);
        Ok(Page { items, next })
    }

    async fn replay(&self, id: &SubscriptionId, now: Timestamp) -> PortResult<u64> {
        let mut replayed = 0;
        for row in self
            .rows::<DeliveryRow>(&dead_of(id), " ", usize::MAX, |_| true)
            .await?
        {
            let from = key(&row.pk, &row.sk);
            let place = self.shared.places.next();
            let delivery = DeliveryRow {
                pk: DELIVERIES.to_owned(),
                sk: sortable(place),
                id: place,
                failures: 0,
                due: sortable_time(now),
                error: None,
                buried_at: None,
                ..row
            };
            replayed += u64::from(self.moved(from, &delivery).await?);
        }
        Ok(replayed)
    }
}
