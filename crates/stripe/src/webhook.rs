//! Stripe's webhooks: is it Stripe who speaks, and is it about what a revenue report shows.
//!
//! Stripe signs in a scheme of its own (docs.stripe.com/webhooks/signature), so neither the crate for
//! Standard Webhooks fits nor a client library whose events are those of one API version.

use cc_devops_kernel::input;
use cc_devops_kernel::secret::SecretValue;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::Sha256;

/// The header that holds the signature.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// How far the signature's time may be from ours, as Stripe's own libraries have it.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// The events after which a report computed before may be out of date. Few enough for the `types[]` of
/// `/v1/events`, which takes 20.
pub const REPORT_EVENTS: [&str; 18] = [
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.refunded",
    "charge.succeeded",
    "coupon.deleted",
    "coupon.updated",
    "customer.discount.created",
    "customer.discount.deleted",
    "customer.discount.updated",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.paid",
    "price.deleted",
    "price.updated",
];

/// A notice is not to be believed. Its texts tell the sender nothing about the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFromStripe {
    /// No header, or one that holds no time and no `v1` signature.
    #[error("the Stripe-Signature header is missing or malformed: send what Stripe sent, unchanged")]
    Malformed,
    /// The signature's time is more than [`TOLERANCE`] away.
    #[error("the signature's time is more than five minutes away: set the clocks, or send it anew")]
    Stale,
    /// No signature fits.
    #[error("no signature fits: use the signing secret of this webhook endpoint")]
    Mismatch,
    /// Signed by Stripe, and no event.
    #[error("the signed body is not an event: send Stripe's events here")]
    NotAnEvent,
}

/// What an event says about itself. Its object is read from the API, where it is up to date.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Notice {
    /// Stripe's id of the event; the same event may be sent more than once.
    pub id: String,
    /// The type, such as `customer.subscription.updated`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, in Unix seconds.
    pub created: i64,
    /// Whether it is about real money.
    #[serde(default)]
    pub livemode: bool,
}

impl Notice {
    /// Whether a report computed before it may be out of date.
    pub fn changes_the_report(&self) -> bool {
        REPORT_EVENTS.contains(&self.kind.as_str())
    }
}

/// Looks at the header alone, before the body is there: whether it has its form and its time.
///
/// # Errors
/// It is malformed, or its time is more than [`TOLERANCE`] away from `now`.
pub fn admit(header: Option<&str>, now: Timestamp) -> Result<(), NotFromStripe> {
    let signature = Signature::read(header.unwrap_or_default()).ok_or(NotFromStripe::Malformed)?;
    signature.is_of(now)
}

/// Checks the signature over the body as it came, then reads the event.
///
/// # Errors
/// Anything but an event, signed with one of `secrets` (several while one replaces another) within
/// [`TOLERANCE`] of `now`.
pub fn read(
    secrets: &[SecretValue],
    header: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Notice, NotFromStripe> {
    let signature = Signature::read(header.unwrap_or_default()).ok_or(NotFromStripe::Malformed)?;
    if !secrets.iter().any(|secret| signature.fits(secret, body)) {
        return Err(NotFromStripe::Mismatch);
    }
    signature.is_of(now)?;
    input::typed(body).map_err(|_| NotFromStripe::NotAnEvent)
}

/// The header's parts; those of other schemes than `v1` are left out, lest a weaker one be used.
struct Signature<'a> {
    at: &'a str,
    v1: Vec<Vec<u8>>,
}

