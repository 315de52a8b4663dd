//! The words that every channel uses.

use std::fmt::Write as _;

use cc_devops_alerts::{ConditionKind, Message, MessageKind, Named, PlanNotice};
use cc_devops_kernel::text::counted;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Where all of it can be seen.
pub(crate) const SEE_ALL: &str = "cc-devops alerts list";

/// An instant, to the second.
pub(crate) fn when(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What a condition is, on one line: `critical, open since …`.
pub(crate) fn state(named: &Named) -> String {
    let is = if named.open { "open since" } else { "over since" };
    format!("{}, {is} {}", named.severity.as_str(), when(named.since))
}

/// What a condition is called: the agent, or its key.
pub(crate) fn called(named: &Named) -> &str {
    match &named.agent {
        Some(agent) if named.kind == ConditionKind::Agent => agent.as_str(),
        _ => &named.key,
    }
}

/// How somebody takes an alert on, where that is of use.
pub(crate) fn take_on(message: &Message, named: &Named) -> Option<String> {
    let news = !matches!(message.kind, MessageKind::Test | MessageKind::Digest);
    (named.open && news && !named.alert.is_empty()).then(|| format!("cc-devops alerts ack {}", named.alert))
}

/// Which plan waits, for whom, and until when.
pub(crate) fn waits(plan: &PlanNotice) -> String {
    format!(
        "Plan {} of {} waits to be decided. {} asked for it. It expires at {}.",
        plan.plan,
        plan.stack,
        plan.requested_by,
        when(plan.expires_at)
    )
}

/// The two commands by which a plan is decided.
pub(crate) fn decide_with(plan: &PlanNotice) -> [(&'static str, String); 2] {
    [("Approve it with", plan.approve()), ("Deny it with", plan.deny())]
}

/// All that is told of a plan, as plain text. The tree comes last, because what is too long is cut at its end.
pub(crate) fn plan_text(plan: &PlanNotice, most_tree: usize) -> String {
    let [(approve, approving), (deny, denying)] = decide_with(plan);
    let tree = plan.tree_within(most_tree, str::len);
    let what = if tree.is_empty() { "" } else { "\nWhat it changes:\n" };
    format!("{}\n{approve}: {approving}\n{deny}: {denying}{what}{tree}", waits(plan))
}

/// How many there are beyond those that are shown, and where to see them. None where all are shown.
pub(crate) fn left_out(message: &Message, shown: usize) -> Option<String> {
    let hidden = u64::try_from(message.alerts.len().saturating_sub(shown)).unwrap_or(u64::MAX);
    let more = message.left_out.saturating_add(hidden);
    (more > 0).then(|| {
        let alerts = counted(more, "alert is", "alerts are");
        format!("{alerts} not shown here. See all with: {SEE_ALL}")
    })
}

/// That the control plane does nothing unasked, where it is so.
pub(crate) fn maintenance(message: &Message) -> Option<String> {
    let why = message.maintenance.as_deref()?;
    let because = if why.is_empty() {
        String::new()
    } else {
        format!(" ({why})")
    };
    Some(format!(
        "Maintenance mode is on{because}: nothing is done unasked; alerts go on."
    ))
}

/// Why it is told now.
pub(crate) fn why(message: &Message) -> Option<String> {
    (!message.reason.is_empty()).then(|| format!("Why now: {}", message.reason))
}

/// Whether anything of it is open still.
pub(crate) fn is_open(message: &Message) -> bool {
    let named = message.alerts.iter().any(|named| named.open);
    match message.count {
        Some(open) => open > 0,
        None if message.alerts.is_empty() => {
            matches!(
                message.kind,
                MessageKind::Down | MessageKind::Reminder | MessageKind::Flapping
            )
        }
        None => named,
    }
}

/// The message as plain text, with every alert that it names.
pub fn plain(message: &Message) -> String {
    let mut text = format!("{}\n", message.title);
    for line in [why(message), maintenance(message)].into_iter().flatten() {
        push(&mut text, &line);
    }
    for named in &message.alerts {
        push(&mut text, "");
        push(&mut text, &format!("{}: {}", called(named), state(named)));
        if named.title != message.title {
            push(&mut text, &named.title);
        }
        if !named.text.is_empty() {
            push(&mut text, named.text.trim_end_matches('\n'));
        }
        if let Some(plan) = &named.plan {
            push(&mut text, &plan_text(plan, usize::MAX));
        }
        if let Some(body) = &named.body {
            push(&mut text, "What came with the last ping:");
            push(&mut text, body.trim_end_matches('\n'));
        }
        if let Some(command) = take_on(message, named) {
            push(&mut text, &format!("Take it on with: {command}"));
        }
    }
    if let Some(more) = left_out(message, message.alerts.len()) {
        push(&mut text, "");
        push(&mut text, &more);
    }
    push(&mut text, "");
    push(&mut text, &closing(message));
    text
}

/// The last line: which decision it is a copy of.
pub(crate) fn closing(message: &Message) -> String {
    format!("Message {} of {}.", message.id, when(message.at))
}

fn push(text: &mut String, line: &str) {
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok(), "a String takes everything");
}
