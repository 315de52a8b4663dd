//! How subscriptions, deliveries and dead letters stand in the table.

use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::stored;
use cc_devops_outbox::webhooks::{DeadLetter, Endpoint, Subscription, SubscriptionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::corrupt;
use crate::log::FIRST;
use crate::places::{sortable, sortable_time};
use crate::table::{Item, expiry, key};

/// The partition of the subscriptions.
pub(super) const WEBHOOKS: &str = "WEBHOOKS";
/// The partition of what older versions were to deliver, to everybody.
pub(super) const OLD_DELIVERIES: &str = "DELIVERIES";
/// In the index of work, the deliveries of older versions.
pub(super) const OLD_WAITING: &str = "delivery";

/// The partition of what is to be delivered to a subscription.
pub(super) fn deliveries_of(id: &SubscriptionId) -> String {
    format!("DELIVERIES#{}", id.0)
}

/// The partition of a subscription's dead letters.
pub(super) fn dead_of(id: &SubscriptionId) -> String {
    format!("DEAD#{}", id.0)
}

/// In the index of work, what waits for an endpoint, by when it is due.
pub(super) fn waiting_for(id: &SubscriptionId) -> String {
    format!("delivery#{}", id.0)
}

/// In the index of work, what is under way to an endpoint, by when the lease ends.
pub(super) fn under_way_to(id: &SubscriptionId) -> String {
    format!("sending#{}", id.0)
}

/// Where a delivery stands among those that wait.
pub(super) fn waiting_place(due: &str, id: i64) -> String {
    format!("{due}#{}", sortable(id))
}

/// Behind every delivery that is due at `due`, a sortable time.
pub(super) fn behind(due: &str) -> String {
    // The character that follows `#`.
    format!("{due}$")
}

/// The key of a subscription.
pub(super) fn subscription_key(id: &SubscriptionId) -> Item {
    key(WEBHOOKS, format!("SUB#{}", id.0))
}

/// The key of a delivery.
pub(super) fn delivery_key(subscription: &SubscriptionId, id: i64) -> Item {
    key(deliveries_of(subscription), sortable(id))
}

/// How many bits of a delivery's number tell subscriptions apart.
const SUBSCRIPTION_BITS: u32 = 22;

/// The number of an event's delivery to a subscription: the same whenever it is queued, and in the order
/// of the events. All have 19 digits, and so sort as text.
pub(super) fn number_of(event: i64, subscription: &SubscriptionId) -> i64 {
    let place = if event > FIRST { event - FIRST } else { event };
    let digest = Sha256::digest(&subscription.0);
    let own = digest
        .iter()
        .take(3)
        .fold(0_i64, |own, byte| (own << 8) | i64::from(*byte));
    (1 << 62) | ((place & ((1 << 40) - 1)) << SUBSCRIPTION_BITS) | (own & ((1 << SUBSCRIPTION_BITS) - 1))
}

/// A subscription.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SubscriptionRow {
    #[serde(rename = "PK")]
    pub(super) pk: String,
    #[serde(rename = "SK")]
    pub(super) sk: String,
    pub(super) id: SubscriptionId,
    pub(super) url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) agent: Option<AgentName>,
    pub(super) created_at: Timestamp,
    /// The sealed signing secret.
    pub(super) secret: serde_bytes::ByteBuf,
    /// The place in the old event log up to which an older version made deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) told: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failing_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) disabled_at: Option<Timestamp>,
}

impl SubscriptionRow {
    /// A new subscription's, with its sealed signing secret.
    pub(super) fn new(subscription: &Subscription, sealed: Vec<u8>) -> Self {
        Self {
            pk: WEBHOOKS.to_owned(),
            sk: format!("SUB#{}", subscription.id.0),
            id: subscription.id.clone(),
            url: subscription.url.clone(),
            agent: subscription.agent.clone(),
            created_at: subscription.created_at,
            secret: serde_bytes::ByteBuf::from(sealed),
            told: None,
            failing_since: None,
            last_error: None,
            disabled_at: None,
        }
    }

    /// The subscription as the domain has it.
    pub(super) fn subscription(&self) -> Subscription {
        Subscription {
            id: self.id.clone(),
            url: self.url.clone(),
            agent: self.agent.clone(),
            created_at: self.created_at,
        }
    }

    /// How its endpoint does.
    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint {
            failing_since: self.failing_since,
            last_error: self.last_error.clone(),
            disabled_at: self.disabled_at,
        }
    }
}

/// A delivery, or what became of it: a dead letter is the same in another partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DeliveryRow {
    #[serde(rename = "PK")]
    pub(super) pk: String,
    #[serde(rename = "SK")]
    pub(super) sk: String,
    #[serde(rename = "WPK", default, skip_serializing_if = "Option::is_none")]
    waiting: Option<String>,
    #[serde(rename = "WSK", default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    pub(super) id: i64,
    pub(super) subscription: SubscriptionId,
    pub(super) message_id: String,
    pub(super) agent: AgentName,
    /// The event as it is kept.
    pub(super) completed: String,
    /// How often it was taken.
    pub(super) attempts: u32,
    /// When it is due or its lease ends, sortable.
    pub(super) due: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) buried_at: Option<Timestamp>,
    /// When a dead letter is forgotten, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

impl DeliveryRow {
    /// A delivery that waits, due at `due`: of an agent's event as it is kept, and what its receiver tells
    /// repeats by.
    pub(super) fn new(
        id: i64,
        subscription: SubscriptionId,
        (agent, completed, message_id): (AgentName, String, String),
        due: Timestamp,
    ) -> Self {
        let due = sortable_time(due);
        Self {
            pk: deliveries_of(&subscription),
            sk: sortable(id),
            waiting: Some(waiting_for(&subscription)),
            place: Some(waiting_place(&due, id)),
            id,
            subscription,
            message_id,
            agent,
            completed,
            attempts: 0,
            due,
            error: None,
            buried_at: None,
            expires: None,
        }
    }

    /// The dead letter that becomes of it, kept for so many days.
    pub(super) fn buried(self, id: i64, at: Timestamp, error: &str, days: u32) -> Self {
        Self {
            pk: dead_of(&self.subscription),
            sk: sortable(id),
            waiting: None,
            place: None,
            id,
            error: Some(error.to_owned()),
            buried_at: Some(at),
            expires: Some(expiry(at, days)),
            ..self
        }
    }

    /// The delivery that becomes of a dead letter.
    pub(super) fn replayed(self, id: i64, due: Timestamp) -> Self {
        Self::new(
            id,
            self.subscription,
            (self.agent, self.completed, self.message_id),
            due,
        )
    }

    /// The delivery of an older version, in the partition of its subscription.
    pub(super) fn moved_over(self) -> Self {
        Self {
            pk: deliveries_of(&self.subscription),
            waiting: Some(waiting_for(&self.subscription)),
            ..self
        }
    }

    /// What is to be told.
    pub(super) fn event(&self) -> PortResult<OutgoingEvent> {
        let body = stored::read_event(&self.completed);
        Ok(OutgoingEvent {
            agent: self.agent.clone(),
            body: body.map_err(|error| corrupt("a delivery's event").because(error))?,
        })
    }

    /// The dead letter as the domain has it.
    pub(super) fn letter(&self) -> PortResult<DeadLetter> {
        Ok(DeadLetter {
            cursor: Cursor(self.id),
            message_id: self.message_id.clone(),
            event: self.event()?,
            attempts: self.attempts,
            error: self.error.clone().unwrap_or_default(),
            buried_at: self.buried_at.unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }
}
