//! Requests over the last day.

use std::collections::BTreeMap;

use cc_devops_outbox::ports::RequestStep;
use cc_devops_reports::charts::inline::{self, Bar};
use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use crate::components::{Column, figure, table, written};

/// An hour: when it began, how many requests ended in it, and how many of them failed.
type Hour = (String, u64, u64);

/// How many requests ended in each hour of a day and how many of them failed, as a picture, a sentence and a table.
pub(super) fn of_day(steps: &[RequestStep]) -> Markup {
    let (ended, failed) = steps
        .iter()
        .fold((0_u64, 0_u64), |sum, step| (sum.0 + step.ended, sum.1 + step.failed));
    let caption = sentence(ended, failed);
    if ended == 0 {
        return html! { p.note { (caption) } };
    }
    let hours = hours(steps);
    let parts: Vec<[(&str, f64); 2]> = hours
        .iter()
        .map(|(_, ended, failed)| {
            [
                ("bad", float(*failed)),
                ("accent", float(ended.saturating_sub(*failed))),
            ]
        })
        .collect();
    let bars: Vec<Bar<'_>> = hours
        .iter()
        .zip(&parts)
        .map(|((label, ..), parts)| Bar { label, parts })
        .collect();
    figure(&PreEscaped(inline::bars(&bars)), &caption, Some(&by_hour(steps)))
}

fn hours(steps: &[RequestStep]) -> Vec<Hour> {
    let mut hours: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for step in steps {
        let hour = hours.entry(step.from.as_second().div_euclid(3_600)).or_default();
        *hour = (hour.0 + step.ended, hour.1 + step.failed);
    }
    let told = |(hour, (ended, failed)): (i64, (u64, u64))| {
        let from = Timestamp::from_second(hour.saturating_mul(3_600)).unwrap_or_default();
        (from.strftime("%d %b %H:00").to_string(), ended, failed)
    };
    hours.into_iter().map(told).collect()
}

/// The numbers of each hour, the newest first.
pub(crate) fn by_hour(steps: &[RequestStep]) -> Markup {
    let columns = [
        Column::text("Hour from (UTC)"),
        Column::number("Ended"),
        Column::number("Failed"),
    ];
    let rows = hours(steps).into_iter().rev().map(|(label, ended, failed)| {
        let key = format!("hour-{}", label.replace([' ', ':'], "-"));
        let cells = vec![
            html! { (label) },
            html! { (written(ended)) },
            html! { (written(failed)) },
        ];
        (key, cells)
    });
    table("Requests by hour", &columns, rows)
}

fn sentence(ended: u64, failed: u64) -> String {
    let requests = match ended {
        0 => "No request has".to_owned(),
        1 => "One request has".to_owned(),
        more => format!("{more} requests have"),
    };
    let failures = match (ended, failed) {
        (0, _) => String::new(),
        (_, 0) => "; none failed".to_owned(),
        (_, failed) => format!("; {failed} of them failed"),
    };
    format!("{requests} ended in the last 24 hours{failures}.")
}

/// A height in a picture.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_sentence_and_where_there_is_something_a_picture() {
        let step = |second, ended, failed| RequestStep {
            ended,
            failed,
            ..RequestStep::of(Timestamp::from_second(second).unwrap())
        };
        let none = of_day(&[step(0, 0, 0)]).into_string();
        assert_eq!(none, "<p class=\"note\">No request has ended in the last 24 hours.</p>");
        let some = of_day(&[step(3_600, 2, 0), step(3_900, 1, 1), step(7_200, 4, 0)]).into_string();
        assert!(
            some.contains("<svg") && some.contains("7 requests have ended in the last 24 hours; 1 of them failed.")
        );
        assert_eq!(some.matches("<tr id=\"row-hour-").count(), 2, "{some}");
        assert_eq!(
            sentence(1, 0),
            "One request has ended in the last 24 hours; none failed."
        );
    }
}
