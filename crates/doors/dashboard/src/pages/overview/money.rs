//! MRR over a month, and how the repositories hold their rules.

use cc_devops_reports::charts::Unit;
use cc_devops_reports::charts::inline::{LineChart, Series, line, line_above, spark};
use cc_devops_repos::hygiene::AuditDays;
use cc_devops_revenue::over_time::OverTime;
use jiff::civil::Date;
use maud::{Markup, PreEscaped, html};

use super::DAYS;
use crate::components::{empty, figure, stat, written};
use crate::pages::revenue::{change, money};

/// The newest MRR, what became of it in a month, and the line.
pub(super) fn markup(mrr: &OverTime) -> Markup {
    let latest = mrr.latest().and_then(|point| Some((point.date, point.amount?)));
    let Some((date, amount)) = latest else {
        let how = html! { "With a key of Stripe it is computed every day at 06:00 UTC; docs/MRR.md says how." };
        return empty("No MRR yet", &how);
    };
    let worth = |amount| money(amount, mrr.currency);
    let moved = mrr
        .change()
        .map(|moved| format!("{} since {}", change(moved.amount, mrr.currency), moved.since));
    let note = moved.unwrap_or_else(|| "the month before is not known".to_owned());
    let days = mrr.line();
    let known: Vec<i128> = days
        .iter()
        .filter_map(|(_, point)| point.and_then(|point| point.amount))
        .collect();
    let least = known.iter().min().copied().unwrap_or(amount);
    let most = known.iter().max().copied().unwrap_or(amount);
    let points: Vec<Option<f64>> = days
        .iter()
        .map(|(_, point)| {
            point
                .and_then(|point| point.amount)
                .map(|amount| above(amount, least, most))
        })
        .collect();
    let is_flat = least == most;
    let series = [Series {
        name: "MRR",
        class: "accent",
        points: &points,
    }];
    let (from, until, highest) = (mrr.from.to_string(), mrr.until.to_string(), worth(most));
    let chart = LineChart {
        series: &series,
        labels: (&from, &until),
        max_label: &highest,
        height: 96,
    };
    let drawn = if is_flat {
        line(&chart)
    } else {
        line_above(&chart, &worth(least))
    };
    let caption = if is_flat {
        format!("{} on every day that is known.", worth(most))
    } else {
        format!("Between {} and {} over these days.", worth(least), worth(most))
    };
    html! {
        dl.stats { (stat(&format!("On {date}"), &html! { (worth(amount)) }, &html! { (note) })) }
        (figure(&PreEscaped(drawn), &caption, None))
        p.more { a href="/ui/revenue" { "What moved it" } }
    }
}

/// How the repositories hold their rules: the newest score, with its month.
pub(super) fn hygiene_markup(audits: &AuditDays, today: Date) -> Markup {
    let Some((latest, score)) = audits.latest().and_then(|day| Some((day, day.score?))) else {
        let how = html! { "With a token of GitHub repositories are audited every day; docs/REPOS.md says how." };
        return empty("No audit yet", &how);
    };
    let since = audits.month_before().and_then(|day| Some((day.date, day.score?)));
    let note = since.map_or_else(
        || "the first audits".to_owned(),
        |(date, before)| {
            let change = i128::from(score) - i128::from(before);
            format!("{} since {date}", Unit::Count.change(change))
        },
    );
    let points: Vec<Option<f64>> = audits
        .line(DAYS, today)
        .into_iter()
        .map(|(_, day)| day.and_then(|day| day.score).map(f64::from))
        .collect();
    let is_line = points.iter().flatten().count() > 1;
    let title = format!("The score over {DAYS} days, until {}.", latest.date);
    html! {
        dl.stats {
            (stat("Score of 100", &html! { (score) @if is_line { " " (PreEscaped(spark(&title, &points))) } }, &html! { (note) }))
            (stat("Rules broken", &html! { (written(latest.broken())) }, &html! { "in " (written(latest.repositories)) " repositories" }))
        }
        p.more { a href="/ui/repositories" { "What is broken" } }
    }
}

/// How far an amount lies above the least, in thousandths of the way to the most: amounts stay whole numbers. 1 where both
/// are the same.
fn above(amount: i128, least: i128, most: i128) -> f64 {
    if most <= least {
        return 1.0;
    }
    let way = most.saturating_sub(least);
    let share = amount.saturating_sub(least).saturating_mul(1_000) / way;
    i32::try_from(share).map_or(0.0, f64::from)
}
