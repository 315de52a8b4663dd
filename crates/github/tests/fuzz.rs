//! Whatever somebody sends in GitHub's name: only what GitHub signed is acted on, and nothing panics.
#![expect(clippy::unwrap_used, reason = "what does not hold fails by panicking")]

use std::sync::Arc;

use cc_devops_github::notices::Notices;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::PutSecret;
use cc_devops_kernel::ports::SecretWrite;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::ports::CodeHostNotices;
use cc_devops_testkit::fuzz::Fuzz;
use cc_devops_testkit::{Memory, sample};
use futures::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

const NAME: &str = "/contentcraft/github/webhook_secret";
const VALUE: &str = "planted";
const BODY: &[u8] = br#"{"action": "completed", "workflow_run": {"id": 1, "head_branch": "main"},
    "repository": {"id": 7, "full_name": "deepfoundai/web", "owner": {"login": "deepfoundai"}}}"#;

fn signed(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(VALUE.as_bytes()).unwrap();
    format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

/// Notices of a webhook whose secret is kept.
fn notices() -> Notices {
    let memory = Memory::new();
    let ports = memory.ports();
    let put = PutSecret {
        name: SecretName::new(NAME).unwrap(),
        value: SecretValue::new(VALUE.to_owned()),
        kms_key: None,
    };
    let write = SecretWrite {
        put: &put,
        token: "t",
        may_be_repeat: false,
        agent: &sample::agent_name(sample::AGENT),
        stage: &sample::stage(),
        at: Timestamp::UNIX_EPOCH,
    };
    ports.secrets.put(write).now_or_never().unwrap().unwrap();
    Notices::new(
        Arc::clone(&ports.secrets),
        SecretName::new(NAME).unwrap(),
        Arc::clone(&ports.clock),
    )
}

/// What a notice says, where it is believed; the fakes answer at once.
fn ended(notices: &Notices, signature: &str, body: &[u8]) -> Result<Option<String>, ()> {
    let asked = notices.workflow_ended("workflow_run", Some(signature), body);
    asked.now_or_never().unwrap().map_err(drop)
}

#[test]
fn a_signature_of_any_bytes_proves_nothing_but_what_was_signed() {
    let (notices, good) = (notices(), signed(BODY));
    assert_eq!(ended(&notices, &good, BODY), Ok(Some("deepfoundai/web".to_owned())));
    Fuzz::new().run(&[good.as_bytes(), b"sha1=00", b"sha256="], |bytes| {
        let header = String::from_utf8_lossy(bytes);
        let admitted = notices.admits(Some(&header)).is_ok();
        let proven = ended(&notices, &header, BODY).is_ok();
        assert!(admitted || !proven, "{header}");
        assert_eq!(
            proven,
            header.eq_ignore_ascii_case(&good) && header.starts_with("sha256="),
            "{header}"
        );
    });
}

#[test]
fn a_signed_body_of_any_bytes_names_a_repository_or_nothing() {
    let (notices, good) = (notices(), signed(BODY));
    Fuzz::new().run(&[BODY], |body| {
        drop(ended(&notices, &signed(body), body));
        if body != BODY {
            assert_eq!(ended(&notices, &good, body), Err(()));
        }
    });
}
