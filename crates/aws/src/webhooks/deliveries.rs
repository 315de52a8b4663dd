//! How deliveries are made of events, and taken by a sender.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_core::requests::record::OutgoingEvent;
use cc_devops_core::stored;
use cc_devops_core::webhooks::{Delivery, SubscriptionId, message_id};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::DynamoWebhooks;
use super::rows::{
    DeliveryRow, SubscriptionRow, WAITING, behind, delivery_key, number_of, subscription_key, waiting_place,
};
use crate::error::port_error;
use crate::ledger::gone;
use crate::log;
use crate::places::sortable_time;
use crate::table::{Item, TRIES, WORK, from_item, held, key, number, text, to_item};

/// How many deliveries are written at once.
const AT_ONCE: usize = 8;

impl DynamoWebhooks {
    pub(super) async fn claim(&self, now: Timestamp, until: Timestamp, limit: usize) -> PortResult<Vec<Delivery>> {
        let rows = DynamoWebhooks::subscriptions(self).await?;
        self.take_over_old(&rows, now).await?;
        let subscriptions: HashMap<&SubscriptionId, &SubscriptionRow> = rows.iter().map(|row| (&row.id, row)).collect();
        let mut claimed = Vec::new();
        let mut start = None;
        while claimed.len() < limit {
            let (due, more) = self.due(now, limit - claimed.len(), start).await?;
            for row in due {
                let Some(subscription) = subscriptions.get(&row.subscription) else {
                    self.left_over(&row).await?;
                    continue;
                };
                if let Some(delivery) = self.take(row, subscription, until).await? {
                    claimed.push(delivery);
                }
            }
            start = more;
            if start.is_none() {
                break;
            }
        }
        Ok(claimed)
    }

    /// Queues events for everybody who wants them.
    pub(super) async fn queue_all(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()> {
        // Most installations have no subscription; then this costs no call.
        let wanted: Vec<_> = events
            .iter()
            .filter(|(place, _)| !self.shared.outbox.is_without_webhooks(*place))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let subscriptions = DynamoWebhooks::subscriptions(self).await?;
        let mut writes = Vec::new();
        for (place, event) in wanted {
            let kept = stored::write_event(&event.body).map_err(|error| {
                PortError::new(PortErrorKind::Refused, "an event cannot be written as JSON").because(error)
            })?;
            let detail = event.body.detail().unwrap_or_default();
            for subscription in &subscriptions {
                if subscription.agent.as_ref().is_none_or(|agent| *agent == event.agent) {
                    let told = (event.agent.clone(), kept.clone(), message_id(&detail));
                    let id = number_of(*place, &subscription.id);
                    writes.push(DeliveryRow::new(id, subscription.id.clone(), told, at));
                }
            }
        }
        stream::iter(writes)
            .map(|row| self.put_once(row))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Puts a delivery, unless it waits already.
    async fn put_once(&self, row: DeliveryRow) -> PortResult<()> {
        let mut row = row;
        for _ in 0..TRIES {
            let call = self
                .shared
                .clients
                .dynamodb()
                .put_item()
                .table_name(self.shared.table());
            let call = call
                .set_item(Some(to_item(&row)?))
                .condition_expression("attribute_not_exists(PK)")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let Err(error) = call.send().await else { return Ok(()) };
            let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
                return Err(port_error("dynamodb:PutItem", error));
            };
            let standing = refused.item().and_then(|item| item.get("subscription")?.as_s().ok());
            if standing == Some(&row.subscription.0) {
                return Ok(());
            }
            // Two subscriptions have the same number by chance.
            row = row.renumbered();
        }
        Err(gone())
    }

    /// Makes the deliveries of what older versions logged and did not come to queue.
    async fn take_over_old(&self, subscriptions: &[SubscriptionRow], now: Timestamp) -> PortResult<()> {
        for row in subscriptions {
            let Some(told) = row.told else { continue };
            let (most, shared) = (100, &self.shared);
            let events = log::old_between(shared, told, row.agent.as_ref(), most).await?;
            for logged in &events {
                let event = &logged.event;
                let kept = stored::write_event(&event.body).unwrap_or_default();
                let detail = event.body.detail().unwrap_or_default();
                let id = shared.places.next(shared.clock.now());
                let told = (event.agent.clone(), kept, message_id(&detail));
                self.put_once(DeliveryRow::new(id, row.id.clone(), told, now)).await?;
            }
            let call = shared
                .update(subscription_key(&row.id))
                .condition_expression("told = :told")
                .expression_attribute_values(":told", number(told));
            let call = match events.last().filter(|_| events.len() == most) {
                Some(last) => call
                    .update_expression("SET told = :last")
                    .expression_attribute_values(":last", number(last.cursor.0)),
                None => call.update_expression("REMOVE told"),
            };
            held(call).await?;
        }
        Ok(())
    }

    /// Deliveries that are due, the longest waiting first, and where the next look starts. They are
    /// found in the index, so that those that wait for a receiver to come back cost nothing.
    async fn due(
        &self,
        now: Timestamp,
        limit: usize,
        start: Option<Item>,
    ) -> PortResult<(Vec<DeliveryRow>, Option<Item>)> {
        let shared = &self.shared;
        let now = sortable_time(now);
        let call = shared
            .clients
            .dynamodb()
            .query()
            .table_name(shared.table())
            .index_name(WORK);
        let call = call
            .key_condition_expression("WPK = :waiting AND WSK < :behind")
            .expression_attribute_values(":waiting", text(WAITING))
            .expression_attribute_values(":behind", text(behind(&now)))
            .set_limit(i32::try_from(limit.clamp(1, 100)).ok())
            .set_exclusive_start_key(start);
        let answer = call.send().await.map_err(|error| port_error("dynamodb:Query", error))?;
        let text_in = |item: &Item, name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let found = answer.items.unwrap_or_default();
        let keys: Vec<Item> = found
            .iter()
            .filter_map(|item| Some(key(text_in(item, "PK")?, text_in(item, "SK")?)))
            .collect();
        let mut due = Vec::with_capacity(keys.len());
        for item in shared.get_many(&keys).await? {
            match from_item::<DeliveryRow>(item, "a delivery") {
                // The index may lag; the row says whether it is due.
                Ok(row) if row.due <= now => due.push(row),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "a webhook delivery is damaged"),
            }
        }
        due.sort_by(|one, other| (&one.due, one.id).cmp(&(&other.due, other.id)));
        Ok((due, answer.last_evaluated_key))
    }

