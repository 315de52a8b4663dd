//! What a function is invoked with.

use cc_devops_core::names::{RepositoryName, RequestId};
use cc_devops_core::requests::RepositoryWork;
use serde_json::Value;

/// An invocation's payload.
pub enum Payload {
    /// Messages from the queue; each body is an event from the bus.
    Batch(Vec<Message>),
    /// What was meant as a batch, and of which not every message can be named. Answered in whatever way, it would
    /// count as done and be deleted, so the invocation must fail.
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

/// A message from the queue.
pub struct Message {
    /// How the queue knows it.
    pub id: String,
    /// Its body; none where there is no text.
    pub body: Option<String>,
}

/// What the schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Send the heartbeat, then sweep.
    Heartbeat,
    /// Take up what was left.
    Sweep,
}

/// A task of section 3 of the wire contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Whether the control plane works.
    HealthCheck,
    /// The hygiene of repositories.
    GithubRepoCheck,
    /// The state of workflows.
    WorkflowMonitor,
    /// None that exists.
    Unknown(String),
}

impl Task {
    /// The task of this name.
    pub(crate) fn of(name: &Value) -> Self {
        match name.as_str() {
            Some("health_check") => Self::HealthCheck,
            Some("github_repo_check") => Self::GithubRepoCheck,
            Some("workflow_monitor") => Self::WorkflowMonitor,
            Some(other) => Self::Unknown(other.chars().take(64).collect()),
            None => Self::Unknown(name.to_string().chars().take(64).collect()),
        }
    }

    /// The task's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::HealthCheck => "health_check",
            Self::GithubRepoCheck => "github_repo_check",
            Self::WorkflowMonitor => "workflow_monitor",
            Self::Unknown(name) => name,
        }
    }
}

impl Payload {
    /// Tells what a payload is. What is nothing else is a task, and without a name a health check.
    pub fn read(mut payload: Value) -> Self {
        if let Some(records) = payload.get_mut("Records") {
            return messages(records.take()).map_or(Self::NoBatch, Self::Batch);
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
        match payload.get("task_type") {
            None | Some(Value::Null) => Self::Task(Task::HealthCheck, payload),
            Some(name) => Self::Task(Task::of(name), payload),
        }
    }
}

/// The messages of a batch; none where one has no id, so that nobody could say that it failed.
fn messages(records: Value) -> Option<Vec<Message>> {
    let Value::Array(records) = records else { return None };
    let text = |value: Option<&mut Value>| match value.map(Value::take) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let message = |mut record: Value| {
        Some(Message {
            id: text(record.get_mut("messageId")).filter(|id| !id.is_empty())?,
            body: text(record.get_mut("body")),
        })
    };
    records.into_iter().map(message).collect()
}

/// What one of the two tasks on repositories asks for. A repository may be named with its owner, too.
///
/// # Errors
/// A sentence on what cannot be read.
pub(crate) fn work_of(task: &Task, payload: &Value) -> Result<RepositoryWork, String> {
    let text = |name: &str| match payload.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` must be a string")),
    };
    let repository = text("repository")?
        .map(|name| RepositoryName::new(name.rsplit('/').next().unwrap_or_default()))
        .transpose()
        .map_err(|error| format!("`repository` cannot be used: {error}"))?;
    let workflow = text("workflow")?;
    match task {
        Task::WorkflowMonitor => Ok(RepositoryWork::Monitor { repository, workflow }),
        _ => Ok(RepositoryWork::Check { repository }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(payload: Value) -> String {
        match Payload::read(payload) {
            Payload::Task(task, _) => task.as_str().to_owned(),
            _ => panic!("a task was expected"),
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
        assert!(matches!(Payload::read(batch), Payload::Batch(batch) if batch.len() == 1));
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
            assert!(batch[0].body.is_some() && batch[1].body.is_none(), "{body}");
        }
    }
}
