//! `alerts`: what needs a person, who takes care of it, what is not told for a time, and whether people can be reached.

mod route;
mod shown;

use cc_devops_alerts::policy::Match;
use cc_devops_alerts::seen::Seen;
use cc_devops_alerts::silence::Silence;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::duration::WrittenDuration;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::times::{parse_until, show};
use super::who::who;
use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;
use crate::store::{self, Opened};

/// How many alerts are read at once.
const PAGE: usize = 500;

const LIST_HELP: &str = "\
Those that are open come first, the worst of them on top; then those that are over, for as long as they are
kept.

Examples:
  cc-devops alerts list
  cc-devops alerts list --open --json";

const SHOW_HELP: &str = "\
ALERT is the id that `alerts list` and every message has, or the key of the condition.

Examples:
  cc-devops alerts show 3f0c9a51d2ee
  cc-devops alerts show agent/Writer";

const ACK_HELP: &str = "\
It is not told again, and not to others, until it is over; its end is told. ALERT is the id that `alerts
list` and every message has, or the key of the condition.

Examples:
  cc-devops alerts ack 3f0c9a51d2ee --reason \"the disk is full, I am at it\"
  cc-devops alerts ack agent/Writer --by ana";

const SILENCE_HELP: &str = "\
What matches is not told until the silence ends; states and histories go on. All labels that are named must
hold; a label that is named twice may have either value. The labels are key, kind, severity, stage, agent and
an agent's own tags. A recovery within it is told at its end at the latest, and so is what is still down then.

Examples:
  cc-devops alerts silence --match host=web1 --for 2h --reason \"new disks\"
  cc-devops alerts silence --match agent=Writer --match agent=Reader --until 2026-06-01T14:00:00Z --reason move";

const UNSILENCE_HELP: &str = "\
What it held back and is still true is told. A silence of the configuration is ended there.

Example:
  cc-devops alerts unsilence 5f1d0c77ab20";

const TEST_HELP: &str = "\
It sends one message that says that it is a test, once, from here, and ends with 0 when the channel took it.
No alert is touched. A channel that was set aside is used again after a test that went well.

Examples:
  cc-devops alerts test mail
  cc-devops alerts test --all";

/// What to do with alerts.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List what needs a person
    #[command(after_help = LIST_HELP)]
    List {
        /// Only what is open
        #[arg(long)]
        open: bool,
    },
    /// Show an alert with what was told of it
    #[command(after_help = SHOW_HELP)]
    Show {
        /// Id of the alert, or key of its condition
        alert: String,
    },
    /// Say that somebody takes care of an alert
    #[command(after_help = ACK_HELP)]
    Ack {
        /// Id of the alert, or key of its condition
        alert: String,
        /// What is being done about it
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Who takes care of it; without it, the user who gives the command
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
    },
    /// Tell nothing of what matches for a time
    #[command(after_help = SILENCE_HELP)]
    Silence(SilenceArgs),
    /// List the silences, the configuration's too
    Silences,
    /// End a silence
    #[command(after_help = UNSILENCE_HELP)]
    Unsilence {
        /// Id of the silence
        id: String,
        /// Who ends it; without it, the user who gives the command
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
    },
    /// Send a test message by a channel
    #[command(after_help = TEST_HELP)]
    Test {
        /// Name of the channel
        #[arg(required_unless_present = "all")]
        channel: Option<String>,
        /// Every channel, one after the other
        #[arg(long, conflicts_with = "channel")]
        all: bool,
    },
    /// Show by which way alerts go, and why
    #[command(after_help = route::HELP)]
    Route(route::Args),
}

/// The silence to make.
#[derive(Debug, clap::Args)]
pub(crate) struct SilenceArgs {
    /// Label of what is silenced, as in host=web1; may be given more than once
    #[arg(long = "match", value_name = "LABEL=VALUE", required = true, value_parser = label)]
    labels: Vec<(String, String)>,
    /// How long: a whole number with s, m, h or d
    #[arg(
        long = "for",
        value_name = "TIME",
        required_unless_present = "until",
        conflicts_with = "until"
    )]
    lasts: Option<WrittenDuration>,
    /// Until when: RFC 3339
    #[arg(long, value_name = "TIME", value_parser = parse_until)]
    until: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who silences it; without it, the user who gives the command
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

/// Reads `host=web1`.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("{text:?} is no label; write its name, = and its value, as in host=web1"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Runs `alerts`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    if let Command::Route(args) = command {
        return route::run(context, args).await;
    }
    let opened = store::open(context).await?;
    match command {
        Command::List { open } => list(context, &opened, open).await,
        Command::Show { alert } => show_one(context, &opened, &alert).await,
        Command::Ack { alert, reason, by } => {
            let by = who(by);
            let alerts = opened.capabilities.alerts();
            let acknowledged = alerts.ack(&alert, &by, reason.as_deref(), Actor::Operator).await?;
            let taken_by = acknowledged
                .acknowledged
                .as_ref()
                .map_or(by.as_str(), |taken| &taken.by);
            context.output.answer(&Seen::from(&acknowledged), || {
                let key = visible(&acknowledged.condition.key);
                format!("{key} is acknowledged by {}", visible(taken_by))
            })
        }
        Command::Silence(args) => silence(context, &opened, args).await,
        Command::Silences => silences(context, &opened).await,
        Command::Unsilence { id, by } => {
            let alerts = opened.capabilities.alerts();
            alerts.unsilence(&id, &who(by), Actor::Operator).await?;
            context
                .output
                .answer(&json!({"id": id, "ended": true}), || format!("ended {id}"))
        }
        Command::Test { channel, .. } => test(context, &opened, channel).await,
        Command::Route(_) => Ok(()),
    }
}

async fn list(context: &Context, opened: &Opened, only_open: bool) -> Result<(), CliError> {
    let alerts = opened.capabilities.alerts();
    let (mut seen, mut after): (Vec<Seen>, Option<String>) = (Vec::new(), None);
    loop {
        let page = alerts.list(after.as_deref(), PAGE).await?;
        seen.extend(page.alerts.into_iter().filter(|one| !only_open || one.state.is_open()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    seen.sort_by(|one, other| {
        let of = |alert: &Seen| (!alert.state.is_open(), alert.severity);
        of(one).cmp(&of(other)).then(other.since.cmp(&one.since))
    });
    context
        .output
        .answer(&json!({"alerts": seen}), || shown::list_text(&seen))
}

async fn show_one(context: &Context, opened: &Opened, which: &str) -> Result<(), CliError> {
    let Some(alert) = opened.capabilities.alerts().show(which).await? else {
        return Err(CliError::Failed(format!(
            "there is no alert {which:?}: see `cc-devops alerts list`"
        )));
    };
    context.output.answer(&alert, || shown::text(&alert))
}

async fn silence(context: &Context, opened: &Opened, args: SilenceArgs) -> Result<(), CliError> {
    let now = opened.ports.clock.now();
    let to = match (args.lasts, args.until) {
        (Some(lasts), _) => now.checked_add(lasts.get()).unwrap_or(Timestamp::MAX),
        (None, Some(until)) => until,
        (None, None) => return Err(CliError::Usage("give --for or --until".to_owned())),
    };
    let by = who(args.by);
    let matches = Match::of(args.labels);
    let alerts = opened.capabilities.alerts();
    let silence = alerts
        .silence(matches, (now, to), &args.reason, &by, Actor::Operator)
        .await?;
    context.output.answer(&silence, || {
        format!(
            "{}: {} is silent until {}",
            silence.id,
            silence.matches,
            show(silence.to)
        )
    })
}

async fn silences(context: &Context, opened: &Opened) -> Result<(), CliError> {
    let made: Vec<Silence> = opened.capabilities.alerts().silences().await?;
    let fixed = &opened.capabilities.settings.alerts.policy.silences;
    let now = opened.ports.clock.now();
    let mut documents: Vec<Value> = made.iter().map(|silence| json!(silence)).collect();
    documents.extend(fixed.iter().map(|silence| {
        json!({
            "match": silence.matches,
            "when": silence.window.to_string(),
            "until": silence.window.covers(now),
            "reason": silence.reason,
            "by": "the configuration",
        })
    }));
    context.output.answer(&json!({"silences": documents}), || {
        shown::silences_text(&made, fixed, now)
    })
}

async fn test(context: &Context, opened: &Opened, channel: Option<String>) -> Result<(), CliError> {
    let delivering = opened.capabilities.delivering();
    let known = || delivering.channels().iter().map(|channel| channel.name.clone());
    let names: Vec<String> = match channel {
        Some(name) if known().any(|known| known == name) => vec![name],
        Some(name) => {
            let known: Vec<String> = known().collect();
            return Err(CliError::Usage(format!(
                "there is no channel {name:?}; there are: {}",
                known.join(", ")
            )));
        }
        None => known().collect(),
    };
    let mut results = Vec::new();
    for name in names {
        let result = delivering.test(&name).await;
        results.push((name, result));
    }
    let documents: Vec<Value> = results
        .iter()
        .map(|(name, result)| json!({"channel": name, "ok": result.is_ok(), "error": result.as_ref().err()}))
        .collect();
    context.output.prose(&json!({"channels": documents}), || {
        let line = |(name, result): &(String, Result<(), String>)| match result {
            Ok(()) => format!("{name}: the test message was taken"),
            Err(error) => format!("{name}: {error}"),
        };
        results.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    if results.iter().all(|(_, result)| result.is_ok()) {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}
