//! When deploys rest.

use axum::response::Response;
use cc_devops_deploys::freeze::{FreezeKind, FreezeWindow, Freezes, StackPattern};
use cc_devops_http::access::ReadFreezes;
use cc_devops_kernel::text;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::components::{Column, Tone, code, empty, moment_or, status, table};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::refusal::Refusal;
use crate::section::Section;

/// How far ahead is looked.
const AHEAD: SignedDuration = SignedDuration::from_hours(21 * 24);

/// How many openings of a window are looked at.
const OPENINGS: usize = 50;

pub(super) async fn show(visit: Visit<ReadFreezes>) -> Result<Response, Refusal> {
    let (windows, now) = (visit.permitted.freezes().windows(), visit.now());
    let columns = [
        Column::text("Window"),
        Column::text("Now"),
        Column::text("From, next"),
        Column::text("Until"),
        Column::text("What it does"),
        Column::text("Stacks"),
        Column::text("Why"),
    ];
    let content = html! {
        @if windows.is_empty() {
            (empty("Deploys never rest", &html! {
                "A time in which nothing is deployed is a " (code("[[deploys.freezes]]")) " of the settings."
            }))
        } @else {
            (table("Freeze windows", &columns, windows.iter().map(|window| row(window, now))))
            p { "Where one window denies and another allows, the one that denies holds." }
        }
        p { a href=(Section::Deploys.path()) { "All deploys" } }
    };
    Ok(visit.page(Section::Deploys, "When deploys rest", &[Kind::Deploys], content))
}

/// Whether a freeze holds now, in a sentence, with the way to all of them; nothing where there are none.
pub(super) fn in_short(freezes: &Freezes, now: Timestamp) -> Markup {
    let holding: Vec<&FreezeWindow> = freezes.windows().iter().filter(|window| holds(window, now)).collect();
    html! {
        @if !freezes.windows().is_empty() {
            p {
                @if holding.is_empty() {
                    "No freeze holds now. "
                } @else {
                    (status(Tone::Warning, "frozen")) " "
                    @for (place, window) in holding.iter().enumerate() {
                        @if place > 0 { ", " } (text::line(&window.name))
                    }
                    @if holding.len() == 1 { " holds now, for " } @else { " hold now; the first for " }
                    @if let Some(first) = holding.first() { (about(first)) } ". "
                }
                a href="/ui/deploys/freezes" { "When deploys rest" }
            }
        }
    }
}

fn next(window: &FreezeWindow, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let horizon = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    window.freezes(now, horizon, OPENINGS).into_iter().next()
}

fn holds(window: &FreezeWindow, now: Timestamp) -> bool {
    next(window, now).is_some_and(|(from, to)| from <= now && now < to)
}

/// The stacks that a window is about.
fn about(window: &FreezeWindow) -> String {
    let stacks: Vec<&str> = window.stacks.iter().map(StackPattern::as_str).collect();
    let stages: Vec<String> = window.stages.iter().map(ToString::to_string).collect();
    let stacks = if stacks.is_empty() {
        "every stack".to_owned()
    } else {
        stacks.join(", ")
    };
    if stages.is_empty() {
        stacks
    } else {
        format!("{stacks} on {}", stages.join(", "))
    }
}

fn row(window: &FreezeWindow, now: Timestamp) -> (String, Vec<Markup>) {
    let span = next(window, now);
    let or_none = |at| moment_or(at, now, "not within three weeks");
    let cells = vec![
        html! { (text::line(&window.name)) },
        if holds(window, now) {
            status(Tone::Warning, "frozen")
        } else {
            status(Tone::Good, "open")
        },
        or_none(span.map(|(from, _)| from)),
        or_none(span.map(|(_, to)| to)),
        html! {
            @match window.kind {
                FreezeKind::Deny => "Nothing is deployed ",
                FreezeKind::Allow => "Deploys run only ",
            }
            (text::line(&window.in_words()))
        },
        html! { (about(window)) },
        html! { (window.reason.as_deref().map(text::line).unwrap_or_default()) },
    ];
    (links::segment(&window.name), cells)
}
