//! GitHub's own examples of webhooks, signed with the secret that is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use cc_devops_fake_github::webhooks;
use cc_devops_github::notices::Notices;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::ports::{
    PortErrorKind, PortResult, SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite, SecretWritten,
};
use cc_devops_repos::ports::CodeHostNotices;
use cc_devops_testkit::Memory;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use sha2::Sha256;

const NAME: &str = "/contentcraft/github/webhook_secret";

fn signed(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

fn notices(memory: &Memory) -> Notices {
    let ports = memory.ports();
    Notices::new(ports.secrets, SecretName::new(NAME).unwrap(), ports.clock)
}

#[tokio::test]
async fn only_a_run_that_ended_is_news() {
    let memory = Memory::new();
    memory.keep_secret(NAME, "sesame").await;
    let notices = notices(&memory);
    let mut ended = Vec::new();
    for (kind, payload) in webhooks() {
        let body = payload.to_string();
        let signature = signed("sesame", &body);
        let read = notices.workflow_ended(&kind, Some(&signature), body.as_bytes()).await;
        let news = kind == "workflow_run" && payload["action"] == "completed";
        let read = read.unwrap();
        assert_eq!(read.is_some(), news, "{kind}");
        ended.extend(read);
    }
    assert_eq!(
        ended,
        ["Codertocat/Hello-World", "octo-org/octo-repo", "octo-org/octo-repo"]
    );
}

#[tokio::test]
async fn the_secret_before_counts_while_it_is_replaced() {
    let memory = Memory::new();
    let (_, body) = webhooks().swap_remove(0);
    let body = body.to_string();
    let told = async |secret: &str| {
        let signature = signed(secret, &body);
        notices(&memory)
            .workflow_ended("ping", Some(&signature), body.as_bytes())
            .await
    };
    assert_eq!(told("first").await.unwrap_err().kind, PortErrorKind::NotFound);
    memory.keep_secret(NAME, "first").await;
    memory.keep_secret(NAME, "second").await;
    told("first").await.unwrap();
    told("second").await.unwrap();
    assert_eq!(told("third").await.unwrap_err().kind, PortErrorKind::Refused);
    memory.keep_secret(NAME, "third").await;
    assert_eq!(told("first").await.unwrap_err().kind, PortErrorKind::Refused);
}

/// Counts how often a secret is read.
struct Counted {
    inner: Arc<dyn SecretStore>,
    reads: AtomicUsize,
}

#[async_trait]
impl SecretStore for Counted {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        self.inner.put(write).await
    }

    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(name, version).await
    }

    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        self.inner.list(prefix, after, limit).await
    }
}

#[tokio::test]
async fn forged_notices_read_no_secret_and_a_replaced_one_counts_within_a_second() {
    let memory = Memory::new();
    let ports = memory.ports();
    let counted = Arc::new(Counted {
        inner: ports.secrets,
        reads: AtomicUsize::new(0),
    });
    let notices = Notices::new(counted.clone(), SecretName::new(NAME).unwrap(), ports.clock);
    let told = async |secret: &str| {
        let signature = signed(secret, "{}");
        notices.workflow_ended("ping", Some(&signature), b"{}").await
    };
    let reads = || counted.reads.swap(0, Ordering::Relaxed);

    memory.keep_secret(NAME, "first").await;
    told("first").await.unwrap();
    assert_eq!(reads(), 2, "the current one and the one before");
    for _ in 0..100 {
        assert_eq!(told("forged").await.unwrap_err().kind, PortErrorKind::Refused);
        told("first").await.unwrap();
    }
    assert_eq!(reads(), 0);

    memory.keep_secret(NAME, "second").await;
    memory.clock().advance(SignedDuration::from_secs(1));
    told("second").await.unwrap();
    told("first").await.unwrap();
    for _ in 0..100 {
        told("forged").await.unwrap_err();
    }
    assert_eq!(reads(), 2);

    memory.keep_secret(NAME, "third").await;
    memory.clock().advance(SignedDuration::from_mins(1));
    assert_eq!(
        told("first").await.unwrap_err().kind,
        PortErrorKind::Refused,
        "after a minute it has ended"
    );
    told("third").await.unwrap();
    assert_eq!(reads(), 2);
    memory.clock().advance(SignedDuration::from_secs(-30));
    told("third").await.unwrap();
    assert_eq!(reads(), 2, "a clock that was set back keeps nothing alive");
}

#[tokio::test]
async fn a_signed_notice_is_read_as_any_other_input() {
    let memory = Memory::new();
    memory.keep_secret(NAME, "sesame").await;
    let notices = notices(&memory);
    let told = async |run: String| {
        let body =
            format!(r#"{{"action": "completed", "workflow_run": {run}, "repository": {{"full_name": "acme/web"}}}}"#);
        let signature = signed("sesame", &body);
        notices
            .workflow_ended("workflow_run", Some(&signature), body.as_bytes())
            .await
    };
    let large = format!("[{}1]", r#"{"name": "ci", "steps": [1, 2]},"#.repeat(10_000));
    assert_eq!(told(large).await.unwrap().as_deref(), Some("acme/web"));
    for refused in [
        format!("{}1{}", "[".repeat(64), "]".repeat(64)),
        r#"{"$serde_json::private::RawValue": "1"}"#.to_owned(),
    ] {
        assert_eq!(told(refused).await.unwrap_err().kind, PortErrorKind::Refused);
    }
}

#[test]
fn a_signature_without_its_form_is_refused_before_the_body_is_there() {
    let notices = notices(&Memory::new());
    let good = signed("sesame", "");
    assert!(notices.admits(Some(&good)).is_ok());
    for bad in [
        None,
        Some(""),
        Some("sha256="),
        Some(&good[..70]),
        Some("sha1=00"),
        Some(&format!("{good}00")),
    ] {
        assert_eq!(notices.admits(bad).unwrap_err().kind, PortErrorKind::Refused, "{bad:?}");
    }
    for (kind, wanted) in [("workflow_run", true), ("ping", true), ("push", false), ("", false)] {
        assert_eq!(notices.wants(kind), wanted, "{kind}");
    }
}
