//! Webhook subscriptions: who is told by HTTP, signed by the Standard Webhooks specification.

mod acts;
mod turns;

pub use acts::{DETAIL_TYPE, Subscriptions, replayed, switch_off};
pub use turns::{EndpointStanding, Line, Places, take_turns};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::secret::SecretValue;

/// A subscription's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriptionId(pub String);

/// Somebody who wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Where to POST.
    pub url: String,
    /// Only events for this agent; all where none is given.
    pub agent: Option<AgentName>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// How a subscription's endpoint does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Since when every delivery failed; none where the last one arrived.
    pub failing_since: Option<Timestamp>,
    /// What the last failure was, a lowercase fragment; none where the last delivery arrived.
    pub last_error: Option<String>,
    /// Since when it is switched off: nothing is queued for it, and what was queued before is held.
    pub disabled_at: Option<Timestamp>,
}

/// A subscription, and how it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// The subscription.
    pub subscription: Subscription,
    /// How its endpoint does.
    pub endpoint: Endpoint,
    /// How many deliveries were given up, those that cannot be read among them.
    pub dead_letters: u64,
}

/// An event on its way to a subscription.
#[derive(Clone)]
pub struct Delivery {
    /// The store's number of it.
    pub id: i64,
    /// What the receiver tells repeats by (`webhook-id`); the same at every attempt.
    pub message_id: String,
    /// Where to.
    pub subscription: Subscription,
    /// What to sign with.
    pub secret: SecretValue,
    /// What to tell.
    pub event: OutgoingEvent,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place among the dead letters.
    pub cursor: Cursor,
    /// What the receiver tells repeats by.
    pub message_id: String,
    /// What was to be told.
    pub event: OutgoingEvent,
    /// How often it was tried.
    pub attempts: u32,
    /// The last error.
    pub error: String,
    /// When it was given up.
    pub buried_at: Timestamp,
}

/// What a receiver tells repeats by. It is made of what the event says (its detail as JSON text), so
/// an outcome that is published again because somebody asked again is recognised too.
pub fn message_id(completed: &str) -> String {
    let mut id = hex::encode(Sha256::digest(completed));
    id.truncate(32);
    format!("msg_{id}")
}

/// A signing secret in the form of the Standard Webhooks specification, of these 256 bits, which must
/// come from a cryptographic source.
pub fn signing_secret(bits: [u8; 32]) -> SecretValue {
    SecretValue::new(format!("whsec_{}", STANDARD.encode(bits)))
}

/// How long to wait before each next attempt, in seconds, as the specification suggests: the
/// first retry comes soon, the last after more than a day. Jitter comes on top.
const RETRY_SECONDS: [i64; 8] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000];

/// When to try again after attempt number `attempt` (from 1) failed; none when it was the last.
pub fn retry_delay(attempt: u32) -> Option<SignedDuration> {
    let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
    RETRY_SECONDS.get(index).copied().map(SignedDuration::from_secs)
}

/// How long whoever waits after so many attempts waits at the longest, jitter among it, for each number of attempts after
/// which one waits, the most first. A receiver may have asked for more.
pub fn longest_waits() -> impl Iterator<Item = (u32, SignedDuration)> {
    let retries = (1..).zip(RETRY_SECONDS).map(|(attempts, seconds)| {
        // Up to a tenth comes on top.
        (attempts, SignedDuration::from_secs(seconds + seconds / 10 + 1))
    });
    let mut waits: Vec<_> = std::iter::once((0, SignedDuration::ZERO)).chain(retries).collect();
    waits.reverse();
    waits.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_than_its_retry_says() {
        let waits: Vec<_> = longest_waits().collect();
        assert_eq!((waits[0].0, waits[8]), (8, (0, SignedDuration::ZERO)));
        for (attempts, wait) in &waits[..8] {
            assert!(
                retry_delay(*attempts).is_some_and(|delay| delay * 11 / 10 < *wait),
                "{attempts}"
            );
        }
        assert!(waits.is_sorted_by(|more, fewer| more.1 > fewer.1));
    }

    #[test]
    fn eight_retries_and_then_none() {
        assert_eq!(retry_delay(0), None);
        assert_eq!(retry_delay(1), Some(SignedDuration::from_secs(5)));
        assert_eq!(retry_delay(8), Some(SignedDuration::from_hours(20)));
        assert_eq!(retry_delay(9), None);
    }

    /// The hash of nothing is known: <https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values>.
    #[test]
    fn a_message_is_known_by_what_it_says() {
        assert_eq!(message_id(""), "msg_e3b0c44298fc1c149afbf4c8996fb924");
        assert_ne!(message_id("{}"), message_id("{ }"));
    }

    #[test]
    fn a_signing_secret_is_its_bits_in_the_specifications_form() {
        let secret = signing_secret([0; 32]);
        assert_eq!(secret.expose(), format!("whsec_{}=", "A".repeat(43)));
        assert_eq!(
            signing_secret([255; 32]).expose(),
            format!("whsec_{}8=", "/".repeat(42))
        );
    }
}
