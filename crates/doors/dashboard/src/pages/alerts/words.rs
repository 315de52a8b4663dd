//! How an alert stands, in words.

use cc_devops_alerts::{Alert, AlertPolicy, AlertState, ConditionKind, Severity};
use cc_devops_kernel::text::line;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Tone, code, moment, status};

/// Where it is written what each kind of alert means and what to do.
const RUNBOOK: &str = "docs/RUNBOOK-ALERTS.md";

/// How much something matters.
pub(super) fn severity(severity: Severity) -> Markup {
    let tone = match severity {
        Severity::Critical => Tone::Bad,
        Severity::Warning => Tone::Warning,
        Severity::Info => Tone::Quiet,
    };
    status(tone, severity.as_str())
}

/// How an alert stands.
pub(super) fn state(alert: &Alert) -> Markup {
    html! {
        div {
            @match alert.state {
                AlertState::Open => (status(Tone::Bad, "open")),
                AlertState::Acknowledged => (status(Tone::Waiting, "acknowledged")),
                AlertState::Resolved => (status(Tone::Good, "over")),
                AlertState::Closed => (status(Tone::Quiet, "closed")),
            }
            @if let Some(taken) = &alert.acknowledged { " by " (line(&taken.by)) }
            @if alert.flapping.is_some() { " " (status(Tone::Warning, "comes and goes")) }
        }
    }
}

/// Who was told, and why somebody is told next or not.
pub(super) fn notification_status(alert: &Alert, policy: &AlertPolicy, now: Timestamp) -> Markup {
    let channels: Vec<&str> = alert.told.keys().map(String::as_str).collect();
    let last = alert.told.values().map(|told| told.at).max();
    let routes = policy.routes_of(&alert.condition);
    let leads_nowhere = routes.iter().all(|route| route.channels.is_empty());
    html! {
        div {
            @match last {
                Some(last) => { "Told by " (channels.join(", ")) ", last " (moment(last, now)) ". " }
                None => "Nobody was told yet. ",
            }
            @if let Some(taken) = &alert.acknowledged {
                "Nobody is told again until it is over: " (line(&taken.by)) " takes care of it."
            } @else if let Some(waits) = &alert.waits {
                "Next at " (moment(waits.until, now)) ": " (line(&waits.words)) "."
            } @else if leads_nowhere {
                "No route leads from it to anybody."
            } @else if let Some(every) = remind(&routes) {
                "Told again every " (every) " until somebody acknowledges it."
            }
        }
    }
}

fn remind(routes: &[&cc_devops_alerts::policy::Route]) -> Option<String> {
    let every = routes.iter().filter_map(|route| route.remind).min()?;
    Some(crate::components::age(every))
}

/// Where it is written what to do.
pub(super) fn runbook(kind: ConditionKind) -> Markup {
    code(&format!("{RUNBOOK}#{}", kind.as_str()))
}

/// The kinds to choose from.
pub(super) fn kinds() -> Vec<(&'static str, &'static str)> {
    let all = ConditionKind::ALL
        .into_iter()
        .map(|kind| (kind.as_str(), kind.as_str()));
    std::iter::once(("", "All")).chain(all).collect()
}

/// The severities to choose from.
pub(super) fn severities() -> Vec<(&'static str, &'static str)> {
    let all = Severity::ALL
        .into_iter()
        .map(|severity| (severity.as_str(), severity.as_str()));
    std::iter::once(("", "All")).chain(all).collect()
}
