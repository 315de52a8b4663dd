//! Looking up requests, events, agents and secrets.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::ACCEPT;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use cc_devops_testkit::sample;
use futures::StreamExt;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::harness::{As, Harness, SECRET, put, request, until};

#[tokio::test]
async fn a_request_is_shown_without_its_parameters() {
    let harness = Harness::new().await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    let answer = harness.get("/v1/requests/r1", As::Agent).await;
    let shown = answer.json();
    assert_eq!(shown["agent"], sample::AGENT);
    assert_eq!(shown["principal"], sample::AGENT);
    assert_eq!(shown["resource"], SECRET);
    assert_eq!(shown["state"], "completed");
    assert_eq!(shown["attempts"], 1);
    assert_eq!(shown["completed"]["status"], "success");
    assert_eq!(shown["output"], json!(null));
    assert!(!answer.text.contains(sample::PLANTED_SECRET));
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let harness = Harness::new().await;
    for id in ["r1", "r2", "r3"] {
        harness.post("/v1/events?wait=5", As::Agent, &put(id)).await;
        harness.memory.clock().advance(SignedDuration::from_secs(10));
    }
    let unknown = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    harness.post("/v1/events?wait=5", As::Agent, &unknown).await;
    let ids = async |query: &str| {
        let page = harness.get(&format!("/v1/requests{query}"), As::Agent).await.json();
        let rows = page["requests"].as_array().unwrap().clone();
        let ids: Vec<String> = rows
            .iter()
            .map(|row| row["requestId"].as_str().unwrap().to_owned())
            .collect();
        (ids, page["next"].as_i64())
    };
    let (first, next) = ids("?limit=2").await;
    assert_eq!(first, ["d1", "r3"]);
    let (second, end) = ids(&format!("?limit=2&cursor={}", next.unwrap())).await;
    assert_eq!(second, ["r2", "r1"]);
    assert_eq!(end, None);
    assert_eq!(ids("?action=deployLambda").await.0, ["d1"]);
    assert_eq!(ids("?status=error").await.0, ["d1"]);
    assert_eq!(ids("?state=waiting").await.0, [""; 0]);
    let (since, until) = (sample::after(5), sample::after(15));
    assert_eq!(ids(&format!("?since={since}&until={until}")).await.0, ["r2"]);
}

#[tokio::test]
async fn published_events_come_in_pages_after_a_place() {
    let harness = Harness::new().await;
    let empty = harness.get("/v1/events", As::Agent).await.json();
    assert_eq!(empty, json!({"events": [], "next": 0}));
    for id in ["r1", "r2"] {
        harness.post("/v1/events?wait=5", As::Agent, &put(id)).await;
    }
    harness.control.publish_all().await.unwrap();
    let page = harness.get("/v1/events?limit=1", As::Agent).await.json();
    let event = &page["events"][0];
    assert_eq!(event["source"], "devops.automation");
    assert_eq!(event["detail-type"], "devops.completed");
    assert_eq!(event["detail"]["requestId"], "r1");
    assert_eq!(event["cursor"], page["next"]);
    let page = harness
        .get(&format!("/v1/events?after={}", page["next"]), As::Agent)
        .await
        .json();
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    assert_eq!(page["events"][0]["detail"]["requestId"], "r2");
    let other = harness.get("/v1/events", As::Other).await.json();
    assert_eq!(other["events"], json!([]), "somebody else's events are not shown");
}

/// Opens a stream.
async fn stream(harness: &Harness, uri: &str, last_seen: Option<&str>) -> Response {
    let mut open = request(Method::GET, uri, As::Agent).header(ACCEPT, "text/event-stream");
    if let Some(id) = last_seen {
        open = open.header("Last-Event-ID", id);
    }
    let response = harness
        .router()
        .oneshot(open.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response
}

/// Reads a stream until it has shown `count` events, or ends.
async fn read(response: Response, count: usize) -> Vec<(String, String, Value)> {
    let mut text = String::new();
    let mut chunks = response.into_body().into_data_stream();
    loop {
        let events: Vec<_> = text.split("\n\n").filter_map(parse).collect();
        if events.len() >= count {
            return events;
        }
        match chunks.next().await {
            Some(chunk) => text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap()),
            None => return events,
        }
    }
}

fn parse(block: &str) -> Option<(String, String, Value)> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let data = serde_json::from_str(field("data")?).ok()?;
    Some((field("id")?.to_owned(), field("event")?.to_owned(), data))
}

