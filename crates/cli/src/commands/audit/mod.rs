//! `audit`: reads, checks and exports the trail of who did what to what.

mod accept;
mod export;
mod exported;

use std::path::PathBuf;

use cc_devops_kernel::audit::{AuditFilter, AuditRow, Break, Mark, Verification};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::AuditTrail;
use jiff::Timestamp;
use serde_json::json;

use super::requests::{parse_status, with_next};
use super::times::{parse_time, show};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table, visible};
use crate::store;

const LIST_HELP: &str = "\
Newest first. TIME is RFC 3339, or how long ago: 90m, 24h, 7d.

Examples:
  cc-devops audit list --agent ContentOrchestrator --status error
  cc-devops audit list --action secret.read --since 7d --json";

const VERIFY_HELP: &str = "\
Checks that no row was changed, removed or put elsewhere, and that none is missing at the end; that
the trail has not gone back behind what is kept beside the database; and that secrets, agents and
their tokens stand as the trail tells it. Exit code 1 when something is broken; each broken row is
named, with its chain where there are several. With --file an export is checked on its own, without
a control plane. --at-least asks for a row that you know of: the server's log says where the trail
ends, at its start, every hour and at its stop, and so do `GET /health` and this command.

Examples:
  cc-devops audit verify
  cc-devops audit verify --at-least 871:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c
  cc-devops audit verify --file audit-2026-01.ndjson";

const EXPORT_HELP: &str = "\
One JSON object a line, oldest first. A row's \"hash\" is SHA-256 over \"prevHash\", a line break, and
the row without those two and \"chain\" as canonical JSON (RFC 8785). On AWS each writer has a chain of
its own; its first row's \"prevHash\" is SHA-256 over \"chain\", a line break, and the chain's name.
DATE is a day (UTC), a time in RFC 3339, or how long ago: 90d. What --before exports holds on its
own; the runbook has a dozen lines of Python that check it.

Examples:
  cc-devops audit export > audit.ndjson
  cc-devops audit export --before 2026-02-01 --out audit-2026-01.ndjson";

/// What to do with the audit trail.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List audit rows
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Check the whole chain
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
    /// Print every row as NDJSON
    #[command(after_help = EXPORT_HELP)]
    Export(export::Args),
    /// Take a trail that has gone back as it stands
    #[command(after_help = accept::AFTER_HELP)]
    Accept(accept::Args),
}

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// An export to check on its own
    #[arg(long, value_name = "EXPORT")]
    file: Option<PathBuf>,
    /// A row that must be there: its place and its hash
    #[arg(long, value_name = "SEQ:HASH")]
    at_least: Option<Mark>,
}

/// Which rows.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    /// Only those for or by this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Only those with this action, as in putSecret or agent.added
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only those that ended so: success or error
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<Status>,
    /// Only those at or after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Only those before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
}

/// Which rows, and how many.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Where the page before ended, its "next"
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<i64>,
}

impl From<Filter> for AuditFilter {
    fn from(filter: Filter) -> Self {
        Self {
            agent: filter.agent,
            action: filter.action,
            status: filter.status,
            since: filter.since,
            until: filter.until,
            ..Self::default()
        }
    }
}

/// Runs `audit`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    if let Command::Verify(Verify {
        file: Some(file),
        at_least,
    }) = &command
    {
        return exported::verify(context.output, file, *at_least);
    }
    let opened = store::open(context).await?;
    let trail = opened.ports.audit.as_ref();
    let output = context.output;
    match command {
        Command::List(list) => {
            let page = trail
                .list(&list.filter.into(), list.cursor.map(Cursor), list.limit.into())
                .await?;
            let answer = json!({"rows": page.items, "next": page.next});
            output.answer(&answer, || list_text(&page))?;
        }
        Command::Verify(Verify { at_least, .. }) => {
            let progress = output.progress("checking the audit chain");
            progress.start();
            let mut verification = trail.verify().await?;
            if let Some(mark) = at_least {
                verification.breaks.extend(missing(trail, mark).await?);
            }
            let head = trail.mark(None).await?;
            drop(progress);
            write_answer(output, &verification, head)?;
        }
        Command::Accept(args) => accept::run(context, &opened, &args).await?,
        Command::Export(args) => export::run(output, trail, args).await?,
    }
    Ok(())
}

