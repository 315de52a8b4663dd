//! One request.

use axum::response::Response;
use cc_devops_http::access::{FindRequest, ReadAudit};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::audit::AuditRow;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Completed, DeployResult, StackChangeEntry};
use cc_devops_kernel::text;
use cc_devops_requests::record::{RequestHead, RequestRecord};
use maud::{Markup, html};
use serde_json::Value;

use super::{life, reasons, standing};
use crate::components::{Column, code, facts, fields, moment, section, table};
use crate::extract::Path;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links::{segment, segments, to_agent};
use crate::refusal::Refusal;
use crate::section::Section;

/// How much of an output is shown, in characters: its end.
const OUTPUT: usize = 40_000;

/// How many of a deploy's changes are shown; the plan has all.
const CHANGES: usize = 200;

pub(super) async fn show(visit: Visit<FindRequest>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let missing = || Problem::not_found("there is no such request, or it is not yours to see");
    let id = RequestId::new(id).map_err(|_| missing())?;
    let record = visit.permitted.find(&id).await?.ok_or_else(missing)?;
    let plan = visit.permitted.plan(&record).await?;
    let waits_since = visit.permitted.waits_since(&record).await?;
    let on_record = on_record(&visit, &record).await;
    let now = visit.now();
    let content = html! {
        (facts(&[
            ("State", standing(&record)),
            ("Asked for by", asker(&record.head)),
            ("Action", html! { (text::line(&record.head.action)) }),
            ("About", about(&record.head)),
            ("Stage", html! { (text::line(&record.head.stage)) }),
            ("Received", moment(record.head.received_at, now)),
        ]))
        @if let Some(completed) = &record.completed {
            (outcome(completed))
        }
        (section("life", "What happened", &life::life(&record, plan.as_ref(), waits_since, now)))
        @if let Some(output) = &record.output {
            (section("output", "What it printed", &printed(output)))
        }
        (section("record", "On record", &proof(&record, &on_record)))
    };
    let title = format!("Request {}", text::line(id.as_str()));
    let kinds = [Kind::Requests, Kind::Deploys];
    Ok(visit.page(Section::Requests, &title, &kinds, content))
}

/// Who asked for whom.
fn asker(head: &RequestHead) -> Markup {
    html! {
        (to_agent(head.principal.as_str())) " (" (head.role.as_str()) ")"
        @if head.agent != head.principal { ", for " (to_agent(head.agent.as_str())) }
    }
}

/// What it is about: a secret and a stack have pages.
fn about(head: &RequestHead) -> Markup {
    match &head.resource {
        None => html! { "-" },
        Some(name) if name.starts_with('/') => {
            html! { a href=(format!("/ui/secrets{}", segments(name))) { (text::line(name)) } }
        }
        Some(name) => html! { (text::line(name)) },
    }
}

/// What came of it: the result, or why not and what to do.
fn outcome(completed: &Completed) -> Markup {
    let failed = html! {
        @if let Some(error) = &completed.error { p { (text::line(error)) } }
        @if let Some(reason) = completed.reason {
            p { (code(reason.as_str())) ": " (reasons::words(reason)) ". " (reasons::remedy(reason)) }
        }
    };
    let deploy = completed
        .result
        .as_ref()
        .and_then(|result| serde_json::from_value::<DeployResult>(result.clone()).ok());
    html! {
        @if completed.error.is_some() || completed.reason.is_some() {
            (section("outcome", "Why it failed, and what to do", &failed))
        }
        @if let Some(deploy) = deploy {
            (section("outcome", "What came of it", &deployed(&deploy)))
        } @else if let Some(result) = &completed.result {
            (section("outcome", "What came of it", &fields(result)))
        }
        @if let Some(approval) = &completed.approval {
            (section("approval", "Approval", &html! {
                p {
                    "The " a href=(format!("/ui/deploys/{}", segment(&approval.plan))) { "plan" } " was "
                    (approval.state.as_str().replace('_', " "))
                    @if !approval.approvers.is_empty() { ", approved by " (text::line(&approval.approvers.join(", "))) }
                    "."
                }
            }))
        }
    }
}

