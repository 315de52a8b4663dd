//! How the control plane does, in words.

use cc_devops_alerts::Maintenance;
use cc_devops_http::access::{Permitted, ReadHealth};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::health::{Check, Condition, Health, Mode};
use cc_devops_kernel::text;
use cc_devops_outbox::ports::Standing;
use cc_devops_requests::ports::{Backlog, Weight};
use jiff::Timestamp;
use maud::{Markup, html};

use super::maintenance;
use crate::components::{Column, Tone, age, code, empty, facts, moment, moment_or, notice, section, status, table};
use crate::pages::consumers::{state, who};

/// Whether all is well, in one sentence.
pub(super) fn summary(health: &Health) -> Markup {
    let failing = health.checks.iter().filter(|check| is_failing(check)).count();
    let all = health.checks.len();
    match failing {
        0 => notice(Condition::Healthy, "The control plane works: every check holds."),
        _ => notice(
            Condition::Degraded,
            &format!("{failing} of {all} checks do not hold. What to do stands beside each."),
        ),
    }
}

fn is_failing(check: &Check) -> bool {
    check.status == Condition::Degraded
}

/// The checks, those that do not hold first.
pub(super) fn checks(health: &Health) -> Markup {
    let mut checks: Vec<&Check> = health.checks.iter().collect();
    checks.sort_by_key(|check| !is_failing(check));
    let columns = [
        Column::text("Check"),
        Column::text("State"),
        Column::text("What it says"),
    ];
    let rows = checks.into_iter().map(|check| {
        let state = if is_failing(check) {
            status(Tone::Bad, "does not hold")
        } else {
            status(Tone::Good, "holds")
        };
        let says = check
            .message
            .as_deref()
            .map_or_else(|| about(&check.name).into(), text::line);
        let cells = vec![html! { (name(&check.name)) }, state, html! { (says) }];
        (check.name.clone(), cells)
    });
    section("checks", "Checks", &table("Checks", &columns, rows))
}

/// A check's name as people read it.
fn name(check: &str) -> String {
    let words = text::line(check).replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// What a check that holds is about.
fn about(check: &str) -> &'static str {
    match check {
        "database" | "ledger" => "What is taken is kept.",
        "disk" => "There is room on the disk.",
        "master_key" => "Secrets can be read and written.",
        "audit_trail" => "The audit trail is whole as far as it was looked at.",
        "agents" => "The agents' register is the store's own.",
        "outbox" => "Everybody is told of events in time.",
        "requests" => "No request is open for too long.",
        "watch" => "Late and silent agents are found.",
        "alerts" => "It is decided whom to tell, and messages are sent.",
        "channels" => "People can be told.",
        "secrets" => "The secret store answers.",
        "events" => "The event bus answers.",
        "metrics" => "The metrics are taken.",
        "stacks" => "Stacks can be looked at.",
        _ => "It works.",
    }
}

/// Whether anything is done unasked, and how that is changed.
pub(super) fn mode(
    permitted: &Permitted<ReadHealth>,
    switched: Option<&Option<Maintenance>>,
    now: Timestamp,
) -> Markup {
    let may = permitted.can_be_switched() && permitted.may(&Access::SetMaintenance);
    let content = html! {
        @match switched {
            None => { p { "It cannot be read whether maintenance mode is on. The checks say why." } }
            Some(Some(on)) => {
                p { (status(Tone::Warning, "maintenance")) }
                p { (maintenance::MEANS) }
                (facts(&[
                    ("Why", html! { (text::line(&on.reason)) }),
                    ("Switched on by", html! { (text::line(&on.by)) }),
                    ("Since", html! { (moment(on.since, now)) }),
                    ("Until", moment_or(on.until, now, "somebody ends it")),
                ]))
                @if may { p { a.button href=(maintenance::END) { "End maintenance" } } }
            }
            Some(None) if permitted.mode() == Mode::Maintenance => {
                p { (status(Tone::Warning, "maintenance")) }
                p {
                    (maintenance::MEANS) " The configuration has it on ("
                    (code("mode")) "); it goes off with the configuration."
                }
            }
            Some(None) => {
                p { (status(Tone::Good, "normal")) }
                p { (maintenance::NORMAL) }
                @if may { p { a.button href=(maintenance::BEGIN) { "Begin maintenance" } } }
            }
        }
    };
    section("mode", "Mode", &content)
}

