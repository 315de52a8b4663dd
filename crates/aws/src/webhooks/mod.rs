//! Webhook subscriptions and what is still to be delivered to them.
//!
//! As long as nobody has subscribed, telling events costs nothing more: the counter of the event log
//! says whether somebody has, with each place it gives out.

mod deliveries;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult, Webhooks};
use cc_devops_core::requests::record::{Cursor, OutgoingEvent, Page};
use cc_devops_core::secret::SecretValue;
use cc_devops_core::webhooks::{DeadLetter, Delivery, Subscription, SubscriptionId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::error::{is_condition, port_error};
use crate::ledger::{gone, incomplete};
use crate::log::note_subscribers;
use crate::places::{sortable, sortable_time};
use crate::table::{Item, from_item, held, key, text, to_item};
use crate::{Backend, Shared};
use rows::{
    DELIVERIES, DeliveryRow, SubscriptionRow, WEBHOOKS, dead_of, delivery_key, subscription_key, waiting_place,
};

impl Backend {
    /// The webhooks.
    pub fn webhooks(&self) -> Arc<dyn Webhooks> {
        Arc::new(DynamoWebhooks {
            shared: self.shared.clone(),
        })
    }
}

struct DynamoWebhooks {
    shared: Arc<Shared>,
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
        match self.shared.transact(vec![self.delete(from)?, self.put(to)?]).await? {
            Ok(()) => Ok(true),
            Err(refused) if refused.at(0) => Ok(false),
            Err(_) => Err(gone()),
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
            told: None,
        };
        // First, so that no event that comes to be behind the subscription passes it.
        note_subscribers(shared).await?;
        let call = shared.clients.dynamodb().put_item().table_name(shared.table());
        let call = call
            .set_item(Some(to_item(&row)?))
            .condition_expression("attribute_not_exists(PK)");
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => {
                let key = subscription_key(&subscription.id);
                let standing: Option<SubscriptionRow> = shared.get(key, "a subscription").await?;
                // The SDK tries again where an answer was lost; no two secrets are sealed alike.
                if standing.is_some_and(|standing| standing.secret == row.secret) {
                    return Ok(());
                }
                Err(PortError::new(PortErrorKind::Exists, "the subscription exists already"))
            }
            Err(error) => Err(port_error("dynamodb:PutItem", error)),
        }
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
        let removed = match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => {
                Err(PortError::new(PortErrorKind::NotFound, "there is no such subscription"))
            }
            Err(error) => return Err(port_error("dynamodb:DeleteItem", error)),
        };
        // Also where it was gone: a call that broke off may have left something.
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
        removed
    }

    async fn queue(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()> {
        self.queue_all(events, at).await
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
        self.claim(now, lease_until, limit).await
    }

    async fn delivered(&self, id: i64) -> PortResult<()> {
        self.remove(delivery_key(id)).await
    }

    async fn retry_at(&self, id: i64, retry_at: Timestamp, error: &str) -> PortResult<()> {
        let due = sortable_time(retry_at);
        let call = self
            .shared
            .update(delivery_key(id))
            .update_expression("SET due = :due, WSK = :place, #error = :error")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#error", "error")
            .expression_attribute_values(":place", text(waiting_place(&due, id)))
            .expression_attribute_values(":due", text(due))
            .expression_attribute_values(":error", text(error));
        // Where it did not hold, its subscription has gone.
        held(call).await.map(drop)
    }

    async fn bury(&self, id: i64, at: Timestamp, error: &str) -> PortResult<()> {
        let Some(row) = self.shared.get::<DeliveryRow>(delivery_key(id), "a delivery").await? else {
            return Ok(());
        };
        let (place, days) = (
            self.shared.places.next(self.shared.clock.now()),
            self.shared.resources.dead_letters_days,
        );
        let letter = row.buried(place, at, error, days);
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
        let more = rows.len() > limit;
        let shown = rows.iter().take(limit);
        let next = shown.clone().next_back().filter(|_| more).map(|row| Cursor(row.id));
        let letters = shown.filter_map(|row| match row.letter() {
            Ok(letter) => Some(letter),
            Err(error) => {
                tracing::error!(letter = row.id, %error, "a dead letter cannot be shown");
                None
            }
        });
        let items = letters.collect();
        Ok(Page { items, next })
    }

    async fn replay(&self, id: &SubscriptionId, now: Timestamp) -> PortResult<u64> {
        let mut replayed = 0;
        for row in self
            .rows::<DeliveryRow>(&dead_of(id), " ", usize::MAX, |_| true)
            .await?
        {
            let from = key(&row.pk, &row.sk);
            let delivery = row.replayed(self.shared.places.next(self.shared.clock.now()), now);
            replayed += u64::from(self.moved(from, &delivery).await?);
        }
        Ok(replayed)
    }
}
