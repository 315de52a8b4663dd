//! Silences: what is not told for a while.

use std::collections::BTreeMap;

use axum::response::Response;
use cc_devops_alerts::Silence;
use cc_devops_alerts::policy::{FixedSilence, Match};
use cc_devops_http::access::{ActOnAlerts, ReadAlerts};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::duration::WrittenDuration;
use cc_devops_kernel::text::{cleaned, line};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{LONGEST_KEY, LONGEST_REASON, words};
use crate::components::{Column, Tone, empty, field, moment, section, select, status, table};
use crate::extract::{Form, Query};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::pages::asked;
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;

const PATH: &str = "/ui/alerts/silences";

/// How many silences are shown.
const MOST: usize = 100;

/// For how long something can be silenced here.
const LASTS: [(&str, &str); 8] = [
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("8h", "8 hours"),
    ("1d", "1 day"),
    ("3d", "3 days"),
    ("7d", "7 days"),
];

#[derive(Deserialize)]
pub(super) struct Which {
    key: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct NewSilence {
    key: String,
    kind: String,
    severity: String,
    stage: String,
    agent: String,
    labels: String,
    lasts: String,
    reason: String,
}

#[derive(Deserialize)]
pub(super) struct Ending {
    id: String,
}

pub(super) async fn show(visit: Visit<ReadAlerts>, Query(which): Query<Which>) -> Result<Response, Refusal> {
    let (alerts, now) = (visit.permitted.alerts()?, visit.now());
    let key = which.key.filter(|key| key.len() <= LONGEST_KEY).unwrap_or_default();
    let made = alerts.silences().await?;
    let made: Vec<&Silence> = made.iter().filter(|silence| silence.to > now).collect();
    let may = visit.permitted.may(&Access::ManageAlerts);
    let content = html! {
        (section("now", "Silences", &listed(&made, may, now)))
        @if !alerts.policy().silences.is_empty() {
            (section("fixed", "Silences of the settings", &fixed(&alerts.policy().silences, now)))
        }
        @if may { (section("new", "Silence something", &form(&key))) }
        p { a href=(Section::Alerts.path()) { "All alerts" } }
    };
    // It is not made anew while somebody writes in it.
    let shows: &[Kind] = if key.is_empty() { &[Kind::Alerts] } else { &[] };
    Ok(visit.page(Section::Alerts, "Silences", shows, content))
}

pub(super) async fn silence(visit: Visit<ActOnAlerts>, Form(new): Form<NewSilence>) -> Result<Response, Refusal> {
    let lasts = new.lasts.parse::<WrittenDuration>();
    let lasts = lasts.map_err(|error| Problem::invalid(format!("for how long: {error}")))?;
    let reason = cleaned(&new.reason);
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Problem::invalid(format!("say why, in at most {LONGEST_REASON} characters")).into());
    }
    visit.permitted.silence(new.matches()?, lasts.get(), &reason).await?;
    Ok(visit.done(PATH, Said::Silenced))
}

pub(super) async fn unsilence(visit: Visit<ActOnAlerts>, Form(ending): Form<Ending>) -> Result<Response, Refusal> {
    visit.permitted.unsilence(&ending.id).await?;
    Ok(visit.done(PATH, Said::SilenceEnded))
}

impl NewSilence {
    /// What it is of.
    fn matches(&self) -> Result<Match, Problem> {
        let own = [
            ("key", &self.key),
            ("kind", &self.kind),
            ("severity", &self.severity),
            ("stage", &self.stage),
            ("agent", &self.agent),
        ];
        let filled =
            |(name, value): (&str, &String)| Some((name.to_owned(), vec![asked::word(Some(value))?.to_owned()]));
        let mut labels: BTreeMap<String, Vec<String>> = own.into_iter().filter_map(filled).collect();
        for pair in self.labels.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let parts = pair.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            let (name, value) = parts
                .filter(|(name, value)| !name.is_empty() && !value.is_empty())
                .ok_or_else(|| {
                    Problem::invalid(format!(
                        "{pair:?} is no label: write them as name=value, with commas between them"
                    ))
                })?;
            labels.entry(name.to_owned()).or_default().push(value.to_owned());
        }
        if labels.is_empty() {
            return Err(Problem::invalid(
                "say what is to be silenced: that would be everything. Where you want that, use maintenance mode on the \
                 Health page",
            ));
        }
        Ok(Match(labels))
    }
}

fn listed(made: &[&Silence], may: bool, now: Timestamp) -> Markup {
    let columns = [
        Column::text("What"),
        Column::text("State"),
        Column::text("Until"),
        Column::text("Why"),
        Column::text("By"),
        Column::text("End it"),
    ];
    let rows = made.iter().take(MOST).map(|silence| {
        let holds = silence.from <= now;
        let cells = vec![
            html! { (line(&silence.matches.to_string())) },
            if holds {
                status(Tone::Waiting, "holds")
            } else {
                status(Tone::Quiet, "to come")
            },
            moment(silence.to, now),
            html! { (line(&silence.reason)) },
            html! { (line(&silence.by)) },
            html! {
                @if may {
                    form.act method="post" action="/ui/alerts/unsilence" {
                        input type="hidden" name="id" value=(silence.id);
                        button type="submit" { "End" }
                    }
                }
            },
        ];
        (silence.id.clone(), cells)
    });
    html! {
        @if made.is_empty() {
            (empty("Nothing is silenced", &html! { "What is silenced is not told for a while. States and histories go on." }))
        } @else {
            (table("Silences that are not over", &columns, rows))
            @if made.len() > MOST { p { "And " (made.len() - MOST) " more." } }
        }
    }
}

fn fixed(silences: &[FixedSilence], now: Timestamp) -> Markup {
    html! {
        ul {
            @for silence in silences {
                li {
                    (line(&silence.matches.to_string())) ": " (line(&silence.window.to_string()))
                    @if let Some(until) = silence.window.covers(now) { ", now, until " (moment(until, now)) }
                    @if !silence.reason.is_empty() { " (" (line(&silence.reason)) ")" }
                }
            }
        }
    }
}

fn form(key: &str) -> Markup {
    html! {
        p { "What matches all that you fill in is not told until the time is over. What is still wrong then is told at its end." }
        form.confirm method="post" action="/ui/alerts/silence" {
            (field("Name", "key", "text", key, Some("As in agent/Writer")))
            (select("Kind", "kind", "", &words::kinds()))
            (select("Severity", "severity", "", &words::severities()))
            (field("Stage", "stage", "text", "", None))
            (field("Agent", "agent", "text", "", None))
            (field("Other labels", "labels", "text", "", Some("Tags of agents, as in team=web, tier=1")))
            (select("For how long", "lasts", "1h", &LASTS))
            (field("Reason", "reason", "text", "", Some("Needed")))
            div.choices { button type="submit" { "Silence" } a href=(Section::Alerts.path()) { "Cancel" } }
        }
    }
}
