//! How long a session goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cc_devops_dashboard::Dashboard;
use cc_devops_fleet::sessions::{IDLE, SessionSecret};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::ports::{
    PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use cc_devops_testkit::{Memory, sample};
use jiff::{SignedDuration, Timestamp};

use crate::harness::{As, Browser, Harness, OBSERVER};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn is_in(browser: &Browser<'_>) -> bool {
    match browser.get("/ui/agents").await.status {
        200 => true,
        303 => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn who_does_nothing_for_long_is_out() {
    let harness = Harness::new().await;
    let (one, other) = (harness.sign_in(As::Admin).await, harness.sign_in(As::Observer).await);
    let clock = harness.memory.clock();
    clock.advance(IDLE - MINUTE);
    assert!(is_in(&one).await);
    clock.advance(MINUTE);
    assert!(is_in(&one).await && !is_in(&other).await);
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let harness = Harness::new().await;
    let agents = harness.memory.ports().agents;
    let name = sample::agent_name(OBSERVER);
    let clock = harness.memory.clock();
    let browser = harness.sign_in(As::Observer).await;
    let bystander = harness.sign_in(As::Admin).await;

    // A new token, beside which the old one goes on for an hour.
    let until = clock.advance(MINUTE).saturating_add(MINUTE * 60).unwrap();
    agents
        .rotate(&name, &sample::token(70), until, &sample::rotated())
        .await
        .unwrap();
    assert!(is_in(&browser).await, "the old token is kept for a while");
    clock.advance(MINUTE * 60);
    assert!(!is_in(&browser).await, "the old token has ended");

    let begin = async |number: u8| {
        let token = sample::token(number).hash;
        let agent = agents.by_token(&token, clock.advance(MINUTE)).await.unwrap().unwrap();
        let secret = SessionSecret::from_random([number; 32]);
        let ports = harness.memory.ports();
        let sessions = harness.sessions(&ports);
        sessions
            .begin(&agent, &token, &secret, ports.clock.now())
            .await
            .unwrap();
        Browser {
            harness: &harness,
            cookie: format!("__Host-cc-devops={}", secret.expose()),
        }
    };
    let browser = begin(70).await;
    assert!(is_in(&browser).await);
    let now = clock.advance(MINUTE);
    agents
        .rotate(&name, &sample::token(71), now, &sample::rotated())
        .await
        .unwrap();
    assert!(!is_in(&browser).await, "its token was replaced");

    let browser = begin(71).await;
    assert!(is_in(&browser).await);
    agents
        .revoke(&name, clock.advance(MINUTE), &sample::revoked())
        .await
        .unwrap();
    assert!(!is_in(&browser).await, "whose it is was revoked");
    assert!(is_in(&bystander).await);
}

#[tokio::test]
async fn a_session_ends_with_its_role() {
    let harness = Harness::new().await;
    let ports = harness.memory.ports();
    let token = cc_devops_fleet::TokenHash::of(&As::Observer.token());
    // Begun when the observer was an operator.
    let before = Agent {
        role: Role::Admin,
        ..sample::agent(OBSERVER).agent
    };
    let secret = SessionSecret::from_random([5; 32]);
    let sessions = harness.sessions(&ports);
    sessions
        .begin(&before, &token, &secret, ports.clock.now())
        .await
        .unwrap();
    let browser = Browser {
        harness: &harness,
        cookie: format!("__Host-cc-devops={}", secret.expose()),
    };
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_fault_of_the_store_is_no_logout() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    for (kind, status) in [(PortErrorKind::Unavailable, 503), (PortErrorKind::Timeout, 504)] {
        harness.memory.fail_with(Some(kind));
        for answer in [browser.get("/ui/agents").await, browser.post("/ui/logout", &[]).await] {
            assert_eq!(answer.status, status);
            assert!(answer.headers.get("set-cookie").is_none(), "the cookie stays");
            assert!(answer.header("content-type").starts_with("text/html"));
        }
        let answer = browser.post("/ui/login", &[("token", &As::Admin.token())]).await;
        assert_eq!(answer.status, status, "not that the token is wrong");
        harness.memory.fail_with(None);
        assert!(is_in(&browser).await);
    }
}

/// A store that takes nothing more while the disk is full.
struct Disk {
    store: Arc<dyn StateStore>,
    full: Arc<AtomicBool>,
}

#[async_trait]
impl StateStore for Disk {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        self.store.read(keys).await
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        self.store.due(kind, until, limit).await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        self.store.next_due(kind).await
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        self.store.list(kind, list, after, limit).await
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        self.store.counts(kind).await
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        if self.full.load(Ordering::Relaxed) {
            return Err(PortError::new(PortErrorKind::Full, "no room"));
        }
        self.store.write(changes, audit).await
    }

    fn most_changes(&self) -> usize {
        self.store.most_changes()
    }
}

#[tokio::test]
async fn a_full_disk_locks_nobody_out_who_looks() {
    let full = Arc::new(AtomicBool::new(false));
    let disk = Arc::clone(&full);
    let harness = Harness::around(
        Memory::new(),
        |ports| {
            ports.state = Arc::new(Disk {
                store: Arc::clone(&ports.state),
                full: disk,
            });
        },
        Dashboard::default(),
    )
    .await;
    let browser = harness.sign_in(As::Admin).await;
    full.store(true, Ordering::Relaxed);
    harness.memory.clock().advance(MINUTE * 30);
    assert!(is_in(&browser).await, "that it was used cannot be noted");
    let answer = browser.post("/ui/login", &[("token", &As::Admin.token())]).await;
    assert_eq!(answer.status, 507, "{}", answer.text);
}

#[tokio::test]
async fn what_is_no_session_is_none() {
    let harness = Harness::new().await;
    let good = harness.sign_in(As::Admin).await.cookie;
    let value = good.split_once('=').unwrap().1;
    for cookie in [
        "__Host-cc-devops=",
        "__Host-cc-devops=../../x",
        &format!("cc-devops={value}"),
        &format!("__Host-cc-devops={}", value.to_uppercase()),
        &format!("__Host-cc-devops={}", "0".repeat(64)),
        &format!("__Host-cc-devops={value}0"),
    ] {
        let browser = Browser {
            harness: &harness,
            cookie: cookie.to_owned(),
        };
        assert!(!is_in(&browser).await, "{cookie}");
    }
    let browser = Browser {
        harness: &harness,
        cookie: format!("theme=dark; {good}; other=1"),
    };
    assert!(is_in(&browser).await);
}
