//! Alerts and silences as people see them.

use cc_devops_alerts::alert::{Acknowledged, Alert, AlertState};
use cc_devops_alerts::policy::FixedSilence;
use cc_devops_alerts::seen::Seen;
use cc_devops_alerts::silence::Silence;
use jiff::Timestamp;

use super::super::times::show;
use crate::output::{table, visible};

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
    // Each is one line, whatever others wrote in it.
    let mut lines: Vec<String> = lines.iter().map(|line| visible(line).into_owned()).collect();
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_an_alert_is_one_line_whatever_others_wrote() {
        let alert: Alert = serde_json::from_value(json!({
            "id": "0123456789ab",
            "condition": {"key": "agent/Writer\nkey", "kind": "agent", "severity": "warning", "tags": {"team": "a\nb"},
                "since": "2026-06-01T10:00:00Z", "title": "Writer\ntitle", "text": "first\nsecond\n"},
            "state": "acknowledged",
            "notedAt": "2026-06-01T10:00:00Z",
            "waits": {"what": "silence", "until": "2026-06-01T12:00:00Z", "words": "a silence\nwords"},
            "acknowledged": {"by": "ops\nby", "at": "2026-06-01T11:00:00Z", "reason": "new disks\nseverity  none"},
            "route": "all",
            "list": "alone",
        }))
        .unwrap();
        let shown = text(&alert);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 11, "{shown}");
        assert_eq!(lines[8..], ["", "first", "second"], "what is text has its lines");
        for written in [
            "Writer\\ntitle",
            "agent/Writer\\nkey",
            "a\\nb",
            "ops\\nby",
            "new disks\\nseverity  none",
            "silence\\nwords",
        ] {
            assert!(
                lines[..8].iter().any(|line| line.contains(written)),
                "{written}: {shown}"
            );
        }
    }
}
