//! Alerts: what needs somebody, who takes it on, what is silenced, and who is told of what.

mod channels;
mod one;
mod routes;
mod silences;
mod words;

use std::sync::Arc;

use axum::response::Response;
use cc_devops_alerts::{Alert, ConditionKind, OpenAlerts, Severity};
use cc_devops_http::access::ReadAlerts;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::text::{counted, line};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use crate::components::{Column, code, empty, filter, moment, moment_or, section, select, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::pages::asked;
use crate::refusal::Refusal;
use crate::row::{Row, act, page};
use crate::section::Section;
use crate::state::DashboardState;

/// How many open alerts are read, and how many of them are shown.
const MOST_READ: usize = 500;
const MOST_SHOWN: usize = 100;

/// How many alerts that are over a page has.
const PAGE: usize = 50;

/// The longest name of a condition, in bytes.
const LONGEST_KEY: usize = 500;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Alerts.path(), list),
        page(shared, "/ui/alerts/alert", one::show),
        act(shared, "/ui/alerts/acknowledge", one::acknowledge),
        page(shared, "/ui/alerts/silences", silences::show),
        act(shared, "/ui/alerts/silence", silences::silence),
        act(shared, "/ui/alerts/unsilence", silences::unsilence),
        page(shared, "/ui/alerts/routes", routes::show),
    ]
}

#[derive(Deserialize)]
struct Wanted {
    kind: Option<String>,
    cursor: Option<String>,
}

async fn list(visit: Visit<ReadAlerts>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let kind = asked::word(wanted.kind.as_deref());
    // A name is what it is, with whatever it begins or ends.
    let cursor = wanted.cursor.filter(|cursor| !cursor.is_empty());
    let known = kind.map(ConditionKind::named);
    if known == Some(None) || cursor.as_ref().is_some_and(|cursor| cursor.len() > LONGEST_KEY) {
        return Err(Problem::invalid("there is no such kind of alert, or no such page").into());
    }
    let now = visit.now();
    let is_plain = kind.is_none() && cursor.is_none();
    let alerts = visit.permitted.alerts()?;
    let open = if is_plain {
        Some(visit.permitted.open(MOST_READ).await?)
    } else {
        None
    };
    let channels = if is_plain {
        Some(visit.permitted.channels().await?)
    } else {
        None
    };
    let (over, next) = alerts.over(known.flatten(), cursor.as_deref(), PAGE).await?;
    let content = html! {
        p.ways {
            a href="/ui/alerts/silences" { "Silences" } " " a href="/ui/alerts/routes" { "Who is told of what" }
        }
        @if let Some(open) = &open { (section("open", "Open", &opened(open, alerts, now))) }
        @if let Some(channels) = &channels { (section("channels", "Channels", &channels::all(channels, now))) }
        (section("over", "Over", &html! {
            (filter(Section::Alerts.path(), &select("Kind", "kind", kind.unwrap_or_default(), &words::kinds())))
            @if over.is_empty() {
                (empty("No alerts that are over", &html! { "The last alert of each matter is kept for 90 days after its end." }))
            } @else {
                (table("Alerts that are over, by what they are of", &OVER, over.iter().map(|alert| ended(alert, now))))
            }
            (visit.pages("cursor", cursor.is_none(), next.as_deref()))
        }))
    };
    Ok(visit.page(Section::Alerts, "Alerts", &[Kind::Alerts], content))
}

const OPEN: [Column; 6] = [
    Column::text("What"),
    Column::text("Severity"),
    Column::text("State"),
    Column::text("Since"),
    Column::text("Who is told"),
    Column::text("What to do"),
];

const OVER: [Column; 4] = [
    Column::text("What"),
    Column::text("Severity"),
    Column::text("From"),
    Column::text("To"),
];

fn opened(open: &OpenAlerts, alerts: &cc_devops_alerts::Alerts, now: Timestamp) -> Markup {
    let counts = Severity::ALL.map(|severity| (severity, open.count(severity)));
    html! {
        @if open.alerts.is_empty() {
            (empty("Nothing is open", &html! {
                "An agent that is late, a deploy that failed, a channel that does not work: what needs somebody is listed here."
            }))
        } @else {
            p.counts {
                @for (severity, count) in counts {
                    @if count > 0 { (words::severity(severity)) ": " (count) " " }
                }
            }
            (table("Open alerts, what matters most first", &OPEN, open.alerts.iter().take(MOST_SHOWN).map(|alert| row(alert, alerts, now))))
            @if open.alerts.len() > MOST_SHOWN || open.more {
                p {
                    @if open.more { "More are open than are read here. " }
                    @else { (counted(u64::try_from(open.alerts.len() - MOST_SHOWN).unwrap_or_default(), "more is open. ", "more are open. ")) }
                    "All of them: " (code("cc-devops alerts list"))
                }
            }
        }
    }
}

fn row(alert: &Alert, alerts: &cc_devops_alerts::Alerts, now: Timestamp) -> (String, Vec<Markup>) {
    let condition = &alert.condition;
    let cells = vec![
        html! { a href=(links::alert(&condition.key)) { (line(&condition.title)) } },
        words::severity(condition.severity),
        words::state(alert),
        moment(condition.since, now),
        words::notification_status(alert, alerts.policy(), now),
        words::runbook(condition.kind),
    ];
    (alert.id.clone(), cells)
}

fn ended(alert: &Alert, now: Timestamp) -> (String, Vec<Markup>) {
    let condition = &alert.condition;
    let cells = vec![
        html! {
            a href=(links::alert(&condition.key)) { (line(&condition.title)) }
            @if let Some(ended) = &alert.ended { ": " (line(&ended.line)) }
        },
        html! { (condition.severity.as_str()) },
        moment(condition.since, now),
        moment_or(alert.ended.as_ref().map(|ended| ended.at), now, "-"),
    ];
    (alert.id.clone(), cells)
}