impl<'a> Signature<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let at = parts().find(|(name, _)| *name == "t")?.1;
        let v1: Vec<_> = parts()
            .filter(|(name, _)| *name == "v1")
            .filter_map(|(_, text)| hex::decode(text).ok())
            .collect();
        (!v1.is_empty()).then_some(Self { at, v1 })
    }

    /// Whether it was made at about this time.
    fn is_of(&self, now: Timestamp) -> Result<(), NotFromStripe> {
        let second = self.at.parse().map_err(|_| NotFromStripe::Malformed)?;
        let at = Timestamp::from_second(second).map_err(|_| NotFromStripe::Malformed)?;
        if now.duration_since(at).abs() > TOLERANCE {
            return Err(NotFromStripe::Stale);
        }
        Ok(())
    }

    fn fits(&self, secret: &SecretValue, body: &[u8]) -> bool {
        // An empty secret is one that nobody configured.
        let Some(mac) = (!secret.is_empty())
            .then(|| Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok())
            .flatten()
        else {
            return false;
        };
        let mac = mac.chain_update(self.at).chain_update(".").chain_update(body);
        self.v1.iter().any(|code| mac.clone().verify_slice(code).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        br#"{"id":"evt_1","object":"event","type":"invoice.paid","created":1795392000,"livemode":true}"#;
    const AT: i64 = 1_795_392_000;
    const SECRET: &str = "whsec_test";
    /// HMAC-SHA256 of `1795392000.` and the body, computed with another implementation.
    const CODE: &str = "6ff1cf6cbe1d44c126a123fa23960ce2ba2ec7c412d7c9eb3624e0c0d9e9304e";

    fn secrets() -> Vec<SecretValue> {
        vec![
            SecretValue::new("whsec_old".to_owned()),
            SecretValue::new(SECRET.to_owned()),
        ]
    }

    fn check(header: &str, body: &[u8], late: i64) -> Result<Notice, NotFromStripe> {
        let now = Timestamp::from_second(AT + late).unwrap();
        read(&secrets(), Some(header), body, now)
    }

    fn signed(body: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        let code = mac.chain_update(format!("{AT}.")).chain_update(body).finalize();
        format!("t={AT},v1={}", hex::encode(code.into_bytes()))
    }

    #[test]
    fn what_stripe_signed_is_read() {
        let notice = check(&format!("t={AT},v1={CODE},v0=00"), BODY, 0).unwrap();
        assert_eq!(notice.kind, "invoice.paid");
        assert!(notice.changes_the_report() && notice.livemode);
        // The signatures of two secrets, while one replaces the other.
        let two = format!("t={AT}, v1={}, v1={CODE}", "00".repeat(32));
        assert!(check(&two, BODY, 0).is_ok());
    }

    #[test]
    fn time_is_part_of_it() {
        let header = format!("t={AT},v1={CODE}");
        for (late, fine) in [(300, true), (301, false), (-300, true), (-301, false)] {
            let result = check(&header, BODY, late);
            assert_eq!(result.err(), (!fine).then_some(NotFromStripe::Stale), "{late}");
        }
        let other = format!("t={},v1={CODE}", AT + 1);
        assert_eq!(check(&other, BODY, 0), Err(NotFromStripe::Mismatch));
    }

    #[test]
    fn what_was_touched_is_refused() {
        let mut body = BODY.to_vec();
        body[8] = b'x';
        assert_eq!(
            check(&format!("t={AT},v1={CODE}"), &body, 0),
            Err(NotFromStripe::Mismatch)
        );
        let short = format!("t={AT},v1={}", &CODE[..62]);
        assert_eq!(check(&short, BODY, 0), Err(NotFromStripe::Mismatch));
        for malformed in [
            "",
            "t=1",
            &format!("v1={CODE}"),
            &format!("t={AT},v0={CODE}"),
            &format!("t={AT},v1=zz"),
        ] {
            assert_eq!(check(malformed, BODY, 0), Err(NotFromStripe::Malformed), "{malformed}");
        }
    }

    #[test]
    fn an_empty_secret_verifies_nothing() {
        let mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
        let code = mac.chain_update(format!("{AT}.")).chain_update(BODY).finalize();
        let header = format!("t={AT},v1={}", hex::encode(code.into_bytes()));
        let now = Timestamp::from_second(AT).unwrap();
        let read = read(&[SecretValue::new(String::new())], Some(&header), BODY, now);
        assert_eq!(read, Err(NotFromStripe::Mismatch));
    }

    #[test]
    fn an_event_of_any_type_is_an_event() {
        let body = br#"{"id":"evt_2","type":"moon.risen","created":1,"data":{"object":{}},"new":[1]}"#;
        assert!(!check(&signed(body), body, 0).unwrap().changes_the_report());
        assert_eq!(check(&signed(b"[]"), b"[]", 0), Err(NotFromStripe::NotAnEvent));
        let of = |object: &str| format!(r#"{{"id":"evt_2","type":"invoice.paid","created":1,"data":{object}}}"#);
        let deep = of(&format!("{}1{}", "[".repeat(64), "]".repeat(64)));
        let obeyed = of(r#"{"$serde_json::private::RawValue":"1"}"#);
        for other in [deep.as_bytes(), obeyed.as_bytes()] {
            assert_eq!(check(&signed(other), other, 0), Err(NotFromStripe::NotAnEvent));
        }
        let large = of(&format!("[{}1]", "{\"a\":[1]},".repeat(20_000)));
        assert!(check(&signed(large.as_bytes()), large.as_bytes(), 0).is_ok());
    }
}
