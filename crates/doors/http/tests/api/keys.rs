//! Access keys over the API: given, listed, ended; short-lived ones as AWS SDKs fetch them.

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use cc_devops_fleet::aws_keys::{self, AwsKeys};
use cc_devops_fleet::{Enrolment, Token};
use cc_devops_http::{App, DoorProfile, Mount};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::RecordKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_testkit::sample::{self, agent_name};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::description::{document, is_as_described};
use crate::harness::{ADMIN, AGENT, As, Harness, OTHER_AGENT};

const KEYS: &str = "/v1/agents/ContentOrchestrator/keys";
const FETCHED: &str = "/v1/aws-credentials";

/// A control plane in which AWS SDKs are answered.
async fn harness() -> Harness {
    let door = Mount {
        routes: Box::new(|_: &App| Router::new()),
        claims: None,
        profile: DoorProfile {
            door: Door::Aws,
            owns: |_| None,
            patience: Duration::ZERO,
        },
    };
    Harness::with_doors(vec![door]).await
}

fn keys(harness: &Harness) -> AwsKeys<'_> {
    let key = harness.control.derived_key(aws_keys::PURPOSE);
    harness.control.ports().aws_keys(key)
}

fn now(harness: &Harness) -> Timestamp {
    harness.control.ports().clock.now()
}

/// Whose a key is, and its secret.
async fn found(harness: &Harness, id: &str, session_token: Option<&str>) -> Option<(Agent, SecretValue)> {
    keys(harness).find(id, session_token, now(harness)).await.unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

#[tokio::test]
async fn a_key_is_given_listed_and_ended_on_record() {
    let harness = harness().await;
    let made = harness.send(Method::POST, KEYS, As::Admin).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.header("cache-control"), "no-store");
    is_as_described(&document().await, "post /v1/agents/{name}/keys", &made);
    let made = made.json();
    let (id, secret) = (text(&made["awsAccessKeyId"]), text(&made["awsSecretAccessKey"]));
    assert_eq!(made["agent"], AGENT);
    let (agent, known) = found(&harness, id, None).await.unwrap();
    assert_eq!((agent.name.as_str(), known.expose()), (AGENT, secret));
    assert!(
        found(&harness, id, Some("c29tZQ==")).await.is_none(),
        "with a session token that it has not"
    );

    let listed = harness.get(KEYS, As::Admin).await;
    is_as_described(&document().await, "get /v1/agents/{name}/keys", &listed);
    assert!(!listed.text.contains(secret), "{listed:?}");
    let listed = listed.json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert_eq!(listed["keys"][0]["awsAccessKeyId"], id);

    let of_another = format!("/v1/agents/{OTHER_AGENT}/keys/{id}");
    assert!(
        harness
            .send(Method::DELETE, &of_another, As::Admin)
            .await
            .is_problem(404)
    );
    assert!(found(&harness, id, None).await.is_some(), "it is not that agent's");
    let one = format!("{KEYS}/{id}");
    assert_eq!(
        harness.send(Method::DELETE, &one, As::Admin).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(found(&harness, id, None).await.is_none());
    assert!(harness.send(Method::DELETE, &one, As::Admin).await.is_problem(404));
    assert!(
        harness
            .send(Method::DELETE, &format!("{KEYS}/akia"), As::Admin)
            .await
            .is_problem(404)
    );
    assert_eq!(harness.get(KEYS, As::Admin).await.json()["keys"], serde_json::json!([]));

    let rows = harness.rows();
    let said: Vec<_> = rows.iter().map(|row| row.entry.action.as_str()).collect();
    assert_eq!(said, ["agent.key_added", "agent.key_ended"]);
    for row in &rows {
        assert_eq!(row.entry.principal, Some(agent_name(ADMIN)));
        assert_eq!(
            (row.entry.agent.clone(), row.entry.resource.as_deref()),
            (Some(agent_name(AGENT)), Some(AGENT))
        );
    }
    assert!(format!("{rows:?}").contains(id) && !format!("{rows:?}").contains(secret));
}

#[tokio::test]
async fn an_agent_has_ten_keys_at_the_most() {
    let harness = harness().await;
    for _ in 0..10 {
        let made = harness.send(Method::POST, KEYS, As::Admin).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    }
    let refused = harness.send(Method::POST, KEYS, As::Admin).await;
    assert!(refused.is_problem(409), "{refused:?}");
    assert!(refused.text.contains("agents key end"), "{refused:?}");
    is_as_described(&document().await, "post /v1/agents/{name}/keys", &refused);
}

#[tokio::test]
async fn who_may_not_is_on_record() {
    let harness = harness().await;
    for (method, path) in [
        (Method::POST, KEYS.to_owned()),
        (Method::DELETE, format!("{KEYS}/AKIAIOSFODNN7EXAMPLE")),
    ] {
        let denied = harness.send(method, &path, As::Agent).await;
        assert!(denied.is_problem(403), "{denied:?}");
    }
    let rows = harness.rows();
    let said: Vec<_> = rows
        .iter()
        .map(|row| (row.entry.action.as_str(), row.entry.status))
        .collect();
    assert_eq!(
        said,
        [("agent.key_added", Status::Error), ("agent.key_ended", Status::Error)]
    );
    assert!(
        rows.iter()
            .all(|row| row.entry.reason == Some(Reason::SecurityViolation))
    );
    let itself = format!("/v1/agents/{}/keys", sample::installation().agent);
    assert!(harness.send(Method::POST, &itself, As::Admin).await.is_problem(409));
    assert!(
        harness
            .send(Method::POST, "/v1/agents/Nobody/keys", As::Admin)
            .await
            .is_problem(404)
    );
    assert!(harness.get("/v1/agents/Nobody/keys", As::Admin).await.is_problem(404));
}

#[tokio::test]
async fn a_short_lived_key_is_fetched_as_in_a_container_and_ends_by_itself() {
    let harness = harness().await;
    let answer = harness.get(FETCHED, As::Agent).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (StatusCode::OK, "no-store")
    );
    is_as_described(&document().await, "get /v1/aws-credentials", &answer);
    let key = answer.json();
    let (id, token) = (text(&key["AccessKeyId"]), text(&key["Token"]));
    assert_eq!(text(&key["Expiration"]), ends(&harness));
    let (agent, secret) = found(&harness, id, Some(token)).await.unwrap();
    assert_eq!(
        (agent.name.as_str(), secret.expose()),
        (AGENT, text(&key["SecretAccessKey"]))
    );

    let of_another = harness.get(FETCHED, As::Other).await.json();
    assert!(
        found(&harness, id, Some(text(&of_another["Token"]))).await.is_none(),
        "with another's session token"
    );
    assert!(found(&harness, id, None).await.is_none(), "without its session token");
    assert!(harness.rows().is_empty(), "nothing is kept of it");
    let kept = harness
        .control
        .ports()
        .state
        .list(RecordKind::AwsKey, None, None, 10)
        .await;
    assert_eq!(kept.unwrap(), []);

    let clock = harness.memory.clock();
    clock.advance(aws_keys::SHORT_LIVED_LASTS - SignedDuration::from_secs(1));
    assert!(found(&harness, id, Some(token)).await.is_some());
    clock.advance(SignedDuration::from_secs(1));
    assert!(found(&harness, id, Some(token)).await.is_none(), "it has ended");
}

