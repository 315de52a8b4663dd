//! What pages say of an agent.

use cc_devops_fleet::days::DayMark;
pub(super) use cc_devops_fleet::uptime::percent;
use cc_devops_fleet::watch::{Cause, Status};
use cc_devops_fleet::watching::WatchedAgent;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, PreEscaped, html};

use crate::components::{Tone, age, moment};

/// How a state is told.
pub(crate) fn tone(state: Status) -> Tone {
    match state {
        Status::Up => Tone::Good,
        Status::Late => Tone::Warning,
        Status::Down => Tone::Bad,
        Status::New | Status::Paused => Tone::Quiet,
    }
}

/// Why an agent is in its state, in a sentence.
pub(super) fn why(agent: &WatchedAgent, now: Timestamp) -> Markup {
    let state = &agent.state;
    match (state.status, state.cause) {
        (Status::Up, _) => html! { "It was heard in time." },
        (Status::New, _) if state.heard.is_some() => html! { "It was resumed, and has not been heard since." },
        (Status::New, _) => html! { "It has not been heard yet." },
        (Status::Late, _) => html! {
            "Its heartbeat is overdue."
            @if let Some(down_at) = agent.down_at { " It counts as down from " (moment(down_at, now)) " on." }
        },
        (Status::Paused, _) => html! {
            @if let Some(by) = &state.paused_by { (by) " paused it. " }
            "Nobody waits for it until it is resumed" @if !agent.settings.sticky_pause { " or heard" } "."
        },
        (Status::Down, Some(Cause::Failure)) => html! { "It says that it fails." },
        (Status::Down, Some(Cause::Silence { due, early })) => html! {
            "It was due " (moment(due, now)) " and was not heard."
            @if let Some(early) = early {
                " Its last heartbeat came " (age(early)) " before that: look at the schedule's time zone."
            }
        },
        (Status::Down, Some(Cause::Run { started })) => html! {
            "The run that began " (moment(started, now)) " has not ended in time."
        },
        (Status::Down, None) => html! { "It was not heard in time." },
    }
}

/// What a day was like: its class and its words.
pub(super) fn day(day: &DayMark) -> (&'static str, String) {
    let date = day.date;
    let part = |time: SignedDuration, word: &str| (!time.is_zero()).then(|| format!("{word} {}", age(time)));
    let parts = [part(day.down, "down"), part(day.late, "late"), part(day.up, "up")];
    let told = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if !day.down.is_zero() {
        ("bad", format!("{date}: {told}"))
    } else if !day.late.is_zero() {
        ("warning", format!("{date}: {told}"))
    } else if !day.up.is_zero() {
        ("good", format!("{date}: {told}"))
    } else {
        ("quiet", format!("{date}: not known"))
    }
}

/// The last days as a row of bars.
pub(super) fn bars(days: &[DayMark]) -> Markup {
    PreEscaped(drawn(days, cc_devops_reports::charts::inline::days))
}

/// The same with each day's words.
pub(super) fn bars_told(days: &[DayMark]) -> Markup {
    PreEscaped(drawn(days, cc_devops_reports::charts::inline::days_told))
}

fn drawn(days: &[DayMark], draw: fn(&[cc_devops_reports::charts::inline::DayMark<'_>]) -> String) -> String {
    let told: Vec<(&'static str, String)> = days.iter().map(day).collect();
    let marks: Vec<_> = told
        .iter()
        .map(|(class, label)| cc_devops_reports::charts::inline::DayMark { label, class })
        .collect();
    draw(&marks)
}

/// Why the first of these days are not known, where an agent changed its state too often.
pub(super) fn known_since(since: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @if let Some(since) = since {
            p.hint {
                "It changes its state so often that its days are added up from " (moment(since, now)) " on only."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_says_its_worst_first() {
        let hours = SignedDuration::from_hours;
        let of = |up, late, down| {
            day(&DayMark {
                date: jiff::civil::date(2026, 6, 1),
                up: hours(up),
                late: hours(late),
                down: hours(down),
            })
        };
        assert_eq!(
            of(20, 3, 1),
            ("bad", "2026-06-01: down 60 min, late 3 h, up 20 h".to_owned())
        );
        assert_eq!(of(24, 0, 0), ("good", "2026-06-01: up 24 h".to_owned()));
        assert_eq!(of(23, 1, 0).0, "warning");
        assert_eq!(of(0, 0, 0), ("quiet", "2026-06-01: not known".to_owned()));
        assert_eq!(percent(Some(0.999_999)), "99.99 %");
    }
}
