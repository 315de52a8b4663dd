//! `requests`: what was asked for and what became of it, read from the data folder.

use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::work::Progress;
use cc_devops_requests::deploys::plan_of;
use cc_devops_requests::record::{RequestFilter, RequestRecord, RequestState};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::action_name::REQUESTED;
use super::times::{parse_time, show};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{table, visible};
use crate::store;

const LIST_HELP: &str = "\
Newest first. TIME is RFC 3339, or how long ago: 90m, 24h, 7d.

Examples:
  cc-devops requests list --status error --since 24h
  cc-devops requests list --agent ContentOrchestrator --json";

const SHOW_HELP: &str = "\
A deploy's output is shown with it. Parameters are never shown: they may hold secrets.

Example:
  cc-devops requests show 7f3c2a";

/// What to see.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List requests
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Show one request with its outcome and output
    #[command(after_help = SHOW_HELP)]
    Show {
        /// Id of the request
        id: RequestId,
    },
}

/// Which requests.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only those for this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Only those with this action, as in putSecret
    #[arg(long, value_name = "ACTION", value_parser = REQUESTED, hide_possible_values = true)]
    action: Option<String>,
    /// Only those that ended so: success or error
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<Status>,
    /// Only those that stand so: received, executing, waiting, completed or published
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Option<RequestState>,
    /// Only those received at or after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Only those received before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Where the page before ended, its "next"
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<i64>,
}

/// Runs `requests`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let ledger = &opened.ports.ledger;
    match command {
        Command::List(list) => {
            let filter = RequestFilter {
                agent: list.agent,
                action: list.action,
                status: list.status,
                state: list.state,
                since: list.since,
                until: list.until,
                ..RequestFilter::default()
            };
            let page = ledger.list(&filter, list.cursor.map(Cursor), list.limit.into()).await?;
            let requests: Vec<Value> = page.items.iter().map(document).collect();
            let answer = json!({"requests": requests, "next": page.next});
            context.output.answer(&answer, || list_text(&page.items, page.next))?;
        }
        Command::Show { id } => {
            let record = ledger.find(&id).await?;
            let record = record.ok_or_else(|| CliError::Failed(format!("there is no request {id}")))?;
            let plan = match record.state {
                RequestState::Waiting => plan_of(&opened.ports, &id).await?,
                _ => None,
            };
            let plan = plan.filter(|plan| plan.state == PlanState::Waiting);
            let mut document = document(&record);
            if let (Some(plan), Some(fields)) = (&plan, document.as_object_mut()) {
                fields.insert("waitingFor".to_owned(), json!("approval"));
                fields.insert("plan".to_owned(), json!(plan.id));
                fields.insert("expiresAt".to_owned(), json!(plan.expires_at));
            }
            context.output.answer(&document, || show_text(&record, plan.as_ref()))?;
        }
    }
    Ok(())
}

/// A request as the HTTP API shows it.
fn document(record: &RequestRecord) -> Value {
    let mut document = json!({
        "requestId": record.head.id,
        "agent": record.head.agent,
        "principal": record.head.principal,
        "action": record.head.action,
        "stage": record.head.stage,
        "resource": record.head.resource,
        "state": record.state,
        "attempts": record.tries,
        "receivedAt": record.head.received_at,
        "completed": record.completed,
        "output": record.output,
    });
    if let (Some(progress), Some(fields)) = (&record.progress, document.as_object_mut()) {
        fields.insert("progress".to_owned(), json!(progress));
    }
    document
}

fn outcome(record: &RequestRecord) -> &'static str {
    record
        .completed
        .as_ref()
        .map_or("-", |completed| completed.status.as_str())
}

fn list_text(records: &[RequestRecord], next: Option<Cursor>) -> String {
    if records.is_empty() {
        return "no requests".to_owned();
    }
    let rows = records.iter().map(|record| {
        vec![
            show(record.head.received_at),
            record.head.id.to_string(),
            record.head.agent.to_string(),
            record.head.action.clone(),
            record.head.resource.clone().unwrap_or_else(|| "-".to_owned()),
            record.state.as_str().to_owned(),
            outcome(record).to_owned(),
        ]
    });
    let head = ["RECEIVED", "REQUEST", "AGENT", "ACTION", "RESOURCE", "STATE", "OUTCOME"];
    with_next(table(&head, rows), next)
}

/// A page's table, and how to see the next page.
pub(super) fn with_next(table: String, next: Option<Cursor>) -> String {
    match next {
        Some(Cursor(next)) => format!("{table}\nmore: --cursor {next}"),
        None => table,
    }
}

fn show_text(record: &RequestRecord, plan: Option<&PlanRecord>) -> String {
    let mut lines = vec![
        ("request", record.head.id.to_string()),
        ("agent", record.head.agent.to_string()),
        ("principal", record.head.principal.to_string()),
        ("action", record.head.action.clone()),
        ("stage", record.head.stage.clone()),
        (
            "resource",
            record.head.resource.clone().unwrap_or_else(|| "-".to_owned()),
        ),
        ("state", record.state.as_str().to_owned()),
        ("attempts", record.tries.to_string()),
        ("received", show(record.head.received_at)),
    ];
    if let Some(Progress { done, of, what }) = &record.progress {
        lines.push(("progress", format!("{done} of {of} {what}")));
    }
    if let Some(plan) = plan {
        lines.push((
            "waits for",
            format!("approval of {}, until {}", plan.id, show(plan.expires_at)),
        ));
    }
    if let Some(completed) = &record.completed {
        lines.push(("outcome", completed.status.as_str().to_owned()));
        lines.push(("ended", show(completed.timestamp)));
        lines.push(("latency", format!("{} ms", completed.latency_ms)));
        if let Some(reason) = completed.reason {
            lines.push(("reason", reason.to_string()));
        }
        if let Some(error) = &completed.error {
            lines.push(("error", error.clone()));
        }
        if let Some(result) = &completed.result {
            lines.push(("result", result.to_string()));
        }
        if let Some(approval) = &completed.approval {
            let state = approval.state.as_str();
            let by = approval.approvers.join(", ");
            let by = if by.is_empty() {
                String::new()
            } else {
                format!(" by {by}")
            };
            lines.push(("plan", format!("{}, {state}{by}", approval.plan)));
            lines.push(("digest", approval.digest.clone()));
        }
    }
    let mut text: Vec<String> = lines
        .into_iter()
        .map(|(name, value)| format!("{name:<10}{}", visible(&value)))
        .collect();
    if let Some(output) = &record.output {
        text.push("output".to_owned());
        text.extend(output.lines().map(|line| format!("  {}", visible(line))));
    }
    text.join("\n")
}

pub(super) fn parse_status(text: &str) -> Result<Status, String> {
    [Status::Success, Status::Error]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| "use success or error".to_owned())
}

fn parse_state(text: &str) -> Result<RequestState, String> {
    RequestState::find(text).ok_or_else(|| "use received, executing, waiting, completed or published".to_owned())
}
