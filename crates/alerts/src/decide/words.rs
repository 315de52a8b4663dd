//! What a message says, in words.

use jiff::{SignedDuration, Timestamp};

use crate::alert::Alert;
use crate::condition::ConditionKind;
use crate::message::MessageKind;

/// What an alert is called in a list.
pub(super) fn called(alert: &Alert) -> &str {
    let agent = alert.condition.agent.as_ref();
    agent.map_or(alert.condition.key.as_str(), |agent| agent.as_str())
}

/// Adds a part to a sentence of parts.
pub(super) fn add(sentence: &mut String, part: &str) {
    if !sentence.is_empty() && !part.is_empty() {
        sentence.push_str("; ");
    }
    sentence.push_str(part);
}

/// A duration in its largest two units: `15 min`, `6 h`, `1 h 30 min`.
pub(super) fn duration(lasts: SignedDuration) -> String {
    let seconds = lasts.as_secs().max(0);
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts: Vec<String> = Vec::new();
    for (name, unit) in units {
        let count = rest / unit;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count} {name}"));
            rest -= count * unit;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Why a message is told: what is so and since when, and why now.
pub(super) fn reason(kind: MessageKind, items: &[(MessageKind, &Alert, &str)], since: Timestamp) -> String {
    let mut said = match (kind, items) {
        (MessageKind::Down | MessageKind::Reminder, _) => format!("{} since {since}", word(items)),
        (MessageKind::Up, [(_, alert, _)]) => {
            let began = alert.condition.since;
            format!(
                "over since {since}; it was {} since {began}, for {}",
                word(items),
                duration(since.duration_since(began))
            )
        }
        (MessageKind::Up, _) => format!("over since {since}"),
        (MessageKind::Closed, _) => {
            let mut lines: Vec<&str> = items
                .iter()
                .filter_map(|(_, alert, _)| Some(alert.ended.as_ref()?.line.as_str()))
                .collect();
            lines.dedup();
            lines.truncate(5);
            lines.join("; ")
        }
        (MessageKind::Flapping, [(_, alert, _)]) => {
            let from = alert.flapping.unwrap_or(Timestamp::MIN);
            let flips = alert.flips.iter().filter(|flip| **flip >= from).count();
            format!("it came and went, {flips} times since {from}; what is true is told when it is calm")
        }
        (MessageKind::Flapping, _) => "they come and go; what is true is told when they are calm".to_owned(),
        (MessageKind::Digest, _) => night(items),
        (MessageKind::Test, _) => "somebody tries the channel".to_owned(),
    };
    if kind == MessageKind::Down && items.iter().any(|(kind, ..)| *kind == MessageKind::Up) {
        let over = items.iter().filter(|(kind, ..)| *kind == MessageKind::Up).count();
        add(
            &mut said,
            &format!(
                "{over} of those told before {} over",
                if over == 1 { "is" } else { "are" }
            ),
        );
    }
    let mut whys: Vec<&str> = items
        .iter()
        .map(|(_, _, why)| *why)
        .filter(|why| !why.is_empty())
        .collect();
    whys.sort_unstable();
    whys.dedup();
    for why in whys.into_iter().take(4) {
        add(&mut said, why);
    }
    said
}

/// What open ones are: `down` where all are agents.
fn word(items: &[(MessageKind, &Alert, &str)]) -> &'static str {
    let agents = items
        .iter()
        .all(|(_, alert, _)| alert.condition.kind == ConditionKind::Agent);
    if agents { "down" } else { "open" }
}

/// What came and went in the night, with both times.
fn night(items: &[(MessageKind, &Alert, &str)]) -> String {
    let mut said = String::new();
    let times = items
        .iter()
        .flat_map(|(_, alert, _)| alert.missed.iter().map(|missed| (called(alert), missed)));
    let all = times.clone().count();
    for (name, missed) in times.take(10) {
        add(
            &mut said,
            &format!("{name} was {} from {} to {}", word(items), missed.from, missed.to),
        );
    }
    if all > 10 {
        add(&mut said, &format!("and {} more times", all - 10));
    }
    said
}

/// One line that says it all.
pub(super) fn title(kind: MessageKind, items: &[(MessageKind, &Alert, &str)]) -> String {
    if let [(_, alert, _)] = items {
        return title_of(kind, alert);
    }
    let of_kind: Vec<&Alert> = items
        .iter()
        .filter(|(item, ..)| *item == kind)
        .map(|(_, alert, _)| *alert)
        .collect();
    let names = |alerts: &[&Alert]| {
        let shown: Vec<&str> = alerts.iter().take(3).map(|alert| called(alert)).collect();
        let more = alerts.len().saturating_sub(3);
        if more == 0 {
            shown.join(", ")
        } else {
            format!("{} and {more} more", shown.join(", "))
        }
    };
    let what = if word(items) == "down" { "agents" } else { "alerts" };
    let count = of_kind.len();
    let are = match kind {
        MessageKind::Down => word(items),
        MessageKind::Up => "over",
        MessageKind::Reminder => "still open",
        MessageKind::Closed => "closed",
        MessageKind::Flapping => "coming and going",
        MessageKind::Digest => "over again: they came and went in quiet hours",
        MessageKind::Test => "tried",
    };
    let mut title = match of_kind.as_slice() {
        [alert] => title_of(kind, alert),
        many => format!("{count} {what} are {are}: {}", names(many)),
    };
    let over: Vec<&Alert> = items
        .iter()
        .filter(|(item, ..)| *item != kind)
        .map(|(_, alert, _)| *alert)
        .collect();
    if !over.is_empty() {
        add(&mut title, &format!("over: {}", names(&over)));
    }
    title
}

fn title_of(kind: MessageKind, alert: &Alert) -> String {
    let name = called(alert);
    let opened = alert.condition.title.as_str();
    let ended = alert
        .ended
        .as_ref()
        .map(|ended| ended.line.as_str())
        .filter(|line| !line.is_empty());
    match kind {
        MessageKind::Down | MessageKind::Test => opened.to_owned(),
        MessageKind::Up => ended.map_or_else(|| format!("over: {opened}"), str::to_owned),
        MessageKind::Reminder => format!("still open: {opened}"),
        MessageKind::Closed => format!("{name}: closed, {}", ended.unwrap_or("nobody waits for its end")),
        MessageKind::Flapping => format!("{name} comes and goes; it is told again when it is calm"),
        MessageKind::Digest => format!("{name} came and went in quiet hours and is over"),
    }
}
