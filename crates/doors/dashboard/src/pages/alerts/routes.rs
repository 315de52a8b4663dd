//! Who is told of what, and why: the routes, and what would become of something.

use std::collections::BTreeMap;

use axum::response::Response;
use cc_devops_alerts::AlertPolicy;
use cc_devops_alerts::explain::{Explained, ExplainedRoute};
use cc_devops_http::access::ReadAlerts;
use cc_devops_kernel::text::line;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::words;
use crate::components::{Column, Tone, code, field, filter, moment, section, select, status, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::pages::asked;
use crate::refusal::Refusal;
use crate::section::Section;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    kind: String,
    severity: String,
    stage: String,
    agent: String,
    key: String,
}

impl Asked {
    fn labels(&self) -> BTreeMap<String, String> {
        let all = [
            ("kind", &self.kind),
            ("severity", &self.severity),
            ("stage", &self.stage),
            ("agent", &self.agent),
            ("key", &self.key),
        ];
        let filled = |(name, value): (&str, &String)| Some((name.to_owned(), asked::word(Some(value))?.to_owned()));
        all.into_iter().filter_map(filled).collect()
    }
}

pub(super) async fn show(visit: Visit<ReadAlerts>, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let (alerts, now) = (visit.permitted.alerts()?, visit.now());
    let labels = asked.labels();
    let explained = if labels.is_empty() {
        None
    } else {
        Some(alerts.explain(&labels, now).await?)
    };
    let form = html! {
        (select("Kind", "kind", &asked.kind, &words::kinds()))
        (select("Severity", "severity", &asked.severity, &words::severities()))
        (field("Stage", "stage", "text", &asked.stage, None))
        (field("Agent", "agent", "text", &asked.agent, None))
        (field("Name", "key", "text", &asked.key, Some("As in agent/Writer")))
    };
    let content = html! {
        (section("routes", "Routes", &all(alerts.policy())))
        (section("quiet", "Quiet hours", &quiet(alerts.policy(), now)))
        (section("ask", "What would become of", &html! {
            (filter("/ui/alerts/routes", &form))
            @if let Some(explained) = &explained {
                (held_back(explained, now))
                (table_of(&explained.routes))
            }
        }))
        p { a href=(Section::Alerts.path()) { "All alerts" } }
    };
    Ok(visit.page(Section::Alerts, "Who is told of what", &[Kind::Alerts], content))
}

fn all(policy: &AlertPolicy) -> Markup {
    let columns = [
        Column::text("Route"),
        Column::text("Takes"),
        Column::text("Tells"),
        Column::text("And then"),
    ];
    let rows = policy.routes.iter().map(|route| {
        let then = if route.goes_on {
            "the next routes are looked at too"
        } else {
            "no other route is looked at"
        };
        let cells = vec![
            html! { (route.title()) },
            html! { (line(&route.matches.to_string())) },
            sentences(&route.in_words()),
            html! { (then) },
        ];
        (links::segment(&route.id), cells)
    });
    html! {
        p { "What needs somebody takes the first route that matches. Routes are " (code("[[alerts.routes]]")) " of the settings." }
        (table("Routes, in their order", &columns, rows))
    }
}

fn quiet(policy: &AlertPolicy, now: Timestamp) -> Markup {
    html! {
        @if policy.quiet_hours.is_empty() {
            p { "There are none: everything is told at every hour. They are " (code("[[alerts.quiet_hours]]")) " of the settings." }
        } @else {
            ul {
                @for hours in &policy.quiet_hours {
                    li {
                        (line(&hours.window.to_string()))
                        @if let Some(until) = hours.window.covers(now) { ", now, until " (moment(until, now)) }
                        @if !hours.passes.is_empty() {
                            "; told all the same: " (hours.passes.iter().map(|severity| severity.as_str()).collect::<Vec<_>>().join(", "))
                        }
                    }
                }
            }
        }
    }
}

/// What holds something back now, and why nobody would be told.
pub(super) fn held_back(explained: &Explained, now: Timestamp) -> Markup {
    html! {
        @if let Some(nobody) = &explained.nobody { p { (status(Tone::Warning, "nobody is told")) ": " (line(nobody)) } }
        @if let Some(silenced) = &explained.silenced { p { "Held back until " (moment(silenced.until, now)) " by " (line(&silenced.by)) "." } }
        @if let Some(quiet) = &explained.quiet { p { "Held back until " (moment(quiet.until, now)) " by " (line(&quiet.by)) "." } }
    }
}

/// Each route, whether it is taken, and why.
pub(super) fn table_of(routes: &[ExplainedRoute]) -> Markup {
    let columns = [
        Column::text("Route"),
        Column::text("Takes"),
        Column::text("Taken"),
        Column::text("Tells"),
    ];
    let rows = routes.iter().map(|route| {
        let taken = if route.taken {
            status(Tone::Good, "yes")
        } else {
            status(Tone::Quiet, "no")
        };
        let cells = vec![
            html! { (route.route) },
            html! { (line(&route.matches)) },
            html! { div { (taken) ": " (line(&route.why)) } },
            sentences(&route.tells),
        ];
        (format!("taken-{}", links::segment(&route.route)), cells)
    });
    table("Each route, and whether it is taken", &columns, rows)
}

fn sentences(told: &[String]) -> Markup {
    html! { @if !told.is_empty() { ul { @for sentence in told { li { (line(sentence)) } } } } }
}
