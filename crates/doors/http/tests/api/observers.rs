//! Who only looks: what an operator sees, no secret's value, and no act.

use axum::http::Method;
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::outcome::Status;
use cc_devops_testkit::sample;

use crate::authorisation::{cases, furnished};
use crate::harness::{As, Harness, put};

/// What is not as an operator has it, though nothing is changed, and what changes nothing though it is sent.
const OTHERWISE: [(&str, u16); 13] = [
    ("GET /v1/secrets/{name}", 403),
    ("GET /v1/agents/{name}/keys", 403),
    // The key of a value that is sealed is public.
    ("GET /v1/sealing-key", 200),
    ("GET /v1/webhooks", 403),
    ("GET /v1/webhooks/{id}/dead-letters", 403),
    ("GET /v1/maintenance", 200),
    // Whoever has a token may hand requests in; what they may, their outcome says.
    ("POST /v1/events", 200),
    ("POST /v1/stacks/{stack}/rollback", 409),
    ("POST /v1/stacks/{stack}/promote", 409),
    // No token is looked at; nothing is there to be told of.
    ("POST /v1/billing/events", 404),
    ("POST /v1/repos/events", 404),
    ("POST /v1/slack/actions", 404),
    ("POST /ping/{address}", 404),
];

async fn with_observer() -> Harness {
    let harness = furnished().await;
    let mut new = sample::agent("Looker");
    new.agent = Agent {
        role: Role::Observer,
        ..new.agent
    };
    let token = sample::token(As::OBSERVERS);
    let agents = harness.memory.ports().agents;
    agents.add(&new, &token, &sample::added()).await.unwrap();
    harness
}

#[tokio::test]
async fn an_observer_reads_and_changes_nothing() {
    for case in cases() {
        let harness = with_observer().await;
        let before = harness.rows().len();
        let answer = match &case.body {
            Some(body) => {
                harness
                    .send_json(case.method.clone(), case.uri, As::Observer, body)
                    .await
            }
            None => harness.send(case.method.clone(), case.uri, As::Observer).await,
        };
        let what = format!("{} {}", case.method, case.path);
        let otherwise = OTHERWISE.iter().find(|(known, _)| *known == what);
        let of_an_operator = case.expected[3];
        let expected = match otherwise {
            Some((_, status)) => *status,
            None if matches!(case.method, Method::GET | Method::HEAD) => of_an_operator,
            // A link begins a session of their own; here there is no dashboard.
            None if case.path == "/v1/dashboard/links" => 404,
            None => 403,
        };
        assert_eq!(answer.status.as_u16(), expected, "{what}: {answer:?}");
        let rows = harness.rows();
        let done: Vec<_> = rows[before..]
            .iter()
            .filter(|row| row.entry.status == Status::Success && row.entry.principal.is_some())
            .collect();
        assert!(done.is_empty(), "{what}: {done:?}");
    }
}

#[tokio::test]
async fn what_an_observer_asks_for_ends_as_a_violation() {
    let harness = with_observer().await;
    let mut own = put("r7");
    own["source"] = "agent.Looker".into();
    own["detail"]["requestedBy"] = "Looker".into();
    let secret = sample::secret_name(crate::harness::SECRET);
    let before = harness.memory.secret_writes(&secret);
    let answer = harness.post("/v1/events?wait=5", As::Observer, &own).await;
    assert_eq!(answer.json()["reason"], "security_violation", "{answer:?}");
    assert_eq!(harness.memory.secret_writes(&secret), before);
}
