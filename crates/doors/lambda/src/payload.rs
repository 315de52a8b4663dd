//! What a function is invoked with.

use cc_devops_kernel::input;
use cc_devops_kernel::names::RequestId;
use cc_devops_queue::Batch;
use cc_devops_requests::task::Task;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// An invocation's payload.
pub enum Payload {
    /// Messages from the queue; each body is an event from the bus.
    Batch(Batch),
    /// What was meant as a batch, and of which not every message can be named: the invocation must fail.
    NoBatch,
    /// An event from the bus, given directly.
    Event(Value),
    /// The schedule.
    Tick(Tick),
    /// What a request waits for has ended elsewhere.
    Ended(RequestId),
    /// One of the tasks that others ask for by name, with all that came with it.
    Task(Task, Value),
}

/// What the schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Send the heartbeat, then sweep.
    Heartbeat,
    /// Take up what was left.
    Sweep,
}

impl Payload {
    /// Tells what a payload is. What is nothing else is a task, and without a name a health check.
    pub fn read(mut payload: Value) -> Self {
        if let Some(records) = payload.get_mut("Records") {
            return Batch::read(records.take()).map_or(Self::NoBatch, Self::Batch);
        }
        let has = |name: &str| payload.get(name).is_some();
        if has("detail-type") || has("detail") {
            return Self::Event(payload);
        }
        match payload.get("tick").and_then(Value::as_str) {
            Some("heartbeat") => return Self::Tick(Tick::Heartbeat),
            Some("sweep") => return Self::Tick(Tick::Sweep),
            _ => {}
        }
        let ended = payload.get("ended").and_then(Value::as_str);
        if let Some(Ok(id)) = ended.map(RequestId::new) {
            return Self::Ended(id);
        }
        Self::Task(Task::of(&payload), payload)
    }
}

/// What an invocation brings, read as everything from outside is.
///
/// # Errors
/// The answer to what is not taken.
pub fn open(payload: &RawValue) -> Result<Value, Value> {
    input::document(payload.get().as_bytes()).map_err(|error| {
        tracing::warn!(%error, "a payload is not taken");
        let body = json!({"error": error.to_string()});
        json!({"statusCode": 400, "body": body.to_string()})
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(payload: Value) -> String {
        match Payload::read(payload) {
            Payload::Task(task, _) => task.as_str().to_owned(),
            _ => panic!("a task was expected"),
        }
    }

    #[test]
    fn a_payload_that_is_not_taken_is_answered() {
        let raw = |text: String| RawValue::from_string(text).unwrap();
        let opened = open(&raw(r#"{"task_type": "health_check"}"#.to_owned()));
        assert_eq!(opened.unwrap(), json!({"task_type": "health_check"}));
        for text in [
            r#"{"$serde_json::private::RawValue": "{}"}"#.to_owned(),
            format!("{}1{}", "[".repeat(2_023), "]".repeat(2_023)),
        ] {
            let answer = open(&raw(text)).unwrap_err();
            assert_eq!(answer["statusCode"], 400, "{answer}");
        }
    }

    #[test]
    fn payloads_are_told_apart() {
        assert_eq!(task(json!({})), "health_check");
        assert_eq!(task(json!({"task_type": "github_repo_check"})), "github_repo_check");
        assert_eq!(task(json!({"task_type": "nonsense"})), "nonsense");
        assert_eq!(task(json!({"task_type": 7})), "7");
        assert_eq!(task(json!(null)), "health_check");
        let tick = |name: &str| Payload::read(json!({"tick": name}));
        assert!(matches!(tick("heartbeat"), Payload::Tick(Tick::Heartbeat)));
        assert!(matches!(tick("sweep"), Payload::Tick(Tick::Sweep)));
        let ended = Payload::read(json!({"ended": "r1"}));
        assert!(matches!(ended, Payload::Ended(id) if id.as_str() == "r1"));
        assert!(matches!(
            Payload::read(json!({"detail-type": "devops.request"})),
            Payload::Event(_)
        ));
        let batch = json!({"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]});
        assert!(matches!(Payload::read(batch), Payload::Batch(batch) if batch.messages.len() == 1));
    }

    #[test]
    fn a_batch_with_a_message_that_cannot_be_named_is_no_batch_and_no_task() {
        let named = json!({"messageId": "1", "body": "{}"});
        for records in [
            json!(null),
            json!({}),
            json!("x"),
            json!([named, {"body": "{}"}]),
            json!([named, {"messageId": "", "body": "{}"}]),
            json!([named, {"messageId": 7, "body": "{}"}]),
            json!([named, null]),
        ] {
            let read = Payload::read(json!({"Records": records}));
            assert!(matches!(read, Payload::NoBatch), "{records}");
        }
        for body in [json!(null), json!({}), json!(7)] {
            let read = Payload::read(json!({"Records": [named, {"messageId": "2", "body": body}]}));
            let Payload::Batch(batch) = read else {
                panic!("every message can be named: {body}")
            };
            let messages = batch.messages;
            assert!(messages[0].body.is_some() && messages[1].body.is_none(), "{body}");
        }
    }
}