    /// A delivery whose subscription was not there when the subscriptions were read.
    async fn left_over(&self, row: &DeliveryRow) -> PortResult<()> {
        let key = subscription_key(&row.subscription);
        let standing = self.shared.get::<SubscriptionRow>(key, "a subscription").await;
        match standing {
            Ok(None) => self.remove(delivery_key(row.id)).await,
            // It was added meanwhile, or is damaged.
            Ok(Some(_)) => Ok(()),
            Err(error) if error.kind == PortErrorKind::Corrupt => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes a delivery until `until`; none where somebody was first, or it cannot be made.
    async fn take(
        &self,
        row: DeliveryRow,
        subscription: &SubscriptionRow,
        until: Timestamp,
    ) -> PortResult<Option<Delivery>> {
        if !self.lease(&row, until).await? {
            return Ok(None);
        }
        let event = match row.event() {
            Ok(event) => event,
            // It will be no better the next time, and holds up no other.
            Err(error) => {
                tracing::error!(delivery = row.id, %error, "a webhook delivery is set aside");
                let (id, now) = (row.id, self.shared.clock.now());
                let days = self.shared.resources.dead_letters_days;
                let letter = row.buried(self.shared.places.next(now), now, &error.message, days);
                self.moved(delivery_key(id), &letter).await?;
                return Ok(None);
            }
        };
        let keys = self.shared.keys().await?;
        match keys.open(("webhook", &subscription.id.0), &subscription.secret) {
            Ok(secret) => Ok(Some(Delivery {
                id: row.id,
                message_id: row.message_id,
                subscription: subscription.subscription(),
                secret,
                event,
                attempt: row.attempts + 1,
            })),
            // One damaged subscription must not hold up the others.
            Err(error) if error.kind == PortErrorKind::Corrupt => {
                tracing::error!(subscription = %subscription.id.0, %error, "a webhook cannot be signed");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Leases a delivery until `until`; false where somebody was first.
    async fn lease(&self, row: &DeliveryRow, until: Timestamp) -> PortResult<bool> {
        let shared = &self.shared;
        let until = sortable_time(until);
        let call = shared
            .update(delivery_key(row.id))
            .update_expression("SET due = :until, WSK = :place ADD attempts :one")
            .condition_expression("due = :due AND attempts = :attempts")
            .expression_attribute_values(":place", text(waiting_place(&until, row.id)))
            .expression_attribute_values(":until", text(until))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":attempts", number(row.attempts))
            .expression_attribute_values(":due", text(&row.due));
        held(call).await
    }
}
