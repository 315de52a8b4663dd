//! Pings: whose they are, what they say, and what strangers get.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode};
use cc_devops_http::ServerConfig;
use cc_devops_http::config::RateLimit;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::ports::{PortErrorKind, RecordKind};
use cc_devops_testkit::{Memory, sample};
use futures::stream;

use crate::harness::{AGENT, Answer, As, Harness};

/// The path of an agent's ping address.
async fn address(harness: &Harness, name: &str) -> String {
    let watching = harness.watch().watching;
    let address = watching.ping_address(&sample::agent_name(name), Actor::Operator).await;
    address.unwrap().path()
}

async fn state(harness: &Harness) -> String {
    let listed = harness.get("/v1/agents", As::Admin).await.json();
    let agents = listed["agents"].as_array().unwrap().clone();
    let agent = agents.into_iter().find(|agent| agent["name"] == AGENT).unwrap();
    agent["status"].as_str().unwrap().to_owned()
}

fn said(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.text.as_str())
}

async fn ping(harness: &Harness, path: &str) -> Answer {
    harness.get(path, As::Nobody).await
}

#[tokio::test]
async fn a_ping_says_what_its_path_says() {
    let harness = Harness::new().await;
    let path = address(&harness, AGENT).await;
    for (behind, expected) in [
        ("", "up"),
        ("/fail", "down"),
        ("/start", "down"),
        ("/log", "down"),
        ("/0", "up"),
        ("/7", "down"),
        ("/", "up"),
    ] {
        let answer = ping(&harness, &format!("{path}{behind}")).await;
        assert_eq!(said(&answer), (200, "OK"), "{behind}");
        assert_eq!(answer.header("ping-body-limit"), "10000");
        assert_eq!(state(&harness).await, expected, "{behind}");
    }
    for method in [Method::HEAD, Method::POST] {
        assert_eq!(harness.send(method, &path, As::Nobody).await.status, StatusCode::OK);
    }
    assert_eq!(harness.send(Method::PUT, &path, As::Nobody).await.status.as_u16(), 405);
}

#[tokio::test]
async fn what_is_sent_along_is_kept_to_the_byte() {
    let harness = Harness::new().await;
    let path = address(&harness, AGENT).await;
    let sent: Vec<u8> = (0..=255).cycle().take(12_000).collect();
    let request = Request::post(&path).body(Body::from(sent.clone())).unwrap();
    assert_eq!(said(&harness.call(request).await), (200, "OK"));
    let pings = harness
        .watch()
        .watching
        .pings(&sample::agent_name(AGENT))
        .await
        .unwrap();
    assert_eq!(pings[0].sent().unwrap(), sent[..10_000]);
    let broken = stream::iter([Ok(Bytes::from("x")), Err(std::io::Error::other("gone"))]);
    let request = Request::post(&path).body(Body::from_stream(broken)).unwrap();
    assert_eq!(harness.call(request).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stranger_is_told_nothing_and_leaves_nothing() {
    let harness = Harness::new().await;
    let kept = async || {
        let state = harness.memory.ports().state;
        let mut kept = Vec::new();
        for kind in [
            RecordKind::Watch,
            RecordKind::Ping,
            RecordKind::Flip,
            RecordKind::PingAddress,
        ] {
            kept.extend(state.list(kind, None, None, 100).await.unwrap());
        }
        kept
    };
    let before = kept().await;
    for path in [
        "/ping/1f34cbe4-bd2e-4e9c-8d1c-0e4d5fdfa0c5",
        "/ping/nokey/writer",
        "/ping/nokey/writer?create=1",
        "/ping/nokey/writer/fail",
    ] {
        assert_eq!(said(&ping(&harness, path).await), (404, "not found"), "{path}");
    }
    for (path, expected) in [
        ("/ping/x", "invalid uuid format"),
        ("/ping/nokey/Writer", "invalid url format"),
        (
            "/ping/1f34cbe4-bd2e-4e9c-8d1c-0e4d5fdfa0c5?rid=1",
            "invalid uuid format",
        ),
        ("/ping/1f34cbe4-bd2e-4e9c-8d1c-0e4d5fdfa0c5/256", "invalid url format"),
    ] {
        assert_eq!(said(&ping(&harness, path).await), (400, expected), "{path}");
    }
    assert_eq!(kept().await, before);
    // Nobody waits for the body of a ping that is nobody's.
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let guess = Request::post("/ping/1f34cbe4-bd2e-4e9c-8d1c-0e4d5fdfa0c5")
        .body(never)
        .unwrap();
    assert_eq!(said(&harness.call(guess).await), (404, "not found"));
}

#[tokio::test]
async fn a_ping_that_is_not_kept_is_asked_for_again() {
    for (kind, status) in [
        (PortErrorKind::Unavailable, 503),
        (PortErrorKind::Timeout, 503),
        (PortErrorKind::Full, 507),
    ] {
        let harness = Harness::new().await;
        let path = address(&harness, AGENT).await;
        harness.memory.fail_with(Some(kind));
        let answer = ping(&harness, &path).await;
        assert_eq!(answer.status.as_u16(), status, "{kind:?}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
        harness.memory.fail_with(None);
        assert_eq!(state(&harness).await, "new", "{kind:?}");
    }
}

#[tokio::test]
async fn a_rate_for_agents_holds_for_their_pings() {
    let once = std::num::NonZeroU32::MIN;
    let harness = Harness::on(
        Memory::new(),
        ServerConfig {
            rate_limit: Some(RateLimit {
                requests_per_second: once,
                burst: once,
            }),
            ..ServerConfig::default()
        },
    )
    .await;
    let path = address(&harness, AGENT).await;
    assert_eq!(ping(&harness, &path).await.status, StatusCode::OK);
    let answer = ping(&harness, &path).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key("retry-after"));
}
