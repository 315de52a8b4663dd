//! `deploys freeze`: when deploys rest, as a picture, and letting one plan run all the same.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::super::times::show;
use super::plan::{Plan, read};
use super::{Acting, get, plan_id, post};
use crate::client::Target;
use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;

/// How many days the picture shows.
const DAYS: i32 = 21;

/// The widest that a window's name gets, in characters.
const NAME: usize = 24;

const AFTER_HELP: &str = "\
The windows are those of the configuration. The picture shows three weeks from now on: a block is a time in
which the window freezes what it is about, a dot one in which it does not. Where one window denies and another
allows, the one that denies holds.

Examples:
  cc-devops deploys freeze
  cc-devops deploys freeze list --json
  cc-devops deploys freeze override plan-0f3a8c21d4e5b6978810aacc --reason \"the shop is down\"";

const OVERRIDE_HELP: &str = "\
The plan needs its approvals all the same. Who overrides, when and why stands in the audit trail and with the
plan.

Example:
  cc-devops deploys freeze override plan-0f3a8c21d4e5b6978810aacc --reason \"the shop is down\"";

/// Which windows there are, or which plan runs all the same.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    target: Target,
}

/// What to do with freezes.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the windows, and what they freeze now
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Let a plan run in a freeze
    #[command(after_help = OVERRIDE_HELP)]
    Override {
        /// Name of the plan
        plan: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        acting: Acting,
    },
}

#[derive(Deserialize)]
struct Freezes {
    at: Timestamp,
    windows: Vec<Window>,
}

#[derive(Deserialize)]
struct Window {
    name: String,
    kind: String,
    when: String,
    stacks: Vec<String>,
    stages: Vec<String>,
    reason: Option<String>,
    /// When it freezes what it is about, within the time that is shown.
    frozen: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// Runs `deploys freeze`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    match args.command {
        None => list(context, &args.target).await,
        Some(Command::List { target }) => list(context, &target).await,
        Some(Command::Override { plan, reason, acting }) => {
            let plan = plan_id(&plan)?;
            let path = ["v1", "deploys", plan.as_str(), "override-freeze"];
            let answer = post(context, &acting, &path, &json!({"reason": reason})).await?;
            let now: Plan = read(&answer)?;
            context.output.answer(&answer, || {
                format!(
                    "{plan} of {} may run in a freeze; it needs its approvals all the same",
                    visible(&now.stack)
                )
            })
        }
    }
}

async fn list(context: &Context, target: &Target) -> Result<(), CliError> {
    let answer = get(context, target, &["v1", "deploys", "freezes"], &[]).await?;
    let freezes: Freezes = read(&answer)?;
    let (columns, _) = context.output.size();
    context.output.answer(&answer, || text(&freezes, columns.into()))
}

fn text(freezes: &Freezes, columns: usize) -> String {
    if freezes.windows.is_empty() {
        return "no freeze window is configured: deploys run at any time; `[[deploys.freezes]]` makes one".to_owned();
    }
    let mut lines = Vec::new();
    for window in &freezes.windows {
        let name = visible(&window.name);
        let about = about(window);
        lines.push(match window.frozen.iter().find(|span| span.holds(freezes.at)) {
            Some(Span { to, .. }) => format!("{name} freezes {about} now, until {}", show(*to)),
            None => format!("{name} freezes {about} not now"),
        });
        let reason = window
            .reason
            .as_deref()
            .map_or_else(String::new, |reason| format!("; {}", visible(reason)));
        let does = if window.kind == "allow" {
            "allows deploys"
        } else {
            "denies deploys"
        };
        lines.push(format!("  it {does} {}{reason}", visible(&window.when)));
    }
    lines.push(String::new());
    lines.extend(picture(freezes, columns));
    lines.join("\n")
}