/// When a key that is fetched now ends.
fn ends(harness: &Harness) -> String {
    let ends = now(harness).checked_add(aws_keys::SHORT_LIVED_LASTS).unwrap();
    Timestamp::from_second(ends.as_second()).unwrap().to_string()
}

#[tokio::test]
async fn a_short_lived_key_ends_with_the_token_it_was_fetched_with() {
    let harness = harness().await;
    let key = harness.get(FETCHED, As::Agent).await.json();
    let (id, token) = (text(&key["AccessKeyId"]).to_owned(), text(&key["Token"]).to_owned());
    let ports = harness.control.ports();
    let installation = sample::installation();
    let enrolment = Enrolment::new(ports, &installation, Actor::Operator);
    let new = Token::from_random([5; 32]);
    enrolment
        .rotate(&agent_name(AGENT), &new, SignedDuration::from_mins(5))
        .await
        .unwrap();
    assert!(
        found(&harness, &id, Some(&token)).await.is_some(),
        "the old token goes on"
    );
    harness.memory.clock().advance(SignedDuration::from_mins(5));
    assert!(
        found(&harness, &id, Some(&token)).await.is_none(),
        "it went with the old token"
    );
}

#[tokio::test]
async fn where_no_sdk_is_answered_there_are_no_keys() {
    let harness = Harness::new().await;
    for (method, path) in [(Method::POST, KEYS), (Method::GET, FETCHED)] {
        let answer = harness.send(method, path, As::Admin).await;
        assert!(answer.is_problem(404), "{answer:?}");
        assert!(
            text(&answer.json()["detail"]).contains("aws_door.enabled"),
            "{answer:?}"
        );
    }
    assert_eq!(harness.get(KEYS, As::Admin).await.json()["keys"], serde_json::json!([]));
}
