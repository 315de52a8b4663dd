//! GitHub's own examples of webhooks, signed with the secret that is kept.

use cc_devops_core::names::SecretName;
use cc_devops_core::ports::{CodeHostNotices, PortErrorKind};
use cc_devops_github::notices::Notices;
use cc_devops_testkit::Memory;
use cc_devops_testkit::github::webhooks;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const NAME: &str = "/contentcraft/github/webhook_secret";

fn signed(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

fn notices(memory: &Memory) -> Notices {
    Notices::new(memory.ports().secrets, SecretName::new(NAME).unwrap())
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
