//! `workflows`: failing workflows, and one issue for each.

use cc_devops_kernel::acts::Asker;
use cc_devops_kernel::course::Course;
use cc_devops_repos::issues::ActionTaken;
use cc_devops_repos::monitoring::{Ask, MonitorReport, WatchedWorkflow};
use cc_devops_repos::workflows::HealthName;

use super::repos::{Whose, short_name};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{table, visible};

const AFTER_HELP: &str = "\
For each workflow the newest run on the default branch decides that ended with a success or a failure.
A failing workflow has exactly one open issue, which is closed when it works again. One that a person
closed stays closed until then. In maintenance mode issues are only reported.

The control plane does the same every 6 hours.

Exit code 1 when a workflow fails, or when not everything could be read or written.

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
#[command(after_help = AFTER_HELP)]
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
    let output = context.output;
    let (_opened, hygiene) = Box::pin(args.whose.open(context)).await?;
    let ask = Ask {
        only: args.repo.as_deref().map(short_name),
        workflow: args.workflow,
        dry_run: args.dry_run,
        author: hygiene.monitor.author(&Asker::Operator, None).await?,
    };
    let mut progress = output.progress("repositories looked at:");
    progress.start();
    let checked = hygiene
        .monitor
        .check(&ask, &Course::default(), &mut |done, total| progress.of(done, total))
        .await;
    drop(progress);
    let report = checked?;
    output.answer(&report, || text(&report))?;
    let failing = |told: &WatchedWorkflow| told.report.health == HealthName::Failing;
    if report.complete && !report.workflows.iter().any(failing) {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}

fn text(report: &MonitorReport) -> String {
    let count = |health| report.summary.workflows.get(&health).copied().unwrap_or_default();
    let mut parts = vec![format!(
        "{} repositories of {}: {} workflows fail, {} work, {} say nothing",
        report.summary.repositories,
        report.owner,
        count(HealthName::Failing),
        count(HealthName::Passing),
        report.summary.workflows.values().sum::<u64>() - count(HealthName::Failing) - count(HealthName::Passing)
    )];
    if !report.workflows.is_empty() {
        let rows = report.workflows.iter().map(row);
        parts.push(table(&["repository", "workflow", "health", "issue", "why"], rows));
    }
    let gaps = report.gaps.iter().map(|gap| match &gap.repository {
        Some(name) => format!("  {}: {}", visible(name), visible(&gap.why)),
        None => format!("  {}", visible(&gap.why)),
    });
    let gaps: Vec<String> = gaps.collect();
    if !gaps.is_empty() {
        parts.push(format!(
            "Not everything could be read, so nothing is closed for want of it:\n{}",
            gaps.join("\n")
        ));
    }
    parts.push(format!("{} requests, {} points.", report.requests, report.points));
    parts.join("\n\n")
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
