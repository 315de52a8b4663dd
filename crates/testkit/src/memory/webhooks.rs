//! The fake webhook subscriptions, with the queue of deliveries and the dead letters.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult, Webhooks};
use cc_devops_core::requests::record::{Cursor, OutgoingEvent, Page};
use cc_devops_core::secret::SecretValue;
use cc_devops_core::webhooks::{DeadLetter, Delivery, Subscription, SubscriptionId};
use jiff::Timestamp;

use super::{Memory, Model, page};

/// The subscriptions in their order, and everything queued for them.
#[derive(Default)]
pub(super) struct WebhookModel {
    subscriptions: Vec<(Subscription, SecretValue)>,
    queue: BTreeMap<i64, Queued>,
    last_id: i64,
}

struct Queued {
    subscription: SubscriptionId,
    message_id: String,
    event: OutgoingEvent,
    attempts: u32,
    due: Timestamp,
    /// When it was given up, and why.
    buried: Option<(Timestamp, String)>,
}

impl WebhookModel {
    /// Queues an event for everyone who wants it and does not have it in the queue.
    fn queue(&mut self, number: i64, event: &OutgoingEvent, at: Timestamp) {
        for (subscription, _) in &self.subscriptions {
            let message_id = format!("evt_{number}");
            let wanted = subscription.agent.as_ref().is_none_or(|agent| *agent == event.agent);
            let there = |queued: &Queued| queued.subscription == subscription.id && queued.message_id == message_id;
            if !wanted || self.queue.values().any(there) {
                continue;
            }
            self.last_id += 1;
            let queued = Queued {
                subscription: subscription.id.clone(),
                message_id,
                event: event.clone(),
                attempts: 0,
                due: at,
                buried: None,
            };
            self.queue.insert(self.last_id, queued);
        }
    }

    /// Forgets dead letters that are older than that; how many.
    pub(super) fn forget(&mut self, before: Timestamp) -> u64 {
        let there = self.queue.len();
        self.queue
            .retain(|_, queued| queued.buried.as_ref().is_none_or(|(at, _)| *at >= before));
        (there - self.queue.len()) as u64
    }

    fn delivery(&self, id: i64) -> Option<Delivery> {
        let queued = self.queue.get(&id)?;
        let (subscription, secret) = self
            .subscriptions
            .iter()
            .find(|(known, _)| known.id == queued.subscription)?;
        Some(Delivery {
            id,
            message_id: queued.message_id.clone(),
            subscription: subscription.clone(),
            secret: secret.clone(),
            event: queued.event.clone(),
            attempt: queued.attempts,
        })
    }
}

#[async_trait]
impl Webhooks for Memory {
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue) -> PortResult<()> {
        let mut model = self.lock()?;
        if model
            .webhooks
            .subscriptions
            .iter()
            .any(|(known, _)| known.id == subscription.id)
        {
            return Err(PortError::new(PortErrorKind::Exists, "the subscription exists already"));
        }
        model
            .webhooks
            .subscriptions
            .push((subscription.clone(), secret.clone()));
        Ok(())
    }

    async fn queue(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        for (number, event) in events {
            model.webhooks.queue(*number, event, at);
        }
        Ok(())
    }

    async fn unsubscribe(&self, id: &SubscriptionId) -> PortResult<()> {
        let mut model = self.lock()?;
        let before = model.webhooks.subscriptions.len();
        model.webhooks.subscriptions.retain(|(known, _)| known.id != *id);
        if model.webhooks.subscriptions.len() == before {
            return Err(PortError::new(PortErrorKind::NotFound, "there is no such subscription"));
        }
        model.webhooks.queue.retain(|_, queued| queued.subscription != *id);
        Ok(())
    }

    async fn subscriptions(&self) -> PortResult<Vec<Subscription>> {
        let model = self.lock()?;
        Ok(model
            .webhooks
            .subscriptions
            .iter()
            .map(|(known, _)| known.clone())
            .collect())
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        let mut model = self.lock()?;
        let mut taken = Vec::new();
        let Model { webhooks, damaged, .. } = &mut *model;
        for queued in webhooks.queue.values_mut() {
            if queued.buried.is_none() && damaged.events.contains(queued.event.body.key()) {
                queued.buried = Some((now, "the event cannot be read".to_owned()));
            }
        }
        let due = webhooks
            .queue
            .iter_mut()
            .filter(|(_, queued)| queued.buried.is_none() && queued.due <= now);
        for (id, queued) in due.take(limit) {
            queued.attempts += 1;
            queued.due = lease_until;
            taken.push(*id);
        }
        Ok(taken.into_iter().filter_map(|id| model.webhooks.delivery(id)).collect())
    }

    async fn delivered(&self, id: i64) -> PortResult<()> {
        self.lock()?.webhooks.queue.remove(&id);
        Ok(())
    }

    async fn retry_at(&self, id: i64, retry_at: Timestamp, _error: &str) -> PortResult<()> {
        if let Some(queued) = self.lock()?.webhooks.queue.get_mut(&id) {
            queued.due = retry_at;
        }
        Ok(())
    }

    async fn bury(&self, id: i64, at: Timestamp, error: &str) -> PortResult<()> {
        if let Some(queued) = self.lock()?.webhooks.queue.get_mut(&id) {
            queued.buried = Some((at, error.to_owned()));
        }
        Ok(())
    }

    async fn dead_letters(
        &self,
        id: &SubscriptionId,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<DeadLetter>> {
        let model = self.lock()?;
        let rows = model
            .webhooks
            .queue
            .iter()
            .filter(|(place, queued)| queued.subscription == *id && after.is_none_or(|Cursor(after)| **place > after))
            .filter_map(|(place, queued)| {
                let (buried_at, error) = queued.buried.clone()?;
                let letter = DeadLetter {
                    cursor: Cursor(*place),
                    message_id: queued.message_id.clone(),
                    event: queued.event.clone(),
                    attempts: queued.attempts,
                    error,
                    buried_at,
                };
                Some((*place, letter))
            });
        Ok(page(rows, limit))
    }

    async fn replay(&self, id: &SubscriptionId, now: Timestamp) -> PortResult<u64> {
        let mut model = self.lock()?;
        let mut replayed = 0;
        for queued in model.webhooks.queue.values_mut() {
            if queued.subscription == *id && queued.buried.take().is_some() {
                queued.attempts = 0;
                queued.due = now;
                replayed += 1;
            }
        }
        Ok(replayed)
    }
}
