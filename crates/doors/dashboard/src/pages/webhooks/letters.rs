//! A webhook and its dead letters.

use axum::response::Response;
use cc_devops_http::access::ReadWebhooks;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::text::line;
use cc_devops_outbox::webhooks::{DeadLetter, SubscriptionStatus};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{PAGE, address, origin, state, told_of};
use crate::components::{Column, button, code, empty, facts, moment, section, table};
use crate::extract::{Path, Query};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::section::Section;

#[derive(Deserialize)]
pub(super) struct Place {
    cursor: Option<i64>,
}

pub(super) async fn show(
    visit: Visit<ReadWebhooks>,
    Path(id): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Refusal> {
    let (found, now) = (found(&visit, &id).await?, visit.now());
    let subscription = &found.subscription;
    let after = place.cursor.map(Cursor);
    let letters = visit.permitted.dead_letters(&subscription.id, after, PAGE).await?;
    let next = letters.next.map(|next| next.0.to_string());
    let may = visit.permitted.may(&Access::ManageWebhooks);
    let content = html! {
        (facts(&[
            ("State", state(&found, now)),
            ("Sent to", html! { (origin(subscription)) }),
            ("Told of", told_of(subscription)),
            ("Added", moment(subscription.created_at, now)),
            ("Id", code(&subscription.id.0)),
        ]))
        @if may { (acts(&found)) }
        (section("letters", "Dead letters", &html! {
            @if letters.items.is_empty() {
                (empty("No dead letters", &html! { "A delivery that fails for about three days is given up, and listed here." }))
            } @else {
                (table("Deliveries that were given up, oldest first", &COLUMNS, letters.items.iter().map(|letter| row(letter, now))))
            }
            (visit.pages("cursor", place.cursor.is_none(), next.as_deref()))
        }))
        p { a href=(Section::Webhooks.path()) { "All webhooks" } }
    };
    let title = format!("Webhook to {}", origin(subscription));
    Ok(visit.page(Section::Webhooks, &title, &[Kind::Webhooks], content))
}

/// The subscription that an address names.
pub(super) async fn found(visit: &Visit<ReadWebhooks>, id: &str) -> Result<SubscriptionStatus, Refusal> {
    let found = visit.permitted.subscription(id).await?;
    Ok(found.ok_or_else(|| Problem::not_found("there is no such webhook"))?)
}

fn acts(status: &SubscriptionStatus) -> Markup {
    let path = address(&status.subscription);
    html! {
        div.choices {
            @if status.endpoint.disabled_at.is_some() { (button(&format!("{path}/enable"), "Switch it on")) }
            @if status.dead_letters > 0 { a href=(format!("{path}/replay")) { "Deliver its dead letters again…" } " " }
            a href=(format!("{path}/remove")) { "Remove it…" }
        }
    }
}

const COLUMNS: [Column; 5] = [
    Column::text("Event"),
    Column::text("Given up"),
    Column::text("Why"),
    Column::number("Tries"),
    Column::text("Message"),
];

fn row(letter: &DeadLetter, now: Timestamp) -> (String, Vec<Markup>) {
    let cells = vec![
        html! { div { (line(letter.event.body.detail_type())) " for " (letter.event.agent) } },
        moment(letter.buried_at, now),
        html! { (line(&letter.error)) },
        html! { (letter.attempts) },
        code(&line(&letter.message_id)),
    ];
    (letter.cursor.0.to_string(), cells)
}
