//! A message as lines of the log.

use cc_devops_alerts::{Message, Severity};

use super::words::is_open;

/// Writes the message to the log: as an error where something critical is open, as a warning where something else is,
/// as news where it is over.
pub(crate) fn write(channel: &str, message: &Message) {
    let (id, kind, reason) = (message.id.as_str(), message.kind.as_str(), message.reason.as_str());
    let keys: Vec<&str> = message.alerts.iter().map(|named| named.key.as_str()).collect();
    match (is_open(message), message.severity) {
        (true, Severity::Critical) => tracing::error!(channel, id, kind, reason, ?keys, "{}", message.title),
        (true, Severity::Warning) => tracing::warn!(channel, id, kind, reason, ?keys, "{}", message.title),
        _ => tracing::info!(channel, id, kind, reason, ?keys, "{}", message.title),
    }
}
