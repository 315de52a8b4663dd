//! An alert: what it is, who was told of it and how, and taking it on.

use axum::response::Response;
use cc_devops_alerts::alert::NotifiedState;
use cc_devops_alerts::explain::Explained;
use cc_devops_alerts::{Alert, LastNotification};
use cc_devops_deploys::PlanId;
use cc_devops_http::access::{ActOnAlerts, ReadAlerts};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::text::{line, lines};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{LONGEST_KEY, LONGEST_REASON, routes, words};
use crate::components::{Column, Tone, code, facts, field, moment, section, status, table};
use crate::extract::{Form, Query};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;

#[derive(Deserialize)]
pub(super) struct Which {
    key: String,
}

#[derive(Deserialize)]
pub(super) struct Taking {
    key: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn show(visit: Visit<ReadAlerts>, Query(which): Query<Which>) -> Result<Response, Refusal> {
    let (alerts, now) = (visit.permitted.alerts()?, visit.now());
    let found = if which.key.len() <= LONGEST_KEY {
        alerts.show(&which.key).await?
    } else {
        None
    };
    let alert =
        found.ok_or_else(|| Problem::not_found("there is no such alert; it may be over for more than 90 days"))?;
    let told = alerts.told_by(&alert).await?;
    let explained = alerts.explain(&alert.condition.labels(), now).await?;
    let may = alert.state.is_open() && visit.permitted.may(&Access::ManageAlerts);
    let content = html! {
        (words::severity(alert.condition.severity))
        (words::state(&alert))
        (section("about", "What it is", &about(&alert, now)))
        @if may { (section("acts", "What you can do", &acts(&alert))) }
        (section("told", "Who is told", &html! {
            (words::notification_status(&alert, alerts.policy(), now))
            (deliveries(&told, now))
            (why(&explained, now))
        }))
        (section("history", "History", &history(&alert, now)))
    };
    Ok(visit.page(Section::Alerts, &line(&alert.condition.title), &[Kind::Alerts], content))
}

pub(super) async fn acknowledge(visit: Visit<ActOnAlerts>, Form(taking): Form<Taking>) -> Result<Response, Refusal> {
    if taking.reason.chars().count() > LONGEST_REASON {
        return Err(Problem::invalid(format!("the reason has {LONGEST_REASON} characters at most")).into());
    }
    let alert = visit.permitted.acknowledge(&taking.key, Some(&taking.reason)).await?;
    Ok(visit.done(&links::alert(&alert.condition.key), Said::Acknowledged))
}

fn about(alert: &Alert, now: Timestamp) -> Markup {
    let condition = &alert.condition;
    let mut rows = vec![
        ("Kind", html! { (condition.kind.as_str()) }),
        ("Since", moment(condition.since, now)),
    ];
    if let Some(ended) = &alert.ended {
        rows.push(("Over", html! { (moment(ended.at, now)) ": " (line(&ended.line)) }));
    }
    if let Some(agent) = &condition.agent {
        rows.push(("Agent", links::to_agent(agent.as_str())));
    }
    if let Some(stage) = &condition.stage {
        rows.push(("Stage", html! { (stage) }));
    }
    if let Some(plan) = condition.plan.as_ref().and_then(|plan| PlanId::read(&plan.plan)) {
        rows.push(("Plan", html! { a href=(links::plan(&plan)) { (plan) } }));
    }
    if !condition.tags.is_empty() {
        let tags = condition.tags.iter().map(|(name, value)| format!("{name}={value}"));
        rows.push(("Tags", html! { (line(&tags.collect::<Vec<_>>().join(", "))) }));
    }
    rows.push(("Name", code(&line(&condition.key))));
    rows.push(("What to do", words::runbook(condition.kind)));
    html! {
        (facts(&rows))
        @if !condition.text.is_empty() { pre { (lines(&condition.text)) } }
        @if let Some(body) = &condition.body {
            h3 { "What the agent sent last" }
            pre { (lines(body)) }
        }
    }
}

fn acts(alert: &Alert) -> Markup {
    let key = &alert.condition.key;
    html! {
        @if alert.acknowledged.is_none() {
            form.act method="post" action="/ui/alerts/acknowledge" {
                input type="hidden" name="key" value=(key);
                (field("Reason", "reason", "text", "", Some("What you do about it, if you want to say so")))
                button type="submit" { "Acknowledge" }
            }
        }
        p.more { a href=(links::with("/ui/alerts/silences", "key", key)) { "Silence it…" } }
    }
}

fn deliveries(told: &[LastNotification], now: Timestamp) -> Markup {
    let columns = [
        Column::text("Channel"),
        Column::text("What was told"),
        Column::text("When"),
        Column::text("Message"),
    ];
    let rows = told.iter().map(|by| {
        let cells = vec![
            html! { (by.channel) },
            html! {
                @match by.told.belief {
                    NotifiedState::Open => "that it is there",
                    NotifiedState::Flapping => "that it comes and goes",
                    NotifiedState::Over => "that it is over",
                }
                " (" (by.told.severity.as_str()) ")"
            },
            moment(by.told.at, now),
            sent(by),
        ];
        (format!("told-{}", links::segment(&by.channel)), cells)
    });
    html! { @if !told.is_empty() { (table("What each channel was told last", &columns, rows)) } }
}

fn sent(by: &LastNotification) -> Markup {
    html! {
        div {
            @match &by.unsent {
                None => (status(Tone::Good, "sent")),
                Some(delivery) if delivery.given_up => (status(Tone::Bad, "given up")),
                Some(_) => (status(Tone::Waiting, "on its way")),
            }
            @if let Some(delivery) = &by.unsent {
                @if delivery.attempts > 0 { ", tried " (delivery.attempts) " times" }
                @if let Some(error) = &delivery.last_error { ": " (line(error)) }
            }
        }
    }
}

/// Which routes it takes, and what holds it back now.
fn why(explained: &Explained, now: Timestamp) -> Markup {
    html! {
        h3 { "Why" }
        (routes::held_back(explained, now))
        (routes::table_of(&explained.routes))
    }
}

fn history(alert: &Alert, now: Timestamp) -> Markup {
    let flips: Vec<&Timestamp> = alert.flips.iter().rev().take(20).collect();
    html! {
        ul {
            @if let Some(taken) = &alert.acknowledged {
                li {
                    (moment(taken.at, now)) " acknowledged by " (line(&taken.by))
                    @if let Some(reason) = &taken.reason { ": " (line(reason)) }
                }
            }
            @if let Some(flapping) = alert.flapping { li { (moment(flapping, now)) " it comes and goes too often to be told each time" } }
            @if let Some(told) = alert.first_told { li { (moment(told, now)) " first told" } }
            @if alert.failures > 1 { li { (alert.failures) " failures in a row" } }
            @for missed in &alert.missed { li { "there from " (moment(missed.from, now)) " to " (moment(missed.to, now)) ", in quiet hours" } }
            @for flip in flips { li { (moment(*flip, now)) " it came or went" } }
        }
    }
}