#[tokio::test(start_paused = true)]
async fn a_stream_shows_what_comes_and_goes_on_where_it_was_left() {
    let mut harness = Harness::new().await;
    let workers = harness.work();
    let published = async |count: usize| {
        until(async || (harness.memory.published_events().len() == count).then_some(())).await;
    };
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    published(1).await;

    let from_now = stream(&harness, "/v1/events", None).await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r2")).await;
    let events = read(from_now, 1).await;
    let (id, name, data) = &events[0];
    assert_eq!(name, "devops.completed");
    assert_eq!(data["detail"]["requestId"], "r2");
    assert_eq!(data["cursor"].to_string(), *id);

    harness.post("/v1/events?wait=5", As::Agent, &put("r3")).await;
    published(3).await;
    let events = read(stream(&harness, "/v1/events", Some(id)).await, 1).await;
    assert_eq!(events[0].2["detail"]["requestId"], "r3");
    let events = read(stream(&harness, "/v1/events?after=0", None).await, 3).await;
    assert_eq!(events.len(), 3, "from the start on request");
    workers.stop(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_server_stops() {
    let mut harness = Harness::new().await;
    let workers = harness.work();
    let open = stream(&harness, "/v1/events", None).await;
    let ((), events) = tokio::join!(workers.stop(Duration::from_secs(5)), read(open, 1));
    assert!(events.is_empty());
}

#[tokio::test]
async fn agents_are_shown_with_their_state() {
    let harness = Harness::new().await;
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    let beat = json!({"healthy": true, "message": "all well"});
    harness.post(uri, As::Agent, &beat).await;
    let state = async |after: i64| {
        harness.memory.clock().set(sample::after(after));
        let list = harness.get("/v1/agents", As::Other).await.json();
        assert_eq!(list["periodSeconds"], 300);
        assert_eq!(list["graceSeconds"], 300);
        let rows = list["agents"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["name"] == sample::AGENT).unwrap()
    };
    let up = state(299).await;
    assert_eq!(up["state"], "up");
    assert_eq!(up["message"], "all well");
    assert_eq!(up["lastHeartbeat"], sample::START.to_string());
    assert_eq!(state(300).await["state"], "late", "late begins at the very instant");
    assert_eq!(state(599).await["state"], "late");
    let down = state(600).await;
    assert_eq!((&down["state"], &down["status"]), (&json!("down"), &json!("down")));
    assert_eq!(down["since"], sample::after(600).to_string());
    harness.post(uri, As::Agent, &json!({"healthy": false})).await;
    assert_eq!(state(601).await["state"], "down");
    let other = harness.get("/v1/agents", As::Other).await.json();
    assert!(
        other["agents"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["state"] == "new")
    );
}

#[tokio::test]
async fn a_secret_is_read_by_who_may_and_every_attempt_is_on_record() {
    let harness = Harness::new().await;
    for (id, value) in [("r1", "old"), ("r2", "new")] {
        let event = sample::put_secret_event(id, SECRET, value);
        harness.post("/v1/events?wait=5", As::Agent, &event).await;
    }
    let uri = "/v1/secrets/contentcraft/contentorchestrator/key";
    let answer = harness.get(uri, As::Agent).await;
    assert_eq!(answer.json()["value"], "new");
    assert_eq!(answer.json()["name"], SECRET);
    assert!(answer.json()["versionId"].is_string());
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = harness.get(&format!("{uri}?version=previous"), As::Agent).await;
    assert_eq!(answer.json()["value"], "old");
    let escaped = harness
        .get("/v1/secrets/contentcraft%2Fcontentorchestrator%2Fkey", As::Agent)
        .await;
    assert_eq!(escaped.status, StatusCode::OK);
    assert!(harness.get(uri, As::Other).await.is_problem(403));
    assert!(harness.get(&format!("{uri}2"), As::Agent).await.is_problem(404));
    let reads: Vec<_> = harness
        .memory
        .audit_rows()
        .into_iter()
        .filter(|row| row.entry.action == "secret.read")
        .collect();
    assert_eq!(reads.len(), 5);
}

#[tokio::test]
async fn metrics_are_openmetrics_text() {
    let harness = Harness::new().await;
    harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    harness.control.publish_all().await.unwrap();
    let answer = harness.get("/metrics", As::Admin).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    for line in [
        "cc_devops_requests_total{action=\"putSecret\",status=\"success\"} 1",
        "cc_devops_http_requests_total{method=\"POST\",route=\"/v1/events\",status=\"200\"} 1",
        "cc_devops_requests_open{state=\"waiting\"} 0",
        "cc_devops_events_unpublished 0",
        "cc_devops_requests_oldest_open_seconds 0",
        "cc_devops_outbox_oldest_seconds{consumer=\"people\"} 0",
        "cc_devops_outbox_waiting{consumer=\"webhooks\"} 0",
        "cc_devops_outbox_failing{consumer=\"metrics\"} 0",
        "cc_devops_outbox_set_aside{consumer=\"log\"} 0",
        "cc_devops_agents{state=\"new\"} 3",
        "cc_devops_request_duration_seconds_count{action=\"putSecret\"} 1",
        "cc_devops_build_info{version=",
    ] {
        assert!(answer.text.contains(line), "{line} is missing in\n{}", answer.text);
    }
    assert!(answer.text.ends_with("# EOF\n"));
}
