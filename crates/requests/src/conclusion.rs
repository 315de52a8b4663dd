//! How the end of a request is worded: its event, its audit row.

use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::outcome::{Completed, Failure, Status};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::record::{Conclusion, RequestHead};

/// What is written when a request ends. `detail` is more for the audit row, as an object.
pub(super) fn conclusion(
    head: &RequestHead,
    outcome: Result<Value, Failure>,
    detail: Value,
    output: Option<String>,
    now: Timestamp,
) -> Conclusion {
    let latency = now.duration_since(head.received_at).as_millis();
    let (status, result, failure) = match outcome {
        Ok(result) => (Status::Success, Some(result), None),
        Err(failure) => (Status::Error, None, Some(failure)),
    };
    let mut on_record = match detail {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    if let Some(failure) = &failure {
        on_record.insert("error".to_owned(), json!(failure.message));
    }
    head.via.mention(&mut on_record);
    // So that a secret that was put back to an older version shows.
    if let Some(version) = result.as_ref().and_then(|result| result.get("versionId")) {
        on_record.insert("versionId".to_owned(), version.clone());
    }
    let reason = failure.as_ref().map(|failure| failure.reason);
    let completed = Completed {
        request_id: head.id.to_string(),
        action: head.action.clone(),
        status,
        result,
        error: failure.map(|failure| failure.message),
        reason,
        latency_ms: u64::try_from(latency).unwrap_or(0),
        requested_by: head.agent.to_string(),
        timestamp: now,
        approval: None,
    };
    let audit = AuditEntry {
        at: now,
        principal: Some(head.principal.clone()),
        agent: Some(head.agent.clone()),
        action: head.action.clone(),
        request_id: Some(head.id.to_string()),
        stage: Some(head.stage.clone()),
        resource: head.resource.clone(),
        status,
        reason,
        detail: Value::Object(on_record),
    };
    Conclusion {
        completed,
        audit,
        output,
        keeps_stack: false,
    }
}
