//! Requests a minute over a day, and how many of them failed.

use cc_devops_outbox::ports::RequestStep;
use cc_devops_reports::charts::inline::{LineChart, Series, line};
use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use crate::components::{empty, figure, written};
use crate::pages::requests::rate::{by_hour, float};

/// How many minutes a step has.
const MINUTES: f64 = 5.0;

/// The chart, what it says in a sentence, and the numbers by hour.
pub(super) fn markup(steps: &[RequestStep]) -> Markup {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return html! {};
    };
    let ended: u64 = steps.iter().map(|step| step.ended).sum();
    if ended == 0 {
        let how = html! { "When agents ask for something, how much that is and how much of it fails is here." };
        return empty("No requests in the last 24 hours", &how);
    }
    let failed: u64 = steps.iter().map(|step| step.failed).sum();
    // The last step has not ended.
    let whole = steps.get(..steps.len().saturating_sub(1)).unwrap_or_default();
    // Where nothing came before, it is all there is.
    let whole = if whole.iter().all(|step| step.ended == 0) {
        steps
    } else {
        whole
    };
    let rates =
        |of: fn(&RequestStep) -> u64| -> Vec<Option<f64>> { whole.iter().map(|step| Some(rate(of(step)))).collect() };
    let (all, bad) = (rates(|step| step.ended), rates(|step| step.failed));
    let most = whole.iter().map(|step| step.ended).max().unwrap_or_default();
    let chart = line(&LineChart {
        series: &[
            Series {
                name: "Ended",
                class: "accent",
                points: &all,
            },
            Series {
                name: "Failed",
                class: "bad",
                points: &bad,
            },
        ],
        labels: (&hour(first.from), &hour(last.from)),
        max_label: &short(rate(most)),
        height: 128,
    });
    let caption = format!(
        "{} ended in the last 24 hours, {} of them failed ({}); at most {} a minute.",
        written(ended),
        written(failed),
        percent(failed, ended),
        short(rate(most)),
    );
    html! {
        (figure(&PreEscaped(chart), &caption, Some(&by_hour(steps))))
        p.more { a href="/ui/requests" { "All requests" } }
    }
}

fn rate(number: u64) -> f64 {
    float(number) / MINUTES
}

/// A rate: with a digit after the point where it is small.
fn short(rate: f64) -> String {
    if rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

fn percent(part: u64, whole: u64) -> String {
    let share = float(part) / float(whole).max(1.0) * 100.0;
    if part > 0 && share < 0.1 {
        "under 0.1 %".to_owned()
    } else {
        format!("{share:.1} %")
    }
}

fn hour(at: Timestamp) -> String {
    at.strftime("%d %b %H:%M").to_string()
}
