//! `deploys list`: what was planned, what waits, and what became of it.

use cc_devops_deploys::PlanState;
use serde::Deserialize;

use super::super::times::show;
use super::get;
use super::plan::{Plan, read};
use crate::client::Target;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;

const AFTER_HELP: &str = "\
Newest first. + is made, ~ is changed, - leaves the stack, \u{b1} is or may be replaced.

Examples:
  cc-devops deploys list --state waiting
  cc-devops deploys list --stack cc-agent-x-prod --json";

/// Which plans.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Only those that stand so: waiting, applying, applied, failed, denied, expired, superseded, moved or shown
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<PlanState>,
    /// Only those of this stack, with its stage or, for every stage, without
    #[arg(long, value_name = "STACK")]
    stack: Option<String>,
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended, its "next"
    #[arg(long, value_name = "NEXT")]
    before: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Deserialize)]
struct Page {
    deploys: Vec<Plan>,
    next: Option<String>,
}

/// Reads a state's name.
fn state(text: &str) -> Result<PlanState, String> {
    let known = || PlanState::ALL.map(PlanState::as_str).join(", ");
    PlanState::named(text).ok_or_else(|| format!("use one of: {}", known()))
}

/// Runs `deploys list`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.state.map(|state| ("state", state.as_str().to_owned())));
    query.extend(args.stack.map(|stack| ("stack", stack)));
    query.extend(args.before.map(|place| ("before", place)));
    let answer = get(context, &args.target, &["v1", "deploys"], &query).await?;
    let page: Page = read(&answer)?;
    context.output.answer(&answer, || text(&page))
}

fn text(page: &Page) -> String {
    if page.deploys.is_empty() {
        return "no deploys".to_owned();
    }
    let rows = page.deploys.iter().map(|plan| {
        vec![
            show(plan.made_at),
            plan.plan.clone(),
            plan.stack.clone(),
            plan.state.clone(),
            plan.requested_by.clone(),
            plan.in_short(),
            if plan.state == "waiting" {
                show(plan.expires_at)
            } else {
                "-".to_owned()
            },
        ]
    });
    let head = ["PLANNED", "PLAN", "STACK", "STATE", "ASKED BY", "CHANGES", "EXPIRES"];
    let table = table(&head, rows);
    match &page.next {
        Some(next) => format!("{table}\nmore: --before {next}"),
        None => table,
    }
}