/// What a window is about, in words.
fn about(window: &Window) -> String {
    let of = |names: &[String], all: &str| {
        if names.is_empty() {
            all.to_owned()
        } else {
            visible(&names.join(", ")).into_owned()
        }
    };
    format!(
        "{} on {}",
        of(&window.stacks, "every stack"),
        of(&window.stages, "every stage")
    )
}

impl Span {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// The windows over the next weeks, a line each, under the days on which weeks begin.
fn picture(freezes: &Freezes, columns: usize) -> Vec<String> {
    let names = freezes
        .windows
        .iter()
        .map(|window| visible(&window.name).chars().count());
    let name_width = names.max().unwrap_or_default().min(NAME);
    // As many characters for each day as there is room for.
    let each = (columns.saturating_sub(name_width + 2) / DAYS.unsigned_abs() as usize).clamp(1, 4);
    let step = SignedDuration::from_hours(24) / i32::try_from(each).unwrap_or(1);
    let weeks = (0..DAYS / 7).map(|week| {
        let begins = SignedDuration::from_hours(24) * (week * 7);
        let day = freezes.at.saturating_add(begins).unwrap_or(freezes.at);
        format!("{:<width$}", day.strftime("%m-%d").to_string(), width = each * 7)
    });
    let scale = weeks.collect::<Vec<_>>().concat();
    let mut lines = vec![format!("{:name_width$}  {}", "", scale.trim_end())];
    for window in &freezes.windows {
        let cells = DAYS * i32::try_from(each).unwrap_or(1);
        let bar: String = (0..cells)
            .map(|cell| {
                let begins = freezes.at.saturating_add(step * cell).unwrap_or(Timestamp::MAX);
                let ends = begins.saturating_add(step).unwrap_or(Timestamp::MAX);
                let frozen = window.frozen.iter().any(|span| span.from < ends && begins < span.to);
                if frozen { '\u{2588}' } else { '\u{b7}' }
            })
            .collect();
        let name: String = visible(&window.name).chars().take(name_width).collect();
        lines.push(format!("{name:<name_width$}  {bar}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freezes() -> Freezes {
        let document = json!({
            "at": "2026-03-02T00:00:00Z",
            "windows": [
                {"name": "weekend", "kind": "deny", "when": "from Saturday on", "stacks": [], "stages": ["prod"],
                 "frozen": [{"from": "2026-03-07T00:00:00Z", "to": "2026-03-09T00:00:00Z"}]},
                {"name": "now", "kind": "deny", "when": "today", "stacks": ["shop-*"], "stages": [], "reason": "a fair",
                 "frozen": [{"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T12:00:00Z"}]},
            ],
        });
        read(&document).unwrap()
    }

    #[test]
    fn the_picture_shows_the_days_on_which_a_window_freezes() {
        let lines = picture(&freezes(), 80);
        // Three characters for each day.
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>(),
            ["03-02", "03-09", "03-16"]
        );
        let weekend = lines[1].strip_prefix("weekend  ").unwrap();
        assert_eq!(weekend.chars().count(), 63);
        assert!(
            weekend
                .chars()
                .enumerate()
                .all(|(cell, c)| (15..21).contains(&cell) == (c == '\u{2588}')),
            "{weekend}"
        );
        assert!(lines[2].starts_with("now      \u{2588}\u{2588}\u{b7}"), "{}", lines[2]);
        for columns in [40, 80, 160] {
            assert!(
                picture(&freezes(), columns)
                    .iter()
                    .all(|line| line.chars().count() <= columns),
                "{columns}"
            );
        }
    }

    #[test]
    fn what_is_frozen_now_is_said() {
        let text = text(&freezes(), 80);
        assert!(text.contains("weekend freezes every stack on prod not now"), "{text}");
        assert!(
            text.contains("now freezes shop-* on every stage now, until 2026-03-02T12:00:00Z"),
            "{text}"
        );
        assert!(text.contains("it denies deploys today; a fair"), "{text}");
    }
}
