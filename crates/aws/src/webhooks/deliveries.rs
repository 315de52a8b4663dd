//! How deliveries are made of the event log, and taken by a sender.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use cc_devops_core::ports::{PortErrorKind, PortResult};
use cc_devops_core::requests::record::LoggedEvent;
use cc_devops_core::webhooks::{Delivery, SubscriptionId};
use jiff::Timestamp;

use super::DynamoWebhooks;
use super::rows::{DeliveryRow, SubscriptionRow, WAITING, behind, delivery_key, subscription_key, waiting_place};
use crate::error::port_error;
use crate::events::{WRITES, fit, is_taken, settled_place};
use crate::ledger::incomplete;
use crate::places::sortable_time;
use crate::table::{Item, TRIES, WORK, from_item, held, key, number, text};

impl DynamoWebhooks {
    pub(super) async fn claim(&self, now: Timestamp, until: Timestamp, limit: usize) -> PortResult<Vec<Delivery>> {
        let rows = DynamoWebhooks::subscriptions(self).await?;
        self.fan_out(&rows, now).await?;
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

    /// Makes the deliveries that are missing.
    async fn fan_out(&self, subscriptions: &[SubscriptionRow], now: Timestamp) -> PortResult<()> {
        if subscriptions.is_empty() {
            return Ok(());
        }
        let newest = self.shared.newest_event(settled_place(self.settled)).await?;
        for row in subscriptions {
            // One subscription's trouble must not hold up the others, nor what is made already.
            if let Err(error) = self.tell(row, newest, now).await {
                tracing::error!(subscription = %row.id.0, %error, "webhook deliveries could not be made; they are made later");
            }
        }
        Ok(())
    }

    /// Makes the deliveries of events a subscription was not told yet. Of two processes one does.
    async fn tell(&self, row: &SubscriptionRow, newest: i64, now: Timestamp) -> PortResult<()> {
        let (most, _) = WRITES;
        let mut told = row.told;
        let mut tries = 0;
        while told < newest {
            let mut events = self
                .shared
                .events_between(told, newest, row.agent.as_ref(), most)
                .await?;
            let read_all = events.len() < most;
            let texts: Vec<String> = events
                .iter()
                .map(|logged| serde_json::to_string(&logged.event.body).unwrap_or_default())
                .collect();
            let count = fit(texts.iter().map(String::as_str));
            let fit_all = events.len() <= count;
            events.truncate(count);
            let up_to = match events.last() {
                Some(last) if !(read_all && fit_all) => last.cursor.0,
                _ => newest,
            };
            let events = events.into_iter().zip(texts).collect();
            if self.tell_up_to(row, (told, up_to), events, now).await? {
                (told, tries) = (up_to, 0);
            } else {
                tries += 1;
                let standing: Option<SubscriptionRow> =
                    self.shared.get(subscription_key(&row.id), "a subscription").await?;
                // Another process does it, or the subscription has gone.
                if tries >= TRIES || standing.is_none_or(|standing| standing.told != told) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Makes deliveries and says so in the subscription, in one transaction; false where nothing
    /// was written, because another process does the same or has taken a place.
    async fn tell_up_to(
        &self,
        row: &SubscriptionRow,
        (told, up_to): (i64, i64),
        events: Vec<(LoggedEvent, String)>,
        now: Timestamp,
    ) -> PortResult<bool> {
        let shared = &self.shared;
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
        for (logged, completed) in events {
            let event = (logged.event.agent, completed);
            let delivery = DeliveryRow::new(shared.places.next(), row.id.clone(), event, now);
            call = call.transact_items(self.put(&delivery)?);
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(port_error("dynamodb:TransactWriteItems", error)),
        }
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
        let keys = self.shared.keys().await?;
        let opened = keys
            .open(("webhook", &subscription.id.0), &subscription.secret)
            .and_then(|secret| Ok((secret, row.event()?)));
        match opened {
            Ok((secret, event)) => Ok(Some(Delivery {
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
