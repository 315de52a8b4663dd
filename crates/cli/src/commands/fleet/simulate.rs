//! `fleet simulate`: cases through the watch and the alerts themselves, with a clock of their own.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use cc_devops_fleet::simulate::{Answer, OneOrEach, Outcome, Played, read, simulate};
use jiff::Timestamp;
use serde_json::Value;

use super::super::times::show;
use crate::error::CliError;
use crate::output::Output;

const AFTER_HELP: &str = "\
FILE is a JSON list of cases. A case has an `id`, a `class` (`timing` or `alerting`; others are passed over),
the agent's schedule (`kind`, `schedule`, `period_s`, `grace_s`, `max_runtime_s`, `timezone`, `sticky_pause`),
for an alert policy a `config` in the words of [alerts], `events` (each `at` a time, `do` ping, fail, start,
exit, log, pause, resume, ack, sweep, server_down or server_up) and `observe_until`. It prints what became of
each: transitions, state, next_due, next_down and messages. docs/FLEET.md has an example. A case that cannot be
played says why, and the exit code is 2.

Examples:
  cc-devops fleet simulate --input cases.json
  cc-devops fleet simulate --input cases.json --json
  jq '.cases' past.json | cc-devops fleet simulate --input - --json";

/// Which cases.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// File with the cases; - is standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

/// Runs `fleet simulate`.
pub(super) async fn run(output: Output, args: &Args) -> Result<(), CliError> {
    let named = args.input.display();
    let text = text_of(&args.input).map_err(|error| CliError::Usage(format!("cannot read {named}: {error}")))?;
    let cases = read(&text).map_err(|error| CliError::Usage(format!("{named}: {error}")))?;
    let answers = simulate(&cases).await;
    output.answer(&answers, || {
        let timelines = answers.iter().map(timeline);
        timelines.collect::<Vec<_>>().join("\n\n")
    })?;
    let refused: Vec<&str> = answers
        .iter()
        .filter_map(|answer| match &answer.outcome {
            Outcome::Refused { error } => Some(error.as_str()),
            Outcome::Played(_) => None,
        })
        .collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(CliError::Usage(format!("{named}: {}", refused.join("\n"))))
    }
}

fn text_of(input: &Path) -> std::io::Result<String> {
    if input == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(input)
}

/// What became of a case, line by line.
fn timeline(answer: &Answer) -> String {
    let id = match &answer.id {
        Value::String(id) => id.clone(),
        Value::Null => "a case without an id".to_owned(),
        other => other.to_string(),
    };
    match &answer.outcome {
        Outcome::Refused { .. } => format!("{id}: it cannot be played"),
        Outcome::Played(played) => {
            let mut lines: Vec<(Timestamp, u8, String)> = Vec::new();
            for transition in &played.transitions {
                let agent = transition
                    .agent
                    .as_deref()
                    .map_or_else(String::new, |agent| format!("{agent}: "));
                let (from, to) = (transition.from.as_str(), transition.to.as_str());
                let line = format!("{agent}{from} to {to} ({})", transition.reason.as_str());
                lines.push((transition.at, 0, line));
            }
            for message in &played.messages {
                let channel = message
                    .channel
                    .as_deref()
                    .map_or_else(String::new, |channel| format!(" by {channel}"));
                let line = format!(
                    "told{channel}: {}: {} ({})",
                    message.kind.as_str(),
                    message.title,
                    message.reason
                );
                lines.push((message.at, 1, line));
            }
            lines.sort_by_key(|(at, order, _)| (*at, *order));
            let lines = lines.into_iter().map(|(at, _, line)| format!("  {}  {line}", show(at)));
            std::iter::once(end(&id, played))
                .chain(lines)
                .collect::<Vec<_>>()
                .join("\n")
        }
    }
}

/// How it stands at the end.
fn end(id: &str, played: &Played) -> String {
    match (&played.state, &played.next_due, &played.next_down) {
        (OneOrEach::One(state), OneOrEach::One(due), OneOrEach::One(down)) => {
            let due = due.map_or_else(String::new, |due| format!(", due {}", show(due)));
            let down = down.map_or_else(String::new, |down| format!(", down {}", show(down)));
            format!("{id}: {} at the end{due}{down}", state.as_str())
        }
        (OneOrEach::Each(states), _, _) => {
            let states = states
                .iter()
                .map(|(agent, state)| format!("{agent} {}", state.as_str()));
            format!("{id}: at the end {}", states.collect::<Vec<_>>().join(", "))
        }
        _ => id.to_owned(),
    }
}
