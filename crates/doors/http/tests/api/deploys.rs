//! Plans over HTTP: who sees which, and what a decision is worth that names another digest, or comes too late.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use cc_devops_deploys::{Basis, PlanDigest, PlanId, PlanRecord, PlanState, Summary};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::{AgentName, RequestId, StackName, Stage};
use cc_devops_kernel::ports::{Content, RecordKey, RecordKind, StateChange};
use cc_devops_requests::record::Receipt;
use cc_devops_testkit::sample;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::description::{document, is_as_described};
use crate::harness::{ADMIN, AGENT, Answer, As, Harness, OTHER_AGENT, request};

/// The stack that belongs to [`AGENT`].
const OWN: &str = "cc-agent-content-orchestrator";

/// A plan that waits, of what somebody asked for.
pub(crate) fn plan(harness: &Harness, id: &str, stack: &str, requester: &str) -> PlanRecord {
    let now = harness.control.ports().clock.now();
    let (request, stage) = (RequestId::new(id).unwrap(), Stage::new("prod").unwrap());
    let stack_name = StackName::new(stack).unwrap();
    let number = id.bytes().fold(0_u8, u8::wrapping_add);
    PlanRecord {
        id: PlanId::of(&request),
        request,
        stack: stack_name.on(&stage),
        stack_name,
        stage,
        requested_by: AgentName::new(requester).unwrap(),
        state: PlanState::Waiting,
        // With a letter in it.
        digest: PlanDigest::new([0xa0 | (number & 0x0f); 32]),
        handle: "handle".to_owned(),
        basis: Basis::default(),
        summary: Summary {
            removes: 1,
            ..Summary::default()
        },
        unplanned: false,
        first_creation: false,
        made_at: now,
        expires_at: now + SignedDuration::from_hours(24),
        approvals: Vec::new(),
        freeze_override: None,
        frozen: None,
        decided: None,
        policies: Vec::new(),
        begun_at: None,
        ended_at: None,
        parts: 0,
        parts_under: String::new(),
        told: false,
        discarded: false,
        notes: vec!["the layer's version is not pinned".to_owned()],
    }
}

/// Keeps a record as the engine does.
async fn keep(harness: &Harness, kind: RecordKind, name: &str, list: Option<&str>, body: &Value) {
    let change = StateChange {
        key: RecordKey::new(kind, name),
        version: 0,
        content: Some(Content {
            due_at: None,
            list: list.map(str::to_owned),
            body: body.to_string(),
        }),
    };
    harness.control.ports().state.write(&[change], None).await.unwrap();
}

/// Keeps a plan as the newest of its stack.
pub(crate) async fn kept(harness: &Harness, plan: &PlanRecord) {
    keep(harness, RecordKind::Plan, plan.id.as_str(), Some("open"), &json!(plan)).await;
    let time = format!(
        "{:015}/{}",
        999_999_999_999_999 - plan.made_at.as_millisecond(),
        plan.id
    );
    keep(
        harness,
        RecordKind::PlanTime,
        &time,
        Some(plan.stack.as_str()),
        &json!(plan.id),
    )
    .await;
    let newest = json!({"plan": plan.id, "request": plan.request});
    keep(harness, RecordKind::PlannedStack, plan.stack.as_str(), None, &newest).await;
}

/// A control plane in which two plans wait, of two agents' stacks; that of [`AGENT`] is the older one.
async fn waiting() -> (Harness, PlanRecord, PlanRecord) {
    let harness = Harness::new().await;
    let own = plan(&harness, "a1", OWN, AGENT);
    kept(&harness, &own).await;
    harness.memory.clock().advance(SignedDuration::from_secs(1));
    let other = plan(&harness, "b1", "shop", OTHER_AGENT);
    kept(&harness, &other).await;
    (harness, own, other)
}

fn path(plan: &PlanRecord, act: &str) -> String {
    format!("/v1/deploys/{}{act}", plan.id)
}

