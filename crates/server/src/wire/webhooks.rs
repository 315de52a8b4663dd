//! The shapes of webhook subscriptions and dead letters.

use cc_devops_core::names::AgentName;
use cc_devops_core::webhooks::{DeadLetter, Subscription};
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
}

impl From<Subscription> for WebhookView {
    fn from(subscription: Subscription) -> Self {
        Self {
            id: subscription.id.0,
            url: subscription.url,
            agent: subscription.agent.map(String::from),
            created_at: subscription.created_at,
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
