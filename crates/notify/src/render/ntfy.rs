//! A message for a topic of ntfy, as JSON. Source: <https://docs.ntfy.sh/publish/#publish-as-json>.

use cc_devops_alerts::{Message, MessageKind, Severity};
use serde_json::json;

use super::words::is_open;
use super::{cut, cut_bytes, plain};

/// The largest message, in bytes: a larger one becomes a file.
pub const MAX_MESSAGE: usize = 4_096;

/// The longest title that is sent, in characters.
const MAX_TITLE: usize = 250;

/// The message for a topic. The decision's id is its last tag.
pub fn body(message: &Message, topic: &str) -> String {
    let open = is_open(message);
    let priority = match (open, message.severity) {
        (true, Severity::Critical) => 5,
        (true, Severity::Warning) => 4,
        _ => 3,
    };
    let sign = match message.kind {
        MessageKind::Test => "information_source",
        MessageKind::Up | MessageKind::Closed | MessageKind::Digest if !open => "white_check_mark",
        _ if message.severity == Severity::Critical => "rotating_light",
        _ => "warning",
    };
    // The first line of the text is the title again.
    let text = plain(message);
    let text = text
        .split_once('\n')
        .map_or("", |(_, rest)| rest)
        .trim_start_matches('\n');
    json!({
        "topic": topic,
        "title": cut(&message.title, MAX_TITLE),
        "message": cut_bytes(text, MAX_MESSAGE),
        "priority": priority,
        "tags": [sign, message.severity.as_str(), message.kind.as_str(), message.id],
    })
    .to_string()
}
