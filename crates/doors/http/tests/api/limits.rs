//! What callers may take, and what they are told beyond that.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use cc_devops_http::ServerConfig;
use cc_devops_http::config::{Limits, RateLimit};
use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::EventLog;
use cc_devops_testkit::Memory;
use serde_json::json;

use crate::harness::{As, Harness, put, request};

fn limited(limits: Limits) -> ServerConfig {
    ServerConfig {
        limits,
        ..ServerConfig::default()
    }
}

#[tokio::test]
async fn an_agent_that_sends_too_much_waits_alone() {
    let harness = Harness::with(ServerConfig {
        rate_limit: Some(RateLimit {
            requests_per_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(2).unwrap(),
        }),
        ..ServerConfig::default()
    })
    .await;
    for _ in 0..2 {
        assert_eq!(harness.get("/v1/agents", As::Agent).await.status, StatusCode::OK);
    }
    let answer = harness.get("/v1/agents", As::Agent).await;
    assert!(answer.is_problem(429), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(harness.get("/v1/agents", As::Other).await.status, StatusCode::OK);
    assert_eq!(harness.get("/health", As::Nobody).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_and_on_record() {
    let harness = Harness::with(limited(Limits {
        body_bytes: 1_000,
        ..Limits::default()
    }))
    .await;
    let large = "x".repeat(1_001);
    assert!(
        harness
            .post_text("/v1/events", As::Agent, large.clone())
            .await
            .is_problem(413)
    );
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(large)]);
    let answer = harness
        .post_text("/v1/events", As::Agent, Body::from_stream(chunks))
        .await;
    assert!(
        answer.is_problem(413),
        "a body that does not say how long it is: {answer:?}"
    );
    assert_eq!(harness.rows().len(), 2);
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    let beat = json!({"healthy": true, "message": "x".repeat(20_000)});
    assert!(harness.post(uri, As::Agent, &beat).await.is_problem(413));
}

#[tokio::test]
async fn ten_full_values_fit_into_one_body() {
    let harness = Harness::new().await;
    let event = |n: usize| {
        let mut event = put(&format!("r{n}"));
        event["detail"]["params"]["value"] = json!("x".repeat(65_536));
        event
    };
    let body: Vec<_> = (0..10).map(event).collect();
    let answer = harness.post("/v1/events?wait=10", As::Agent, &json!(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let entries = answer.json()["entries"].as_array().unwrap().clone();
    assert!(entries.iter().all(|entry| entry["status"] == "success"));
}

#[tokio::test]
async fn beyond_what_can_be_answered_at_once_the_load_is_shed() {
    let harness = Harness::with(limited(Limits {
        concurrency: 0,
        ..Limits::default()
    }))
    .await;
    let answer = harness.get("/v1/agents", As::Agent).await;
    assert!(answer.is_problem(503));
    assert_eq!(answer.header("retry-after"), "1");

    let harness = Harness::with(limited(Limits {
        streams: 0,
        ..Limits::default()
    }))
    .await;
    let open = request(Method::GET, "/v1/events", As::Agent).header(ACCEPT, "text/event-stream");
    assert!(harness.call(open.body(Body::empty()).unwrap()).await.is_problem(503));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let harness = Harness::new().await;
    for (uri, status) in [("/v1/events", 400), ("/v1/agents/ContentOrchestrator/heartbeat", 504)] {
        let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let answer = harness.post_text(uri, As::Agent, Body::from_stream(never)).await;
        assert!(answer.is_problem(status), "{answer:?}");
    }
}

struct Panics;

#[async_trait]
impl EventLog for Panics {
    async fn after(&self, _: Cursor, _: Option<&AgentName>, _: usize) -> PortResult<Vec<LoggedEvent>> {
        panic!("a fault")
    }

    async fn newest(&self) -> PortResult<Cursor> {
        Ok(Cursor(0))
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_server_goes_on() {
    let harness = Harness::around(Memory::new(), ServerConfig::default(), |ports| {
        ports.events = Arc::new(Panics);
    })
    .await;
    assert!(harness.get("/v1/events", As::Agent).await.is_problem(500));
    assert_eq!(harness.get("/v1/agents", As::Agent).await.status, StatusCode::OK);
    let typed = request(Method::POST, "/v1/events", As::Agent).header(CONTENT_TYPE, "application/json; charset=utf-8");
    let answer = harness
        .call(typed.body(Body::from(put("r1").to_string())).unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}
