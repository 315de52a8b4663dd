//! `agents history`: when an agent changed its state, and why, with its uptime and what it said lately.

use cc_devops_fleet::uptime::{Uptime, percent};
use cc_devops_fleet::watch::Flip;
use cc_devops_fleet::watching::Ping;
use cc_devops_kernel::names::AgentName;
use serde_json::json;

use super::super::times::show;
use super::list::bar;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store::Opened;

/// How many characters of a body people are shown.
const BODY_SHOWN: usize = 60;

pub(super) const HELP: &str = "\
The newest come first. A change stands at the instant at which it was due, however late it was found. With
--pings it also shows what was sent along lately, which is kept for 90 days, the last hundred.

Examples:
  cc-devops agents history Writer
  cc-devops agents history Writer --limit 200 --json
  cc-devops agents history nightly-backup --pings";

/// Whose, and how much.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the agent
    name: AgentName,
    /// How many changes to show
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Show what it sent along lately
    #[arg(long)]
    pings: bool,
}

/// Runs `agents history`.
pub(super) async fn run(context: &Context, opened: &Opened, args: Args) -> Result<(), CliError> {
    let name = &args.name;
    let agent = opened.watched(name).await?;
    let watching = opened.capabilities.watching().await?;
    let history = watching.history(name, None, args.limit.into()).await?;
    let uptime = watching
        .uptime(name, opened.ports.clock.now())
        .await?
        .unwrap_or_default();
    let pings = if args.pings {
        watching.pings(name).await?
    } else {
        Vec::new()
    };
    let mut document = json!({
        "agent": name,
        "state": agent.state.status,
        "since": agent.state.since,
        "uptime": uptime,
        "flips": history.flips,
    });
    if let (true, Some(fields)) = (args.pings, document.as_object_mut()) {
        fields.insert("pings".to_owned(), json!(pings));
    }
    context.output.answer(&document, || {
        let since = agent
            .state
            .since
            .map_or_else(String::new, |since| format!(" since {}", show(since)));
        let mut text = format!(
            "{name} is {}{since}\n{}\n\n{}",
            agent.state.status.as_str(),
            uptime_text(&uptime),
            flips_text(&history.flips)
        );
        if args.pings {
            text.push_str("\n\n");
            text.push_str(&pings_text(&pings));
        }
        text
    })
}

fn uptime_text(uptime: &Uptime) -> String {
    format!(
        "uptime {} of 24 h, {} of 7 days, {} of 30 days, {} of 90 days  {}",
        percent(uptime.day),
        percent(uptime.week),
        percent(uptime.month),
        percent(uptime.quarter),
        bar(&uptime.days)
    )
}

fn flips_text(flips: &[Flip]) -> String {
    if flips.is_empty() {
        return "it has not changed its state yet".to_owned();
    }
    let rows = flips.iter().map(|flip| {
        let reason = match &flip.by {
            Some(by) => format!("{} by {by}", flip.reason.as_str()),
            None => flip.reason.as_str().to_owned(),
        };
        vec![
            show(flip.at),
            flip.from.as_str().to_owned(),
            flip.to.as_str().to_owned(),
            reason,
        ]
    });
    table(&["AT", "FROM", "TO", "WHY"], rows)
}

fn pings_text(pings: &[Ping]) -> String {
    if pings.is_empty() {
        return "it has sent nothing along".to_owned();
    }
    let dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let rows = pings.iter().map(|ping| {
        let body = ping.body.as_deref().or(ping.message.as_deref());
        let body = body.map(|body| body.chars().take(BODY_SHOWN).collect::<String>());
        vec![
            show(ping.at),
            ping.signal.as_str().to_owned(),
            dash(ping.how.as_deref()),
            ping.exit.map_or_else(|| "-".to_owned(), |exit| exit.to_string()),
            if ping.ignored { "ignored" } else { "-" }.to_owned(),
            dash(body.as_deref()),
        ]
    });
    table(&["AT", "SIGNAL", "HOW", "EXIT", "NOTE", "SENT"], rows)
}
