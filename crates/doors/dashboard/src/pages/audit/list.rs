//! The rows of the trail, and how it stands.

use axum::response::Response;
use cc_devops_http::access::{MOST_EXPORTED, ReadAudit};
use cc_devops_kernel::audit::AuditRow;
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::text;
use jiff::Timestamp;
use maud::{Markup, html};

use super::super::searched;
use super::filter::Asked;
use super::{address, outcome};
use crate::components::{Column, code, empty, facts, filter, moment, notice, section, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links::{segment, to_agent_or};
use crate::refusal::Refusal;
use crate::section::Section;

/// How many rows a page has.
const PAGE: usize = 50;

const COLUMNS: [Column; 7] = [
    Column::text("Row"),
    Column::text("When"),
    Column::text("Who"),
    Column::text("For"),
    Column::text("Action"),
    Column::text("About"),
    Column::text("Status"),
];

pub(super) async fn show(visit: Visit<ReadAudit>, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let before = asked.before()?;
    let is_first = before.is_none();
    let found = visit.permitted.look(&asked.filter()?, before, PAGE).await?;
    let trail = standing(&visit).await?;
    let now = visit.now();
    let path = Section::Audit.path();
    let content = html! {
        (trail)
        (filter(path, &asked.fields()?))
        @if found.page.items.is_empty() && found.page.next.is_none() && is_first {
            (empty(
                "No row is like that",
                &html! { "Take a filter away, or " a href=(path) { "show all rows" } "." },
            ))
        } @else {
            (entries(&found.page.items, now))
        }
        (searched::cut(found.looked_back_to, now))
        (searched::more(&visit, &found, is_first))
        (files(&visit))
    };
    Ok(visit.page(Section::Audit, "Audit", &[Kind::Audit], content))
}

fn entries(rows: &[AuditRow], now: Timestamp) -> Markup {
    let rows = rows.iter().map(|row| {
        let entry = &row.entry;
        let about = entry.resource.as_deref().or(entry.request_id.as_deref());
        let cells = vec![
            html! { a href=(address(row)) { (row.seq) } },
            moment(entry.at, now),
            to_agent_or(entry.principal.as_ref(), "control plane"),
            to_agent_or(entry.agent.as_ref(), "-"),
            html! { (text::line(&entry.action)) },
            html! { (text::line(about.unwrap_or("-"))) },
            outcome(entry),
        ];
        let chain = row.chain.as_deref().map(segment).unwrap_or_default();
        (format!("{chain}{}", row.seq), cells)
    });
    table("Audit rows, newest first", &COLUMNS, rows)
}

/// How the trail stands, as far as is known without walking it.
async fn standing(visit: &Visit<ReadAudit>) -> Result<Markup, Refusal> {
    let (end, doubt) = futures::try_join!(visit.permitted.end(), visit.permitted.doubt())?;
    let state = html! {
        @match &doubt {
            Some(doubt) => { (notice(Condition::Degraded, &format!("{}.", text::line(doubt)))) }
            None => { p { "Nothing is known against the trail." } }
        }
        (facts(&[
            ("Newest row", html! {
                @match &end {
                    Some(end) if end.seq > 0 => {
                        a href=(format!("/ui/audit/{}", end.seq)) { (end.seq) }
                        " " (code(&end.hash.to_string()))
                    }
                    Some(_) => { "None yet" }
                    None => {
                        "This trail has a chain of hashes for each writer. Checkpoints, rows of their own, bind the ends of \
                         all chains together every minute."
                    }
                }
            }),
            ("Check all of it", html! {
                (code("cc-devops audit verify")) " walks every row, and compares agents, tokens and secrets with what the \
                 trail tells. It is not done from here, because on a long trail it takes minutes; each row's page checks \
                 that row."
            }),
            ("Ask later", html! {
                @match &end {
                    Some(end) => { "Note the newest row elsewhere now and then: " (code(&format!("cc-devops audit verify --at-least {end}"))) }
                    None => { "Keep an export elsewhere now and then." }
                }
            }),
        ]))
    };
    Ok(section("trail", "The trail", &state))
}

/// The rows that are shown as a file.
fn files(visit: &Visit<ReadAudit>) -> Markup {
    let here = visit.link_with("cursor", "");
    let path = Section::Audit.path();
    let query = here.strip_prefix(path).unwrap_or_default();
    let content = html! {
        p {
            a href=(format!("{path}/export{query}")) download { "Download these rows" }
            " as a line of JSON each, the oldest first: the newest " (MOST_EXPORTED / 1_000) ",000 that the filter selects. "
            (code("cc-devops audit export")) " gives all of them, and "
            (code("cc-devops audit verify --file FILE")) " checks such a file on its own."
        }
    };
    section("export", "Keep it elsewhere", &content)
}
