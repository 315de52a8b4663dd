//! Everything that is wrong gets problem details or an outcome, is on record, and does nothing.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_testkit::sample;
use serde_json::{Value, json};

use crate::harness::{As, Harness, SECRET, put, request};

/// What the audit trail says of the last thing that happened.
fn last_reason(harness: &Harness) -> String {
    let rows = harness.rows();
    let reason = rows.last().and_then(|row| row.entry.reason);
    reason.map_or_else(String::new, |reason| reason.to_string())
}

#[tokio::test]
async fn a_body_that_is_no_json_is_400_and_on_record() {
    let harness = Harness::new().await;
    for body in ["", "{", "not json", "{\"source\": }", "\u{0}"] {
        let answer = harness.post_text("/v1/events", As::Agent, body).await;
        assert!(answer.is_problem(400), "{body:?}: {answer:?}");
        assert_eq!(answer.json()["reason"], "schema_validation_failed");
        assert_eq!(last_reason(&harness), "schema_validation_failed");
    }
    assert_eq!(harness.rows().len(), 5);
    let deep = "[".repeat(10_000);
    assert!(harness.post_text("/v1/events", As::Agent, deep).await.is_problem(422));
}

#[tokio::test]
async fn a_key_that_the_json_library_would_obey_is_refused_at_every_door_and_on_record() {
    let harness = Harness::new().await;
    let hidden = json!({"$serde_json::private::RawValue": put("hidden").to_string()});
    let mut inside = put("r1");
    inside["detail"]["params"]["more"] = json!({"$serde_json::private::RawValue": "[]"});
    for body in [&hidden, &inside, &json!([put("r2"), inside])] {
        let answer = harness.post("/v1/events", As::Agent, body).await;
        assert!(answer.is_problem(422), "{answer:?}");
        assert_eq!(answer.json()["reason"], "schema_validation_failed");
        assert_eq!(last_reason(&harness), "schema_validation_failed");
    }
    assert_eq!(harness.rows().len(), 3, "nothing else came of them");
    let beat = json!({"healthy": true, "message": {"$serde_json::private::RawValue": "\"x\""}});
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    assert!(harness.post(uri, As::Agent, &beat).await.is_problem(422));
    assert!(harness.post("/v1/webhooks", As::Admin, &hidden).await.is_problem(422));
}

