//! Alerts and silences as people see them.

use cc_devops_alerts::alert::{Acknowledged, Alert, AlertState};
use cc_devops_alerts::policy::FixedSilence;
use cc_devops_alerts::seen::Seen;
use cc_devops_alerts::silence::Silence;
use jiff::Timestamp;

use super::super::times::show;
use crate::output::table;

/// How many of those that are over people are shown.
const OVER_SHOWN: usize = 20;

/// The list for people.
pub(super) fn list_text(alerts: &[Seen]) -> String {
    let open = alerts.iter().filter(|alert| alert.state.is_open()).count();
    let shown = alerts.iter().take(open + OVER_SHOWN);
    let rows = shown.map(|alert| {
        vec![
            alert.id.clone(),
            alert.severity.as_str().to_owned(),
            state(alert.state, alert.acknowledged.as_ref(), alert.flapping),
            show(alert.since),
            alert.key.clone(),
            alert.title.clone(),
        ]
    });
    let list = table(&["ALERT", "SEVERITY", "STATE", "SINCE", "KEY", "WHAT"], rows);
    let left_out = alerts.len().saturating_sub(open + OVER_SHOWN);
    let parts = [
        (!alerts.is_empty()).then_some(list),
        (left_out > 0).then(|| format!("and {left_out} more that are over; --json has all")),
        (open == 0).then(|| "nothing needs a person".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

fn state(state: AlertState, taken: Option<&Acknowledged>, flapping: Option<Timestamp>) -> String {
    match (taken, flapping) {
        (Some(taken), _) if state.is_open() => format!("acknowledged by {}", taken.by),
        (_, Some(_)) if state.is_open() => "flapping".to_owned(),
        _ => state.as_str().to_owned(),
    }
}

/// What is true of it, in one line.
fn line(alert: &Alert) -> &str {
    match &alert.ended {
        Some(ended) => &ended.line,
        None => &alert.condition.title,
    }
}

/// One alert for people.
pub(super) fn text(alert: &Alert) -> String {
    let condition = &alert.condition;
    let mut lines = vec![
        format!(
            "{} ({})",
            line(alert),
            state(alert.state, alert.acknowledged.as_ref(), alert.flapping)
        ),
        format!("alert     {}", alert.id),
        format!("key       {}", condition.key),
        format!("severity  {}", condition.severity.as_str()),
        format!("opened    {}", show(condition.since)),
    ];
    if let Some(ended) = &alert.ended {
        lines.push(format!("ended     {}", show(ended.at)));
    }
    let labels = condition.tags.iter().map(|(name, value)| format!("{name}={value}"));
    let stage = condition.stage.iter().map(|stage| format!("stage={stage}"));
    let labels: Vec<String> = stage.chain(labels).collect();
    if !labels.is_empty() {
        lines.push(format!("labels    {}", labels.join(", ")));
    }
    if let Some(who) = &alert.acknowledged {
        let reason = who
            .reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        lines.push(format!("taken on  by {} at {}{reason}", who.by, show(who.at)));
    }
    if let Some(waits) = &alert.waits {
        lines.push(format!("waits     until {}: {}", show(waits.until), waits.words));
    }
    for (channel, told) in &alert.told {
        lines.push(format!(
            "told      {channel} at {} (message {})",
            show(told.at),
            told.message
        ));
    }
    if !condition.text.is_empty() {
        lines.push(String::new());
        lines.push(condition.text.trim_end().to_owned());
    }
    lines.join("\n")
}

/// Silences for people.
pub(super) fn silences_text(made: &[Silence], fixed: &[FixedSilence], now: Timestamp) -> String {
    let made = made.iter().map(|silence| {
        vec![
            silence.id.clone(),
            silence.matches.to_string(),
            format!("{} to {}", show(silence.from), show(silence.to)),
            if silence.from <= now && now < silence.to {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
            silence.by.clone(),
            silence.reason.clone(),
        ]
    });
    let fixed = fixed.iter().map(|silence| {
        vec![
            "-".to_owned(),
            silence.matches.to_string(),
            silence.window.to_string(),
            if silence.window.covers(now).is_some() {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
            "the configuration".to_owned(),
            silence.reason.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = made.chain(fixed).collect();
    if rows.is_empty() {
        return "nothing is silenced".to_owned();
    }
    table(&["SILENCE", "MATCH", "WHEN", "NOW", "BY", "REASON"], rows)
}
