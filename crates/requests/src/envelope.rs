//! The wire envelope of a `devops.request`: enough of it to know whose request it is and which.

pub use cc_devops_kernel::events::{COMPLETED_DETAIL_TYPE, COMPLETED_SOURCE};
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::outcome::{Failure, Reason};
use serde_json::{Map, Value};

use crate::cost_reports;
use crate::json_kind::kind;

/// The `detail-type` of a request.
pub const REQUEST_DETAIL_TYPE: &str = "devops.request";
/// What stands for a request id or an action that could not be read.
pub const UNKNOWN: &str = "unknown";

/// An envelope that can be read; its detail is still unchecked.
#[derive(Clone)]
pub struct Envelope {
    /// The agent its `source` names: a claim, until it is held against the principal.
    pub source: AgentName,
    /// The idempotency key.
    pub id: RequestId,
    /// The detail as it came.
    pub detail: Map<String, Value>,
}

/// An envelope that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong.
    pub failure: Failure,
    /// The request id, where at least that can be read.
    pub id: Option<RequestId>,
}

impl Envelope {
    /// Reads an EventBridge event.
    pub fn read(event: Value) -> Result<Self, Unreadable> {
        let Value::Object(mut event) = event else {
            return Err(unreadable(
                None,
                format!("the event must be a JSON object, not {}", kind(&event)),
            ));
        };
        if let Some(detail) = cost_reports::as_request(&event) {
            event.insert("detail-type".to_owned(), Value::String(REQUEST_DETAIL_TYPE.to_owned()));
            event.insert("detail".to_owned(), Value::Object(detail));
        }
        let id = event
            .get("detail")
            .and_then(|detail| detail.get("requestId"))
            .map(request_id);
        let fail = |message: String| {
            let id = id.as_ref().and_then(|id| id.as_ref().ok().cloned());
            unreadable(id, message)
        };
        match event.get("detail-type") {
            Some(Value::String(text)) if text == REQUEST_DETAIL_TYPE => {}
            Some(Value::String(_)) => {
                return Err(fail(format!(
                    "`detail-type` must be {REQUEST_DETAIL_TYPE:?} or {:?}; nothing else is taken here",
                    cost_reports::DETAIL_TYPE
                )));
            }
            Some(other) => return Err(fail(format!("`detail-type` must be a string, not {}", kind(other)))),
            None => {
                return Err(fail(format!(
                    "`detail-type` is missing; it must be {REQUEST_DETAIL_TYPE:?}"
                )));
            }
        }
        let source = match event.get("source") {
            Some(Value::String(text)) => source(text).map_err(&fail)?,
            Some(other) => return Err(fail(format!("`source` must be a string, not {}", kind(other)))),
            None => return Err(fail("`source` is missing; it must be `agent.<Name>`".to_owned())),
        };
        let detail = match event.remove("detail") {
            Some(Value::Object(detail)) => detail,
            Some(other) => return Err(fail(format!("`detail` must be a JSON object, not {}", kind(&other)))),
            None => return Err(fail("`detail` is missing; the request stands there".to_owned())),
        };
        match id {
            Some(Ok(id)) => Ok(Self { source, id, detail }),
            Some(Err(message)) => Err(unreadable(None, message)),
            None => Err(unreadable(
                None,
                "`detail.requestId` is missing; give each request its own, 1 to 128 characters",
            )),
        }
    }
}

fn unreadable(id: Option<RequestId>, message: impl Into<String>) -> Unreadable {
    Unreadable {
        failure: Failure::new(Reason::SchemaValidationFailed, message),
        id,
    }
}

fn request_id(value: &Value) -> Result<RequestId, String> {
    match value {
        Value::String(text) => RequestId::new(text.as_str()).map_err(|error| format!("`detail.requestId`: {error}")),
        other => Err(format!("`detail.requestId` must be a string, not {}", kind(other))),
    }
}

fn source(text: &str) -> Result<AgentName, String> {
    let name = text.strip_prefix("agent.").ok_or("`source` must be `agent.<Name>`")?;
    AgentName::new(name).map_err(|error| format!("`source`: {error}"))
}
