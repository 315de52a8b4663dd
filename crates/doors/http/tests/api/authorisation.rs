//! Every endpoint has its case here: who gets what. A route without a case fails the test.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::webhooks::{Subscription, SubscriptionId};
use cc_devops_testkit::sample;
use serde_json::{Value, json};

use crate::deploys::{kept, plan};
use crate::harness::{AGENT, As, Harness, SECRET, put};

/// What each caller gets: nobody, the agent it is about, another agent, the operator.
pub(crate) struct Case {
    pub(crate) method: Method,
    /// The path as the description has it.
    pub(crate) path: &'static str,
    /// The path as it is called.
    pub(crate) uri: &'static str,
    pub(crate) body: Option<Value>,
    pub(crate) expected: [u16; 4],
}

fn case(method: Method, path: &'static str, uri: &'static str, expected: [u16; 4]) -> Case {
    Case {
        method,
        path,
        uri,
        body: None,
        expected,
    }
}

fn with_body(mut case: Case, body: Value) -> Case {
    case.body = Some(body);
    case
}

const ANYBODY: [u16; 4] = [200, 200, 200, 200];
const ANY_AGENT: [u16; 4] = [401, 200, 200, 200];
const OWN: [u16; 4] = [401, 200, 403, 200];
const PING: &str = "/ping/1f34cbe4-bd2e-4e9c-8d1c-0e4d5fdfa0c5";
const OPERATORS: [u16; 4] = [401, 403, 403, 200];

pub(crate) fn cases() -> Vec<Case> {
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let webhook = json!({"url": "https://example.org/hook"});
    vec![
        case(get.clone(), "/health", "/health", ANYBODY),
        case(get.clone(), "/openapi.json", "/openapi.json", ANYBODY),
        // The signature decides; without a billing source there is nothing to be had.
        case(post.clone(), "/v1/billing/events", "/v1/billing/events", [404; 4]),
        case(post.clone(), "/v1/repos/events", "/v1/repos/events", [404; 4]),
        case(post.clone(), "/v1/slack/actions", "/v1/slack/actions", [404; 4]),
        case(get.clone(), "/metrics", "/metrics", ANY_AGENT),
        case(get.clone(), "/v1/agents", "/v1/agents", ANY_AGENT),
        case(get.clone(), "/v1/sealing-key", "/v1/sealing-key", ANY_AGENT),
        with_body(
            case(
                post.clone(),
                "/v1/agents/{name}/heartbeat",
                "/v1/agents/ContentOrchestrator/heartbeat",
                [401, 204, 403, 204],
            ),
            json!({"healthy": true}),
        ),
        // Readable, so taken; that the other agent may not is its outcome, see below.
        with_body(
            case(post.clone(), "/v1/events", "/v1/events?wait=5", ANY_AGENT),
            put("r2"),
        ),
        case(get.clone(), "/v1/events", "/v1/events?agent=ContentOrchestrator", OWN),
        case(
            get.clone(),
            "/v1/requests",
            "/v1/requests?agent=ContentOrchestrator",
            OWN,
        ),
        case(
            get.clone(),
            "/v1/requests/{requestId}",
            "/v1/requests/r1",
            [401, 200, 404, 200],
        ),
        case(
            get.clone(),
            "/v1/secrets/{name}",
            "/v1/secrets/contentcraft/contentorchestrator/key",
            OWN,
        ),
        with_body(
            case(post.clone(), "/v1/webhooks", "/v1/webhooks", [401, 403, 403, 201]),
            webhook,
        ),
        case(get.clone(), "/v1/webhooks", "/v1/webhooks", [401, 403, 403, 200]),
        case(delete, "/v1/webhooks/{id}", "/v1/webhooks/wh_1", [401, 403, 403, 204]),
        case(
            post.clone(),
            "/v1/webhooks/{id}/enable",
            "/v1/webhooks/wh_1/enable",
            [401, 403, 403, 200],
        ),
        case(get.clone(), "/v1/revenue/days", "/v1/revenue/days", OPERATORS),
        case(
            get.clone(),
            "/v1/revenue/movements",
            "/v1/revenue/movements?kind=churn",
            OPERATORS,
        ),
        // No dashboard is served here.
        case(
            post.clone(),
            "/v1/dashboard/links",
            "/v1/dashboard/links",
            [401, 403, 403, 404],
        ),
        case(
            get,
            "/v1/webhooks/{id}/dead-letters",
            "/v1/webhooks/wh_1/dead-letters",
            [401, 403, 403, 200],
        ),
        case(
            post,
            "/v1/webhooks/{id}/dead-letters/replay",
            "/v1/webhooks/wh_1/dead-letters/replay",
            [401, 403, 403, 200],
        ),
    ]
    .into_iter()
    .chain(of_the_watch())
    .chain(of_deploys())
    .chain(of_keys())
    .collect()
}

