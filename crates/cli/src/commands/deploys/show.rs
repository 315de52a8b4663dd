//! `deploys show`: all that an approver is to see, and the digest that stands for it.

use cc_devops_deploys::shown::{self, View, tree};

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

/// Who asked for it, who decided what of it, and its digest.
fn head(plan: &Plan) -> Vec<String> {
    let course = plan.course().into_iter();
    let mut lines: Vec<String> = course
        .map(|(name, value)| format!("{name:<10}{}", visible(&value)))
        .collect();
    lines.push(format!("digest    {}", visible(&plan.digest)));
    lines
}

fn text(plan: &Plan) -> String {
    let mut lines = head(plan);
    let digest = lines.pop();
    lines.push(String::new());
    lines.push(if plan.unplanned {
        UNPLANNED.to_owned()
    } else {
        tree(&view(plan))
    });
    lines.push(String::new());
    lines.extend(digest);
    if plan.state == "waiting" {
        lines.push(format!(
            "approve   cc-devops deploys approve {} --digest {}",
            visible(&plan.plan),
            visible(&plan.digest)
        ));
    }
    lines.join("\n")
}

/// What the plan changes, as people read it.
fn view(plan: &Plan) -> View<'_> {
    View {
        text: plan.text.as_deref(),
        notes: &plan.notes,
        about: Some(&plan.about),
        ..View::new(&plan.changes, &plan.summary)
    }
}

/// What is said where nothing is known.
const UNPLANNED: &str = "nobody knows what it changes: the stack has no plan command";

fn markdown(plan: &Plan) -> String {
    let changes = if plan.unplanned {
        UNPLANNED.to_owned()
    } else {
        shown::markdown(&view(plan))
    };
    format!(
        "### `{}`\n\n{changes}\n\n```text\n{}\n```",
        visible(&plan.stack),
        head(plan).join("\n")
    )
}