fn deployed(deploy: &DeployResult) -> Markup {
    let changes = deploy.changes.iter().take(CHANGES).enumerate().map(|(place, change)| {
        let StackChangeEntry {
            action,
            logical_id,
            resource_type,
            replacement,
        } = change;
        let replaced = replacement.as_deref().unwrap_or("-");
        let cells = [logical_id.as_str(), action, resource_type, replaced];
        let cells = cells.map(|cell| html! { (text::line(cell)) });
        (format!("change-{place}"), Vec::from(cells))
    });
    let columns = [
        Column::text("Resource"),
        Column::text("Change"),
        Column::text("Type"),
        Column::text("Replaced"),
    ];
    let left_out = deploy.changes.len().saturating_sub(CHANGES);
    html! {
        (facts(&[
            ("Stack", html! { (text::line(&deploy.stack_name)) }),
            ("Status", html! { (text::line(&deploy.current_status)) }),
        ]))
        @if deploy.changes.is_empty() {
            p { "Nothing was changed, or nobody knows what." }
        } @else {
            (table("What was changed", &columns, changes))
        }
        @if left_out > 0 { p.note { (left_out) " more changes are not shown." } }
    }
}

/// What a command printed: redacted and bounded when it was kept.
fn printed(output: &str) -> Markup {
    let characters = output.chars().count();
    let end: String = output.chars().skip(characters.saturating_sub(OUTPUT)).collect();
    html! {
        @if characters > OUTPUT {
            p.note { "The last " (OUTPUT) " characters of " (characters) ". All of it: GET /v1/requests/{id}." }
        }
        pre tabindex="0" aria-label="What it printed" { (text::lines(&end)) }
    }
}

/// What the audit trail has of it.
enum OnRecord {
    Row(Box<AuditRow>),
    /// Not before its outcome.
    NotYet,
    /// It does not stand where its time says.
    Elsewhere,
    Unknown,
    NotYours,
}

async fn on_record(visit: &Visit<FindRequest>, record: &RequestRecord) -> OnRecord {
    let Ok(audit) = visit.permitted.also::<ReadAudit>() else {
        return OnRecord::NotYours;
    };
    if record.completed.is_none() {
        return OnRecord::NotYet;
    }
    match audit.of_request(record).await {
        Ok(Some(row)) => OnRecord::Row(Box::new(row)),
        Ok(None) => OnRecord::Elsewhere,
        Err(_) => OnRecord::Unknown,
    }
}

fn proof(record: &RequestRecord, on_record: &OnRecord) -> Markup {
    let all = format!("/ui/audit?request={}", segment(record.head.id.as_str()));
    html! {
        @match on_record {
            OnRecord::NotYours => { p { "The audit trail is not yours to see." } }
            OnRecord::NotYet => { p { "The audit row is written with the outcome." } }
            OnRecord::Unknown => { p { "The audit trail cannot be read at the moment. Try again." } }
            OnRecord::Elsewhere => {
                p { "The audit row does not stand where its time says. " a href=(all) { "Look for it in the audit trail" } "." }
            }
            OnRecord::Row(row) => {
                (facts(&[
                    ("Policies that decided", policies(row)),
                    ("Audit row", html! { a href=(super::super::audit::address(row)) { "Row " (row.seq) } }),
                    ("All rows about it", html! { a href=(all) { "Search the audit trail" } }),
                ]))
            }
        }
    }
}

/// The policies that the row names.
fn policies(row: &AuditRow) -> Markup {
    let decided = row.entry.detail.get("policies").and_then(Value::as_array);
    let names: Vec<&str> = decided.into_iter().flatten().filter_map(Value::as_str).collect();
    html! {
        @if names.is_empty() {
            "None: no policy was asked, or none permits it. "
        } @else {
            @for (place, name) in names.iter().enumerate() {
                @if place > 0 { ", " }
                (text::line(name))
            }
            " "
        }
        a href="/ui/policies" { "See the policies" }
    }
}
