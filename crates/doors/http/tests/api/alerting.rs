//! Alerts over HTTP, and the workers behind them: an agent that fails is told of, taken on, silenced, paused.

use axum::http::{Method, StatusCode};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::ports::{Clock, RecordKey, RecordKind};
use cc_devops_notify::{Channel, Transport, Value};
use cc_devops_testkit::{Memory, sample};
use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use crate::description::{document, is_as_described};
use crate::harness::{AGENT, As, Harness, until};

const HEARTBEAT: &str = "/v1/agents/ContentOrchestrator/heartbeat";

/// A control plane whose agent says that it fails.
async fn failing() -> Harness {
    let harness = Harness::new().await;
    let beat = json!({"healthy": false, "message": "the queue is full"});
    assert_eq!(
        harness.post(HEARTBEAT, As::Agent, &beat).await.status,
        StatusCode::NO_CONTENT
    );
    harness
}

async fn alerts(harness: &Harness) -> Vec<Json> {
    let listed = harness.get("/v1/alerts", As::Admin).await.json();
    listed["alerts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_alert_is_seen_and_taken_on() {
    let harness = failing().await;
    let open = alerts(&harness).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(
        (&open[0]["key"], &open[0]["state"]),
        (&json!("agent/ContentOrchestrator"), &json!("open"))
    );
    let id = open[0]["id"].as_str().unwrap();
    let path = format!("/v1/alerts/{id}");
    let taken = harness
        .post(&format!("{path}/ack"), As::Admin, &json!({"reason": "I look at it"}))
        .await;
    assert_eq!(taken.status, StatusCode::OK, "{taken:?}");
    let shown = harness.get(&path, As::Admin).await;
    assert_eq!(shown.json()["state"], "acknowledged");
    assert_eq!(shown.json()["acknowledged"]["by"], "Operator");
    assert_eq!(shown.json()["acknowledged"]["reason"], "I look at it");
    let document = document().await;
    is_as_described(&document, "get /v1/alerts/{id}", &shown);
    is_as_described(&document, "get /v1/alerts", &harness.get("/v1/alerts", As::Admin).await);
    assert!(
        harness
            .rows()
            .iter()
            .any(|row| row.entry.action == "alert.acknowledged")
    );

    let well = json!({"healthy": true});
    harness.post(HEARTBEAT, As::Agent, &well).await;
    let shown = harness.get(&path, As::Admin).await.json();
    assert_eq!(shown["state"], "resolved");
    let again = harness.post(&format!("{path}/ack"), As::Admin, &json!({})).await;
    assert!(again.is_problem(409), "{again:?}");
}

#[tokio::test]
async fn silences_come_and_go() {
    let harness = Harness::new().await;
    for matches in [
        json!({"severity": "critcal"}),
        json!({"kind": ["agent", "agents"]}),
        json!({"stage": "P"}),
    ] {
        let typo = json!({"match": matches, "for": "2h", "reason": "new disks"});
        let refused = harness.post("/v1/silences", As::Admin, &typo).await;
        assert!(refused.is_problem(422), "{refused:?}");
    }
    let silence = json!({"match": {"kind": ["agent", "deploy"]}, "for": "2h", "reason": "new disks"});
    let made = harness.post("/v1/silences", As::Admin, &silence).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let listed = harness.get("/v1/silences", As::Admin).await;
    assert_eq!(listed.json()["silences"][0], made.json());
    is_as_described(&document().await, "get /v1/silences", &listed);
    let path = format!("/v1/silences/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(
        harness.send(Method::DELETE, &path, As::Admin).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(harness.send(Method::DELETE, &path, As::Admin).await.is_problem(404));
    for wrong in [
        json!({"match": {}, "for": "2 hours", "reason": "x"}),
        json!({"match": {}, "for": "2h", "reason": " "}),
        json!({"match": 7, "for": "2h", "reason": "x"}),
        json!({"match": {}, "for": "2h"}),
    ] {
        let answer = harness.post("/v1/silences", As::Admin, &wrong).await;
        assert!(answer.status.is_client_error(), "{wrong}: {answer:?}");
    }
}

#[tokio::test]
async fn the_description_says_which_reasons_are_taken() {
    let harness = Harness::new().await;
    let document = document().await;
    let (longest, too_long) = ("\u{1f600}".repeat(500), " x".repeat(251));
    let said = [
        "x",
        " x ",
        "\u{202e}x",
        "é",
        "",
        " ",
        "\u{a0}\u{3}",
        "\u{202e}",
        "\u{2028}\u{3000}",
        &longest,
        &too_long,
    ];
    for (schema, method, path, others) in [
        (
            "NewSilence",
            Method::POST,
            "/v1/silences",
            json!({"match": {}, "for": "2h"}),
        ),
        ("NewMaintenance", Method::PUT, "/v1/maintenance", json!({})),
        ("Acknowledging", Method::POST, "/v1/alerts/no-such-alert/ack", json!({})),
    ] {
        let described = &document["components"]["schemas"][schema]["properties"]["reason"];
        assert!(described.is_object(), "{schema}");
        let validator = jsonschema::validator_for(described).unwrap();
        for reason in said {
            let mut body = others.clone();
            body["reason"] = json!(reason);
            let status = harness
                .send_json(method.clone(), path, As::Admin, &body)
                .await
                .status
                .as_u16();
            let allowed = validator.is_valid(&json!(reason));
            assert_eq!(!matches!(status, 400 | 422), allowed, "{schema} {reason:?}: {status}");
        }
    }
}

#[tokio::test]
async fn maintenance_mode_is_set_seen_and_ended() {
    let harness = Harness::new().await;
    let on = json!({"reason": "new disks", "until": "2126-06-01T14:00:00Z"});
    let set = harness.send_json(Method::PUT, "/v1/maintenance", As::Admin, &on).await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    let shown = harness.get("/v1/maintenance", As::Agent).await;
    assert_eq!(
        (&shown.json()["on"], &shown.json()["reason"]),
        (&json!(true), &json!("new disks"))
    );
    is_as_described(&document().await, "get /v1/maintenance", &shown);
    assert_eq!(harness.get("/health", As::Admin).await.json()["mode"], "maintenance");
    let over = json!({"reason": "x", "until": "2000-01-01T00:00:00Z"});
    let answer = harness
        .send_json(Method::PUT, "/v1/maintenance", As::Admin, &over)
        .await;
    assert!(answer.is_problem(409));
    assert_eq!(
        harness.send(Method::DELETE, "/v1/maintenance", As::Admin).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(harness.get("/v1/maintenance", As::Agent).await.json()["on"], false);
}

#[tokio::test]
async fn a_paused_agent_is_not_waited_for_and_its_history_says_so() {
    let harness = failing().await;
    let path = "/v1/agents/ContentOrchestrator";
    let paused = harness.send(Method::POST, &format!("{path}/pause"), As::Admin).await;
    assert_eq!(paused.status, StatusCode::NO_CONTENT, "{paused:?}");
    assert_eq!(alerts(&harness).await[0]["state"], "closed");
    let listed = harness.get("/v1/agents", As::Agent).await.json();
    let agent = listed["agents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["name"] == AGENT)
        .unwrap()
        .clone();
    assert_eq!(agent["status"], "paused");
    assert_eq!(agent["pausedBy"], "Operator");
    assert_eq!(agent["state"], "new", "for those who know four states");
    harness.send(Method::POST, &format!("{path}/resume"), As::Admin).await;
    let history = harness.get(&format!("{path}/history"), As::Agent).await;
    is_as_described(&document().await, "get /v1/agents/{name}/history", &history);
    let history = history.json();
    let reasons: Vec<&Json> = history["flips"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flip| &flip["reason"])
        .collect();
    assert_eq!(reasons, ["resume", "pause", "fail"]);
    assert_eq!(history["flips"][1]["by"], "Operator");
    assert!(
        harness
            .get("/v1/agents/Nobody/history", As::Admin)
            .await
            .is_problem(404)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_stays_away_is_found_and_what_is_told_is_sent() {
    let mut harness = Harness::new().await;
    let workers = harness.work();
    harness.post(HEARTBEAT, As::Agent, &json!({"healthy": true})).await;
    // A minute at a time: a longer step is one in which nobody could hear.
    for _ in 0..11 {
        harness.memory.clock().advance(SignedDuration::from_secs(55));
        let marked = harness.memory.clock().now();
        until(async || {
            let awake = harness.watch().watching.last_awake().await.unwrap();
            (awake == Some(marked)).then_some(())
        })
        .await;
    }
    let down = until(async || {
        let alerts = alerts(&harness).await;
        alerts.first().filter(|alert| alert["toldAt"].is_string()).cloned()
    })
    .await;
    assert_eq!(down["key"], "agent/ContentOrchestrator");
    let state = harness.memory.ports().state;
    until(async || {
        let waiting = state.list(RecordKind::Delivery, Some("log"), None, 10).await.unwrap();
        waiting.is_empty().then_some(())
    })
    .await;
    let metrics = harness.get("/metrics", As::Admin).await.text;
    for line in [
        "cc_devops_agents{state=\"down\"} 1",
        "cc_devops_agent_up{agent=\"ContentOrchestrator\"} 0",
        "cc_devops_alerts_open{severity=\"warning\"} 1",
        "cc_devops_alerts_oldest_unsent_seconds 0",
        "cc_devops_alert_channel_up{channel=\"log\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    workers.stop(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
async fn health_says_that_nobody_can_be_told() {
    let missing = Channel {
        name: "chat".to_owned(),
        bodies: false,
        transport: Transport::Slack {
            signing: None,
            url: Value::Secret(sample::secret_name("/contentcraft/alerts/slack-url")),
        },
    };
    let harness = Harness::with_channels(Memory::new(), vec![missing]).await;
    let health = harness.get("/health", As::Admin).await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    let check = health.json()["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "channels")
        .unwrap()
        .clone();
    let message = check["message"].as_str().unwrap();
    assert!(
        message.starts_with("nobody can be told of anything: chat") && message.contains("slack-url"),
        "{message}"
    );
    let in_short = harness.get("/health", As::Nobody).await.text;
    assert!(!in_short.contains("slack"), "{in_short}");
}

#[tokio::test]
async fn a_badge_shows_a_state_and_is_not_found_by_guessing() {
    let harness = failing().await;
    let badges = harness.watch().badges;
    let name = sample::agent_name(AGENT);
    let key = badges.key(&cc_devops_fleet::badges::Badge::Agent(name.clone()));
    let get = async |path: String| harness.get(&path, As::Nobody).await;
    let svg = get(format!("/badge/{key}.svg")).await;
    assert_eq!(svg.header("content-type"), "image/svg+xml; charset=utf-8");
    assert!(svg.text.contains("ContentOrchestrator: down"), "{svg:?}");
    assert!(svg.header("cache-control").contains("max-age"));
    assert_eq!(get(format!("/badge/{key}.json")).await.json()["status"], "down");
    let shields = get(format!("/badge/{key}.shields")).await.json();
    assert_eq!(
        (&shields["schemaVersion"], &shields["message"]),
        (&json!(1), &json!("down"))
    );
    let all = badges.key(&cc_devops_fleet::badges::Badge::All);
    assert_eq!(get(format!("/badge/{all}.json")).await.json()["down"], 1);
    for guess in [
        format!("/badge/{AGENT}-{:032x}.svg", 7),
        format!("/badge/{key}"),
        format!("/badge/{key}.png"),
    ] {
        assert!(get(guess.clone()).await.is_problem(404), "{guess}");
    }
    let address = harness
        .watch()
        .watching
        .ping_address(&name, Actor::Operator)
        .await
        .unwrap();
    assert!(!svg.text.contains(&address.uuid));
    let mark = harness
        .memory
        .ports()
        .state
        .read(&[RecordKey::new(RecordKind::Mark, "watch")])
        .await
        .unwrap();
    assert!(mark[0].is_some(), "heard, and so awake");
}
