//! Notices of a webhook endpoint, proven with the signing secret that is kept.

use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_revenue::ports::BillingNotices;
use cc_devops_stripe::notices::Notices;
use cc_devops_testkit::{Memory, sample};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;

const NAME: &str = "/contentcraft/stripe/webhook_secret";

fn now() -> Timestamp {
    sample::START
}

fn signed(secret: &str, body: &str) -> String {
    let at = now().as_second();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("{at}.{body}"));
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

fn event(kind: &str) -> String {
    json!({"id": "evt_1", "object": "event", "type": kind, "created": now().as_second(), "livemode": false}).to_string()
}

fn notices(memory: &Memory) -> Notices {
    let ports = memory.ports();
    Notices::new(ports.secrets, SecretName::new(NAME).unwrap(), ports.clock)
}

async fn told(memory: &Memory, signature: Option<&str>, body: &str) -> PortResult<bool> {
    let notices = notices(memory);
    assert_eq!(notices.signature_header(), "stripe-signature");
    notices.changes_revenue(signature, body.as_bytes(), now()).await
}

#[tokio::test]
async fn a_change_of_a_subscription_changes_revenue_and_a_login_does_not() {
    let memory = Memory::new();
    memory.keep_secret(NAME, "whsec_one").await;
    for (kind, changes) in [("customer.subscription.updated", true), ("account.updated", false)] {
        let body = event(kind);
        let signature = signed("whsec_one", &body);
        assert_eq!(told(&memory, Some(&signature), &body).await.unwrap(), changes, "{kind}");
    }
}

#[tokio::test]
async fn the_secret_before_counts_while_it_is_replaced() {
    let memory = Memory::new();
    memory.keep_secret(NAME, "whsec_one").await;
    memory.keep_secret(NAME, "whsec_two").await;
    let body = event("invoice.paid");
    for secret in ["whsec_one", "whsec_two"] {
        let signature = signed(secret, &body);
        assert!(told(&memory, Some(&signature), &body).await.unwrap(), "{secret}");
    }
}

#[tokio::test]
async fn what_is_not_proven_is_refused() {
    let memory = Memory::new();
    let body = event("invoice.paid");
    let missing = told(&memory, Some(&signed("whsec_one", &body)), &body)
        .await
        .unwrap_err();
    assert_eq!(missing.kind, PortErrorKind::NotFound);
    assert!(missing.to_string().contains(NAME), "{missing}");
    memory.keep_secret(NAME, "whsec_one").await;
    for signature in [None, Some(signed("whsec_other", &body)), Some("nonsense".to_owned())] {
        let refused = told(&memory, signature.as_deref(), &body).await.unwrap_err();
        assert_eq!(refused.kind, PortErrorKind::Refused);
        assert!(!refused.to_string().contains("whsec"), "{refused}");
    }
}

#[test]
fn a_signature_without_its_form_or_time_is_refused_before_the_body_is_there() {
    let notices = notices(&Memory::new());
    let good = signed("whsec_one", "");
    assert!(notices.admits(Some(&good), now()).is_ok());
    let late = now() + jiff::SignedDuration::from_secs(301);
    assert_eq!(
        notices.admits(Some(&good), late).unwrap_err().kind,
        PortErrorKind::Refused
    );
    for bad in [
        None,
        Some(""),
        Some("t=1"),
        Some("v1=00"),
        Some("t=x,v1=00"),
        Some("t=1,v0=00"),
    ] {
        assert_eq!(
            notices.admits(bad, now()).unwrap_err().kind,
            PortErrorKind::Refused,
            "{bad:?}"
        );
    }
}