/// Those of the watch and of its alerts.
fn of_the_watch() -> Vec<Case> {
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    vec![
        // The address decides; none of these is one.
        case(get.clone(), "/ping/{address}", PING, [404; 4]),
        case(Method::HEAD, "/ping/{address}", PING, [404; 4]),
        case(post.clone(), "/ping/{address}", PING, [404; 4]),
        case(get.clone(), "/badge/{file}", "/badge/all-0.svg", [404; 4]),
        case(
            get.clone(),
            "/v1/agents/{name}/history",
            "/v1/agents/ContentOrchestrator/history",
            ANY_AGENT,
        ),
        case(
            post.clone(),
            "/v1/agents/{name}/pause",
            "/v1/agents/ContentOrchestrator/pause",
            [401, 403, 403, 204],
        ),
        case(
            post.clone(),
            "/v1/agents/{name}/resume",
            "/v1/agents/ContentOrchestrator/resume",
            [401, 403, 403, 204],
        ),
        case(get.clone(), "/v1/alerts", "/v1/alerts", OPERATORS),
        // There is none: who may see it is told so.
        case(get.clone(), "/v1/alerts/{id}", "/v1/alerts/0", [401, 403, 403, 404]),
        with_body(
            case(
                post.clone(),
                "/v1/alerts/{id}/ack",
                "/v1/alerts/0/ack",
                [401, 403, 403, 404],
            ),
            json!({}),
        ),
        case(get.clone(), "/v1/silences", "/v1/silences", OPERATORS),
        with_body(
            case(post.clone(), "/v1/silences", "/v1/silences", [401, 403, 403, 201]),
            json!({"match": {"kind": "agent"}, "for": "2h", "reason": "new disks"}),
        ),
        case(
            delete.clone(),
            "/v1/silences/{id}",
            "/v1/silences/0",
            [401, 403, 403, 404],
        ),
        case(get.clone(), "/v1/maintenance", "/v1/maintenance", ANY_AGENT),
        with_body(
            case(Method::PUT, "/v1/maintenance", "/v1/maintenance", [401, 403, 403, 200]),
            json!({"reason": "new disks"}),
        ),
        case(delete, "/v1/maintenance", "/v1/maintenance", [401, 403, 403, 204]),
    ]
}

/// Those of access keys; no AWS SDK is answered here.
fn of_keys() -> Vec<Case> {
    let of_an_agent = "/v1/agents/{name}/keys";
    let keys = "/v1/agents/ContentOrchestrator/keys";
    vec![
        case(Method::POST, of_an_agent, keys, [401, 403, 403, 404]),
        case(Method::GET, of_an_agent, keys, OPERATORS),
        case(
            Method::DELETE,
            "/v1/agents/{name}/keys/{id}",
            "/v1/agents/ContentOrchestrator/keys/AKIAIOSFODNN7EXAMPLE",
            [401, 403, 403, 404],
        ),
        case(
            Method::GET,
            "/v1/aws-credentials",
            "/v1/aws-credentials",
            [401, 404, 404, 404],
        ),
    ]
}

/// Those of deploys; the plan is of the agent's own stack.
fn of_deploys() -> Vec<Case> {
    let (get, post) = (Method::GET, Method::POST);
    vec![
        case(get.clone(), "/v1/deploys", "/v1/deploys", ANY_AGENT),
        case(
            get.clone(),
            "/v1/deploys/{plan}",
            "/v1/deploys/plan-f55ff16f66f43360266b95db",
            [401, 200, 404, 200],
        ),
        case(get.clone(), "/v1/deploys/freezes", "/v1/deploys/freezes", OPERATORS),
        with_body(
            case(
                post.clone(),
                "/v1/deploys/{plan}/approve",
                "/v1/deploys/plan-f55ff16f66f43360266b95db/approve",
                OPERATORS,
            ),
            json!({"digest": "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2"}),
        ),
        with_body(
            case(
                post.clone(),
                "/v1/deploys/{plan}/deny",
                "/v1/deploys/plan-f55ff16f66f43360266b95db/deny",
                OPERATORS,
            ),
            json!({"reason": "no"}),
        ),
        with_body(
            case(
                post.clone(),
                "/v1/deploys/{plan}/override-freeze",
                "/v1/deploys/plan-f55ff16f66f43360266b95db/override-freeze",
                OPERATORS,
            ),
            json!({"reason": "a fire"}),
        ),
        case(
            get,
            "/v1/stacks/{stack}/deploys",
            "/v1/stacks/cc-agent-content-orchestrator-prod/deploys",
            OWN,
        ),
        // There is nothing to go back to; what somebody may, their request's outcome says.
        with_body(
            case(
                post.clone(),
                "/v1/stacks/{stack}/rollback",
                "/v1/stacks/cc-agent-content-orchestrator-prod/rollback",
                [401, 409, 409, 409],
            ),
            json!({}),
        ),
        with_body(
            case(
                post,
                "/v1/stacks/{stack}/promote",
                "/v1/stacks/cc-agent-content-orchestrator/promote",
                [401, 409, 409, 409],
            ),
            json!({"from": "dev", "to": "prod"}),
        ),
    ]
}

