//! The list of requests.

use axum::response::{IntoResponse, Redirect, Response};
use cc_devops_http::access::{ReadMetrics, SearchRequests};
use cc_devops_kernel::text;
use cc_devops_requests::record::RequestRecord;
use jiff::Timestamp;
use maud::{Markup, html};

use super::super::searched;
use super::search::{Asked, leads_to};
use super::{rate, reasons, standing, took};
use crate::components::{Column, code, empty, filter, moment, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links::{segment, to_agent, to_request};
use crate::refusal::Refusal;
use crate::section::Section;

/// How many requests a page has.
const PAGE: usize = 50;

const COLUMNS: [Column; 7] = [
    Column::text("Request"),
    Column::text("Received"),
    Column::text("Agent"),
    Column::text("Action"),
    Column::text("About"),
    Column::text("State"),
    Column::number("Took"),
];

pub(super) async fn show(visit: Visit<SearchRequests>, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    if let Some(typed) = asked.typed()
        && let Some(address) = Box::pin(leads_to(&visit, typed)).await?
    {
        return Ok(Redirect::to(&address).into_response());
    }
    let path = Section::Requests.path();
    let before = asked.before()?;
    let found = visit.permitted.look(asked.filter()?, before, PAGE).await?;
    let is_first = before.is_none();
    let last_day = if is_first && !asked.narrows() {
        last_day(&visit).await
    } else {
        None
    };
    let content = html! {
        @if let Some(last_day) = last_day { (last_day) }
        (filter(path, &asked.fields()?))
        @if let Some(typed) = asked.typed() {
            p.notice role="status" {
                span {
                    "Nothing here is called “" (text::line(typed)) "”: it is the full id of no request, and no agent, action \
                     or reason of any. Below are all requests."
                }
            }
        }
        @if found.page.items.is_empty() && found.page.next.is_none() && is_first {
            (none(asked.narrows(), path))
        } @else {
            (requests(&found.page.items, visit.now()))
        }
        (searched::cut(found.looked_back_to, visit.now()))
        (searched::more(&visit, &found, is_first))
    };
    Ok(visit.page(Section::Requests, "Requests", &[Kind::Requests], content))
}

fn requests(records: &[RequestRecord], now: Timestamp) -> Markup {
    let rows = records.iter().map(|record| {
        let head = &record.head;
        let completed = record.completed.as_ref();
        let cells = vec![
            to_request(head.id.as_str()),
            moment(head.received_at, now),
            to_agent(head.agent.as_str()),
            html! { (text::line(&head.action)) },
            html! {
                @if let Some(resource) = &head.resource { (text::line(resource)) } @else { "-" }
            },
            html! {
                (standing(record))
                @if let Some(reason) = completed.and_then(|completed| completed.reason) {
                    " " span.note { (reasons::words(reason)) }
                }
            },
            html! { @if let Some(completed) = completed { (took(completed.latency_ms)) } @else { "-" } },
        ];
        (segment(head.id.as_str()), cells)
    });
    table("Requests, newest first", &COLUMNS, rows)
}

fn none(narrows: bool, path: &str) -> Markup {
    if narrows {
        let how = html! { "Take a filter away, or " a href=(path) { "show all requests" } "." };
        return empty("No request is like that", &how);
    }
    let how = html! {
        "Agents send requests to " (code("POST /v1/events")) ". To try one: " (code("cc-devops send")) "."
    };
    empty("There are no requests yet", &how)
}

/// How many requests ended over the last day, where the visitor may know.
async fn last_day(visit: &Visit<SearchRequests>) -> Option<Markup> {
    let metrics = visit.permitted.also::<ReadMetrics>().ok()?;
    let Ok(steps) = metrics.rate().await else {
        return Some(html! { p.note { "How many requests there were cannot be told at the moment." } });
    };
    Some(rate::of_day(&steps))
}
