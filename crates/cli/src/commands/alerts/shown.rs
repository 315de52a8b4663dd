//! Alerts and silences as programs and people see them.

use cc_devops_alerts::Alert;
use cc_devops_alerts::policy::FixedSilence;
use cc_devops_alerts::silence::Silence;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::times::show;
use crate::output::table;

/// What `alerts list` has of each.
pub(super) fn row(alert: &Alert) -> Value {
    let mut row = json!({
        "id": alert.id,
        "key": alert.condition.key,
        "kind": alert.condition.kind,
        "severity": alert.condition.severity,
        "state": alert.state,
        "since": alert.since(),
        "title": alert.condition.title,
    });
    if let Value::Object(fields) = &mut row {
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        add("agent", alert.condition.agent.as_ref().map(|agent| json!(agent)));
        add("stage", alert.condition.stage.as_ref().map(|stage| json!(stage)));
        add("acknowledged", alert.acknowledged.as_ref().map(|who| json!(who)));
        add("flappingSince", alert.flapping.map(|since| json!(since)));
        add("waits", alert.waits.as_ref().map(|waits| json!(waits)));
    }
    row
}

/// The same with everything that is known of it and what was told.
pub(super) fn whole(alert: &Alert) -> Value {
    let mut row = row(alert);
    if let Value::Object(fields) = &mut row {
        fields.insert("text".to_owned(), json!(alert.condition.text));
        fields.insert("tags".to_owned(), json!(alert.condition.tags));
        fields.insert("openedAt".to_owned(), json!(alert.condition.since));
        fields.insert("ended".to_owned(), json!(alert.ended));
        fields.insert("told".to_owned(), json!(alert.told));
        fields.insert("firstToldAt".to_owned(), json!(alert.first_told));
        fields.insert("toldAt".to_owned(), json!(alert.told_at));
    }
    row
}

/// The list for people.
pub(super) fn list_text(alerts: &[Alert]) -> String {
    if alerts.is_empty() {
        return "nothing needs a person".to_owned();
    }
    let rows = alerts.iter().map(|alert| {
        vec![
            alert.id.clone(),
            alert.condition.severity.as_str().to_owned(),
            state(alert),
            show(alert.since()),
            alert.condition.key.clone(),
            line(alert).to_owned(),
        ]
    });
    table(&["ALERT", "SEVERITY", "STATE", "SINCE", "KEY", "WHAT"], rows)
}

fn state(alert: &Alert) -> String {
    match (&alert.acknowledged, alert.flapping) {
        (Some(who), _) if alert.state.is_open() => format!("acknowledged by {}", who.by),
        (_, Some(_)) if alert.state.is_open() => "flapping".to_owned(),
        _ => alert.state.as_str().to_owned(),
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
        format!("{} ({})", line(alert), state(alert)),
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
        let reason = who.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
        lines.push(format!("taken on  by {} at {}{reason}", who.by, show(who.at)));
    }
    if let Some(waits) = &alert.waits {
        lines.push(format!("waits     until {}: {}", show(waits.until), waits.words));
    }
    for (channel, told) in &alert.told {
        lines.push(format!("told      {channel} at {} (message {})", show(told.at), told.message));
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
            if silence.from <= now && now < silence.to { "yes" } else { "no" }.to_owned(),
            silence.by.clone(),
            silence.reason.clone(),
        ]
    });
    let fixed = fixed.iter().map(|silence| {
        vec![
            "-".to_owned(),
            silence.matches.to_string(),
            silence.window.to_string(),
            if silence.window.covers(now).is_some() { "yes" } else { "no" }.to_owned(),
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