/// A control plane with a secret, a request, a subscription and a plan.
pub(crate) async fn furnished() -> Harness {
    let harness = Harness::new().await;
    let ports = harness.memory.ports();
    harness.memory.keep_secret(SECRET, "sesame").await;
    ports.ledger.receive(&sample::request("r1"), None).await.unwrap();
    let subscription = Subscription {
        id: SubscriptionId("wh_1".into()),
        url: "https://example.org/".into(),
        agent: None,
        created_at: sample::START,
    };
    let secret = SecretValue::new("whsec_c2VzYW1l".into());
    ports
        .webhooks
        .subscribe(&subscription, &secret, &sample::audit_entry("webhook.added", 1))
        .await
        .unwrap();
    let plan = plan(&harness, "a1", "cc-agent-content-orchestrator", AGENT);
    kept(&harness, &plan).await;
    harness
}

#[tokio::test]
async fn every_caller_gets_what_the_table_says() {
    for case in cases() {
        for (caller, expected) in [As::Nobody, As::Agent, As::Other, As::Admin]
            .into_iter()
            .zip(case.expected)
        {
            let harness = furnished().await;
            let answer = match &case.body {
                Some(body) => harness.send_json(case.method.clone(), case.uri, caller, body).await,
                None => harness.send(case.method.clone(), case.uri, caller).await,
            };
            let what = format!("{} {} as {caller:?}", case.method, case.uri);
            assert_eq!(answer.status.as_u16(), expected, "{what}: {answer:?}");
            // A ping is answered as Healthchecks answers it.
            if case.uri == PING {
                assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{what}");
            } else if expected >= 400 {
                assert!(answer.is_problem(expected), "{what}: {answer:?}");
            }
            match expected {
                401 => assert_eq!(answer.header("www-authenticate"), "Bearer", "{what}"),
                403 => assert_eq!(answer.json()["reason"], "security_violation", "{what}"),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn no_route_is_without_a_case() {
    let document = Harness::new().await.get("/openapi.json", As::Nobody).await.json();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let covered: BTreeSet<String> = cases()
        .iter()
        .map(|case| format!("{} {}", case.method, case.path))
        .collect();
    assert_eq!(described, covered);
}

#[tokio::test]
async fn a_request_under_another_name_ends_as_a_violation() {
    let harness = Harness::new().await;
    let answer = harness.post("/v1/events?wait=5", As::Other, &put("r1")).await;
    assert_eq!(answer.json()["status"], "error");
    assert_eq!(answer.json()["reason"], "security_violation");
    assert_eq!(harness.memory.secret_writes(&sample::secret_name(SECRET)), 0);
    let answer = harness.post("/v1/events?wait=5", As::Admin, &put("r2")).await;
    assert_eq!(answer.json()["status"], "success", "an operator asks for anybody");
}

#[tokio::test]
async fn a_revoked_token_is_no_token() {
    let harness = Harness::new().await;
    assert_eq!(harness.get("/v1/agents", As::Agent).await.status, StatusCode::OK);
    let name = sample::agent_name(AGENT);
    harness
        .memory
        .ports()
        .agents
        .revoke(&name, sample::START, &sample::revoked())
        .await
        .unwrap();
    assert!(harness.get("/v1/agents", As::Agent).await.is_problem(401));
}

#[tokio::test]
async fn who_names_nobody_sees_what_it_may() {
    let harness = furnished().await;
    let mut other = sample::head("o1");
    other.agent = sample::agent_name(crate::harness::OTHER_AGENT);
    let ledger = harness.memory.ports().ledger;
    ledger.receive(&sample::request_of(other), None).await.unwrap();
    let seen = async |caller| {
        let answer = harness.get("/v1/requests", caller).await.json();
        let rows = answer["requests"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| row["requestId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(As::Agent).await, ["r1"]);
    assert_eq!(seen(As::Other).await, ["o1"]);
    assert_eq!(seen(As::Admin).await, ["o1", "r1"]);
}

#[tokio::test]
async fn an_agent_that_changed_is_asked_about_again() {
    let harness = Harness::new().await;
    let beat = json!({"healthy": true});
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    for _ in 0..2 {
        assert_eq!(harness.post(uri, As::Agent, &beat).await.status, StatusCode::NO_CONTENT);
    }
    let answer = harness
        .post("/v1/agents/CostSentinel/heartbeat", As::Agent, &beat)
        .await;
    assert!(
        answer.is_problem(403),
        "what was allowed for oneself is not allowed for others"
    );
}