#[tokio::test]
async fn one_depth_holds_for_an_event_alone_and_among_others() {
    let harness = Harness::new().await;
    // The event and its detail are two levels of it.
    let event = |id: &str, depth: usize| {
        let mut event = put(id);
        let deep = "[".repeat(depth - 2) + &"]".repeat(depth - 2);
        event["detail"]["later"] = serde_json::from_str(&deep).unwrap();
        event
    };
    let answer = harness.post("/v1/events?wait=5", As::Agent, &event("r1", 64)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let several = json!([event("r2", 64), put("r3")]);
    assert_eq!(
        harness.post("/v1/events?wait=5", As::Agent, &several).await.status,
        StatusCode::OK
    );
    for body in [event("r4", 65), json!([put("r5"), event("r6", 65)])] {
        let answer = harness.post("/v1/events", As::Agent, &body).await;
        assert!(answer.is_problem(422), "{answer:?}");
        assert!(
            answer.json()["detail"].as_str().unwrap().contains("64 levels"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_heartbeats_sentence_is_kept_as_one_line() {
    let harness = Harness::new().await;
    let beat = json!({"healthy": false, "message": "disk full\r\nBilling  up\u{202e}\u{1b}[2J\u{2066} now"});
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    assert_eq!(harness.post(uri, As::Agent, &beat).await.status, StatusCode::NO_CONTENT);
    let agents = harness.get("/v1/agents", As::Admin).await.json();
    let shown = agents["agents"].as_array().unwrap().iter();
    let messages: Vec<&str> = shown.filter_map(|agent| agent["message"].as_str()).collect();
    assert_eq!(messages, ["disk full Billing up [2J now"]);
}

#[tokio::test]
async fn an_envelope_that_cannot_be_read_is_422_and_on_record() {
    let harness = Harness::new().await;
    let good = put("r1");
    let without = |field: &str| {
        let mut event = good.clone();
        event.as_object_mut().unwrap().remove(field);
        event
    };
    let with_id = |id: Value| {
        let mut event = good.clone();
        event["detail"]["requestId"] = id;
        event
    };
    let bodies = [
        json!("text"),
        json!(7),
        json!(null),
        json!({}),
        json!([]),
        json!(vec![good.clone(); 11]),
        without("source"),
        without("detail-type"),
        without("detail"),
        with_id(json!("")),
        with_id(json!(7)),
        with_id(json!("x".repeat(129))),
        with_id(json!("a\nb")),
        json!({"source": "somebody", "detail-type": "devops.request", "detail": {"requestId": "r"}}),
        json!({"source": "agent.A", "detail-type": "devops.other", "detail": {"requestId": "r"}}),
    ];
    let count = bodies.len();
    for body in bodies {
        let answer = harness.post("/v1/events", As::Agent, &body).await;
        assert!(answer.is_problem(422), "{body}: {answer:?}");
        assert_eq!(answer.json()["reason"], "schema_validation_failed", "{body}");
    }
    assert_eq!(harness.rows().len(), count);
}

#[tokio::test]
async fn a_readable_request_that_breaks_a_rule_ends_with_its_reason() {
    let harness = Harness::new().await;
    let event = |id: &str, change: fn(&mut Value)| {
        let mut event = put(id);
        change(&mut event["detail"]);
        event
    };
    let cases = [
        (event("a", |d| d["action"] = json!("reboot")), "unsupported_action"),
        (event("b", |d| d["action"] = json!(7)), "schema_validation_failed"),
        (event("c", |d| d["params"] = json!("text")), "schema_validation_failed"),
        (
            event("d", |d| d["params"] = json!({"name": SECRET})),
            "missing_parameter",
        ),
        (event("e", |d| d["params"] = json!({"value": "x"})), "missing_parameter"),
        (
            event("f", |d| d["params"]["name"] = json!("/elsewhere/x/y")),
            "invalid_parameter",
        ),
        (
            event("g", |d| d["params"]["name"] = json!("/contentcraft/../x")),
            "invalid_parameter",
        ),
        (
            event("h", |d| d["params"]["value"] = json!("x".repeat(65_537))),
            "invalid_parameter",
        ),
        (
            event("i", |d| d["params"]["name"] = json!("/contentcraft/somebodyelse/x")),
            "security_violation",
        ),
    ];
    for (body, reason) in cases {
        let answer = harness.post("/v1/events?wait=5", As::Agent, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.json()["status"], "error", "{answer:?}");
        assert_eq!(answer.json()["reason"], reason, "{answer:?}");
        assert_eq!(last_reason(&harness), reason);
    }
    assert_eq!(harness.memory.secret_writes(&sample::secret_name(SECRET)), 0);
}

#[tokio::test]
async fn one_id_with_two_meanings_is_a_conflict_and_with_one_a_repeat() {
    let harness = Harness::new().await;
    let first = harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await.json();
    assert_eq!(first["status"], "success");
    let again = harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await.json();
    assert_eq!(again, first);
    assert_eq!(harness.memory.secret_writes(&sample::secret_name(SECRET)), 1);
    let other = sample::put_secret_event("r1", SECRET, "something else");
    let conflict = harness.post("/v1/events?wait=5", As::Agent, &other).await.json();
    assert_eq!(conflict["reason"], "request_id_conflict");
    let accepted = harness.post("/v1/events", As::Agent, &put("r1")).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    assert_eq!(accepted.json(), json!({"requestId": "r1", "status": "accepted"}));
}

#[tokio::test]
async fn what_is_not_declared_as_json_is_415() {
    let harness = Harness::new().await;
    for uri in ["/v1/events", "/v1/agents/ContentOrchestrator/heartbeat"] {
        let request = request(Method::POST, uri, As::Agent).header(CONTENT_TYPE, "text/plain");
        let answer = harness
            .call(request.body(Body::from("{\"healthy\": true}")).unwrap())
            .await;
        assert!(answer.is_problem(415), "{answer:?}");
    }
    assert_eq!(harness.rows().len(), 1, "the event is on record");
}

#[tokio::test]
async fn parameters_that_break_their_rule_are_refused() {
    let harness = Harness::new().await;
    for uri in [
        "/v1/requests?limit=0",
        "/v1/requests?limit=201",
        "/v1/requests?limit=many",
        "/v1/requests?cursor=-1",
        "/v1/requests?cursor=x",
        "/v1/requests?status=fine",
        "/v1/requests?state=asleep",
        "/v1/requests?since=yesterday",
        "/v1/requests?unknown=1",
        "/v1/requests?agent=1x",
        "/v1/requests?agent=",
        "/v1/events?after=-1",
        "/v1/events?limit=0",
        "/v1/events?agent=%20",
        "/v1/requests/%00",
        "/v1/secrets/contentcraft",
        "/v1/secrets/contentcraft/../x",
        "/v1/secrets/contentcraft/x%20y",
        "/v1/secrets/contentcraft/contentorchestrator/key?version=oldest",
    ] {
        let answer = harness.get(uri, As::Agent).await;
        assert!(answer.is_problem(422), "{uri}: {answer:?}");
    }
    for uri in [
        "/v1/events?wait=301",
        "/v1/events?wait=-1",
        "/v1/events?wait=1.5",
        "/v1/events?wit=1",
    ] {
        assert!(harness.post(uri, As::Agent, &put("r1")).await.is_problem(422), "{uri}");
    }
    let header = request(Method::GET, "/v1/events", As::Agent).header("Last-Event-ID", "soon");
    assert!(harness.call(header.body(Body::empty()).unwrap()).await.is_problem(422));
    assert!(harness.get("/v1/requests/%FF", As::Agent).await.is_problem(400));
    assert!(harness.get("/v1/requests/nope", As::Agent).await.is_problem(404));
}

#[tokio::test]
async fn heartbeats_and_webhooks_have_strict_bodies() {
    let harness = Harness::new().await;
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    for body in [
        json!({}),
        json!({"healthy": "yes"}),
        json!({"healthy": true, "mesage": "x"}),
        json!({"healthy": true, "message": "é".repeat(1_025)}),
        json!([]),
    ] {
        assert!(harness.post(uri, As::Agent, &body).await.is_problem(422), "{body}");
    }
    assert!(harness.post_text(uri, As::Agent, "{").await.is_problem(400));
    let answer = harness
        .post(uri, As::Agent, &json!({"healthy": true, "message": "é".repeat(1_024)}))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let answer = harness
        .post("/v1/agents/1x/heartbeat", As::Agent, &json!({"healthy": true}))
        .await;
    assert!(answer.is_problem(422));
    let answer = harness
        .post("/v1/agents/Stranger/heartbeat", As::Admin, &json!({"healthy": true}))
        .await;
    assert!(answer.is_problem(404), "{answer:?}");
    for body in [
        json!({}),
        json!({"url": "http://example.org/"}),
        json!({"url": "https://example.org/", "agent": "1x"}),
        json!({"url": "https://example.org/", "secret": "mine"}),
        json!({"url": format!("https://example.org/{}", "a".repeat(2_048))}),
    ] {
        assert!(
            harness.post("/v1/webhooks", As::Admin, &body).await.is_problem(422),
            "{body}"
        );
    }
    for (method, uri) in [
        (Method::DELETE, "/v1/webhooks/wh_none"),
        (Method::GET, "/v1/webhooks/wh_none/dead-letters"),
        (Method::POST, "/v1/webhooks/wh_none/dead-letters/replay"),
    ] {
        assert!(harness.send(method, uri, As::Admin).await.is_problem(404), "{uri}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let harness = Harness::new().await;
    assert!(harness.get("/v2/nothing", As::Agent).await.is_problem(404));
    let answer = harness.send(Method::DELETE, "/v1/events", As::Agent).await;
    assert!(answer.is_problem(405), "{answer:?}");
    let allowed = answer.header("allow");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn a_store_that_fails_acknowledges_nothing() {
    let harness = Harness::new().await;
    for (kind, status) in [
        (PortErrorKind::Unavailable, 503),
        (PortErrorKind::Timeout, 504),
        (PortErrorKind::Full, 507),
        (PortErrorKind::Corrupt, 500),
        (PortErrorKind::Key, 500),
    ] {
        harness.memory.fail_with(Some(kind));
        let answer = harness.get("/v1/requests", As::Agent).await;
        assert!(answer.is_problem(status), "{kind:?}: {answer:?}");
        assert!(
            harness
                .post("/v1/events", As::Agent, &put("r1"))
                .await
                .is_problem(status)
        );
        assert_eq!(
            answer.headers.contains_key("retry-after"),
            kind == PortErrorKind::Unavailable
        );
        let health = harness.get("/health", As::Nobody).await;
        assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(health.json()["status"], "degraded");
        harness.memory.fail_with(None);
    }
    assert_eq!(harness.get("/health", As::Nobody).await.json()["status"], "healthy");
    assert!(harness.get("/v1/requests/r1", As::Agent).await.is_problem(404));
}

#[tokio::test]
async fn a_request_larger_than_the_ledger_takes_is_answered() {
    let harness = Harness::new().await;
    harness.memory.take_details_up_to(64);
    let answer = harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["status"], "error", "{answer:?}");
    assert_eq!(answer.json()["reason"], "invalid_parameter", "{answer:?}");
    let kept = harness.get("/v1/requests/r1", As::Agent).await;
    assert_eq!(kept.json()["completed"]["reason"], "invalid_parameter", "{kept:?}");
}
