//! Subscribing and its like: each is one transaction with its audit row.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Endpoint, Subscription, SubscriptionId, SubscriptionStatus};
use crate::ports::WebhookPorts;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor, Author};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::COMPLETED_SOURCE;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;

/// The `detail-type` of the news that an endpoint was switched off.
pub const DETAIL_TYPE: &str = "devops.webhook_disabled";

/// Who is told by webhooks.
pub struct Subscriptions<'a> {
    ports: WebhookPorts<'a>,
    actor: Actor<'a>,
}

impl<'a> Subscriptions<'a> {
    /// Acts that `actor` asks for.
    pub fn new(ports: impl Into<WebhookPorts<'a>>, actor: Actor<'a>) -> Self {
        let ports = ports.into();
        Self { ports, actor }
    }

    /// Adds a subscription, whose address the caller has looked at. `origin` is the part of the
    /// address that may be on record; the rest of it is often a secret.
    ///
    /// # Errors
    /// What no policy permits; a port that failed.
    pub async fn add(
        &self,
        subscription: &Subscription,
        secret: &SecretValue,
        origin: &str,
    ) -> Result<SubscriptionStatus, ActError> {
        let detail = json!({"url": origin, "agent": subscription.agent});
        let audit = self.entry(actions::WEBHOOK_ADDED, &subscription.id, detail).await?;
        self.ports.webhooks.subscribe(subscription, secret, &audit).await?;
        Ok(SubscriptionStatus {
            subscription: subscription.clone(),
            endpoint: Endpoint::default(),
            dead_letters: 0,
        })
    }

    /// Removes a subscription and all that waits for it.
    ///
    /// # Errors
    /// `NotFound` where there is none; what no policy permits.
    pub async fn remove(&self, id: &SubscriptionId) -> Result<(), ActError> {
        let audit = self.entry(actions::WEBHOOK_REMOVED, id, json!({})).await?;
        Ok(self.ports.webhooks.unsubscribe(id, &audit).await?)
    }

    /// Switches an endpoint on again: what waits for it is delivered, and what comes to be from now
    /// on is queued. One that is on stays so, and no row is written.
    ///
    /// # Errors
    /// `NotFound` where there is none; what no policy permits.
    pub async fn enable(&self, id: &SubscriptionId) -> Result<SubscriptionStatus, ActError> {
        let audit = self.entry(actions::WEBHOOK_ENABLED, id, json!({})).await?;
        self.ports.webhooks.enable(id, &audit).await?;
        Ok(self.find(id).await?)
    }

    /// Gives all dead letters of a subscription back for delivery, from the first attempt on; how
    /// many.
    ///
    /// # Errors
    /// `NotFound` where there is no such subscription; what no policy permits.
    pub async fn replay(&self, id: &SubscriptionId) -> Result<u64, ActError> {
        let audit = self.entry(actions::DEAD_LETTERS_REPLAYED, id, json!({})).await?;
        Ok(self.ports.webhooks.replay(id, &audit).await?)
    }

    /// A subscription and how it goes.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn find(&self, id: &SubscriptionId) -> PortResult<SubscriptionStatus> {
        let all = self.ports.webhooks.statuses().await?;
        all.into_iter()
            .find(|status| status.subscription.id == *id)
            .ok_or_else(|| PortError::new(PortErrorKind::NotFound, "there is no such subscription"))
    }

    /// The audit row of an act, if the actor may do it.
    async fn entry(&self, action: &str, id: &SubscriptionId, detail: Value) -> Result<AuditEntry, ActError> {
        let at = self.ports.clock.now();
        let access = Access::ManageWebhooks;
        let author = self.actor.author(&access, action, self.ports.audit, at).await?;
        Ok(author.entry(at, action, id.0.clone(), detail))
    }
}

/// The row of a replay, with how many letters it gave back: a large one is several transactions,
/// each with a row of its own.
#[must_use]
pub fn replayed(audit: &AuditEntry, letters: u64) -> AuditEntry {
    let mut entry = audit.clone();
    if let Value::Object(fields) = &mut entry.detail {
        fields.insert("replayed".to_owned(), json!(letters));
    }
    entry
}

/// Switches an endpoint off that has only failed since `failing_since`, where that is too long. It
/// is on record, and an event tells it to the subscription's agent; to `everybody`, who stands for
/// the control plane itself, where the subscription is for no agent. Whether it was switched off now.
///
/// # Errors
/// A port that failed; the next failure comes to the same.
pub async fn switch_off<'a>(
    ports: impl Into<WebhookPorts<'a>>,
    subscription: &Subscription,
    (failing_since, error): (Timestamp, &str),
    after: SignedDuration,
    everybody: &AgentName,
) -> PortResult<bool> {
    let ports = ports.into();
    let at = ports.clock.now();
    if at.duration_since(failing_since) < after {
        return Ok(false);
    }
    let id = &subscription.id;
    let detail = json!({"failingSince": failing_since, "lastError": error});
    let audit = Author::default().entry(at, actions::WEBHOOK_DISABLED, id.0.clone(), detail);
    let news = Announcement {
        key: format!("webhook/{}/{failing_since}", id.0),
        source: COMPLETED_SOURCE.to_owned(),
        detail_type: DETAIL_TYPE.to_owned(),
        detail: json!({
            "action": "webhook_disabled", "webhook": id.0, "agent": subscription.agent,
            "failingSince": failing_since, "disabledAt": at, "lastError": error,
        })
        .to_string(),
        timestamp: at,
    };
    let reader = subscription.agent.as_ref().unwrap_or(everybody);
    ports.webhooks.disable(id, failing_since, &audit, (reader, &news)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replays_row_says_how_many_letters_it_gave_back() {
        let row = Author::default().entry(
            Timestamp::UNIX_EPOCH,
            actions::DEAD_LETTERS_REPLAYED,
            "one".to_owned(),
            json!({"letters": "all"}),
        );
        let mut expected = row.clone();
        expected.detail["replayed"] = json!(3);
        assert_eq!(replayed(&row, 3), expected, "and nothing else changes");
    }
}
