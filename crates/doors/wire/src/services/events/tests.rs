use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_testkit::sample::{AGENT, OTHER_AGENT};
use serde_json::json;

use super::*;
use crate::services::harness::{Caller, Harness, ask, fault, problem};

const KEY: &str = "/contentcraft/contentorchestrator/key";

fn detail(id: &str, name: &str) -> String {
    let params = json!({"name": name, "value": "v1"});
    json!({"requestId": id, "action": "putSecret", "stage": "dev", "params": params, "requestedBy": AGENT}).to_string()
}

/// An entry that asks for a secret of the agent's own.
fn entry(id: &str) -> Value {
    json!({"Source": format!("agent.{AGENT}"), "DetailType": "devops.request", "Detail": detail(id, KEY)})
}

fn with(mut entry: Value, name: &str, value: Value) -> Value {
    entry[name] = value;
    entry
}

async fn put_all(harness: &Harness, entries: &[Value]) -> Result<Value, Failed> {
    harness
        .ask(Caller::Agent, "PutEvents", json!({"Entries": entries}))
        .await
}

/// What became of one entry that is refused: its code and its message.
async fn refused(harness: &Harness, entry: Value) -> (String, String) {
    let answer = put_all(harness, &[entry]).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 1, "{answer}");
    let result = &answer["Entries"][0];
    assert!(result.get("EventId").is_none(), "{answer}");
    let text = |name: &str| result[name].as_str().unwrap().to_owned();
    (text("ErrorCode"), text("ErrorMessage"))
}

/// The reasons on record, but for the agents that were added.
fn reasons(harness: &Harness) -> Vec<(String, Option<Reason>)> {
    let rows = harness.memory.audit_rows();
    let asked = rows.into_iter().filter(|row| row.entry.request_id.is_some());
    asked
        .map(|row| (row.entry.request_id.unwrap(), row.entry.reason))
        .collect()
}

#[tokio::test]
async fn an_entry_is_a_request_like_any_other() {
    let harness = Harness::new().await;
    let answer = put_all(&harness, &[entry("r1")]).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 0);
    let result = &answer["Entries"][0];
    assert!(result["EventId"].as_str().unwrap().len() == 36, "{answer}");
    assert!(result.get("ErrorCode").is_none());
    let completed = harness.outcome("r1").await;
    assert_eq!(
        (completed.status, completed.requested_by.as_str()),
        (Status::Success, AGENT)
    );
    put_all(&harness, &[entry("r1")]).await.unwrap();
    assert_eq!(
        harness
            .memory
            .secret_writes(&cc_devops_testkit::sample::secret_name(KEY)),
        1,
        "a repeat is the same request"
    );
}

#[tokio::test]
async fn entries_fail_one_by_one() {
    let harness = Harness::new().await;
    let foreign = with(entry("r2"), "Source", json!(format!("agent.{OTHER_AGENT}")));
    let broken = with(entry("r3"), "Detail", json!("{not json"));
    let answer = put_all(&harness, &[entry("r1"), foreign, broken, entry("r4")])
        .await
        .unwrap();
    assert_eq!(answer["FailedEntryCount"], 2);
    let codes: Vec<&Value> = (0..4).map(|place| &answer["Entries"][place]["ErrorCode"]).collect();
    assert_eq!(
        codes,
        [
            &Value::Null,
            &json!("AccessDeniedException"),
            &json!("MalformedDetail"),
            &Value::Null
        ]
    );
    for id in ["r1", "r4"] {
        assert_eq!(harness.outcome(id).await.status, Status::Success, "{id}");
    }
    let foreign = harness.outcome("r2").await;
    assert_eq!(foreign.reason, Some(Reason::SecurityViolation), "it has its completion");
    assert_eq!(foreign.requested_by, AGENT, "which goes to whoever sent it");
    let mut on_record = reasons(&harness);
    on_record.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("r1", None),
        ("r2", Some(Reason::SecurityViolation)),
        ("r4", None),
        ("unknown", Some(Reason::SchemaValidationFailed)),
    ];
    assert_eq!(on_record, expected.map(|(id, reason)| (id.to_owned(), reason)));
}

#[tokio::test]
async fn who_names_another_as_the_sender_learns_nothing_of_that_ones_requests() {
    let harness = Harness::new().await;
    put_all(&harness, &[entry("r1")]).await.unwrap();
    harness.outcome("r1").await;
    let mut told = Vec::new();
    for id in ["r1", "r1", "nobodys"] {
        let others = harness.call(Caller::CostControl).await;
        let entries = json!({"Entries": [entry(id)]});
        let mut answer = ask(others, "PutEvents", entries).await.unwrap();
        assert_eq!(answer["FailedEntryCount"], 1, "{id}: {answer}");
        told.push(answer["Entries"][0].take());
    }
    assert_eq!(told[0]["ErrorCode"], "AccessDeniedException");
    let sentence = told[0]["ErrorMessage"].as_str().unwrap();
    assert!(
        sentence.starts_with(&format!("the token belongs to {OTHER_AGENT}")),
        "{sentence}"
    );
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}

#[tokio::test]
async fn a_repeat_from_another_source_is_refused_however_its_request_stands() {
    let harness = Harness::new().await;
    let foreign = with(entry("r1"), "Source", json!(format!("agent.{OTHER_AGENT}")));
    // The first has no outcome yet when the second comes, and has one then.
    let answer = put_all(&harness, &[entry("r1"), foreign.clone()]).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 1, "{answer}");
    assert_eq!(answer["Entries"][1]["ErrorCode"], "AccessDeniedException");
    assert_eq!(harness.outcome("r1").await.status, Status::Success);
    let (code, sentence) = refused(&harness, foreign).await;
    assert_eq!(code, "AccessDeniedException");
    assert_eq!(answer["Entries"][1]["ErrorMessage"], sentence);
}

