//! A message in Slack's Block Kit, within its limits. Sources: <https://docs.slack.dev/reference/block-kit/blocks>,
//! <https://docs.slack.dev/reference/block-kit/block-elements/button-element>.

use cc_devops_alerts::{Message, PlanNotice};
use serde_json::{Value, json};

use super::cut;
use super::words::{called, closing, decide_with, left_out, maintenance, state, take_on, waits, why};
use crate::slack_click::{Choice, button_value};

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

/// How much of what a plan changes is shown among other alerts, in characters.
const MAX_TREE_AMONG_OTHERS: usize = 1_000;

/// The longest title of a dialog that asks again, and the longest text, in characters. Source:
/// <https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object>.
const MAX_CONFIRM: (usize, usize) = (100, 300);

/// What stands around what is shown as it is.
const FENCE: &str = "```";

/// The message. Its first block's `block_id` is the decision's id. With `buttons` a plan that waits is decided by them,
/// without by commands.
pub fn body(message: &Message, buttons: bool) -> String {
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
    let room = if message.alerts.len() > 1 {
        MAX_AMONG_OTHERS
    } else {
        MAX_SECTION
    };
    let most_tree = if message.alerts.len() > 1 {
        MAX_TREE_AMONG_OTHERS
    } else {
        MAX_SECTION
    };
    let mut shown = 0;
    for named in message.alerts.iter().take(MOST_SHOWN) {
        let plan = named.plan.as_ref();
        let of_plan = plan.map_or_else(Vec::new, |plan| plan_blocks(plan, most_tree, buttons));
        // Its own block, what is left out, and the last line.
        if blocks.len() + of_plan.len() + 3 > MAX_BLOCKS {
            break;
        }
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
        blocks.extend(of_plan);
        shown += 1;
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

/// What waits, what it changes, and how it is decided.
fn plan_blocks(plan: &PlanNotice, most: usize, buttons: bool) -> Vec<Value> {
    let mut blocks = vec![section(&waits(plan), MAX_SECTION)];
    if !plan.tree.trim().is_empty() {
        // What others named may not end the block of code.
        let fenced = PlanNotice {
            tree: plan.tree.replace(FENCE, "'''"),
            ..plan.clone()
        };
        let room = most.saturating_sub(2 * (FENCE.len() + 1));
        let tree = fenced.tree_within(room, |line| escaped(line).chars().count());
        blocks.push(mrkdwn(&format!("{FENCE}\n{}\n{FENCE}", escaped(&tree))));
    }
    if buttons {
        blocks.push(json!({
            "type": "actions",
            "block_id": plan.plan,
            "elements": Choice::ALL.map(|choice| button(plan, choice)),
        }));
    } else {
        let commands = decide_with(plan).map(|(what, command)| format!("{what}: `{}`", escaped(&command)));
        blocks.push(mrkdwn(&commands.join("\n")));
    }
    blocks
}

/// A button that asks before it counts. Its value says what was shown: a click is good for that and nothing else.
fn button(plan: &PlanNotice, choice: Choice) -> Value {
    let (label, style, what) = match choice {
        Choice::Approve => (
            "Approve",
            "primary",
            "Exactly this plan may be carried out, with all that it changes.",
        ),
        Choice::Deny => (
            "Deny",
            "danger",
            "It is not carried out, and whoever asked for it is told so.",
        ),
    };
    let words = |text: &str| json!({"type": "plain_text", "text": text, "emoji": false});
    let (most_title, most_text) = MAX_CONFIRM;
    json!({
        "type": "button",
        "action_id": choice.action_id(),
        "text": words(label),
        "style": style,
        "value": button_value(&plan.plan, &plan.digest),
        "confirm": {
            "title": words(&cut(&format!("{label} {}?", plan.stack), most_title)),
            "text": words(&cut(&format!("{what} Plan {}.", plan.plan), most_text)),
            "confirm": words(label),
            "deny": words("Back"),
            "style": style,
        },
    })
}

fn section(text: &str, most: usize) -> Value {
    mrkdwn(&escaped_within(text, most))
}

/// `verbatim`: Slack makes no links and no mentions of what is not marked as one, and nothing is.
fn mrkdwn(escaped: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": escaped, "verbatim": true}})
}

/// Slack's three special characters escaped.
pub fn escaped(text: &str) -> String {
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
