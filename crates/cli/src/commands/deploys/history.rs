//! `deploys history`: what was deployed to a stack, by whom, and how long it took.

use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::super::times::show;
use super::get;
use super::plan::read;
use crate::client::Target;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;

/// How many characters the bar of the longest deploy has.
const LONGEST_BAR: u64 = 24;

const AFTER_HELP: &str = "\
Newest first; the bar is how long it took, against the longest one shown. The digest stands for what was
approved. The stack is named with its stage.

Examples:
  cc-devops deploys history cc-agent-x-prod
  cc-devops deploys history cc-agent-x-prod --limit 10 --json";

/// Of which stack.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Full name of the stack, with its stage
    stack: String,
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    #[command(flatten)]
    target: Target,
}

#[derive(Deserialize)]
struct History {
    deploys: Vec<Deployed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployed {
    plan: String,
    digest: String,
    requested_by: AgentName,
    approvers: Vec<String>,
    ended_at: Timestamp,
    took_ms: u32,
    succeeded: bool,
}

impl Deployed {
    fn took(&self) -> SignedDuration {
        SignedDuration::from_millis(self.took_ms.into())
    }
}

/// Runs `deploys history`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let query = [("limit", args.limit.to_string())];
    let path = ["v1", "stacks", &args.stack, "deploys"];
    let answer = get(context, &args.target, &path, &query).await?;
    let history: History = read(&answer)?;
    context.output.answer(&answer, || text(&args.stack, &history.deploys))
}

fn text(stack: &str, deploys: &[Deployed]) -> String {
    if deploys.is_empty() {
        return format!("nothing is on record as deployed to {stack}");
    }
    let longest = deploys.iter().map(Deployed::took).max().unwrap_or_default();
    let rows = deploys.iter().map(|deployed| {
        let approvers = deployed.approvers.join(", ");
        vec![
            show(deployed.ended_at),
            if deployed.succeeded { "applied" } else { "failed" }.to_owned(),
            deployed.requested_by.to_string(),
            if approvers.is_empty() {
                "-".to_owned()
            } else {
                approvers
            },
            bar(deployed.took(), longest),
            in_words(deployed.took()),
            deployed.digest.chars().take(12).collect(),
            deployed.plan.clone(),
        ]
    });
    let head = [
        "ENDED",
        "OUTCOME",
        "ASKED BY",
        "APPROVED BY",
        "TOOK",
        "",
        "DIGEST",
        "PLAN",
    ];
    table(&head, rows)
}

/// A duration against the longest; none is so short that nothing is seen of it.
fn bar(took: SignedDuration, longest: SignedDuration) -> String {
    let parts = |duration: SignedDuration| u128::try_from(duration.as_millis()).unwrap_or_default();
    let share = (parts(took) * u128::from(LONGEST_BAR))
        .checked_div(parts(longest))
        .unwrap_or_default();
    "\u{2588}".repeat(usize::try_from(share).unwrap_or_default().max(1))
}

/// A duration as people say it: `4 s`, `2 min 5 s`, `1 h 3 min`.
fn in_words(took: SignedDuration) -> String {
    let seconds = took.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => format!("{} ms", took.as_millis()),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_is_seen() {
        let seconds = SignedDuration::from_secs;
        assert_eq!(bar(seconds(60), seconds(60)).chars().count(), 24);
        assert_eq!(bar(seconds(30), seconds(60)).chars().count(), 12);
        assert_eq!(bar(seconds(0), seconds(60)).chars().count(), 1);
        assert_eq!(bar(seconds(0), seconds(0)).chars().count(), 1);
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        let words = |millis| in_words(SignedDuration::from_millis(millis));
        assert_eq!(words(250), "250 ms");
        assert_eq!(words(4_900), "4 s");
        assert_eq!(words(125_000), "2 min 5 s");
        assert_eq!(words(3_780_000), "1 h 3 min");
    }
}
