//! What lasts, lasts as long as the token it was opened with.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Method;
use axum::http::header::ACCEPT;
use cc_devops_fleet::{NewToken, TokenHash};
use cc_devops_http::ServerConfig;
use cc_devops_http::config::Pace;
use cc_devops_requests::record::RequestState;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, sample};
use jiff::SignedDuration;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use crate::harness::{AGENT, As, Harness, put, request, until};

/// Longer than it takes to look at a token again.
const LONG: Duration = Duration::from_mins(1);

/// Opens a stream from the beginning.
async fn stream(harness: &Harness) -> Body {
    let open = request(Method::GET, "/v1/events?after=0", As::Agent).header(ACCEPT, "text/event-stream");
    let response = harness.router().oneshot(open.body(Body::empty()).unwrap()).await;
    response.unwrap().into_body()
}

/// All that comes until the stream ends; nothing where it does not end.
async fn to_the_end(stream: Body) -> Option<String> {
    let read = timeout(LONG, to_bytes(stream, usize::MAX)).await.ok()?;
    Some(String::from_utf8(read.unwrap().to_vec()).unwrap())
}

async fn revoke(harness: &Harness) {
    let agents = harness.memory.ports().agents;
    let revoked = agents
        .revoke(&sample::agent_name(AGENT), sample::START, &sample::revoked())
        .await;
    revoked.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_is_revoked() {
    let harness = Harness::new().await;
    let (lasting, revoked) = (stream(&harness).await, stream(&harness).await);
    assert_eq!(to_the_end(lasting).await, None, "a good token's stream lasts");
    revoke(&harness).await;
    assert!(to_the_end(revoked).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_runs_out_after_a_rotation() {
    let harness = Harness::new().await;
    let (lasting, ending) = (stream(&harness).await, stream(&harness).await);
    let token = NewToken {
        hash: TokenHash::of("another"),
        created_at: sample::START,
    };
    let until = sample::START + SignedDuration::from_mins(5);
    let agents = harness.memory.ports().agents;
    let rotated = agents
        .rotate(&sample::agent_name(AGENT), &token, until, &sample::rotated())
        .await;
    rotated.unwrap();
    assert_eq!(
        to_the_end(lasting).await,
        None,
        "the old token is good for five minutes"
    );
    harness.memory.clock().advance(SignedDuration::from_mins(5));
    assert!(to_the_end(ending).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_happens_after_a_tokens_end_is_not_told_to_its_owner() {
    // The rhythm alone would be too late.
    let pace = Pace {
        tokens: Duration::from_hours(1),
        ..Pace::default()
    };
    let config = ServerConfig {
        pace,
        ..ServerConfig::default()
    };
    let mut harness = Harness::on(Memory::new(), config).await;
    let workers = harness.work();
    let stream = stream(&harness).await;
    revoke(&harness).await;
    harness.post("/v1/events?wait=10", As::Admin, &put("r1")).await;
    until(async || (!harness.memory.published_events().is_empty()).then_some(())).await;
    let told = to_the_end(stream).await;
    assert!(told.as_ref().is_some_and(|told| !told.contains("r1")), "{told:?}");
    workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_its_token_does() {
    let memory = Memory::new();
    memory.script_stack(sample::stack(sample::STACK_SUCCEEDS), StackScript::KeepsChanging);
    let harness = Harness::on(memory, ServerConfig::default()).await;
    let event = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    let begun = Instant::now();
    let waiting = harness.post("/v1/events?wait=300", As::Agent, &event);
    let revoked = async {
        let ledger = harness.memory.ports().ledger;
        let state = async || Some(ledger.find(&sample::request_id("d1")).await.unwrap()?.state);
        until(async || (state().await? == RequestState::Waiting).then_some(())).await;
        revoke(&harness).await;
    };
    let (answer, ()) = tokio::join!(waiting, revoked);
    assert!(answer.is_problem(401), "{answer:?}");
    assert_eq!(begun.elapsed(), Pace::default().tokens);
    assert_eq!(
        harness.get("/v1/requests/d1", As::Admin).await.json()["state"],
        "waiting",
        "it is on record"
    );
}
