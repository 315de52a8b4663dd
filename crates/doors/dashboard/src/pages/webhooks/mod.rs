//! Webhooks: who is told by HTTP, what was given up, and how the outbox's own consumers stand.

mod acts;
mod adding;
mod letters;
mod outbox;

use std::sync::Arc;

use axum::response::Response;
use cc_devops_http::access::ReadWebhooks;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::text::line;
use cc_devops_outbox::webhooks::{Subscription, SubscriptionStatus};
use jiff::Timestamp;
use maud::{Markup, html};
use url::Url;

use crate::components::{Column, Tone, code, empty, moment, section, status, table};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::refusal::Refusal;
use crate::row::{Row, act, page};
use crate::section::Section;
use crate::state::DashboardState;

/// How many rows a page has.
const PAGE: usize = 50;

/// How many subscriptions are shown.
const MOST: usize = 100;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Webhooks.path(), list),
        act(shared, "/ui/webhooks/add", adding::add),
        page(shared, "/ui/webhooks/outbox/{consumer}", outbox::show),
        page(shared, "/ui/webhooks/outbox/{consumer}/replay", outbox::ask_to_replay),
        act(shared, "/ui/webhooks/outbox/{consumer}/replay", outbox::replay),
        page(shared, "/ui/webhooks/{id}", letters::show),
        act(shared, "/ui/webhooks/{id}/enable", acts::enable),
        page(shared, "/ui/webhooks/{id}/replay", acts::ask_to_replay),
        act(shared, "/ui/webhooks/{id}/replay", acts::replay),
        page(shared, "/ui/webhooks/{id}/remove", acts::ask_to_remove),
        act(shared, "/ui/webhooks/{id}/remove", acts::remove),
    ]
}

async fn list(visit: Visit<ReadWebhooks>) -> Result<Response, Refusal> {
    let now = visit.now();
    let mut subscriptions = visit.permitted.subscriptions().await?;
    let standings = visit.permitted.standings().await?;
    // What needs somebody comes first.
    subscriptions.sort_by_key(|status| (rank(status), status.subscription.created_at));
    let columns = [
        Column::text("Webhook"),
        Column::text("State"),
        Column::text("Told of"),
        Column::number("Dead letters"),
        Column::text("Added"),
    ];
    let content = html! {
        (section("webhooks", "Webhooks", &html! {
            @if subscriptions.is_empty() {
                (empty("Nobody is told by webhooks", &html! {
                    "A webhook is sent every event that comes to be, signed. Add one below, or with " (code("cc-devops webhooks add URL")) "."
                }))
            } @else {
                (table("Webhooks, those that need somebody first", &columns, subscriptions.iter().take(MOST).map(|status| row(status, now))))
                @if subscriptions.len() > MOST {
                    p { "And " (subscriptions.len() - MOST) " more. All of them: " (code("cc-devops webhooks list")) }
                }
            }
        }))
        (section("consumers", "Who else is told of events", &outbox::standings(&standings, now)))
        @if visit.permitted.may(&Access::ManageWebhooks) { (section("add", "Add a webhook", &adding::form())) }
    };
    Ok(visit.page(Section::Webhooks, "Webhooks", &[Kind::Webhooks], content))
}

fn rank(status: &SubscriptionStatus) -> u8 {
    match &status.endpoint {
        endpoint if endpoint.disabled_at.is_some() => 0,
        endpoint if endpoint.failing_since.is_some() => 1,
        _ if status.dead_letters > 0 => 2,
        _ => 3,
    }
}

fn row(status: &SubscriptionStatus, now: Timestamp) -> (String, Vec<Markup>) {
    let subscription = &status.subscription;
    let cells = vec![
        html! { a href=(address(subscription)) { (origin(subscription)) } },
        state(status, now),
        told_of(subscription),
        html! { (status.dead_letters) },
        moment(subscription.created_at, now),
    ];
    (subscription.id.0.clone(), cells)
}

/// Its page.
fn address(subscription: &Subscription) -> String {
    format!("/ui/webhooks/{}", links::segment(&subscription.id.0))
}

/// Where its events go, without the path and the query: these are often secret.
fn origin(subscription: &Subscription) -> String {
    let url = Url::parse(&subscription.url);
    url.map_or_else(|_| subscription.id.0.clone(), |url| url.origin().ascii_serialization())
}

fn told_of(subscription: &Subscription) -> Markup {
    html! {
        div {
            @match &subscription.agent {
                Some(agent) => { "events of " (links::to_agent(agent.as_str())) }
                None => "every event",
            }
        }
    }
}

/// How it goes, with the last failure.
fn state(subscription: &SubscriptionStatus, now: Timestamp) -> Markup {
    let endpoint = &subscription.endpoint;
    html! {
        div {
            @if let Some(disabled) = endpoint.disabled_at {
                (status(Tone::Bad, "switched off")) " " (moment(disabled, now))
            } @else if let Some(failing) = endpoint.failing_since {
                (status(Tone::Warning, "fails")) " since " (moment(failing, now))
            } @else {
                (status(Tone::Good, "works"))
            }
            @if let Some(error) = &endpoint.last_error { ": " (line(error)) }
        }
    }
}
