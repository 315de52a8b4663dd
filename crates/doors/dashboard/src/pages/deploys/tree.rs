//! What a plan changes, as a tree with the losses first. What is hidden stays hidden, and what is very large ends with a
//! sentence.

use cc_devops_deploys::shown::{self, Branch, Leaf, LeafValue};
use cc_devops_deploys::{PlanId, Row};
use cc_devops_kernel::text;
use cc_devops_requests::deploys::Plan;
use maud::{Markup, html};

use crate::components::{Tone, code, section, status};

/// How many bytes of HTML the tree has at most.
const MOST_BYTES: usize = 70_000;

/// How many losses are listed before the tree.
const MOST_LOSSES: usize = 40;

/// How many properties of one resource are listed.
const MOST_PROPERTIES: usize = 30;

/// How deep the tree is drawn; what is deeper stands at this depth.
const DEEPEST: usize = 10;

/// How many characters are shown of what a stack's own command wrote.
const MOST_WRITTEN: usize = 15_000;

/// What is lost, as sentences; nothing where nothing is.
pub(super) fn losses(rows: &[Row]) -> Option<Markup> {
    let lost: Vec<&Row> = rows.iter().filter(|row| row.lost).collect();
    let left = lost.len().saturating_sub(MOST_LOSSES);
    (!lost.is_empty()).then(|| {
        section(
            "losses",
            "What is lost",
            &html! {
                ul.losses {
                    @for row in lost.iter().take(MOST_LOSSES) { li { (status(Tone::Bad, &shown::loss(row))) } }
                }
                @if left > 0 { p { "And " (left) " more; the tree below has them." } }
            },
        )
    })
}

/// All that changes.
pub(super) fn changes(plan: &Plan) -> Markup {
    let branches = shown::branches(&plan.rows);
    let mut room = Room {
        bytes: MOST_BYTES,
        left_out: 0,
    };
    let drawn = below(&branches, 0, &mut room);
    let written = plan.text.as_deref().map(text::lines);
    html! {
        p { (shown::sum(plan.rows.len(), &plan.record.summary)) }
        @if plan.record.unplanned {
            p { "Nobody knows what this deploy changes: the stack has no command that plans it." }
        }
        @if !branches.is_empty() { (drawn) }
        @if room.left_out > 0 { p { (left_out(room.left_out, &plan.record.id)) } }
        @if let Some(written) = written {
            h3 { "What the stack’s own command wrote" }
            pre { (written.chars().take(MOST_WRITTEN).collect::<String>()) }
            @if written.chars().count() > MOST_WRITTEN {
                p { "That is only its beginning. All of it: " (code(&format!("cc-devops deploys show {}", plan.record.id))) }
            }
        }
    }
}

fn left_out(count: usize, plan: &PlanId) -> Markup {
    let count = text::counted(
        u64::try_from(count).unwrap_or_default(),
        "more resource is",
        "more resources are",
    );
    html! {
        (count) " not shown here, because the plan is very large; what is lost is listed first. All of it: "
        (code(&format!("cc-devops deploys show {plan}")))
    }
}

/// How much may still be drawn, and how much was not.
struct Room {
    bytes: usize,
    left_out: usize,
}

impl Room {
    /// What is drawn where there is room for it.
    fn take(&mut self, drawn: Markup) -> Option<Markup> {
        if drawn.0.len() > self.bytes {
            self.bytes = 0;
            self.left_out += 1;
            return None;
        }
        self.bytes -= drawn.0.len();
        Some(drawn)
    }
}

/// Branches in their order, each with those below it.
fn below(branches: &[Branch<'_>], depth: usize, room: &mut Room) -> Markup {
    let mut items = Vec::new();
    let mut rest = branches;
    while let Some((first, behind)) = rest.split_first() {
        if room.bytes == 0 {
            room.left_out += rest.len();
            break;
        }
        let end = behind.iter().position(|branch| branch.level <= first.level);
        let (inner, others) = behind.split_at(if depth < DEEPEST {
            end.unwrap_or(behind.len())
        } else {
            0
        });
        rest = others;
        let Some(drawn) = room.take(one(first)) else {
            room.left_out += inner.len();
            continue;
        };
        let inner = (!inner.is_empty()).then(|| below(inner, depth + 1, room));
        items.push(html! { li { (drawn) @if let Some(inner) = inner { (inner) } } });
    }
    html! { ul.tree { @for item in items { (item) } } }
}

fn one(branch: &Branch<'_>) -> Markup {
    let leaves: Vec<Leaf> = shown::leaves(branch.row).take(MOST_PROPERTIES).collect();
    let more = branch.row.properties.len().saturating_sub(leaves.len());
    let (losses, facts): (Vec<&String>, Vec<&String>) = branch
        .facts
        .iter()
        .partition(|fact| fact.ends_with("LOSE DATA") || fact.ends_with("LOSES DATA"));
    let facts: Vec<&str> = facts.into_iter().map(String::as_str).collect();
    html! {
        span.sign aria-hidden="true" { (branch.sign) } " "
        span.change { (word(branch.sign)) } " "
        strong { (branch.name) } " " span.kind { (branch.kind) }
        @for loss in losses { " " (status(Tone::Bad, loss)) }
        @if !facts.is_empty() { " " span.facts { (facts.join(", ")) } }
        @if !leaves.is_empty() {
            ul.values {
                @for leaf in &leaves { li { (value(leaf)) } }
                @if more > 0 { li { "and " (more) " more" } }
            }
        }
    }
}

fn word(sign: char) -> &'static str {
    match sign {
        '+' => "new",
        '-' => "goes",
        '~' => "changes",
        '±' => "is or may be replaced",
        _ => "unknown",
    }
}

fn value(leaf: &Leaf) -> Markup {
    html! {
        (code(&leaf.path)) ": "
        @match &leaf.value {
            LeafValue::Hidden => "changes; its value is hidden",
            LeafValue::Becomes(before, after) => { del { (before) } " becomes " ins { (after) } },
            LeafValue::Goes(before) => { del { (before) } " goes" },
            LeafValue::Comes(after) => { ins { (after) } " is new" },
            LeafValue::Changes => "changes",
        }
    }
}
