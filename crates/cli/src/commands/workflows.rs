//! `workflows`: failing workflows, and one issue for each.

use std::collections::BTreeMap;

use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::text::counted;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::issues::ActionTaken;
use cc_devops_repos::monitoring::{Ask, MonitorReport, WatchedWorkflow};
use cc_devops_repos::workflows::HealthName;

use super::repos::{Keeping, Whose};
use crate::context::Context;
use crate::error::{CliError, with_exit_codes};
use crate::output::{Output, table_within, visible};

const AFTER_HELP: &str = "\
For each workflow the newest run on the default branch decides that ended with a success or a failure.
A failing workflow has exactly one open issue, which is closed when it works again. One that a person
closed stays closed until then. In maintenance mode issues are only reported.

The control plane does the same every 6 hours.

Examples:
  cc-devops workflows check
  cc-devops workflows check --repo web --workflow ci.yml --json
  cc-devops workflows check --dry-run";

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Look for failing workflows, and keep their issues
    Check(Args),
}

/// What to look at.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(AFTER_HELP))]
pub(crate) struct Args {
    #[command(flatten)]
    whose: Whose,
    /// One repository; without it, all of the owner's
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// One workflow's file
    #[arg(long, value_name = "FILE", requires = "repo")]
    workflow: Option<String>,
    /// Write no issue, and say what would be written
    #[arg(long)]
    dry_run: bool,
}

/// Runs `workflows`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let Command::Check(args) = command;
    check(context, args).await
}

async fn check(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    let keeping = if args.dry_run { Keeping::Shows } else { Keeping::Keeps };
    let looking = Box::pin(args.whose.look(context, args.repo.as_slice(), keeping)).await?;
    let hygiene = looking.tools;
    let ask = Ask {
        only: looking.names.first().cloned(),
        workflow: args.workflow,
        dry_run: args.dry_run,
        author: hygiene.monitor.author(&Actor::Operator, None).await?,
    };
    let mut progress = output.progress("repositories looked at:");
    progress.start();
    let checked = hygiene
        .monitor
        .check(&ask, &WorkHandle::default(), &mut |done, total| {
            progress.of(done, total);
        })
        .await;
    drop(progress);
    let report = checked.map_err(|error| CliError::of_named(error, &looking.names))?;
    if let Some(file) = &ask.workflow
        && report.complete
        && report.workflows.is_empty()
    {
        let repository = looking.names.first().map_or("", String::as_str);
        return Err(CliError::Usage(format!(
            "there is no workflow {file} in {}/{repository}",
            report.owner
        )));
    }
    output.prose(&report, || text(&report, output))?;
    let failing = |told: &WatchedWorkflow| told.report.health == HealthName::Failing;
    match (report.workflows.iter().any(failing), report.complete) {
        (true, _) => Err(CliError::Answered),
        (false, false) => Err(CliError::Unread),
        (false, true) => Ok(()),
    }
}

/// How many repositories a line names.
const NAMES: usize = 8;

fn text(report: &MonitorReport, output: Output) -> String {
    let mut parts = vec![headline(report)];
    if !report.workflows.is_empty() {
        let rows = report.workflows.iter().map(row);
        let width = output.is_terminal().then(|| output.size().0);
        parts.push(table_within(
            &["repository", "workflow", "health", "issue", "why"],
            rows,
            width,
        ));
    }
    let mut gaps: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for gap in &report.gaps {
        gaps.entry(&gap.why).or_default().extend(gap.repository.as_deref());
    }
    let gaps: Vec<String> = gaps.iter().map(|(why, names)| gap_line(why, names)).collect();
    if !gaps.is_empty() {
        parts.push(format!(
            "Not everything could be read, so nothing is closed for want of it:\n{}",
            gaps.join("\n")
        ));
    }
    parts.push(format!(
        "{}, {}.",
        counted(report.requests, "request", "requests"),
        counted(report.points, "point", "points")
    ));
    parts.join("\n\n")
}

/// How many of what. Where something is not known, nothing is said that would need it.
fn headline(report: &MonitorReport) -> String {
    let summary = &report.summary;
    let count = |health| summary.workflows.get(&health).copied().unwrap_or_default();
    let (failing, passing) = (count(HealthName::Failing), count(HealthName::Passing));
    let failing_told = match (failing, report.complete) {
        (0, false) => "no workflow is known to fail".to_owned(),
        (failing, _) => counted(failing, "workflow fails", "workflows fail"),
    };
    let silent = summary.workflows.values().sum::<u64>() - failing - passing;
    let unread = match summary.unread {
        0 => String::new(),
        unread => format!(
            ", those of {} are not known",
            counted(unread, "repository", "repositories")
        ),
    };
    format!(
        "{} of {}: {failing_told}, {}, {}{unread}",
        counted(summary.repositories, "repository", "repositories"),
        report.owner,
        counted(passing, "works", "work"),
        counted(silent, "says nothing", "say nothing")
    )
}

fn gap_line(why: &str, names: &[&str]) -> String {
    let why = visible(why);
    let shown: Vec<_> = names.iter().take(NAMES).map(|name| visible(name)).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more, see --json"),
    };
    match &shown[..] {
        [] => format!("  {why}"),
        shown => format!("  {why} ({}{more})", shown.join(", ")),
    }
}

fn row(told: &WatchedWorkflow) -> Vec<String> {
    let report = &told.report;
    let taken = match (&told.error, report.action_taken) {
        (Some(_), _) => ", not written",
        (None, Some(ActionTaken::IssueCreated)) => ", new",
        (None, Some(ActionTaken::IssueUpdated)) => ", updated",
        (None, Some(ActionTaken::IssueClosed)) => ", closed",
        (None, None) if !told.withheld.is_empty() => ", would change",
        (None, None) => "",
    };
    let issue = report.issue.as_ref().map_or_else(
        || "none".to_owned(),
        |issue| format!("{}#{}", issue.repository, issue.number),
    );
    let health = match report.health {
        HealthName::Failing => "fails",
        HealthName::Passing => "works",
        HealthName::Undecided => "undecided",
        HealthName::Disabled => "disabled",
        HealthName::Gone => "gone",
        HealthName::Unknown => "unknown",
    };
    vec![
        report.repository.clone(),
        report.workflow.clone(),
        health.to_owned(),
        format!("{issue}{taken}"),
        told.error.clone().unwrap_or_else(|| report.why.clone()),
    ]
}