/// What is wrong where a row is not there that somebody knows of.
async fn missing(trail: &dyn AuditTrail, mark: Mark) -> Result<Option<Break>, CliError> {
    if trail.mark(None).await?.is_none() {
        let several =
            "--at-least is for a trail of one chain; on AWS each writer has its own, and checkpoints bind them";
        return Err(CliError::Usage(several.to_owned()));
    }
    Ok(unlike(mark, trail.mark(Some(mark.seq)).await?))
}

/// What is wrong where another row stands at a place, or none.
fn unlike(mark: Mark, found: Option<Mark>) -> Option<Break> {
    let problem = match found {
        Some(found) if found == mark => return None,
        Some(_) => format!(
            "row {} is not the one that was asked for: it has another hash",
            mark.seq
        ),
        None => format!("row {} is not there", mark.seq),
    };
    Some(Break {
        chain: None,
        seq: mark.seq,
        problem,
    })
}

fn write_answer(output: Output, verification: &Verification, head: Option<Mark>) -> Result<(), CliError> {
    let Verification { rows, cut, breaks } = verification;
    let whole = breaks.is_empty();
    let document = json!({"ok": whole, "rows": rows, "cut": cut, "head": head, "breaks": breaks});
    output.answer(&document, || {
        if !whole {
            return broken_text("the audit chain", *rows, breaks);
        }
        let before = match cut {
            0 => String::new(),
            _ => format!("; {cut} older row(s) were cut off"),
        };
        let end = head.map(|head| format!("\nit ends with {head}")).unwrap_or_default();
        format!("the audit chain holds: {rows} row(s){before}{end}")
    })?;
    if whole { Ok(()) } else { Err(CliError::Answered) }
}

fn broken_text(what: &str, rows: u64, breaks: &[Break]) -> String {
    let mut lines = vec![format!("{what} is BROKEN: {rows} row(s) read")];
    lines.extend(breaks.iter().map(|found| {
        let chain = found.chain.as_ref();
        let chain = chain.map(|name| format!("chain {name}, ")).unwrap_or_default();
        // What is none of the trail's rows has no place in it.
        let row = match found.seq {
            0 => String::new(),
            seq => format!("row {seq}: "),
        };
        visible(&format!("  {chain}{row}{}", found.problem)).into_owned()
    }));
    lines.join("\n")
}

fn list_text(page: &Page<AuditRow>) -> String {
    if page.items.is_empty() {
        return "no audit rows".to_owned();
    }
    let dash = || "-".to_owned();
    let chained = page.items.iter().any(|row| row.chain.is_some());
    let rows = page.items.iter().map(|row| {
        let entry = &row.entry;
        let mut cells = vec![
            row.seq.to_string(),
            show(entry.at),
            entry.principal.as_ref().map_or_else(dash, ToString::to_string),
            entry.agent.as_ref().map_or_else(dash, ToString::to_string),
            entry.action.clone(),
            entry.resource.clone().unwrap_or_else(dash),
            entry.status.as_str().to_owned(),
            entry.reason.map_or_else(dash, |reason| reason.to_string()),
        ];
        if chained {
            cells.push(row.chain.clone().unwrap_or_else(dash));
        }
        cells
    });
    let mut head = vec![
        "ROW",
        "AT",
        "PRINCIPAL",
        "AGENT",
        "ACTION",
        "RESOURCE",
        "STATUS",
        "REASON",
    ];
    if chained {
        head.push("CHAIN");
    }
    with_next(table(&head, rows), page.next)
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::audit::{AuditEntry, ChainHash};
    use serde_json::Value;

    use super::*;

    fn row(chain: Option<&str>) -> AuditRow {
        AuditRow {
            chain: chain.map(str::to_owned),
            seq: 1,
            entry: AuditEntry {
                at: Timestamp::UNIX_EPOCH,
                principal: None,
                agent: None,
                action: "putSecret".to_owned(),
                request_id: None,
                stage: None,
                resource: None,
                status: Status::Success,
                reason: None,
                detail: Value::Null,
            },
            prev_hash: ChainHash::GENESIS,
            hash: ChainHash::GENESIS,
        }
    }

    #[test]
    fn the_chain_is_shown_only_where_there_are_several() {
        let page = |items| Page { items, next: None };
        let one = list_text(&page(vec![row(None)]));
        assert!(!one.contains("CHAIN"), "{one}");
        let several = list_text(&page(vec![row(Some("checkpoints")), row(None)]));
        assert!(
            several.contains("CHAIN") && several.contains("checkpoints"),
            "{several}"
        );
    }
}
