//! `repos audit`: every repository, held against the policy.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use cc_devops_files as files;
use cc_devops_reports::{Shown, html, markdown, sarif, table};
use cc_devops_repos::audit::ScanReport;
use cc_devops_repos::auditing::{Ask, AuditError};
use cc_devops_repos::rules::{Rule, Severity};
use serde_json::Value;

use super::{Keeping, Whose};
use crate::context::Context;
use crate::error::{CliError, with_exit_codes};
use crate::output::{Output, line_of_json, streamed};

const AFTER_HELP: &str = "\
The token is the secret /contentcraft/github/token, or GITHUB_TOKEN; docs/REPOS.md says which
permissions it needs. What it may not see is unknown, and neither a pass nor a breach.

What was found is kept, so that the next audit knows what is new and what is fixed. The control
plane audits every day at 07:00 UTC, and tells what is new.

Examples:
  cc-devops repos audit
  cc-devops repos audit --repo web --repo api --rule branch_protection
  cc-devops repos audit --format html --output repos.html
  GITHUB_TOKEN=... cc-devops repos audit --owner acme --format sarif > repos.sarif";

/// What to audit, and how to show it.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(AFTER_HELP))]
pub(crate) struct Args {
    #[command(flatten)]
    whose: Whose,
    /// One repository, and others by naming it again; without it, all of the owner's
    #[arg(long, value_name = "NAME")]
    repo: Vec<String>,
    /// One rule, and others by naming it again; it is looked at even if the policy leaves it out
    #[arg(long, value_name = "RULE", value_parser = rule)]
    rule: Vec<Rule>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The least severity of a breach that the command fails with: low, medium, high, critical, or never
    #[arg(long, value_name = "SEVERITY", default_value = "low", value_parser = fail_on)]
    fail_on: FailOn,
    /// Keep nothing
    #[arg(long)]
    dry_run: bool,
}

/// How an audit is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal, grouped by what was found
    Table,
    /// For programs
    Json,
    /// For code scanning
    Sarif,
    /// For an issue or a job's summary
    Markdown,
    /// For a browser, one file
    Html,
}

/// Which breaches the command fails with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FailOn(Option<Severity>);

fn fail_on(text: &str) -> Result<FailOn, String> {
    match text {
        "never" => Ok(FailOn(None)),
        text => Severity::named(text)
            .map(|severity| FailOn(Some(severity)))
            .ok_or_else(|| "use low, medium, high, critical or never".to_owned()),
    }
}

pub(super) fn rule(text: &str) -> Result<Rule, String> {
    Rule::named(text).ok_or_else(|| {
        let all: Vec<&str> = Rule::ALL.into_iter().map(Rule::name).collect();
        format!("there is no rule {text}; the rules are: {}", all.join(", "))
    })
}

/// Runs `repos audit`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    let keeping = if args.dry_run { Keeping::Shows } else { Keeping::Keeps };
    let whose = args.whose.looking_at(&args.rule);
    let looking = Box::pin(whose.look(context, &args.repo, keeping)).await?;
    let ask = Ask {
        only: looking.names.clone(),
        keep: !args.dry_run,
    };
    let mut progress = output.progress("repositories looked at:");
    progress.start();
    let audited = looking
        .tools
        .auditor
        .audit(&ask, &mut |done, total| progress.of(done, total))
        .await;
    drop(progress);
    let mut report = audited.map_err(|error| refused(error, &ask.only))?;
    if !args.rule.is_empty() {
        let rules: BTreeSet<Rule> = args.rule.into_iter().collect();
        report = report.only(&rules);
    }
    let format = if output.is_json() { Format::Json } else { args.format };
    let document = Document::of(&report, format, context, &looking.tools.web);
    match args.output {
        None => document.print()?,
        Some(file) => document.save(&file)?,
    }
    let failed = args
        .fail_on
        .0
        .is_some_and(|least| report.summary.breaches.keys().any(|severity| *severity >= least));
    match (failed, report.complete) {
        (true, _) => Err(CliError::Answered),
        (false, false) => Err(CliError::Unread),
        (false, true) => Ok(()),
    }
}

/// Why there is no audit of the repositories that were named, or of all.
pub(super) fn refused(error: AuditError, named: &[String]) -> CliError {
    match error {
        AuditError::Port(error) => CliError::of_named(error, named),
        error @ AuditError::Json(_) => CliError::Failed(error.to_string()),
    }
}

/// A report in the form that was asked for. What is JSON may be large, and is made while it is written.
enum Document<'r> {
    Json(&'r ScanReport),
    Sarif(Value),
    /// For people, within the width of the terminal.
    Table(String),
    Text(String),
}

impl<'r> Document<'r> {
    fn of(report: &'r ScanReport, format: Format, context: &Context, web: &str) -> Self {
        let output = context.output;
        match format {
            Format::Json => Self::Json(report),
            Format::Sarif => Self::Sarif(sarif(report, web, env!("CARGO_PKG_VERSION"))),
            Format::Table => {
                let shown = Shown {
                    verbose: context.global.verbose > 0,
                    width: output.size().0,
                };
                Self::Table(table(report, shown))
            }
            Format::Markdown => Self::Text(markdown(report, web)),
            Format::Html => Self::Text(html(report, web)),
        }
    }

    fn print(&self) -> Result<(), CliError> {
        match self {
            Self::Json(report) => Output::json_stream(report),
            Self::Sarif(log) => Output::raw(&format!("{log:#}")),
            Self::Table(text) => Output::sentences(text),
            Self::Text(text) => Output::raw(text),
        }
    }

    fn save(&self, file: &Path) -> Result<(), CliError> {
        let written = files::save(file, |made| streamed(made, |out| self.write(out)));
        written.map_err(|error| CliError::write(format!("cannot write {}", file.display()), error))
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::Json(report) => line_of_json(out, report),
            Self::Sarif(log) => writeln!(out, "{log:#}"),
            Self::Table(text) | Self::Text(text) => writeln!(out, "{}", text.trim_end_matches('\n')),
        }
    }
}
