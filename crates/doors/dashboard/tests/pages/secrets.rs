//! Secrets: names, versions, age, who used them; never a value.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_dashboard::Dashboard;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{
    PortErrorKind, PortResult, SecretDescription, SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite,
    SecretWritten,
};
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, OTHER_AGENT, PLANTED_SECRET, agent_name};

use crate::harness::{As, Harness};

const NAME: &str = "/contentcraft/stripe/key";

/// A store of which no value is read.
struct Unread(Memory);

#[async_trait]
impl SecretStore for Unread {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        self.0.put(write).await
    }

    async fn read(&self, name: &SecretName, _version: SecretVersion) -> PortResult<Option<SecretRead>> {
        panic!("the value of {name} is read for a page")
    }

    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        SecretStore::list(&self.0, prefix, after, limit).await
    }

    async fn describe(&self, name: &SecretName) -> PortResult<Option<SecretDescription>> {
        self.0.describe(name).await
    }
}

async fn harness() -> Harness {
    let memory = Memory::new();
    let store: Arc<dyn SecretStore> = Arc::new(Unread(memory.clone()));
    Harness::around(memory, |ports| ports.secrets = store, Dashboard::default()).await
}

async fn read_by(harness: &Harness, name: &str, status: Status, seconds: i64) {
    let entry = AuditEntry {
        principal: Some(agent_name(OTHER_AGENT)),
        resource: Some(name.to_owned()),
        status,
        ..sample::audit_entry(actions::SECRET_READ, seconds)
    };
    harness.control.ports().audit.append(&entry).await.unwrap();
}

#[tokio::test]
async fn the_list_says_how_old_secrets_are_and_who_used_them() {
    let harness = harness().await;
    let browser = harness.sign_in(As::Observer).await;
    let empty = browser.get("/ui/secrets").await.page();
    assert!(empty.contains("No secrets yet") && empty.contains("cc-devops put-secret"));
    for value in ["one", PLANTED_SECRET, "three"] {
        harness.memory.keep_secret(NAME, value).await;
    }
    harness
        .memory
        .keep_secret("/contentcraft/other/key", PLANTED_SECRET)
        .await;
    read_by(&harness, NAME, Status::Success, 5).await;
    read_by(&harness, NAME, Status::Error, 9).await;
    let page = browser.get("/ui/secrets").await.page();
    assert!(page.contains("href=\"/ui/secrets/contentcraft/stripe/key\""), "{page}");
    assert!(page.contains("no limit") && page.contains("CostSentinel, ") && page.contains("2025-06-15 15:06:45 UTC"));
    assert!(page.contains("not on record"), "of the other one");
    assert!(!page.contains(PLANTED_SECRET));
    let below = browser.get("/ui/secrets?prefix=contentcraft/other").await.page();
    assert!(below.contains("/contentcraft/other/key") && !below.contains("/contentcraft/stripe/key"));
    let none = browser.get("/ui/secrets?prefix=/contentcraft/none/").await.page();
    assert!(none.contains("No secret lies there"));
    assert_eq!(browser.get("/ui/secrets?prefix=%3Cb%3E").await.status, 422);
}

#[tokio::test]
async fn lists_are_paged_by_name() {
    let harness = harness().await;
    let browser = harness.sign_in(As::Admin).await;
    for number in 0..60 {
        harness
            .memory
            .keep_secret(&format!("/contentcraft/many/k{number:02}"), "v")
            .await;
    }
    let page = browser.get("/ui/secrets").await.page();
    assert_eq!(page.matches("<tr id=\"row-").count(), 50);
    assert!(page.len() < 150_000);
    let next = page.split("href=\"").find(|link| link.contains("cursor=")).unwrap();
    let next = browser.get(next.split('"').next().unwrap()).await.page();
    assert_eq!(next.matches("<tr id=\"row-").count(), 10);
    assert!(next.contains("k59") && next.contains("First page") && !next.contains("Next page"));
}

#[tokio::test]
async fn a_secret_shows_its_versions_and_what_was_done_to_it() {
    let harness = harness().await;
    let browser = harness.sign_in(As::Observer).await;
    for value in ["one", PLANTED_SECRET, "three"] {
        harness.memory.keep_secret(NAME, value).await;
    }
    for seconds in 0..60 {
        read_by(&harness, NAME, Status::Success, seconds).await;
    }
    let path = format!("/ui/secrets{NAME}");
    let page = browser.get(&path).await.page();
    for wanted in [
        "current",
        "previous",
        "older",
        "cc-devops secrets get /contentcraft/stripe/key --reveal",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert_eq!(page.matches("id=\"row-audit-").count(), 50);
    assert!(!page.contains(PLANTED_SECRET));
    let next = page.split("href=\"").find(|link| link.contains("cursor=")).unwrap();
    let next = browser.get(next.split('"').next().unwrap()).await.page();
    assert_eq!(next.matches("id=\"row-audit-").count(), 10);
    for unknown in [
        "/ui/secrets/contentcraft/none",
        "/ui/secrets/x",
        "/ui/secrets/a/%3Cb%3E",
    ] {
        assert_eq!(browser.get(unknown).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn a_fault_of_the_store_is_one() {
    let harness = harness().await;
    let admin = harness.sign_in(As::Admin).await;
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    assert_eq!(admin.get("/ui/secrets").await.status, 503);
    assert_eq!(admin.get(&format!("/ui/secrets{NAME}")).await.status, 503);
}
