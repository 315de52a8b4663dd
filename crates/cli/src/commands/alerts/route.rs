//! `alerts route`: which way an alert with certain labels goes, and why.

use std::collections::BTreeMap;

use cc_devops_alerts::Severity;
use cc_devops_alerts::policy::{AlertPolicy, Grouping, Route};
use cc_devops_kernel::duration::WrittenDuration;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::times::show;
use super::label;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store;

pub(super) const HELP: &str = "\
Without labels it lists the routes in their order. With labels, or with --agent, whose own labels count, it
says by which channels such an alert is told, and whether quiet hours or a silence hold it back now; with
--explain, of each route why it is taken or not. Nothing is told.

Examples:
  cc-devops alerts route
  cc-devops alerts route --match kind=agent --match severity=critical --match host=web1
  cc-devops alerts route --agent Writer --explain";

/// Which alert.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Label of the alert, as in kind=agent; may be given more than once
    #[arg(long = "match", value_name = "LABEL=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Agent that is down in it; its severity, stage and tags count
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Say of each route why it is taken or not
    #[arg(long)]
    explain: bool,
}

/// What becomes of an alert at one route.
enum Way<'a> {
    Taken,
    /// A label does not hold.
    Missed(&'a str, Option<String>),
    /// One before it was taken, and does not continue.
    Behind(String),
}

/// Runs `alerts route`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let settings = context.load_settings()?.settings;
    let policy = &settings.alerts.policy;
    if args.labels.is_empty() && args.agent.is_none() {
        let routes: Vec<Value> = policy.routes.iter().map(row).collect();
        return context
            .output
            .answer(&json!({"routes": routes}), || list_text(&policy.routes));
    }
    let mut labels = BTreeMap::new();
    if let Some(name) = &args.agent {
        let opened = store::open(context).await?;
        let watching = opened.capabilities.watching().await?;
        let settings = watching.settings(name).await?;
        labels.insert("kind".to_owned(), "agent".to_owned());
        labels.insert("key".to_owned(), format!("agent/{name}"));
        labels.insert("agent".to_owned(), name.to_string());
        labels.insert("severity".to_owned(), settings.severity.as_str().to_owned());
        labels.extend(settings.stage.map(|stage| ("stage".to_owned(), stage.to_string())));
        labels.extend(settings.tags);
    }
    labels.extend(args.labels.iter().cloned());
    answer(context, policy, &labels, &args)
}

fn answer(
    context: &Context,
    policy: &AlertPolicy,
    labels: &BTreeMap<String, String>,
    args: &Args,
) -> Result<(), CliError> {
    let now = SystemClock.now();
    let ways = ways(policy, labels);
    let taken: Vec<&Route> = ways
        .iter()
        .filter(|(_, way)| matches!(way, Way::Taken))
        .map(|(route, _)| *route)
        .collect();
    let severity = labels.get("severity").and_then(|name| Severity::named(name));
    let quiet = severity.and_then(|severity| policy.quiet(severity, now));
    let silenced: Vec<(Timestamp, &str)> = policy
        .silences
        .iter()
        .filter(|silence| silence.matches.holds(&|name: &str| labels.get(name).cloned()))
        .filter_map(|silence| Some((silence.window.covers(now)?, silence.reason.as_str())))
        .collect();
    let document = json!({
        "labels": labels,
        "routes": ways.iter().map(|(route, way)| explained(route, way)).collect::<Vec<_>>(),
        "channels": channels(&taken),
        "quietUntil": quiet.as_ref().map(|(until, _)| until),
        "silencedUntil": silenced.iter().map(|(until, _)| until).max(),
    });
    context.output.prose(&document, || {
        let mut lines = Vec::new();
        if args.explain {
            lines.extend(ways.iter().map(|(route, way)| why(route, way)));
            lines.push(String::new());
        }
        lines.extend(taken.iter().flat_map(|route| told(route)));
        if channels(&taken).is_empty() {
            lines.push("nobody is told".to_owned());
        }
        if let Some((until, hours)) = &quiet {
            lines.push(format!("now it waits until {}: quiet hours {hours}", show(*until)));
        }
        for (until, reason) in &silenced {
            let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            lines.push(format!("now it is silenced until {}{because}", show(*until)));
        }
        lines.join("\n")
    })
}

