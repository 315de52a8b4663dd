//! `alerts route`: which way an alert with certain labels goes, and why.

use std::collections::BTreeMap;

use cc_devops_alerts::AlertPolicy;
use cc_devops_alerts::explain::{Explained, HeldBack};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Clock, SystemClock};
use serde_json::{Value, json};

use super::super::agents::labels as watched_labels;
use super::super::times::show;
use super::label;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store;

pub(super) const HELP: &str = "\
Without labels it lists the routes in their order. With labels, or with --agent, whose own labels count, it
says by which channels such an alert is told and how, and whether quiet hours or a silence hold it back now;
with --explain, of each route why it is taken or not. Nothing is told.

Examples:
  cc-devops alerts route
  cc-devops alerts route --match kind=agent --match severity=critical --match host=web1
  cc-devops alerts route --agent Writer --explain";

/// Which alert.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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

/// Runs `alerts route`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let settings = context.load_settings()?.settings;
    if args.labels.is_empty() && args.agent.is_none() {
        return list(context, &settings.alerts.policy);
    }
    let opened = store::open(context).await?;
    let mut labels = BTreeMap::new();
    if let Some(name) = &args.agent {
        labels = watched_labels(&opened.watched(name).await?);
    }
    labels.extend(args.labels);
    let explained = opened.capabilities.alerts().explain(&labels, SystemClock.now()).await?;
    let mut document = json!(explained);
    if let Value::Object(fields) = &mut document {
        fields.insert("labels".to_owned(), json!(labels));
    }
    context.output.prose(&document, || text(&explained, args.explain))
}

/// What becomes of the alert, for people.
fn text(explained: &Explained, why: bool) -> String {
    let mut lines = Vec::new();
    for route in &explained.routes {
        if why {
            let word = if route.taken { "taken" } else { "not taken" };
            lines.push(format!("{} ({}) is {word}: {}", route.route, route.matches, route.why));
        }
        lines.extend(route.tells.iter().map(|told| format!("{}: {told}", route.route)));
    }
    let held = |held: &HeldBack| format!("now it waits until {}, for {}", show(held.until), held.by);
    lines.extend(explained.silenced.iter().map(held));
    lines.extend(explained.quiet.iter().map(held));
    lines.extend(
        explained
            .nobody
            .iter()
            .map(|reason| format!("nobody is told: {reason}")),
    );
    lines.join("\n")
}

/// The routes in their order.
fn list(context: &Context, policy: &AlertPolicy) -> Result<(), CliError> {
    let rows: Vec<Value> = policy
        .routes
        .iter()
        .map(|route| {
            json!({
                "route": route.title(),
                "match": route.matches,
                "channels": route.channels,
                "continue": route.goes_on,
                "escalate": route.escalate.iter().map(|step| &step.channels).collect::<Vec<_>>(),
            })
        })
        .collect();
    context.output.answer(&json!({"routes": rows}), || {
        let rows = policy.routes.iter().map(|route| {
            let later = route.escalate.iter().flat_map(|step| step.channels.iter().cloned());
            let later: Vec<String> = later.collect();
            vec![
                route.title(),
                route.matches.to_string(),
                dash(&route.channels),
                dash(&later),
                if route.goes_on { "yes" } else { "no" }.to_owned(),
            ]
        });
        table(&["ROUTE", "MATCH", "CHANNELS", "AND LATER", "CONTINUE"], rows)
    })
}

fn dash(names: &[String]) -> String {
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(", ")
    }
}
