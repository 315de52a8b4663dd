//! Who takes places from whom: nobody beyond a share, and waits, streams, heartbeats and looks at
//! the health none of the ordinary requests'.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::ACCEPT;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use cc_devops_http::ServerConfig;
use cc_devops_http::config::Limits;
use cc_devops_requests::record::RequestState;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, sample};
use futures::future::{join, join_all};
use serde_json::json;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::harness::{Answer, As, Harness, put, request, until};

/// A control plane in which a deploy does not end.
async fn harness(limits: Limits) -> Harness {
    let memory = Memory::new();
    memory.script_stack(sample::stack(sample::STACK_SUCCEEDS), StackScript::KeepsChanging);
    let config = ServerConfig {
        limits,
        ..ServerConfig::default()
    };
    Harness::on(memory, config).await
}

async fn wait_for_the_deploy(harness: &Harness, caller: As) -> Answer {
    let event = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    harness.post("/v1/events?wait=300", caller, &event).await
}

async fn open_stream(harness: &Harness, caller: As) -> Response {
    let open = request(Method::GET, "/v1/events", caller).header(ACCEPT, "text/event-stream");
    let response = harness.router().oneshot(open.body(Body::empty()).unwrap()).await;
    response.unwrap()
}

#[tokio::test]
async fn who_waits_takes_no_place_from_others() {
    let harness = harness(Limits {
        concurrency: 1,
        ..Limits::default()
    })
    .await;
    let mut waiting = Box::pin(wait_for_the_deploy(&harness, As::Agent));
    let others = until(async || {
        let answer = harness.get("/v1/agents", As::Other).await;
        (answer.status == StatusCode::OK).then_some(())
    });
    tokio::select! {
        answer = &mut waiting => panic!("it did not wait: {answer:?}"),
        () = others => {}
    }
    assert!(futures::poll!(&mut waiting).is_pending());
    assert_eq!(harness.get("/v1/requests/d1", As::Agent).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn beyond_an_agents_share_the_answer_is_that_the_request_is_durable() {
    let harness = harness(Limits {
        waits_per_agent: 3,
        ..Limits::default()
    })
    .await;
    let timed = async |caller| {
        let begun = Instant::now();
        (wait_for_the_deploy(&harness, caller).await, begun.elapsed())
    };
    let of_agent = join_all((0..5).map(|_| timed(As::Agent)));
    let (of_agent, of_admin) = join(of_agent, join_all((0..3).map(|_| timed(As::Admin)))).await;
    let held = |answers: &[(Answer, Duration)]| {
        for (answer, _) in answers {
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
            assert_eq!(answer.json()["requestId"], "d1");
        }
        let at_once = answers.iter().filter(|(_, took)| took.is_zero()).count();
        let to_the_end = answers.iter().filter(|(_, took)| took.as_secs() == 300).count();
        (at_once, to_the_end)
    };
    assert_eq!(held(&of_agent), (2, 3));
    assert_eq!(held(&of_admin), (0, 3), "somebody else has a share of its own");
    let (again, took) = timed(As::Agent).await;
    assert_eq!(
        (again.status, took.as_secs()),
        (StatusCode::ACCEPTED, 300),
        "places are given back"
    );
}

#[tokio::test]
async fn an_outcome_that_is_there_needs_no_place_to_wait() {
    let harness = harness(Limits {
        waits: 0,
        ..Limits::default()
    })
    .await;
    let first = harness.post("/v1/events?wait=30", As::Agent, &put("r1")).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "durable, and nobody waited");
    let ended = until(async || {
        let ledger = harness.memory.ports().ledger;
        let found = ledger.find(&sample::request_id("r1")).await.unwrap()?;
        (found.state == RequestState::Completed).then_some(())
    });
    ended.await;
    let again = harness.post("/v1/events?wait=30", As::Agent, &put("r1")).await;
    assert_eq!(again.status, StatusCode::OK);
    let both = json!([put("r1"), sample::deploy_event("d1", sample::STACK_SUCCEEDS)]);
    let answer = harness.post("/v1/events?wait=30", As::Agent, &both).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let entries = answer.json()["entries"].clone();
    assert_eq!(
        (&entries[0]["status"], &entries[1]["status"]),
        (&json!("success"), &json!("accepted"))
    );
}

#[tokio::test]
async fn heartbeats_and_looks_at_health_and_metrics_never_wait_behind_others() {
    let harness = harness(Limits {
        concurrency: 0,
        ..Limits::default()
    })
    .await;
    assert!(harness.get("/v1/agents", As::Agent).await.is_problem(503));
    assert_eq!(harness.get("/health", As::Nobody).await.status, StatusCode::OK);
    assert_eq!(harness.get("/health", As::Admin).await.status, StatusCode::OK);
    assert_eq!(harness.get("/metrics", As::Agent).await.status, StatusCode::OK);
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    let beat = harness.post(uri, As::Agent, &json!({"healthy": true})).await;
    assert_eq!(beat.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn streams_beyond_an_agents_share_are_refused_and_take_nothing_from_others() {
    let harness = harness(Limits {
        streams_per_agent: 2,
        concurrency: 1,
        ..Limits::default()
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let stream = open_stream(&harness, As::Agent).await;
        assert_eq!(stream.status(), StatusCode::OK);
        open.push(stream);
    }
    let refused = open_stream(&harness, As::Agent).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(open_stream(&harness, As::Other).await.status(), StatusCode::OK);
    assert_eq!(harness.get("/v1/agents", As::Agent).await.status, StatusCode::OK);
    open.pop();
    assert_eq!(open_stream(&harness, As::Agent).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_do_not_come_hold_their_senders_share_alone() {
    let harness = harness(Limits {
        concurrency: 4,
        concurrency_per_agent: 2,
        ..Limits::default()
    })
    .await;
    let slow = || async {
        let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let answer = harness
            .post_text("/v1/webhooks", As::Admin, Body::from_stream(never))
            .await;
        (answer.status.as_u16(), Instant::now())
    };
    let begun = Instant::now();
    let mut slow = Box::pin(join_all((0..3).map(|_| slow())));
    assert!(futures::poll!(&mut slow).is_pending());
    assert_eq!(harness.get("/v1/agents", As::Other).await.status, StatusCode::OK);
    let mut answers = slow.await;
    answers.sort_unstable();
    let limit = begun + Limits::default().request_timeout;
    assert_eq!(
        answers,
        [(429, begun), (504, limit), (504, limit)],
        "and not for longer than a request may take"
    );
}
