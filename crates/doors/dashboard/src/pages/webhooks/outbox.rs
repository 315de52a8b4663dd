//! The consumers of the outbox, each of which is told of every event, and what was set aside for one.

use axum::response::Response;
use cc_devops_http::access::{ActOnWebhooks, ReadWebhooks};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::text::line;
use cc_devops_outbox::ports::{Consumer, SetAside, Standing};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::PAGE;
use super::acts::LOOK_AFTER;
use crate::components::{Column, confirm, empty, moment, moment_or, table};
use crate::extract::{Path, Query};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::pages::consumers::{state, who, whom};
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;

#[derive(Deserialize)]
pub(super) struct Place {
    cursor: Option<i64>,
}

/// How each consumer stands.
pub(super) fn standings(standings: &[Standing], now: Timestamp) -> Markup {
    let columns = [
        Column::text("Who"),
        Column::text("State"),
        Column::text("Oldest that waits"),
        Column::number("Waiting"),
        Column::number("Failed before"),
        Column::number("Set aside"),
    ];
    let rows = standings.iter().map(|standing| {
        let cells = vec![
            html! { (who(standing.consumer)) },
            state(standing),
            moment_or(standing.oldest, now, "-"),
            html! { (standing.waiting) },
            html! { (standing.failing) },
            html! {
                @if standing.set_aside > 0 {
                    a href=(path(standing.consumer)) { (standing.set_aside) }
                } @else { "0" }
            },
        ];
        (standing.consumer.as_str().to_owned(), cells)
    });
    html! {
        @if standings.is_empty() {
            p { "Nobody is told by the outbox here." }
        } @else {
            (table("Who is told of every event", &columns, rows))
        }
    }
}

fn path(consumer: Consumer) -> String {
    format!("/ui/webhooks/outbox/{consumer}")
}

/// The consumer that an address names.
fn named(consumer: &str) -> Result<Consumer, Problem> {
    Consumer::find(consumer).ok_or_else(|| Problem::not_found("there is nobody of that name who is told of events"))
}

pub(super) async fn show(
    visit: Visit<ReadWebhooks>,
    Path(consumer): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Refusal> {
    let (consumer, now) = (named(&consumer)?, visit.now());
    let page = visit
        .permitted
        .set_aside(consumer, place.cursor.map(Cursor), PAGE)
        .await?;
    let next = page.next.map(|next| next.0.to_string());
    let columns = [
        Column::text("Event"),
        Column::text("Set aside"),
        Column::text("Why"),
        Column::number("Failures"),
    ];
    let content = html! {
        @if page.items.is_empty() {
            (empty("Nothing was set aside", &html! { "What could not be told for about a day is set aside, and listed here." }))
        } @else {
            @if visit.permitted.may(&Access::ManageWebhooks) {
                div.choices { a href=(format!("{}/replay", path(consumer))) { "Give it all back…" } }
            }
            (table("Events that were set aside, oldest first", &columns, page.items.iter().map(|event| row(event, now))))
        }
        (visit.pages("cursor", place.cursor.is_none(), next.as_deref()))
        p { a href=(Section::Webhooks.path()) { "All webhooks" } }
    };
    let title = format!("Set aside for {}", whom(consumer));
    Ok(visit.page(Section::Webhooks, &title, &[Kind::Webhooks], content))
}

fn row(event: &SetAside, now: Timestamp) -> (String, Vec<Markup>) {
    let cells = vec![
        html! {
            @match &event.event {
                Ok(known) => { (line(known.body.detail_type())) " for " (known.agent) }
                Err(error) => { "it cannot be read: " (line(error)) }
            }
        },
        moment(event.at, now),
        html! { (line(&event.error)) },
        html! { (event.failures) },
    ];
    (event.id.to_string(), cells)
}

pub(super) async fn ask_to_replay(
    visit: Visit<ReadWebhooks>,
    Path(consumer): Path<String>,
) -> Result<Response, Refusal> {
    visit.require(&Access::ManageWebhooks, LOOK_AFTER)?;
    let consumer = named(&consumer)?;
    let sentence = format!(
        "Everything that was set aside for {} is told again, as if it had never failed. Do it when the cause is mended.",
        whom(consumer)
    );
    let path = path(consumer);
    let form = confirm(&format!("{path}/replay"), &sentence, &html! {}, "Give it back", &path);
    Ok(visit.page(Section::Webhooks, "Give back what was set aside", &[], form))
}

pub(super) async fn replay(visit: Visit<ActOnWebhooks>, Path(consumer): Path<String>) -> Result<Response, Refusal> {
    let consumer = named(&consumer)?;
    visit.permitted.give_back(consumer).await?;
    Ok(visit.done(&path(consumer), Said::GivenBack))
}