/// What there is to do.
pub(super) fn work(backlog: Option<&Backlog>, now: Timestamp) -> Markup {
    let content = match backlog {
        None => unreadable(),
        Some(backlog) => {
            let oldest = moment_or(backlog.oldest_open, now, "none is open");
            facts(&[
                ("Requests nobody works on yet", html! { (backlog.received) }),
                ("Requests being carried out", html! { (backlog.executing) }),
                (
                    "Requests that wait for a person or a system",
                    html! { (backlog.waiting) },
                ),
                ("Oldest open request came", oldest),
                (
                    "Events that somebody is still to be told of",
                    html! { (backlog.unpublished) },
                ),
            ])
        }
    };
    section("work", "Work", &content)
}

fn unreadable() -> Markup {
    html! { p { "This cannot be read now. The checks say why." } }
}

/// How far each consumer of events is.
pub(super) fn consumers(standings: Option<&[Standing]>, now: Timestamp) -> Markup {
    let content = match standings {
        None => unreadable(),
        Some([]) => empty(
            "Nobody is told of events here.",
            &html! { "Events are read from the log." },
        ),
        Some(standings) => html! {
            (consumer_table(standings, now))
            @if standings.iter().any(|one| one.set_aside > 0) {
                p {
                    "What was set aside is told to nobody until you give it back: " (code("cc-devops outbox list"))
                    " shows the errors, " (code("cc-devops outbox retry CONSUMER")) " gives it back."
                }
            }
        },
    };
    section("consumers", "Who is told of events", &content)
}

fn consumer_table(standings: &[Standing], now: Timestamp) -> Markup {
    let columns = [
        Column::text("Consumer"),
        Column::text("State"),
        Column::number("Waiting"),
        Column::number("Failed before"),
        Column::number("Set aside"),
        Column::text("Oldest waits for"),
    ];
    let rows = standings.iter().map(|one| {
        let oldest = one.oldest.map(|at| age(now.duration_since(at)));
        let cells = vec![
            html! { (who(one.consumer)) },
            state(one),
            html! { (one.waiting) },
            html! { (one.failing) },
            html! { (one.set_aside) },
            html! { (oldest.as_deref().unwrap_or("-")) },
        ];
        (one.consumer.to_string(), cells)
    });
    table("Who is told of events", &columns, rows)
}

/// The server and its store.
pub(super) fn server(
    health: &Health,
    (open, most): (usize, usize),
    weights: Option<&[Weight]>,
    now: Timestamp,
) -> Markup {
    let mut rows = vec![
        ("Version", html! { (health.version) }),
        ("Name", html! { (health.agent) }),
        ("Checked", html! { (moment(health.timestamp, now)) }),
        ("Connections", html! { (open) " of " (most) }),
    ];
    for Weight { part, bytes } in weights.unwrap_or_default() {
        let part = match *part {
            "database" => "Database",
            "write_ahead_log" => "Database: log of writes",
            "free" => "Database: free inside",
            other => other,
        };
        rows.push((part, html! { (size(*bytes)) }));
    }
    section("server", "Server", &facts(&rows))
}

/// Bytes in one unit, rounded down.
fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1_000),
        10_000_000..=9_999_999_999 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_are_for_people() {
        assert_eq!(name("audit_trail"), "Audit trail");
        assert_eq!(name(""), "");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(12_345), "12 kB");
        assert_eq!(size(1_234_567_890), "1234 MB");
    }
}
