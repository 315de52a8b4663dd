//! A message as an event of PagerDuty's Events API v2. Source:
//! <https://developer.pagerduty.com/docs/send-alert-event>.

use cc_devops_alerts::{Message, MessageKind};
use serde_json::{Value, json};

use super::cut;
use super::words::{called, is_open, left_out, maintenance, plan_text, state, when};

/// The longest summary, in characters.
pub const MAX_SUMMARY: usize = 1_024;

/// How many alerts the details name: an event may have 512 KB.
const MOST_SHOWN: usize = 50;

/// How much of an alert's text the details hold, in characters.
const MAX_TEXT: usize = 1_024;

/// What becomes of one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `trigger` or `resolve`.
    pub action: &'static str,
    /// The thread, which is one incident.
    pub dedup_key: String,
}

/// The events that a message is: an incident is triggered while something of it is open and resolved when nothing is.
/// A test is both, one after the other, so that nothing stays behind.
pub fn events(message: &Message) -> Vec<Event> {
    let event = |action, key: &str| Event {
        action,
        dedup_key: key.to_owned(),
    };
    if message.kind == MessageKind::Test {
        return vec![event("trigger", &message.thread), event("resolve", &message.thread)];
    }
    let over = message.over.iter().map(|thread| event("resolve", thread));
    let is_end = matches!(
        message.kind,
        MessageKind::Up | MessageKind::Closed | MessageKind::Digest
    );
    match (is_end, message.threads.is_empty()) {
        // What of it is still open has its incident already.
        (true, false) => over.collect(),
        (true, true) if !is_open(message) => vec![event("resolve", &message.thread)],
        _ => std::iter::once(event("trigger", &message.thread)).chain(over).collect(),
    }
}

/// One event.
pub fn body(message: &Message, routing_key: &str, event: &Event) -> String {
    let alerts: Vec<Value> = message
        .alerts
        .iter()
        .take(MOST_SHOWN)
        .map(|named| {
            let mut details = json!({
                "what": called(named),
                "state": state(named),
                "title": cut(&named.title, MAX_TEXT),
                "text": cut(&named.text, MAX_TEXT),
                "body": named.body.as_deref().map(|body| cut(body, MAX_TEXT)),
                "alert": named.alert,
            });
            // Only where there is one, so that other events stay as they were.
            if let (Some(plan), Some(fields)) = (&named.plan, details.as_object_mut()) {
                fields.insert("plan".to_owned(), json!(plan_text(plan, MAX_TEXT)));
            }
            details
        })
        .collect();
    let source = message.agent.as_ref().map_or("cc-devops", |agent| agent.as_str());
    json!({
        "routing_key": routing_key,
        "event_action": event.action,
        "dedup_key": event.dedup_key,
        "client": "cc-devops",
        "payload": {
            "summary": cut(&message.title, MAX_SUMMARY),
            "source": source,
            "severity": message.severity.as_str(),
            "timestamp": message.at,
            "class": message.kind.as_str(),
            "custom_details": {
                "message": message.id,
                "reason": message.reason,
                "since": when(message.since),
                "alerts": alerts,
                "left_out": left_out(message, MOST_SHOWN.min(message.alerts.len())),
                "maintenance": maintenance(message),
            },
        },
    })
    .to_string()
}
