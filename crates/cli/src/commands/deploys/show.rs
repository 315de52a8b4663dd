//! `deploys show`: all that an approver is to see, and the digest that stands for it.

use cc_devops_deploys::{ChangeAction, Replacement, Row};

use super::plan::{Plan, read};
use super::{get, plan_id};
use crate::client::Target;
use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;

const AFTER_HELP: &str = "\
Losses of data come first, in words. + is made, ~ is changed, - leaves the stack, \u{b1} is or may be replaced.
Values that are or may hold a secret are hidden; that they change is not. --json has the changes in the form
of a plan file; --markdown is for a pull request.

Examples:
  cc-devops deploys show plan-0f3a8c21d4e5b6978810aacc
  cc-devops deploys show plan-0f3a8c21d4e5b6978810aacc --markdown";

/// Which plan, and in which form.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Name of the plan
    plan: String,
    /// Write Markdown, as for a pull request
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    target: Target,
}

/// Runs `deploys show`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let plan = plan_id(&args.plan)?;
    let answer = get(context, &args.target, &["v1", "deploys", plan.as_str()], &[]).await?;
    let plan: Plan = read(&answer)?;
    if args.markdown {
        return crate::output::Output::raw(&markdown(&plan));
    }
    context.output.answer(&answer, || text(&plan))
}

fn text(plan: &Plan) -> String {
    let course = plan.course().into_iter();
    let mut lines: Vec<String> = course
        .map(|(name, value)| format!("{name:<10}{}", visible(&value)))
        .collect();
    lines.push(String::new());
    lines.push(tree(plan));
    if let Some(written) = &plan.text {
        lines.push("what the stack's plan command wrote:".to_owned());
        lines.extend(written.lines().map(|line| format!("  {}", visible(line))));
    }
    if !plan.notes.is_empty() {
        lines.push(String::new());
        lines.extend(plan.notes.iter().map(|note| format!("note: {}", visible(note))));
    }
    lines.push(String::new());
    lines.push(format!("digest    {}", visible(&plan.digest)));
    if plan.state == "waiting" {
        lines.push(format!(
            "approve   cc-devops deploys approve {} --digest {}",
            visible(&plan.plan),
            visible(&plan.digest)
        ));
    }
    lines.join("\n")
}

/// What the plan changes, as a tree.
fn tree(plan: &Plan) -> String {
    if plan.unplanned {
        return "nobody knows what it changes: the stack has no plan command".to_owned();
    }
    let line = |row: &Row| {
        let sign = match (&row.action, row.replacement) {
            (_, Replacement::Yes | Replacement::Maybe) => "\u{b1}",
            (ChangeAction::Add, _) => "+",
            (ChangeAction::Remove, _) => "-",
            (ChangeAction::Modify | ChangeAction::Other(_), _) => "~",
        };
        let lost = if row.lost { ": its data goes or may go" } else { "" };
        format!("{sign} {} {}{lost}", visible(&row.path), visible(&row.resource_type))
    };
    let (lost, kept): (Vec<&Row>, Vec<&Row>) = plan.changes.iter().partition(|row| row.lost);
    lost.into_iter().chain(kept).map(line).collect::<Vec<_>>().join("\n")
}

fn markdown(plan: &Plan) -> String {
    format!("### `{}`\n\n```text\n{}\n```", plan.stack, text(plan))
}
