//! Webhook subscriptions and what is still to be delivered to them.
//!
//! As long as nobody has subscribed, telling events costs nothing more: the counter of the event log
//! says whether somebody has, with each place it gives out.

mod deliveries;
mod rows;
mod taking;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, ReturnValue, Select, TransactWriteItem, Update};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Webhooks;
use cc_devops_outbox::webhooks::{
    DeadLetter, Delivery, Places, Subscription, SubscriptionId, SubscriptionStatus, replayed,
};
use jiff::Timestamp;

use crate::batches::pages;
use crate::error::{is_condition, port_error};
use crate::ledger::{gone, incomplete};
use crate::log::{NewEvent, note_subscribers};
use crate::places::{sortable, sortable_time};
use crate::table::{Item, TRIES, from_item, held, text, to_item};
use crate::{Backend, Shared};
use rows::{
    DeliveryRow, OLD_DELIVERIES, SubscriptionRow, WEBHOOKS, dead_of, deliveries_of, delivery_key, subscription_key,
    waiting_for, waiting_place,
};
use taking::{key_of, text_in};

impl Backend {
    /// The webhooks.
    pub fn webhooks(&self) -> Arc<dyn Webhooks> {
        Arc::new(DynamoWebhooks {
            shared: self.shared.clone(),
        })
    }
}

/// How many dead letters are given back in one transaction: each is two writes of at most 100.
const REPLAYED_AT_ONCE: usize = 40;

/// How many bytes of events they may have, of the 4 MB that a transaction takes.
const REPLAYED_BYTES: usize = 3 * 1024 * 1024;

struct DynamoWebhooks {
    shared: Arc<Shared>,
}

impl DynamoWebhooks {
    /// The items of a partition behind a key, in its order; at most `limit`.
    async fn items(&self, partition: &str, behind: &str, limit: usize) -> PortResult<Vec<Item>> {
        let query = || {
            self.shared
                .query(partition, "SK > :behind")
                .expression_attribute_values(":behind", text(behind))
        };
        pages(query, limit).await
    }

    async fn subscriptions(&self) -> PortResult<Vec<SubscriptionRow>> {
        let items = self.items(WEBHOOKS, " ", usize::MAX).await?;
        let readable = |item| match from_item::<SubscriptionRow>(item, "a subscription") {
            Ok(row) => Some(row),
            // One damaged subscription must not hold up the others.
            Err(error) => {
                tracing::error!(%error, "a webhook's subscription cannot be read and is left out");
                None
            }
        };
        let mut rows: Vec<SubscriptionRow> = items.into_iter().filter_map(readable).collect();
        rows.sort_by(|one, other| (one.created_at, &one.id.0).cmp(&(other.created_at, &other.id.0)));
        Ok(rows)
    }

