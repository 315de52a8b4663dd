//! A message in Slack's Block Kit, within its limits. Source: <https://docs.slack.dev/reference/block-kit/blocks>.

use cc_devops_alerts::Message;
use serde_json::{Value, json};

use super::cut;
use super::words::{called, closing, left_out, maintenance, state, take_on, why};

/// The most blocks of a message.
pub const MAX_BLOCKS: usize = 50;

/// The longest text of a section, in characters.
pub const MAX_SECTION: usize = 3_000;

/// The longest header, in characters.
pub const MAX_HEADER: usize = 150;

/// How many alerts are shown: one block each, and room for those around them.
const MOST_SHOWN: usize = MAX_BLOCKS - 8;

/// How long one alert may be among others, in characters: a message of many is read, not studied.
const MAX_AMONG_OTHERS: usize = 700;

/// The message. Its first block's `block_id` is the decision's id.
pub fn body(message: &Message) -> String {
    // Slack wants 1 character at least.
    let title = if message.title.is_empty() {
        message.kind.as_str()
    } else {
        &message.title
    };
    let mut blocks = vec![json!({
        "type": "header",
        "block_id": message.id,
        "text": {"type": "plain_text", "text": cut(title, MAX_HEADER), "emoji": false},
    })];
    let mut said = Vec::new();
    if title.chars().count() > MAX_HEADER {
        said.push(title.to_owned());
    }
    said.extend([why(message), maintenance(message)].into_iter().flatten());
    blocks.extend((!said.is_empty()).then(|| section(&said.join("\n"), MAX_SECTION)));
    let shown = message.alerts.len().min(MOST_SHOWN);
    let room = if message.alerts.len() > 1 {
        MAX_AMONG_OTHERS
    } else {
        MAX_SECTION
    };
    for named in message.alerts.iter().take(shown) {
        let mut parts = vec![format!("{}: {}", called(named), state(named))];
        if named.title != message.title {
            parts.push(named.title.clone());
        }
        parts.push(named.text.clone());
        if let Some(body) = &named.body {
            parts.push(format!("What came with the last ping:\n{body}"));
        }
        parts.retain(|part| !part.is_empty());
        // What to do is not cut away by what others wrote.
        let command = take_on(message, named).map(|command| format!("\nTake it on with: `{}`", escaped(&command)));
        let command = command.unwrap_or_default();
        let left = room.saturating_sub(command.chars().count());
        blocks.push(mrkdwn(&format!("{}{command}", escaped_within(&parts.join("\n"), left))));
    }
    blocks.extend(left_out(message, shown).map(|more| section(&more, MAX_SECTION)));
    blocks.push(json!({
        "type": "context",
        "elements": [{"type": "plain_text", "text": closing(message), "emoji": false}],
    }));
    json!({
        "text": escaped_within(title, MAX_SECTION),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
    .to_string()
}

fn section(text: &str, most: usize) -> Value {
    mrkdwn(&escaped_within(text, most))
}

/// `verbatim`: Slack makes no links and no mentions of what is not marked as one, and nothing is.
fn mrkdwn(escaped: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": escaped, "verbatim": true}})
}

/// Slack's three special characters escaped.
fn escaped(text: &str) -> String {
    escaped_within(text, usize::MAX)
}

/// The same, as long as Slack takes it; no escape is cut in two.
fn escaped_within(text: &str, most: usize) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut length = 0_usize;
    // Where the text ends if one more character does not fit, the sign for it included.
    let mut end = 0;
    for c in text.chars() {
        let mut single = [0; 4];
        let written = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            c => c.encode_utf8(&mut single),
        };
        length += written.chars().count();
        if length > most {
            whole.truncate(end);
            whole.push('…');
            return whole;
        }
        whole.push_str(written);
        if length < most {
            end = whole.len();
        }
    }
    whole
}
