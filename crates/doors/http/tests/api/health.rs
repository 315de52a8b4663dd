//! What is told of the health, to whom, and what it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use cc_devops_http::ServerConfig;
use cc_devops_kernel::health::{Check, Condition};
use cc_devops_kernel::ports::Checks;
use cc_devops_testkit::Memory;
use serde_json::json;
use tokio::time::Instant;

use crate::harness::{As, Harness, request, until};

/// What the checks say when something is wrong.
const INTERNALS: &str = "the disk of /var/lib/cc-devops is full";

/// Checks that count how they are asked, of a disk that can fail.
#[derive(Default)]
struct Disk {
    looked: AtomicUsize,
    tried: AtomicUsize,
    fails: AtomicBool,
    /// Whether a write has shown it.
    known: AtomicBool,
    hangs: AtomicBool,
}

#[async_trait]
impl Checks for Disk {
    async fn check(&self) -> Vec<Check> {
        self.looked.fetch_add(1, Ordering::Relaxed);
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let disk = if self.known.load(Ordering::Relaxed) {
            Check::degraded("disk", INTERNALS)
        } else {
            Check::healthy("disk")
        };
        vec![disk, Check::healthy("database")]
    }

    async fn probe(&self) -> Vec<Check> {
        self.tried.fetch_add(1, Ordering::Relaxed);
        self.known.store(self.fails.load(Ordering::Relaxed), Ordering::Relaxed);
        self.check().await
    }
}

async fn harness() -> (Harness, Arc<Disk>) {
    let disk = Arc::new(Disk::default());
    let checks = disk.clone();
    let harness = Harness::around(Memory::new(), ServerConfig::default(), |ports| ports.checks = checks).await;
    (harness, disk)
}

#[tokio::test(start_paused = true)]
async fn a_stranger_makes_nobody_write_and_learns_no_internals() {
    let (harness, disk) = harness().await;
    let counted = || (disk.looked.load(Ordering::Relaxed), disk.tried.load(Ordering::Relaxed));
    for _ in 0..100 {
        assert_eq!(harness.get("/health", As::Nobody).await.status, StatusCode::OK);
    }
    assert_eq!(counted(), (1, 0), "a flood looks once a second");
    tokio::time::advance(Duration::from_secs(1)).await;
    disk.known.store(true, Ordering::Relaxed);
    for _ in 0..100 {
        let answer = harness.get("/health", As::Nobody).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!answer.text.contains("/var/lib"), "{answer:?}");
        let body = answer.json();
        assert_eq!(
            (&body["checks"][0], &body["checks"][1]),
            (
                &json!({"name": "disk", "status": "degraded"}),
                &json!({"name": "database", "status": "healthy"})
            )
        );
        for field in ["status", "agent", "version", "capabilities", "mode", "timestamp"] {
            assert!(!body[field].is_null(), "{field}");
        }
    }
    let agent = harness.get("/health", As::Agent).await;
    assert!(!agent.text.contains("/var/lib"), "an agent is no operator: {agent:?}");
    let forged = request(Method::GET, "/health", As::Nobody).header(AUTHORIZATION, format!("Bearer ccd_{:064}", 0));
    let forged = harness.call(forged.body(Body::empty()).unwrap()).await;
    assert_eq!(forged.status, StatusCode::SERVICE_UNAVAILABLE, "the health, and no 401");
    assert_eq!(counted().1, 0);
}

#[tokio::test(start_paused = true)]
async fn an_operator_has_it_tried_and_is_told_what_is_wrong() {
    let (harness, disk) = harness().await;
    assert_eq!(harness.get("/health", As::Nobody).await.status, StatusCode::OK);
    disk.fails.store(true, Ordering::Relaxed);
    for _ in 0..100 {
        let answer = harness.get("/health", As::Admin).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.json()["checks"][0]["message"], INTERNALS);
    }
    assert_eq!(disk.tried.load(Ordering::Relaxed), 1, "once a second at most");
    let stranger = harness.get("/health", As::Nobody).await;
    assert_eq!(
        stranger.json()["status"],
        "degraded",
        "what was found holds for everybody"
    );
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_while_nobody_asks_is_noticed() {
    let (mut harness, disk) = harness().await;
    let workers = harness.work();
    let seen = async |status: StatusCode| {
        until(async || (harness.get("/health", As::Nobody).await.status == status).then_some(())).await;
    };
    seen(StatusCode::OK).await;
    disk.fails.store(true, Ordering::Relaxed);
    seen(StatusCode::SERVICE_UNAVAILABLE).await;
    disk.fails.store(false, Ordering::Relaxed);
    seen(StatusCode::OK).await;
    workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn checks_that_do_not_end_are_not_waited_for() {
    let (harness, disk) = harness().await;
    disk.hangs.store(true, Ordering::Relaxed);
    for (caller, seconds) in [(As::Nobody, 3), (As::Admin, 8)] {
        let begun = Instant::now();
        let answer = harness.get("/health", caller).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.json()["checks"][0]["name"], "checks");
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn the_own_heartbeat_tries_to_write() {
    let (harness, disk) = harness().await;
    disk.fails.store(true, Ordering::Relaxed);
    harness.control.own_heartbeat().await.unwrap();
    assert_eq!(disk.tried.load(Ordering::Relaxed), 1);
    let agents = harness.memory.ports().agents.list().await.unwrap();
    let own = agents.iter().find_map(|status| status.last_beat.as_ref()).unwrap();
    assert!(!own.healthy);
    assert_eq!(own.message.as_deref(), Some("degraded: disk"));
    assert_eq!(
        harness
            .control
            .probed_health(cc_devops_kernel::health::Mode::Normal)
            .await
            .status,
        Condition::Degraded
    );
}
