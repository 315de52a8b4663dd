//! A message as an adaptive card for a workflow of Microsoft Teams. Sources:
//! <https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook>,
//! <https://adaptivecards.io/explorer/>.
//!
//! What others wrote stands in text runs, in which Teams reads no Markdown, so that no link comes of it.

use cc_devops_alerts::{Message, Severity};
use serde_json::{Value, json};

use super::cut;
use super::words::{called, closing, is_open, left_out, maintenance, plan_text, state, take_on, why};

/// The largest message, in bytes: Teams takes 28 KB, of which some is its own.
pub const MAX_BODY: usize = 24_000;

/// How many alerts a card shows at most.
const MOST_SHOWN: usize = 20;

/// How much of an alert's text it shows at most, in characters.
const MAX_TEXT: usize = 600;

/// How much of what a plan changes it shows at most, in bytes.
const MAX_TREE: usize = 2_000;

/// The card, which is as large as Teams takes it.
pub fn body(message: &Message) -> String {
    let mut most = MOST_SHOWN.min(message.alerts.len());
    loop {
        let body = card(message, most).to_string();
        if body.len() <= MAX_BODY || most == 0 {
            return body;
        }
        most /= 2;
    }
}

fn card(message: &Message, most: usize) -> Value {
    let color = match (is_open(message), message.severity) {
        (true, Severity::Critical) => "attention",
        (true, Severity::Warning) => "warning",
        (true, Severity::Info) => "accent",
        (false, _) => "good",
    };
    let mut items = vec![text(&[run(&cut(&message.title, 300), true, color)], &message.id)];
    let lines = [why(message), maintenance(message)];
    items.extend(lines.into_iter().flatten().map(|line| plain(&cut(&line, MAX_TEXT))));
    for named in message.alerts.iter().take(most) {
        let head = format!("{}: {}", cut(called(named), 150), state(named));
        let mut said = named.title.clone();
        for more in [Some(&named.text), named.body.as_ref()].into_iter().flatten() {
            if !more.is_empty() {
                said.push('\n');
                said.push_str(more);
            }
        }
        items.push(text(&[run(&head, true, "default")], &named.alert));
        items.push(plain(&cut(&said, MAX_TEXT)));
        items.extend(named.plan.as_ref().map(|plan| plain(&plan_text(plan, MAX_TREE))));
        items.extend(take_on(message, named).map(|command| plain(&format!("Take it on with: {command}"))));
    }
    items.extend(left_out(message, most).map(|more| plain(&more)));
    items.push(plain(&closing(message)));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": cut(&message.title, 300),
                "msteams": {"width": "Full"},
                "body": items,
            },
        }],
    })
}

fn text(runs: &[Value], id: &str) -> Value {
    json!({"type": "RichTextBlock", "id": id, "inlines": runs})
}

fn plain(line: &str) -> Value {
    json!({"type": "RichTextBlock", "inlines": [run(line, false, "default")]})
}

fn run(words: &str, bold: bool, color: &str) -> Value {
    let weight = if bold { "bolder" } else { "default" };
    json!({"type": "TextRun", "text": words, "weight": weight, "color": color})
}
