//! The fake webhook subscriptions, with the queue of deliveries and the dead letters.

use std::collections::{BTreeMap, VecDeque};

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
    DeadLetter, Delivery, Endpoint, Line, Places, Subscription, SubscriptionId, SubscriptionStatus, longest_waits,
    replayed, take_turns,
};
use jiff::Timestamp;

use super::{Memory, Model, page};

/// The subscriptions in their order, and everything queued for them.
#[derive(Default)]
pub(super) struct WebhookModel {
    subscriptions: Vec<Subscribed>,
    queue: BTreeMap<i64, Queued>,
    last_id: i64,
}

struct Subscribed {
    subscription: Subscription,
    secret: SecretValue,
    endpoint: Endpoint,
}

struct Queued {
    subscription: SubscriptionId,
    message_id: String,
    event: OutgoingEvent,
    attempts: u32,
    due: Timestamp,
    /// Until when a sender has it.
    leased_until: Option<Timestamp>,
    /// When it was given up, and why.
    buried: Option<(Timestamp, String)>,
}

impl WebhookModel {
    /// Queues an event for everyone who wants it, is not switched off, and does not have it in the queue.
    fn queue(&mut self, number: i64, event: &OutgoingEvent, at: Timestamp) {
        for subscribed in &self.subscriptions {
            let subscription = &subscribed.subscription;
            let message_id = format!("evt_{number}");
            let wanted = subscription.agent.as_ref().is_none_or(|agent| *agent == event.agent);
            let there = |queued: &Queued| queued.subscription == subscription.id && queued.message_id == message_id;
            let is_off = subscribed.endpoint.disabled_at.is_some();
            if !wanted || is_off || self.queue.values().any(there) {
                continue;
            }
            self.last_id += 1;
            let queued = Queued {
                subscription: subscription.id.clone(),
                message_id,
                event: event.clone(),
                attempts: 0,
                due: at,
                leased_until: None,
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
        let Subscribed {
            subscription, secret, ..
        } = self.find(&queued.subscription)?;
        Some(Delivery {
            id,
            message_id: queued.message_id.clone(),
            subscription: subscription.clone(),
            secret: secret.clone(),
            event: queued.event.clone(),
            attempt: queued.attempts,
        })
    }

    fn find(&self, id: &SubscriptionId) -> Option<&Subscribed> {
        self.subscriptions.iter().find(|known| known.subscription.id == *id)
    }

    fn endpoint(&mut self, id: &SubscriptionId) -> Option<&mut Endpoint> {
        let mut all = self.subscriptions.iter_mut();
        let found = all.find(|known| known.subscription.id == *id);
        found.map(|known| &mut known.endpoint)
    }

    /// Notes that an endpoint failed; since when it only fails.
    fn failed(&mut self, id: &SubscriptionId, at: Timestamp, error: &str) -> Timestamp {
        self.endpoint(id).map_or(at, |endpoint| {
            endpoint.last_error = Some(error.to_owned());
            *endpoint.failing_since.get_or_insert(at)
        })
    }

    /// What is due to each endpoint, as much as it has room for.
    fn lines(&self, now: Timestamp, places: &Places) -> Vec<Line<(Timestamp, i64)>> {
        let on = self
            .subscriptions
            .iter()
            .filter(|known| known.endpoint.disabled_at.is_none());
        let line = |known: &Subscribed| {
            let own = || {
                let of_it = |(_, queued): &(&i64, &Queued)| queued.subscription == known.subscription.id;
                self.queue
                    .iter()
                    .filter(of_it)
                    .filter(|(_, queued)| queued.buried.is_none())
            };
            let is_held = |(_, queued): &(&i64, &Queued)| queued.leased_until.is_some_and(|until| until > now);
            let held = own().filter(is_held).count();
            let mut due: Vec<(Timestamp, i64)> = own()
                .filter(|(_, queued)| queued.due <= now)
                .map(|(id, queued)| (queued.due, *id))
                .collect();
            due.sort_unstable();
            let standing = places.standing(&known.subscription.id, known.endpoint.failing_since.is_some());
            let own = places.own(&known.subscription.id);
            due.truncate(places.room(standing, held, own));
            Line {
                standing,
                held,
                own,
                due: VecDeque::from(due),
            }
        };
        on.map(line).collect()
    }
}

fn unknown() -> PortError {
    PortError::new(PortErrorKind::NotFound, "there is no such subscription")
}

#[async_trait]
impl Webhooks for Memory {
    async fn subscribe(&self, subscription: &Subscription, secret: &SecretValue, audit: &AuditEntry) -> PortResult<()> {
        let mut model = self.lock()?;
        if model.webhooks.find(&subscription.id).is_some() {
            return Err(PortError::new(PortErrorKind::Exists, "the subscription exists already"));
        }
        model.webhooks.subscriptions.push(Subscribed {
            subscription: subscription.clone(),
            secret: secret.clone(),
            endpoint: Endpoint::default(),
        });
        model.audit.append(audit);
        Ok(())
    }

    async fn queue(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<()> {
        let mut model = self.lock()?;
        for (number, event) in events {
            model.webhooks.queue(*number, event, at);
        }
        Ok(())
    }

    async fn unsubscribe(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()> {
        let mut model = self.lock()?;
        model.webhooks.find(id).ok_or_else(unknown)?;
        model
            .webhooks
            .subscriptions
            .retain(|known| known.subscription.id != *id);
        model.webhooks.queue.retain(|_, queued| queued.subscription != *id);
        model.audit.append(audit);
        Ok(())
    }

    async fn disable(
        &self,
        id: &SubscriptionId,
        failing_since: Timestamp,
        audit: &AuditEntry,
        (reader, news): (&AgentName, &Announcement),
    ) -> PortResult<bool> {
        let mut model = self.lock()?;
        let endpoint = model.webhooks.endpoint(id);
        let failing =
            |endpoint: &&mut Endpoint| endpoint.disabled_at.is_none() && endpoint.failing_since == Some(failing_since);
        let Some(endpoint) = endpoint.filter(failing) else {
            return Ok(false);
        };
        endpoint.disabled_at = Some(audit.at);
        model.audit.append(audit);
        let event = OutgoingEvent {
            agent: reader.clone(),
            body: news.clone().into(),
        };
        model.outbox.push(None, event);
        Ok(true)
    }

    async fn enable(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<()> {
        let mut model = self.lock()?;
        let endpoint = model.webhooks.endpoint(id).ok_or_else(unknown)?;
        if endpoint.disabled_at.is_some() {
            *endpoint = Endpoint::default();
            model.audit.append(audit);
        }
        Ok(())
    }

    async fn subscriptions(&self) -> PortResult<Vec<Subscription>> {
        let model = self.lock()?;
        let all = model.webhooks.subscriptions.iter();
        Ok(all.map(|known| known.subscription.clone()).collect())
    }

    async fn statuses(&self) -> PortResult<Vec<SubscriptionStatus>> {
        let model = self.lock()?;
        let status = |known: &Subscribed| {
            let letters = model.webhooks.queue.values();
            let own = letters.filter(|queued| queued.subscription == known.subscription.id && queued.buried.is_some());
            SubscriptionStatus {
                subscription: known.subscription.clone(),
                endpoint: known.endpoint.clone(),
                dead_letters: own.count() as u64,
            }
        };
        Ok(model.webhooks.subscriptions.iter().map(status).collect())
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
        places: &Places,
    ) -> PortResult<Vec<Delivery>> {
        let mut model = self.lock()?;
        let mut taken = Vec::new();
        let Model { webhooks, damaged, .. } = &mut *model;
        for queued in webhooks.queue.values_mut() {
            if queued.buried.is_none() && damaged.events.contains(queued.event.body.key()) {
                queued.buried = Some((now, "the event cannot be read".to_owned()));
            }
        }
        for (_, id) in take_turns(webhooks.lines(now, places), limit, places) {
            if let Some(queued) = webhooks.queue.get_mut(&id) {
                queued.attempts += 1;
                queued.due = lease_until;
                queued.leased_until = Some(lease_until);
            }
            taken.extend(webhooks.delivery(id));
        }
        Ok(taken)
    }

    async fn take_over(&self, now: Timestamp) -> PortResult<u64> {
        let mut model = self.lock()?;
        let mut taken = 0;
        for queued in model.webhooks.queue.values_mut() {
            if queued.buried.is_none() && queued.leased_until.take().is_some() {
                queued.attempts = queued.attempts.saturating_sub(1);
                queued.due = now;
                taken += 1;
            }
            for (attempts, wait) in longest_waits() {
                if queued.attempts <= attempts {
                    queued.due = queued.due.min(now + wait);
                }
            }
        }
        Ok(taken)
    }

    async fn delivered(&self, delivery: &Delivery) -> PortResult<()> {
        let mut model = self.lock()?;
        model.webhooks.queue.remove(&delivery.id);
        if let Some(endpoint) = model.webhooks.endpoint(&delivery.subscription.id) {
            endpoint.failing_since = None;
            endpoint.last_error = None;
        }
        Ok(())
    }

    async fn retry_at(
        &self,
        delivery: &Delivery,
        at: Timestamp,
        retry_at: Timestamp,
        error: &str,
    ) -> PortResult<Timestamp> {
        let mut model = self.lock()?;
        if let Some(queued) = model.webhooks.queue.get_mut(&delivery.id) {
            queued.due = retry_at;
            queued.leased_until = None;
        }
        Ok(model.webhooks.failed(&delivery.subscription.id, at, error))
    }

    async fn bury(&self, delivery: &Delivery, at: Timestamp, error: &str) -> PortResult<Timestamp> {
        let mut model = self.lock()?;
        if let Some(queued) = model.webhooks.queue.get_mut(&delivery.id) {
            queued.buried = Some((at, error.to_owned()));
        }
        Ok(model.webhooks.failed(&delivery.subscription.id, at, error))
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

    async fn replay(&self, id: &SubscriptionId, audit: &AuditEntry) -> PortResult<u64> {
        let mut model = self.lock()?;
        model.webhooks.find(id).ok_or_else(unknown)?;
        let mut letters = 0;
        for queued in model.webhooks.queue.values_mut() {
            if queued.subscription == *id && queued.buried.take().is_some() {
                queued.attempts = 0;
                queued.due = audit.at;
                queued.leased_until = None;
                letters += 1;
            }
        }
        model.audit.append(&replayed(audit, letters));
        Ok(letters)
    }
}
