//! Taking requests in: acknowledgement, waiting, arrays, and who carries out what.

use axum::http::StatusCode;
use cc_devops_http::ServerConfig;
use cc_devops_http::config::Pace;
use cc_devops_kernel::outcome::Reason;
use cc_devops_requests::record::RequestState;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, sample};
use serde_json::json;

use crate::harness::{As, Harness, SECRET, put, until};

async fn state(harness: &Harness, id: &str) -> Option<RequestState> {
    let found = harness
        .memory
        .ports()
        .ledger
        .find(&sample::request_id(id))
        .await
        .unwrap();
    found.map(|record| record.state)
}

#[tokio::test]
async fn a_request_is_durable_when_it_is_acknowledged() {
    let harness = Harness::new().await;
    let answer = harness.post("/v1/events", As::Agent, &put("r1")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json(), json!({"requestId": "r1", "status": "accepted"}));
    assert!(state(&harness, "r1").await.is_some());
}

#[tokio::test]
async fn the_outcome_comes_to_who_waits() {
    let harness = Harness::new().await;
    let answer = harness.post("/v1/events?wait=10", As::Agent, &put("r1")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let detail = answer.json();
    assert_eq!(detail["requestId"], "r1");
    assert_eq!(detail["action"], "putSecret");
    assert_eq!(detail["status"], "success");
    assert_eq!(detail["requestedBy"], sample::AGENT);
    assert_eq!(detail["result"]["secretName"], SECRET);
    assert_eq!(detail["result"]["action"], "created");
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_told_that_it_is_accepted() {
    let harness = Harness::new().await;
    let stack = sample::stack(sample::STACK_SUCCEEDS);
    harness.memory.script_stack(stack, StackScript::KeepsChanging);
    let event = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    for wait in [0, 7] {
        let answer = harness
            .post(&format!("/v1/events?wait={wait}"), As::Agent, &event)
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        assert_eq!(answer.json()["status"], "accepted");
    }
    let shown = harness.get("/v1/requests/d1", As::Agent).await.json();
    assert_eq!(shown["state"], "waiting");
    assert_eq!(shown["completed"], json!(null));
}

#[tokio::test]
async fn a_deploy_that_ends_is_concluded_at_the_signal() {
    let pace = Pace {
        outcome: std::time::Duration::from_mins(1),
        ..Pace::default()
    };
    let mut harness = Harness::with(ServerConfig {
        pace,
        ..ServerConfig::default()
    })
    .await;
    let workers = harness.work();
    let stack = sample::stack(sample::STACK_SUCCEEDS);
    harness.memory.script_stack(stack, StackScript::KeepsChanging);
    let event = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    let end = async {
        until(async || (state(&harness, "d1").await == Some(RequestState::Waiting)).then_some(())).await;
        let id = sample::request_id("d1");
        harness.memory.end_change(&id, StackScript::Succeeds);
        harness.ended.send(id).unwrap();
    };
    let (answer, ()) = tokio::join!(harness.post("/v1/events?wait=30", As::Agent, &event), end);
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["result"]["action"], "deployed");
    workers.stop(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_array_is_answered_in_its_order() {
    let harness = Harness::new().await;
    let body = json!([put("a"), {"source": "nonsense"}, put("b")]);
    let answer = harness.post("/v1/events", As::Agent, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let entries = answer.json()["entries"].clone();
    assert_eq!(entries[0], json!({"requestId": "a", "status": "accepted"}));
    assert_eq!(entries[1]["status"], "error");
    assert_eq!(entries[1]["reason"], "schema_validation_failed");
    assert!(entries[1]["error"].is_string());
    assert_eq!(entries[2]["requestId"], "b");

    let unknown = sample::deploy_event("d", "cc-agent-content-orchestrator");
    let answer = harness
        .post("/v1/events?wait=10", As::Agent, &json!([put("c"), unknown]))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let entries = answer.json()["entries"].clone();
    assert_eq!(entries[0]["requestId"], "c");
    assert_eq!(entries[0]["status"], "success");
    assert_eq!(entries[1]["reason"], Reason::StackNotFound.as_str());
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_recorded_and_taken_up_by_the_sweep() {
    let mut harness = Harness::with(ServerConfig {
        in_flight: 1,
        ..ServerConfig::default()
    })
    .await;
    let ids: Vec<String> = (0..10).map(|n| format!("r{n}")).collect();
    let body: Vec<_> = ids.iter().map(|id| put(id)).collect();
    let answer = harness.post("/v1/events", As::Agent, &json!(body)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let workers = harness.work();
    for id in &ids {
        until(async || {
            let state = state(&harness, id).await?;
            matches!(state, RequestState::Completed | RequestState::Published).then_some(())
        })
        .await;
    }
    workers.stop(std::time::Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_left_is_taken_up_at_the_start() {
    let memory = Memory::new();
    let harness = Harness::on(memory.clone(), ServerConfig::default()).await;
    let principal = sample::principal(sample::AGENT);
    harness.control.receive(&principal, put("r1"), true).await.unwrap();
    drop(harness);
    memory.clock().advance(jiff::SignedDuration::from_mins(2));
    let mut harness = Harness::on(memory, ServerConfig::default()).await;
    let workers = harness.work();
    until(async || (state(&harness, "r1").await? == RequestState::Published).then_some(())).await;
    assert_eq!(harness.memory.secret_writes(&sample::secret_name(SECRET)), 1);
    workers.stop(std::time::Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn an_outcome_from_another_process_is_found_too() {
    let harness = Harness::new().await;
    let stack = sample::stack(sample::STACK_SUCCEEDS);
    harness.memory.script_stack(stack, StackScript::KeepsChanging);
    let event = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    let elsewhere = async {
        until(async || (state(&harness, "d1").await == Some(RequestState::Waiting)).then_some(())).await;
        let id = sample::request_id("d1");
        harness.memory.end_change(&id, StackScript::Fails);
        let concluded = Box::pin(harness.control.ended_elsewhere(&id)).await.unwrap();
        assert!(concluded.is_some());
    };
    let (answer, ()) = tokio::join!(harness.post("/v1/events?wait=60", As::Agent, &event), elsewhere);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["reason"], "deploy_failed");
}