async fn approve(harness: &Harness, plan: &PlanRecord, caller: As, digest: &PlanDigest) -> Answer {
    harness
        .post(&path(plan, "/approve"), caller, &json!({"digest": digest}))
        .await
}

fn names(answer: &Answer) -> Vec<String> {
    let listed = answer.json();
    let plans = listed["deploys"].as_array().unwrap().iter();
    plans
        .map(|plan| plan["requestId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn everybody_sees_the_plans_of_the_stacks_they_may_see() {
    let (harness, own, other) = waiting().await;
    let list = async |query: &str, caller| harness.get(&format!("/v1/deploys{query}"), caller).await;
    assert_eq!(names(&list("", As::Admin).await), ["b1", "a1"]);
    assert_eq!(names(&list("", As::Agent).await), ["a1"]);
    assert_eq!(names(&list("", As::Other).await), [""; 0]);
    assert!(list("", As::Nobody).await.is_problem(401));

    assert_eq!(names(&list(&format!("?stack={OWN}"), As::Admin).await), ["a1"]);
    assert_eq!(names(&list(&format!("?stack={OWN}-prod"), As::Admin).await), ["a1"]);
    assert_eq!(names(&list(&format!("?stack={OWN}-dev"), As::Admin).await), [""; 0]);
    assert_eq!(names(&list("?state=waiting", As::Admin).await), ["b1", "a1"]);
    assert_eq!(names(&list("?state=applied", As::Admin).await), [""; 0]);
    for wrong in ["?state=done", "?stack=1", "?stack=", "?stack=a_b", "?limit=0", "?by=me"] {
        assert!(list(wrong, As::Admin).await.is_problem(422), "{wrong}");
    }

    let first = list("?limit=1", As::Admin).await;
    assert_eq!(names(&first), ["b1"]);
    let next = first.json()["next"].as_str().unwrap().to_owned();
    let second = list(&format!("?limit=1&before={next}"), As::Admin).await;
    assert_eq!(
        (names(&second), &second.json()["next"]),
        (vec!["a1".to_owned()], &Value::Null)
    );
    let second = list(&format!("?before={}", other.id), As::Admin).await;
    assert_eq!(names(&second), ["a1"], "behind a plan by its name");
    for unknown in [
        "plan-000000000000000000000000",
        "1-plan-1",
        "x-plan-000000000000000000000000",
    ] {
        assert!(
            list(&format!("?before={unknown}"), As::Admin).await.is_problem(404),
            "{unknown}"
        );
    }
    assert!(
        list(&format!("?before={}", other.id), As::Agent).await.is_problem(404),
        "what one may not see does not tell that it is there"
    );

    let shown = harness.get(&path(&own, ""), As::Agent).await.json();
    assert_eq!(
        (&shown["digest"], &shown["state"], &shown["stack"], &shown["changes"]),
        (
            &json!(own.digest),
            &json!("waiting"),
            &json!(format!("{OWN}-prod")),
            &json!([])
        )
    );
    assert_eq!(shown["notes"], json!(own.notes));
    assert!(!shown.to_string().contains("handle"), "{shown}");
    assert!(harness.get(&path(&other, ""), As::Agent).await.is_problem(404));
    assert!(harness.get("/v1/deploys/plan-1", As::Admin).await.is_problem(404));
}

#[tokio::test]
async fn an_approval_is_good_for_one_digest() {
    let (harness, own, other) = waiting().await;
    // The digest of one plan does not open another, in whatever form it comes.
    let refused = approve(&harness, &other, As::Admin, &own.digest).await;
    assert!(
        refused.is_problem(409) && refused.text.contains(other.digest.as_str()),
        "{refused:?}"
    );
    let form = request(Method::POST, &path(&other, "/approve"), As::Admin)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let replayed = harness
        .call(form.body(json!({"digest": own.digest}).to_string().into()).unwrap())
        .await;
    assert!(replayed.is_problem(409), "{replayed:?}");
    let form = request(Method::POST, &path(&other, "/approve"), As::Admin)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let fields = harness
        .call(form.body(format!("digest={}", other.digest).into()).unwrap())
        .await;
    assert!(fields.is_problem(400), "{fields:?}");
    for part in [&other.digest.as_str()[..12], &other.digest.as_str().to_uppercase(), ""] {
        let part = harness
            .post(&path(&other, "/approve"), As::Admin, &json!({"digest": part}))
            .await;
        assert!(part.is_problem(422), "{part:?}");
    }
    assert_eq!(
        harness.get(&path(&other, ""), As::Admin).await.json()["approvals"],
        json!([])
    );
    assert!(
        harness
            .rows()
            .iter()
            .all(|row| row.entry.action != actions::PLAN_APPROVED)
    );

    let body = json!({"digest": other.digest, "comment": "the backup is made"});
    let approved = harness.post(&path(&other, "/approve"), As::Admin, &body).await;
    assert_eq!(approved.status, StatusCode::OK, "{approved:?}");
    let approval = &approved.json()["approvals"][0];
    assert_eq!(
        (
            &approval["by"],
            &approval["door"],
            &approval["digest"],
            &approval["comment"]
        ),
        (
            &json!(ADMIN),
            &json!("api"),
            &json!(other.digest),
            &json!("the backup is made")
        )
    );
    // The same person twice is one approval and no error.
    let again = approve(&harness, &other, As::Admin, &other.digest).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    assert_eq!(again.json()["approvals"].as_array().unwrap().len(), 1);
    let rows = harness
        .rows()
        .into_iter()
        .filter(|row| row.entry.action == actions::PLAN_APPROVED);
    assert_eq!(rows.count(), 1);
}

#[tokio::test]
async fn who_comes_too_late_or_may_not_is_told_at_once() {
    let (harness, own, other) = waiting().await;
    let may_not = approve(&harness, &own, As::Agent, &own.digest).await;
    assert!(may_not.is_problem(403), "{may_not:?}");
    let may_not = harness
        .post(&path(&own, "/deny"), As::Agent, &json!({"reason": "no"}))
        .await;
    assert!(may_not.is_problem(403), "{may_not:?}");
    let may_not = harness
        .post(&path(&own, "/override-freeze"), As::Agent, &json!({"reason": "no"}))
        .await;
    assert!(may_not.is_problem(403), "{may_not:?}");
    assert!(approve(&harness, &own, As::Nobody, &own.digest).await.is_problem(401));

    let reason = json!({"reason": "not before the backup"});
    let denied = harness.post(&path(&own, "/deny"), As::Admin, &reason).await;
    assert_eq!(
        (denied.status, &denied.json()["state"]),
        (StatusCode::OK, &json!("denied"))
    );
    let late = approve(&harness, &own, As::Admin, &own.digest).await;
    assert!(late.is_problem(409), "{late:?}");
    for part in ["denied", ADMIN, "not before the backup"] {
        assert!(late.text.contains(part), "{part} in {late:?}");
    }

    harness.memory.clock().advance(SignedDuration::from_hours(25));
    let late = approve(&harness, &other, As::Admin, &other.digest).await;
    assert!(late.is_problem(409) && late.text.contains("expired"), "{late:?}");
    for act in ["/deny", "/override-freeze"] {
        let late = harness.post(&path(&other, act), As::Admin, &reason).await;
        assert!(late.is_problem(409), "{late:?}");
    }
}

#[tokio::test]
async fn what_is_still_planned_has_no_digest_to_approve() {
    let harness = Harness::new().await;
    let soon = plan(&harness, "c1", "shop", OTHER_AGENT);
    let planning = json!({
        "planning": true, "id": soon.id, "request": soon.request, "stack": soon.stack, "stackName": soon.stack_name,
        "stage": soon.stage, "requestedBy": soon.requested_by, "planOnly": false, "begunAt": soon.made_at,
    });
    keep(&harness, RecordKind::Plan, soon.id.as_str(), Some("open"), &planning).await;
    let early = approve(&harness, &soon, As::Admin, &soon.digest).await;
    assert!(early.is_problem(409) && early.text.contains("planned"), "{early:?}");
    assert!(harness.get(&path(&soon, ""), As::Admin).await.is_problem(404));
    let nobody = plan(&harness, "nobody", "shop", OTHER_AGENT);
    assert!(
        approve(&harness, &nobody, As::Admin, &nobody.digest)
            .await
            .is_problem(404)
    );
    assert!(
        harness
            .post(&path(&nobody, "/deny"), As::Admin, &json!({"reason": "x"}))
            .await
            .is_problem(404)
    );
}

#[tokio::test]
async fn stacks_have_a_history_and_nothing_to_go_back_to_without_one() {
    let harness = Harness::new().await;
    let history = harness.get(&format!("/v1/stacks/{OWN}-prod/deploys"), As::Agent).await;
    assert_eq!(history.json(), json!({"stack": format!("{OWN}-prod"), "deploys": []}));
    assert!(
        harness
            .get("/v1/stacks/shop-prod/deploys", As::Agent)
            .await
            .is_problem(403)
    );
    assert!(harness.get("/v1/stacks/shop/deploys", As::Admin).await.is_problem(404));
    let rollback = harness
        .post("/v1/stacks/shop-prod/rollback", As::Admin, &json!({}))
        .await;
    assert!(rollback.is_problem(409), "{rollback:?}");
    let promote = async |body: Value| harness.post("/v1/stacks/shop/promote", As::Admin, &body).await;
    assert!(promote(json!({"from": "dev", "to": "prod"})).await.is_problem(409));
    assert!(promote(json!({"from": "prod", "to": "prod"})).await.is_problem(409));
    assert!(promote(json!({"from": "dev", "to": "moon"})).await.is_problem(404));
    assert!(harness.get("/v1/deploys/freezes", As::Agent).await.is_problem(403));
    assert_eq!(
        harness.get("/v1/deploys/freezes", As::Admin).await.json()["windows"],
        json!([])
    );
}

#[tokio::test]
async fn deploys_are_as_the_description_has_them() {
    let (harness, own, other) = waiting().await;
    let body = json!({"digest": other.digest});
    let reason = json!({"reason": "no"});
    let answers = vec![
        ("get /v1/deploys", harness.get("/v1/deploys", As::Admin).await),
        ("get /v1/deploys/{plan}", harness.get(&path(&own, ""), As::Admin).await),
        (
            "get /v1/deploys/freezes",
            harness.get("/v1/deploys/freezes", As::Admin).await,
        ),
        (
            "post /v1/deploys/{plan}/approve",
            harness.post(&path(&other, "/approve"), As::Admin, &body).await,
        ),
        (
            "post /v1/deploys/{plan}/override-freeze",
            harness.post(&path(&own, "/override-freeze"), As::Admin, &reason).await,
        ),
        (
            "post /v1/deploys/{plan}/deny",
            harness.post(&path(&own, "/deny"), As::Admin, &reason).await,
        ),
        (
            "post /v1/deploys/{plan}/deny",
            harness.post(&path(&own, "/deny"), As::Other, &reason).await,
        ),
        (
            "post /v1/deploys/{plan}/approve",
            harness.post(&path(&own, "/approve"), As::Admin, &body).await,
        ),
        ("get /v1/deploys/{plan}", harness.get(&path(&own, ""), As::Admin).await),
        (
            "get /v1/stacks/{stack}/deploys",
            harness.get("/v1/stacks/shop-prod/deploys", As::Admin).await,
        ),
        (
            "post /v1/stacks/{stack}/rollback",
            harness
                .post("/v1/stacks/shop-prod/rollback", As::Admin, &json!({}))
                .await,
        ),
    ];
    let document = document().await;
    for (name, answer) in answers {
        is_as_described(&document, name, &answer);
    }
    let states = document["components"]["schemas"]["PlanState"]["enum"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(states, PlanState::ALL.map(|state| json!(state.as_str())));
}

#[tokio::test]
async fn what_the_description_allows_in_a_body_is_taken() {
    let (harness, own, _) = waiting().await;
    let document = document().await;
    let mut checked = 0;
    for (schema, act, body) in [
        ("Reasoned", "/override-freeze", json!({"reason": "x"})),
        ("Reasoned", "/override-freeze", json!({"reason": ""})),
        (
            "Reasoned",
            "/override-freeze",
            json!({"reason": " \u{a0}\u{2003}\u{202e}\u{1b}\u{3000}\n"}),
        ),
        ("Reasoned", "/override-freeze", json!({"reason": " \u{fe0f}\u{1f600} "})),
        (
            "Reasoned",
            "/override-freeze",
            json!({"reason": "\u{1f600}".repeat(1_000)}),
        ),
        ("Reasoned", "/override-freeze", json!({"reason": "x".repeat(1_001)})),
        ("Reasoned", "/override-freeze", json!({"reason": "x", "why": "y"})),
        ("Reasoned", "/override-freeze", json!({"reason": null})),
        ("Approving", "/approve", json!({"digest": own.digest, "comment": null})),
        (
            "Approving",
            "/approve",
            json!({"digest": own.digest, "comment": " \u{202e}"}),
        ),
        ("Approving", "/approve", json!({"digest": own.digest, "comment": ""})),
        (
            "Approving",
            "/approve",
            json!({"digest": own.digest, "comment": "x".repeat(1_000)}),
        ),
        ("Approving", "/approve", json!({"digest": "0".repeat(64)})),
        ("Approving", "/approve", json!({"digest": "0".repeat(63)})),
        ("Approving", "/approve", json!({"comment": "x"})),
    ] {
        let mut described = document["components"]["schemas"][schema].clone();
        assert!(described.is_object(), "{schema}");
        described["components"] = document["components"].clone();
        let allowed = jsonschema::validator_for(&described).unwrap().is_valid(&body);
        let status = harness.post(&path(&own, act), As::Admin, &body).await.status.as_u16();
        assert_eq!(!matches!(status, 400 | 422), allowed, "{status} {body}");
        checked += 1;
    }
    assert_eq!(checked, 15);
}

#[tokio::test]
async fn a_request_that_waits_for_approval_says_so() {
    let harness = Harness::new().await;
    let ports = harness.control.ports();
    let now = ports.clock.now();
    let until = now + SignedDuration::from_mins(1);
    let Receipt::Claimed(claim) = ports.ledger.receive(&sample::request("a1"), Some(until)).await.unwrap() else {
        panic!("it is new");
    };
    ports.ledger.park(&claim, now).await.unwrap();
    let of_request = async || harness.get("/v1/requests/a1", As::Admin).await;
    let before = of_request().await.json();
    assert_eq!(
        (&before["state"], &before["waitingFor"]),
        (&json!("waiting"), &Value::Null)
    );

    let plan = plan(&harness, "a1", OWN, AGENT);
    kept(&harness, &plan).await;
    let waits = of_request().await;
    let shown = waits.json();
    assert_eq!(
        (&shown["waitingFor"], &shown["plan"], &shown["expiresAt"]),
        (&json!("approval"), &json!(plan.id), &json!(plan.expires_at))
    );
    is_as_described(&document().await, "get /v1/requests/{requestId}", &waits);

    let denied = harness
        .post(&path(&plan, "/deny"), As::Admin, &json!({"reason": "no"}))
        .await;
    assert_eq!(denied.status, StatusCode::OK);
    assert_eq!(of_request().await.json()["waitingFor"], Value::Null);
}