    fn put(&self, item: Item) -> PortResult<TransactWriteItem> {
        let put = Put::builder().table_name(self.shared.table()).set_item(Some(item));
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

    /// A change of a subscription's row, under a condition.
    fn change(&self, id: &SubscriptionId) -> UpdateBuilder {
        Update::builder()
            .table_name(self.shared.table())
            .set_key(Some(subscription_key(id)))
    }

    /// Moves a row to another partition; false where it was gone.
    async fn moved(&self, from: Item, to: Item) -> PortResult<bool> {
        match self.shared.transact(vec![self.delete(from)?, self.put(to)?]).await? {
            Ok(()) => Ok(true),
            Err(refused) if refused.at(0) => Ok(false),
            Err(_) => Err(gone()),
        }
    }

    /// Removes everything of a partition that is a subscription's.
    async fn remove_all(&self, partition: &str, whose: &SubscriptionId) -> PortResult<()> {
        for item in self.items(partition, " ", usize::MAX).await? {
            if text_in(&item, "subscription").is_none_or(|id| id == whose.0)
                && let Some(key) = key_of(&item)
            {
                self.remove(key).await?;
            }
        }
        Ok(())
    }

    async fn standing(&self, id: &SubscriptionId) -> PortResult<Option<SubscriptionRow>> {
        self.shared.get(subscription_key(id), "a subscription").await
    }

    /// Notes that an endpoint failed; since when it only fails.
    async fn failed(&self, id: &SubscriptionId, at: Timestamp, error: &str) -> PortResult<Timestamp> {
        let call = self
            .shared
            .update(subscription_key(id))
            .update_expression("SET failing_since = if_not_exists(failing_since, :at), last_error = :error")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_values(":at", text(at.to_string()))
            .expression_attribute_values(":error", text(error))
            .return_values(ReturnValue::UpdatedNew);
        match call.send().await {
            Ok(answer) => {
                let since = answer
                    .attributes
                    .as_ref()
                    .and_then(|item| text_in(item, "failing_since"));
                Ok(since.and_then(|since| since.parse().ok()).unwrap_or(at))
            }
            // It has gone.
            Err(error) if is_condition(&error) => Ok(at),
            Err(error) => Err(port_error("dynamodb:UpdateItem", error)),
        }
    }

    /// How many dead letters a subscription has.
    async fn letters(&self, id: &SubscriptionId) -> PortResult<u64> {
        let (mut count, mut start) = (0, None);
        loop {
            let call = self.shared.query_of(self.shared.table(), &dead_of(id), "");
            let call = call.select(Select::Count).set_exclusive_start_key(start);
            let answer = call.send().await.map_err(|error| port_error("dynamodb:Query", error))?;
            count += u64::try_from(answer.count).unwrap_or_default();
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(count);
            }
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

fn unknown() -> PortError {
    PortError::new(PortErrorKind::NotFound, "there is no such subscription")
}

#[async_trait]
impl Webhooks for DynamoWebhooks {
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue, audit: &AuditEntry) -> PortResult<()> {
        let shared = &self.shared;
        let sealed = shared.keys().await?.seal(("webhook", &subscription.id.0), secret)?;
        let row = SubscriptionRow::new(subscription, sealed);
        // First, so that no event that comes to be behind the subscription passes it.
        note_subscribers(shared).await?;
        let writes = vec![self.put(to_item(&row)?)?];
        if shared.transact_on_record(writes, audit).await?.is_ok() {
            return Ok(());
        }
        // The SDK tries again where an answer was lost; no two secrets are sealed alike.
        let standing = self.standing(&subscription.id).await?;
        if standing.is_some_and(|standing| standing.secret == row.secret) {
            return Ok(());
        }
        Err(PortError::new(PortErrorKind::Exists, "the subscription exists already"))
    }

    async fn unsubscribe(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()> {
        let writes = vec![self.delete(subscription_key(id))?];
        let removed = self.shared.transact_on_record(writes, audit).await?;
        // Also where it was gone: a call that broke off may have left something.
        for partition in [deliveries_of(id), dead_of(id), OLD_DELIVERIES.to_owned()] {
            self.remove_all(&partition, id).await?;
        }
        removed.map_err(|_| unknown())
    }

    async fn disable(
        &self,
        id: &SubscriptionId,
        failing_since: Timestamp,
        audit: &AuditEntry,
        (reader, news): (&AgentName, &Announcement),
    ) -> PortResult<bool> {
        let shared = &self.shared;
        let event = NewEvent::new(reader.clone(), news.clone().into(), None, news.timestamp, None)?;
        for _ in 0..TRIES {
            let update = self
                .change(id)
                .update_expression("SET disabled_at = :at")
                .condition_expression("attribute_not_exists(disabled_at) AND failing_since = :since")
                .expression_attribute_values(":at", text(audit.at.to_string()))
                .expression_attribute_values(":since", text(failing_since.to_string()))
                .build()
                .map_err(incomplete)?;
            let place = shared.sequencer.take(shared).await?;
            let put = event.put(shared.table(), place)?;
            let writes = vec![
                TransactWriteItem::builder().update(update).build(),
                TransactWriteItem::builder().put(put).build(),
            ];
            match shared.transact_on_record(writes, audit).await? {
                Ok(()) => {
                    shared.outbox.wrote(event.written(place), place.subscribed);
                    return Ok(true);
                }
                Err(refused) if refused.at(0) => return Ok(false),
                // The event's place was closed.
                Err(_) => {}
            }
        }
        Err(gone())
    }

    async fn enable(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()> {
        let update = self
            .change(id)
            .update_expression("REMOVE disabled_at, failing_since, last_error")
            .condition_expression("attribute_exists(disabled_at)")
            .build()
            .map_err(incomplete)?;
        let writes = vec![TransactWriteItem::builder().update(update).build()];
        match self.shared.transact_on_record(writes, audit).await? {
            Ok(()) => Ok(()),
            Err(_) => self.standing(id).await?.map(drop).ok_or_else(unknown),
        }
    }

    async fn queue(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()> {
        self.queue_all(events, at).await
    }

    async fn subscriptions(&self) -> PortResult<Vec<Subscription>> {
        let rows = DynamoWebhooks::subscriptions(self).await?;
        Ok(rows.iter().map(SubscriptionRow::subscription).collect())
    }

    async fn statuses(&self) -> PortResult<Vec<SubscriptionStatus>> {
        let mut statuses = Vec::new();
        for row in DynamoWebhooks::subscriptions(self).await? {
            statuses.push(SubscriptionStatus {
                subscription: row.subscription(),
                endpoint: row.endpoint(),
                dead_letters: self.letters(&row.id).await?,
            });
        }
        Ok(statuses)
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
        places: &Places,
    ) -> PortResult<Vec<Delivery>> {
        self.claim((now, lease_until), limit, places).await
    }

    /// Many processes share the table, and none knows that another is dead: leases end by themselves.
    async fn take_over(&self, _now: Timestamp) -> PortResult<u64> {
        Ok(0)
    }

    async fn delivered(&self, delivery: &Delivery) -> PortResult<()> {
        let id = &delivery.subscription.id;
        self.remove(delivery_key(id, delivery.id)).await?;
        // Read first: a look costs less than a write, and most endpoints do not fail.
        let standing = self.standing(id).await?;
        if standing.is_none_or(|standing| standing.failing_since.is_none()) {
            return Ok(());
        }
        let call = self
            .shared
            .update(subscription_key(id))
            .update_expression("REMOVE failing_since, last_error")
            .condition_expression("attribute_exists(PK)");
        held(call).await.map(drop)
    }

    async fn retry_at(
        &self,
        delivery: &Delivery,
        at: Timestamp,
        retry_at: Timestamp,
        error: &str,
    ) -> PortResult<Timestamp> {
        let subscription = &delivery.subscription.id;
        let due = sortable_time(retry_at);
        let call = self
            .shared
            .update(delivery_key(subscription, delivery.id))
            .update_expression("SET due = :due, WPK = :waiting, WSK = :place, #error = :error")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#error", "error")
            .expression_attribute_values(":waiting", text(waiting_for(subscription)))
            .expression_attribute_values(":place", text(waiting_place(&due, delivery.id)))
            .expression_attribute_values(":due", text(due))
            .expression_attribute_values(":error", text(error));
        // Where it did not hold, its subscription has gone.
        held(call).await?;
        self.failed(subscription, at, error).await
    }

    async fn bury(&self, delivery: &Delivery, at: Timestamp, error: &str) -> PortResult<Timestamp> {
        let subscription = &delivery.subscription.id;
        let from = delivery_key(subscription, delivery.id);
        if let Some(row) = self.shared.get::<DeliveryRow>(from.clone(), "a delivery").await? {
            let place = self.shared.places.next(self.shared.clock.now());
            let letter = row.buried(place, at, error, self.shared.resources.dead_letters_days);
            self.moved(from, to_item(&letter)?).await?;
        }
        self.failed(subscription, at, error).await
    }

    async fn dead_letters(
        &self,
        id: &SubscriptionId,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<DeadLetter>> {
        let behind = after.map_or_else(|| " ".to_owned(), |Cursor(place)| sortable(place));
        let items = self.items(&dead_of(id), &behind, limit.saturating_add(1)).await?;
        let more = items.len() > limit;
        let place = |item: &Item| text_in(item, "SK").and_then(|place| place.parse().ok()).map(Cursor);
        let next = items.iter().take(limit).next_back().filter(|_| more).and_then(place);
        let readable = |item: Item| match from_item::<DeliveryRow>(item, "a dead letter").and_then(|row| row.letter()) {
            Ok(letter) => Some(letter),
            Err(error) => {
                tracing::error!(subscription = %id.0, %error, "a dead letter cannot be read and is left out");
                None
            }
        };
        let items = items.into_iter().take(limit).filter_map(readable).collect();
        Ok(Page { items, next })
    }

    async fn replay(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<u64> {
        let shared = &self.shared;
        let (mut total, mut behind, mut tries, mut said) = (0, " ".to_owned(), 0, false);
        loop {
            let letters = self.items(&dead_of(id), &behind, REPLAYED_AT_ONCE).await?;
            let exists = ConditionCheck::builder()
                .table_name(shared.table())
                .set_key(Some(subscription_key(id)))
                .condition_expression("attribute_exists(PK)")
                .build()
                .map_err(incomplete)?;
            let mut writes = vec![TransactWriteItem::builder().condition_check(exists).build()];
            let (mut given_back, mut size, mut last) = (0, 0, None);
            for item in letters {
                let from = key_of(&item);
                let place = text_in(&item, "SK");
                // One that cannot be read stays where it is.
                if let (Some(from), Ok(row)) = (from, from_item::<DeliveryRow>(item, "a dead letter")) {
                    size += row.completed.len();
                    if given_back > 0 && size > REPLAYED_BYTES {
                        break;
                    }
                    let delivery = row.replayed(shared.places.next(shared.clock.now()), audit.at);
                    writes.push(self.delete(from)?);
                    writes.push(self.put(to_item(&delivery)?)?);
                    given_back += 1;
                }
                last = place;
            }
            // The first row is written also where there is nothing to give back.
            if given_back > 0 || !said {
                match shared.transact_on_record(writes, &replayed(audit, given_back)).await? {
                    Ok(()) => (total, said) = (total + given_back, true),
                    Err(refused) if refused.at(0) => return Err(unknown()),
                    // Somebody else replays too.
                    Err(_) if tries < TRIES => {
                        tries += 1;
                        continue;
                    }
                    Err(_) => return Err(gone()),
                }
            }
            match last {
                Some(last) => behind = last,
                None => return Ok(total),
            }
        }
    }
}
