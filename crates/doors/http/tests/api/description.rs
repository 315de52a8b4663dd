//! `/openapi.json` says what is: its references resolve, its refusals are complete, and what the
//! server answers has the shape it describes.

use cc_devops_kernel::outcome::Reason;
use cc_devops_testkit::sample;
use serde_json::{Value, json};

use crate::harness::{Answer, As, Harness, put};

pub(crate) async fn document() -> Value {
    Harness::new().await.get("/openapi.json", As::Nobody).await.json()
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.push(reference.clone());
            }
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
    });
    operations.collect()
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document().await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn what_needs_a_token_says_so_and_names_its_refusals() {
    for (name, operation) in operations(&document().await) {
        let responses = operation["responses"].as_object().unwrap();
        let public = [
            "get /health",
            "get /openapi.json",
            "post /v1/billing/events",
            "post /v1/repos/events",
            "post /v1/slack/actions",
            "get /ping/{address}",
            "head /ping/{address}",
            "post /ping/{address}",
            "get /badge/{file}",
        ]
        .contains(&name.as_str());
        assert_eq!(operation["security"].is_array(), !public, "{name}");
        for status in ["421", "500", "503", "504"] {
            assert!(responses.contains_key(status), "{name} {status}");
        }
        assert_eq!(responses.contains_key("401"), !public, "{name}");
        let changes = !name.starts_with("get ") && !name.starts_with("head ");
        assert_eq!(responses.contains_key("403"), !public || changes, "{name}");
        let body = operation["requestBody"].is_object();
        let ping = name.ends_with(" /ping/{address}");
        assert_eq!(responses.contains_key("429"), !public || body || ping, "{name}");
        assert_eq!(responses.contains_key("413"), body, "{name}");
        assert!(operation["summary"].is_string(), "{name}");
        assert!(!name.contains('*'), "{name}");
    }
}

#[tokio::test]
async fn the_reasons_are_those_of_the_contract() {
    let document = document().await;
    let described: Vec<&str> = document["components"]["schemas"]["Reason"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    assert_eq!(described, Reason::ALL.map(Reason::as_str));
}

/// Fails where an answer of an operation has another shape than the document says.
pub(crate) fn is_as_described(document: &Value, name: &str, answer: &Answer) {
    let operations = operations(document);
    let (_, operation) = operations.iter().find(|(known, _)| known == name).unwrap();
    let mut response = operation["responses"][answer.status.as_str()].clone();
    assert!(response.is_object(), "{name} does not describe {}", answer.status);
    if let Some(reference) = response["$ref"].as_str() {
        response = document.pointer(&reference[1..]).unwrap().clone();
    }
    let media = answer.header("content-type").split(';').next().unwrap().to_owned();
    let mut schema = response["content"][&media]["schema"].clone();
    assert!(schema.is_object(), "{name} {} does not describe {media}", answer.status);
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&answer.json())
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{name} {}: {errors:?}\n{}",
        answer.status,
        answer.text
    );
}

#[tokio::test]
async fn answers_have_the_shape_that_is_described() {
    let harness = Harness::new().await;
    let uri = "/v1/agents/ContentOrchestrator/heartbeat";
    harness.post(uri, As::Agent, &json!({"healthy": true})).await;
    let unknown = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    let outcome = "post /v1/events";
    let mut answers = vec![
        (outcome, harness.post("/v1/events?wait=5", As::Agent, &put("r1")).await),
        (outcome, harness.post("/v1/events?wait=5", As::Agent, &unknown).await),
        (outcome, harness.post("/v1/events", As::Agent, &put("r2")).await),
        (
            outcome,
            harness.post("/v1/events", As::Agent, &json!([put("r3"), 7])).await,
        ),
        (outcome, harness.post("/v1/events", As::Agent, &json!(7)).await),
        (outcome, harness.post_text("/v1/events", As::Nobody, "x").await),
    ];
    harness.control.publish_all().await.unwrap();
    let webhook = json!({"url": "https://example.org/", "agent": sample::AGENT});
    answers.push((
        "post /v1/webhooks",
        harness.post("/v1/webhooks", As::Admin, &webhook).await,
    ));
    for (operation, uri) in [
        ("get /health", "/health"),
        ("get /v1/agents", "/v1/agents"),
        ("get /v1/events", "/v1/events"),
        ("get /v1/requests", "/v1/requests"),
        ("get /v1/requests/{requestId}", "/v1/requests/r1"),
        ("get /v1/requests/{requestId}", "/v1/requests/none"),
        (
            "get /v1/secrets/{name}",
            "/v1/secrets/contentcraft/contentorchestrator/key",
        ),
        ("get /v1/webhooks", "/v1/webhooks"),
    ] {
        answers.push((operation, harness.get(uri, As::Admin).await));
    }
    let document = document().await;
    for (name, answer) in answers {
        is_as_described(&document, name, &answer);
    }
}

#[tokio::test]
async fn what_the_description_calls_readable_is_taken() {
    let document = document().await;
    let mut schema = document["components"]["schemas"]["EventsBody"].clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let harness = Harness::new().await;
    let mut long = put("r1");
    long["detail"]["requestId"] = json!("x".repeat(129));
    let mut broken = put("r2");
    broken["detail"]["requestId"] = json!("a\u{85}b");
    let mut odd = put("r3");
    odd["detail"]["action"] = json!(7);
    odd["id"] = json!("an EventBridge id");
    for body in [
        put("r4"),
        long,
        broken,
        odd,
        json!([]),
        json!([7]),
        json!(7),
        json!({"detail": {}}),
    ] {
        let taken = harness.post("/v1/events", As::Agent, &body).await.status.is_success();
        assert_eq!(validator.is_valid(&body), taken, "{body}");
    }
}
