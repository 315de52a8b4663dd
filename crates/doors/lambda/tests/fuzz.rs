//! Whatever a function is invoked with, it is told apart, and each message of a batch with it.

use cc_devops_lambda::Payload;
use cc_devops_lambda::payload::open;
use cc_devops_requests::bus::Signal;
use cc_devops_testkit::fuzz::Fuzz;
use serde_json::Value;
use serde_json::value::RawValue;

const BATCH: &[u8] = br#"{"Records": [{"messageId": "m1", "receiptHandle": "h", "eventSource": "aws:sqs",
    "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "awsRegion": "us-east-1",
    "body": "{\"source\": \"agent.A\", \"detail-type\": \"devops.request\", \"detail\": {\"requestId\": \"r\"}}"}]}"#;
const EVENT: &[u8] = include_bytes!("../../../../tests/events/devops_put_secret.json");
const TASK: &[u8] = include_bytes!("../../../../tests/events/workflow_monitor.json");

#[test]
fn a_payload_of_any_bytes_is_told_apart_or_answered() {
    Fuzz::new().run(
        &[BATCH, EVENT, TASK, br#"{"tick": "sweep"}"#, br#"{"ended": "r1"}"#],
        |bytes| {
            let Ok(raw) = RawValue::from_string(String::from_utf8_lossy(bytes).into_owned()) else {
                return;
            };
            match open(&raw).map(Payload::read) {
                Err(answer) => assert_eq!(answer["statusCode"], 400),
                Ok(Payload::Batch(batch)) => {
                    for record in batch.messages {
                        if let Err(failure) = Signal::parse(&record.body.unwrap_or_default()) {
                            assert!(!failure.message.is_empty());
                        }
                    }
                }
                Ok(Payload::Event(event)) => drop(Signal::read(event)),
                Ok(Payload::Task(task, _)) => assert!(task.as_str().chars().count() <= 64),
                Ok(Payload::Tick(_) | Payload::Ended(_) | Payload::NoBatch) => {}
            }
        },
    );
}

#[test]
fn a_message_of_any_bytes_is_a_signal_or_a_dead_letter() {
    let whole: Value = serde_json::from_slice(BATCH).unwrap();
    let body = whole["Records"][0]["body"].as_str().unwrap();
    Fuzz::new().run(&[body.as_bytes(), EVENT], |bytes| {
        let parsed = Signal::parse(&String::from_utf8_lossy(bytes));
        let is_json = serde_json::from_slice::<Value>(bytes).is_ok();
        if let Err(failure) = parsed {
            assert!(!is_json || failure.message.contains("stack-id"), "{failure}");
        }
    });
}
