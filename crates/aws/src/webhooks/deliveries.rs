//! How deliveries are made of events.

use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::stored;
use cc_devops_outbox::webhooks::message_id;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::DynamoWebhooks;
use super::rows::{DeliveryRow, SubscriptionRow, number_of, subscription_key};
use crate::error::{is_condition, port_error};
use crate::log;
use crate::table::{held, number, to_item};

/// How many deliveries are written at once.
const AT_ONCE: usize = 8;

impl DynamoWebhooks {
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
            for subscription in subscriptions.iter().filter(|row| row.disabled_at.is_none()) {
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
        let call = self
            .shared
            .clients
            .dynamodb()
            .put_item()
            .table_name(self.shared.table());
        let call = call
            .set_item(Some(to_item(&row)?))
            .condition_expression("attribute_not_exists(PK)");
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(port_error("dynamodb:PutItem", error)),
        }
    }

    /// Makes the deliveries of what older versions logged and did not come to queue.
    pub(super) async fn take_over_old(&self, subscriptions: &[SubscriptionRow], now: Timestamp) -> PortResult<()> {
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
}