/// What becomes of the alert at each route, in their order.
fn ways<'a>(policy: &'a AlertPolicy, labels: &BTreeMap<String, String>) -> Vec<(&'a Route, Way<'a>)> {
    let mut ended: Option<String> = None;
    let way = |route: &'a Route| {
        if let Some(by) = &ended {
            return (route, Way::Behind(by.clone()));
        }
        if let Some((label, value)) = route.matches.misses(&|name: &str| labels.get(name).cloned()) {
            return (route, Way::Missed(label, value));
        }
        if !route.goes_on {
            ended = Some(route.title());
        }
        (route, Way::Taken)
    };
    policy.routes.iter().map(way).collect()
}

/// Every channel of these routes, without those of later steps, each once.
fn channels<'a>(routes: &[&'a Route]) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for channel in routes.iter().flat_map(|route| &route.channels) {
        if !all.contains(&channel.as_str()) {
            all.push(channel);
        }
    }
    all
}

fn grouping(route: &Route) -> Vec<&str> {
    match &route.group_by {
        Grouping::Alone => vec!["key"],
        Grouping::Labels(labels) => labels.iter().map(String::as_str).collect(),
    }
}

fn written(time: SignedDuration) -> String {
    WrittenDuration::from_secs(time.as_secs()).to_string()
}

fn row(route: &Route) -> Value {
    json!({
        "route": route.title(),
        "match": route.matches,
        "channels": route.channels,
        "continue": route.goes_on,
        "groupBy": grouping(route),
        "groupWait": written(route.group_wait),
        "groupInterval": written(route.group_interval),
        "remind": route.remind.map(written),
        "failures": route.failures,
        "escalate": route.escalate.iter().map(|step| json!({
            "after": written(step.after),
            "channels": step.channels,
        })).collect::<Vec<_>>(),
    })
}

fn explained(route: &Route, way: &Way<'_>) -> Value {
    let mut row = row(route);
    if let Value::Object(fields) = &mut row {
        fields.insert("taken".to_owned(), json!(matches!(way, Way::Taken)));
        fields.insert("why".to_owned(), json!(reason(route, way)));
    }
    row
}

fn reason(route: &Route, way: &Way<'_>) -> String {
    match way {
        Way::Taken if route.matches.is_everything() => "it takes everything".to_owned(),
        Way::Taken => format!("{} holds", route.matches),
        Way::Missed(label, value) => {
            let wanted = route.matches.0.get(*label).map_or_else(String::new, |values| values.join(" or "));
            match value {
                Some(value) => format!("{label} is {value}, not {wanted}"),
                None => format!("there is no label {label}, and {wanted} is wanted"),
            }
        }
        Way::Behind(before) => format!("{before} was taken, and does not continue"),
    }
}

fn why(route: &Route, way: &Way<'_>) -> String {
    let word = if matches!(way, Way::Taken) { "taken" } else { "not taken" };
    format!("{}: {word}, {}", route.title(), reason(route, way))
}

/// What follows from a route that is taken.
fn told(route: &Route) -> Vec<String> {
    let title = route.title();
    let mut lines = Vec::new();
    if !route.channels.is_empty() {
        let together = match grouping(route).as_slice() {
            ["key"] => "alone".to_owned(),
            [] => "together with everything of that route".to_owned(),
            labels => format!("together with what has the same {}", labels.join(", ")),
        };
        lines.push(format!(
            "{title}: told by {}, {together}, after {}; again of the same group after {}",
            route.channels.join(", "),
            written(route.group_wait),
            written(route.group_interval)
        ));
    }
    if route.failures > 1 {
        lines.push(format!("{title}: a failure is told after {} in a row", route.failures));
    }
    if let Some(remind) = route.remind {
        lines.push(format!(
            "{title}: told again every {} until it is acknowledged",
            written(remind)
        ));
    }
    for step in &route.escalate {
        lines.push(format!(
            "{title}: told by {} too, where nobody acknowledges it within {}",
            step.channels.join(", "),
            written(step.after)
        ));
    }
    lines
}

fn list_text(routes: &[Route]) -> String {
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let rows = routes.iter().map(|route| {
        let escalate = route.escalate.iter();
        let escalate: Vec<String> = escalate
            .map(|step| format!("{} after {}", step.channels.join(", "), written(step.after)))
            .collect();
        vec![
            route.title(),
            route.matches.to_string(),
            dash(route.channels.join(", ")),
            if route.goes_on { "yes" } else { "no" }.to_owned(),
            dash(grouping(route).join(", ")),
            route.remind.map_or_else(|| "off".to_owned(), written),
            dash(escalate.join("; ")),
        ]
    });
    table(
        &["ROUTE", "MATCH", "CHANNELS", "CONTINUE", "GROUP BY", "REMIND", "ESCALATE"],
        rows,
    )
}
