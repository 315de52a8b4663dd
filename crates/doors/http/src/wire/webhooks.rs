//! The shapes of webhook subscriptions and dead letters.

use cc_devops_kernel::names::AgentName;
use cc_devops_outbox::webhooks::{DeadLetter, SubscriptionStatus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{EventDetail, detail};

/// A subscription to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where to POST: `https`, or `http` to this machine itself; without a user name or password.
    /// It must not lead into a private network, unless the operator allows that network.
    #[schema(
        max_length = 2048,
        pattern = r"^(https://([A-Za-z0-9][A-Za-z0-9-]*\.)*[A-Za-z][A-Za-z0-9]*|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,4}|:[1-5][0-9]{4}|:6[0-4][0-9]{3})?([/?][!-~]*)?$"
    )]
    pub(crate) url: String,
    /// Only events for this agent; all where none is given.
    #[schema(value_type = Option<String>, pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    pub(crate) agent: Option<AgentName>,
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    /// Its id.
    id: String,
    /// Where its events go.
    url: String,
    /// Whose events; null for all.
    #[schema(required)]
    agent: Option<String>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// False where it was switched off, because it only failed for too long: nothing is queued for it
    /// then, and what was queued before is held.
    #[schema(required = false)]
    enabled: bool,
    /// Since when it is switched off.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<Timestamp>,
    /// Since when every delivery failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Timestamp>,
    /// The last failure, while it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// How many deliveries were given up.
    #[schema(required = false)]
    dead_letters: u64,
}

impl From<SubscriptionStatus> for WebhookView {
    fn from(status: SubscriptionStatus) -> Self {
        let (subscription, endpoint) = (status.subscription, status.endpoint);
        Self {
            id: subscription.id.0,
            url: subscription.url,
            agent: subscription.agent.map(String::from),
            created_at: subscription.created_at,
            enabled: endpoint.disabled_at.is_none(),
            disabled_at: endpoint.disabled_at,
            failing_since: endpoint.failing_since,
            last_error: endpoint.last_error,
            dead_letters: status.dead_letters,
        }
    }
}

/// A subscription that was just added.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddedWebhook {
    #[serde(flatten)]
    pub(crate) webhook: WebhookView,
    /// What the deliveries are signed with, in the Standard Webhooks form. Shown only now.
    pub(crate) secret: String,
}

/// Every subscription, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookList {
    pub(crate) webhooks: Vec<WebhookView>,
}

/// A delivery that was given up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub(crate) struct DeadLetterView {
    /// Its place among the dead letters.
    cursor: i64,
    /// The `webhook-id` it was sent with.
    message_id: String,
    /// How often it was tried.
    attempts: u32,
    /// The last error.
    error: String,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    buried_at: Timestamp,
    /// What was to be told.
    #[schema(value_type = EventDetail)]
    detail: Box<RawValue>,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            cursor: letter.cursor.0,
            message_id: letter.message_id,
            attempts: letter.attempts,
            error: letter.error,
            buried_at: letter.buried_at,
            detail: detail(&letter.event.body),
        }
    }
}

/// One page of dead letters, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterPage {
    pub(crate) dead_letters: Vec<DeadLetterView>,
    /// What to send as `after` for the next page; null at the end.
    #[schema(required)]
    pub(crate) next: Option<i64>,
}

/// How many dead letters were given back for delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    pub(crate) replayed: u64,
}
