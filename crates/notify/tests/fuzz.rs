//! Whatever somebody sends in Slack's name: only what Slack signed is believed, and only a click on a button of ours is one.
#![expect(clippy::unwrap_used, reason = "what does not hold fails by panicking")]

use cc_devops_kernel::secret::SecretValue;
use cc_devops_notify::slack_click;
use cc_devops_notify::slack_request::SlackRequests;
use cc_devops_testkit::fuzz::Fuzz;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

const SECRET: &str = "planted";
const NOW: i64 = 1_800_000_000;
const CLICK: &[u8] = b"payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B%22id%22%3A%22U1%22%2C%22team_id%22%3A%22T1%22%7D%2C\
    %22team%22%3A%7B%22id%22%3A%22T1%22%7D%2C%22message%22%3A%7B%22blocks%22%3A%5B%7B%7D%5D%7D%2C%22actions%22%3A%5B%7B\
    %22action_id%22%3A%22cc-devops-approve%22%2C%22value%22%3A%22plan-1+abc%22%7D%5D%7D";

fn signed(timestamp: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("v0:{timestamp}:")).chain_update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn is_taken(timestamp: &str, signature: &str, body: &[u8]) -> bool {
    let (secret, now) = (
        SecretValue::new(SECRET.to_owned()),
        Timestamp::from_second(NOW).unwrap(),
    );
    SlackRequests::default()
        .take(&secret, (timestamp, signature), body, now)
        .is_ok()
}

#[test]
fn a_signature_of_any_bytes_proves_nothing_but_what_was_signed() {
    let at = NOW.to_string();
    let good = signed(&at, CLICK);
    assert!(is_taken(&at, &good, CLICK));
    Fuzz::new().run(&[good.as_bytes(), b"v0=", b"v1=00"], |bytes| {
        let signature = String::from_utf8_lossy(bytes);
        let is_good = signature.starts_with("v0=") && signature.eq_ignore_ascii_case(&good);
        assert_eq!(is_taken(&at, &signature, CLICK), is_good, "{signature}");
    });
    Fuzz::new().run(&[at.as_bytes()], |bytes| {
        let other = String::from_utf8_lossy(bytes);
        assert!(other == at || !is_taken(&other, &good, CLICK), "{other}");
    });
}

#[test]
fn a_body_of_any_bytes_is_a_click_or_none() {
    assert!(slack_click::read(CLICK).unwrap().is_some());
    let at = NOW.to_string();
    let good = signed(&at, CLICK);
    Fuzz::new().run(&[CLICK, b"payload=%7B%7D"], |body| {
        if let Ok(Some(click)) = slack_click::read(body) {
            assert!(!click.plan.contains(' '), "{click:?}");
        }
        assert!(body == CLICK || !is_taken(&at, &good, body));
    });
}