#[tokio::test]
async fn what_the_policies_deny_is_accepted_and_refused_in_its_completion() {
    let harness = Harness::new().await;
    let theirs = json!(detail("r1", "/contentcraft/costsentinel/key"));
    for time in ["first", "again"] {
        let answer = put_all(&harness, &[with(entry("r1"), "Detail", theirs.clone())])
            .await
            .unwrap();
        assert_eq!(answer["FailedEntryCount"], 0, "{time}");
        let completed = harness.outcome("r1").await;
        assert_eq!(completed.reason, Some(Reason::SecurityViolation));
    }
}

#[tokio::test]
async fn an_entry_says_what_it_lacks() {
    let harness = Harness::new().await;
    for name in ["Source", "DetailType", "Detail"] {
        let mut without = entry("r1");
        without.as_object_mut().unwrap().remove(name);
        for lacking in [without, with(entry("r1"), name, json!(""))] {
            let (code, message) = refused(&harness, lacking).await;
            let expected = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            assert_eq!((code.as_str(), message), ("InvalidArgument", expected));
        }
    }
    assert_eq!(reasons(&harness).len(), 6, "each is on record");
}

#[tokio::test]
async fn what_nobody_here_takes_is_refused_and_not_swallowed() {
    let harness = Harness::new().await;
    for detail_type in ["devops.completed", "something.else"] {
        let (code, message) = refused(&harness, with(entry("r1"), "DetailType", json!(detail_type))).await;
        assert_eq!(code, "InvalidArgument");
        assert!(message.contains("devops.request"), "{message}");
    }
    for detail in ["[]", "1", "{\"a\":", "nul"] {
        let (code, message) = refused(&harness, with(entry("r1"), "Detail", json!(detail))).await;
        assert_eq!(code, "MalformedDetail");
        assert!(message.starts_with("Detail is malformed: "), "{message}");
    }
    let (code, message) = refused(&harness, with(entry("r1"), "EventBusName", json!("orders"))).await;
    assert_eq!(code, "ResourceNotFoundException");
    assert!(message.contains("Event bus orders does not exist"), "{message}");
    let disagreeing = json!({"requestId": "r1", "action": "putSecret", "requestedBy": OTHER_AGENT}).to_string();
    let (code, _) = refused(&harness, with(entry("r1"), "Detail", json!(disagreeing))).await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn the_default_bus_goes_by_its_name_and_by_its_arn() {
    let harness = Harness::new().await;
    let arn = "arn:aws:events:eu-west-1:000000000000:event-bus/default";
    for (id, bus) in [("r1", "default"), ("r2", arn)] {
        let answer = put_all(&harness, &[with(entry(id), "EventBusName", json!(bus))])
            .await
            .unwrap();
        assert_eq!(answer["FailedEntryCount"], 0, "{bus}");
    }
}

#[tokio::test]
async fn a_report_of_costs_is_taken_under_its_events_id() {
    let harness = Harness::new().await;
    let report = json!({"amount": "12.50", "currency": "USD", "period": "2026-11"}).to_string();
    let entry = json!({"Source": format!("agent.{AGENT}"), "DetailType": "cost.reported", "Detail": report});
    let answer = put_all(&harness, &[entry]).await.unwrap();
    let id = answer["Entries"][0]["EventId"].as_str().unwrap();
    let completed = harness.outcome(&format!("cost-{id}")).await;
    assert_eq!(completed.action, "reportCost");
    let report =
        json!({"amount": "12.50", "currency": "USD", "period": "2026-12", "requestedBy": OTHER_AGENT}).to_string();
    let passed_over = json!({"Source": format!("agent.{AGENT}"), "DetailType": "cost.reported", "Detail": report});
    let answer = put_all(&harness, &[passed_over]).await.unwrap();
    assert_eq!(
        answer["FailedEntryCount"], 0,
        "what it says beside the amount says nothing"
    );
}

#[tokio::test]
async fn entries_that_are_too_large_together_are_refused_as_a_whole() {
    let harness = Harness::new().await;
    let half = "x".repeat(MOST_BYTES / 2);
    let entries = [
        with(entry("r1"), "Resources", json!([half])),
        with(entry("r2"), "Resources", json!([half])),
    ];
    let (code, message) = fault(put_all(&harness, &entries).await);
    assert_eq!(code, "ValidationException");
    assert!(message.contains("over the limit"), "{message}");
    assert!(reasons(&harness).is_empty(), "none was begun");
    let timed = |time| Entry {
        time,
        source: Some("ab".to_owned()),
        resources: vec!["cde".to_owned()],
        detail_type: None,
        detail: Some("é".to_owned()),
        event_bus_name: None,
    };
    assert_eq!(timed(None).bytes(), 7, "bytes, not characters");
    assert_eq!(timed(Some(Timestamp::UNIX_EPOCH)).bytes(), 21);
    let endpoint = json!({"Entries": [entry("r3")], "EndpointId": "abc.def"});
    let (code, _) = fault(harness.ask(Caller::Agent, "PutEvents", endpoint).await);
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn where_nothing_can_be_stored_the_call_as_a_whole_fails() {
    let harness = Harness::new().await;
    let call = harness.call(Caller::Agent).await;
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    let entries = json!({"Entries": [entry("r1"), entry("r2")]});
    let (status, _) = problem(ask(call, "PutEvents", entries.clone()).await);
    assert_eq!(status, 503);
    harness.memory.fail_with(None);
    let answer = harness.ask(Caller::Agent, "PutEvents", entries).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 0, "and may be tried again");
}
