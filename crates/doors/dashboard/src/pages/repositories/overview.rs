//! The score with its trend, findings by rule, failing workflows, and every repository.

use axum::response::Response;
use cc_devops_http::access::ReadRepositories;
use cc_devops_http::config::CodeHostPlace;
use cc_devops_kernel::text;
use cc_devops_reports::charts::inline::{self, LineChart, Series};
use cc_devops_repos::hygiene::{AuditDay, AuditDays, DAYS_KEPT, FailingWorkflow, Register};
use jiff::tz::TimeZone;
use maud::{Markup, PreEscaped, html};

use super::list::{self, Wanted};
use super::{badness, never_audited, nobodys, score, workflows};
use crate::components::{Column, Tone, code, figure, moment, section, stat, status, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many days the line shows.
const DAYS: u16 = 90;

/// How many failing workflows are shown, and how many things that were not read.
const FIRST: usize = 20;

pub(super) async fn show(visit: Visit<ReadRepositories>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let asked = wanted.asked()?;
    let content = match visit.permitted.code_host() {
        None => nobodys(),
        Some(place) => {
            let days = visit.permitted.audit_days().await?;
            let register = visit.permitted.register().await?;
            let failing = visit.permitted.failing_workflows(&register).await?;
            html! {
                @if register.is_empty() {
                    (never_audited(place))
                } @else {
                    (stats(&visit, &days))
                }
                (section("workflows", "Failing workflows", &failing_workflows(&visit, place, &failing)))
                @if !register.is_empty() {
                    (section("trend", "Score by day", &trend(&visit, &days)))
                    (section("rules", "Findings by rule", &rules(&days, &register)))
                    (section("repositories", "Every repository", &list::shown(&visit, &register, &asked)))
                    (gaps(&days))
                }
            }
        }
    };
    Ok(visit.page(Section::Repositories, "Repositories", &[Kind::Repositories], content))
}

fn stats(visit: &Visit<ReadRepositories>, days: &AuditDays) -> Markup {
    let Some(latest) = days.latest() else {
        return html! {
            p {
                "Only some repositories were audited so far. An audit of all gives the score: "
                (code("cc-devops repos audit"))
            }
        };
    };
    let before = days.month_before();
    let change = before.and_then(|before| Some((before, i16::from(latest.score?) - i16::from(before.score?))));
    let broken = latest.broken();
    html! {
        dl.stats {
            (stat(
                "Score of 100",
                &score(latest.score),
                &html! {
                    "Audited " (moment(latest.at, visit.now())) ". "
                    @if latest.complete { (status(Tone::Good, "complete")) } @else { (status(Tone::Warning, "incomplete")) }
                },
            ))
            (stat(
                "Change over 30 days",
                &html! {
                    @match change { Some((_, change)) => { @if change > 0 { "+" } (change) } None => { "Not known" } }
                },
                &html! {
                    @match change {
                        Some((before, _)) => { "Since " (before.date) }
                        None => { "Scores are kept since " (days.days.first().map_or(latest.date, |day| day.date)) "." }
                    }
                },
            ))
            (stat(
                "Breaches",
                &html! { (broken) },
                &html! { @if let Some(before) = before { (before.broken()) " on " (before.date) } @else { "In all repositories" } },
            ))
            (stat("Repositories looked at", &html! { (latest.repositories) }, &html! { "Archived ones and forks are left out." }))
        }
    }
}

fn trend(visit: &Visit<ReadRepositories>, days: &AuditDays) -> Markup {
    let today = visit.now().to_zoned(TimeZone::UTC).date();
    let line = days.line(DAYS, today);
    let of = |complete: bool| -> Vec<Option<f64>> {
        let point = |day: Option<&AuditDay>| {
            let day = day.filter(|day| day.complete == complete)?;
            day.score.map(f64::from)
        };
        line.iter().map(|(_, day)| point(*day)).collect()
    };
    let (whole, part) = (of(true), of(false));
    let mut series = vec![Series {
        name: "Score",
        class: "accent",
        points: &whole,
    }];
    if part.iter().any(Option::is_some) {
        series.push(Series {
            name: "Incomplete audits",
            class: "quiet",
            points: &part,
        });
    }
    let first = line.first().map_or_else(String::new, |(date, _)| date.to_string());
    let best = line.iter().filter_map(|(_, day)| day.and_then(|day| day.score)).max();
    let chart = inline::line(&LineChart {
        series: &series,
        labels: (&first, &today.to_string()),
        max_label: &best.map_or_else(String::new, |best| best.to_string()),
        height: 140,
    });
    let since = days.days.first().map_or(today, |day| day.date);
    let caption = format!(
        "The score is what holds of what is demanded, in per cent: a rule weighs 1, 2, 4 or 8, by how bad its breach is. \
         What is waived or not known does not count. Audits are kept since {since}, for {DAYS_KEPT} days; a day without \
         one is a gap."
    );
    let columns = [
        Column::text("Day"),
        Column::number("Score"),
        Column::number("Breaches"),
        Column::number("Repositories"),
    ];
    let rows = line.iter().rev().filter_map(|(_, day)| *day).map(|day| {
        let cells = vec![
            html! { (day.date) @if !day.complete { " (incomplete)" } },
            score(day.score),
            html! { (day.broken()) },
            html! { (day.repositories) },
        ];
        (day.date.to_string(), cells)
    });
    let numbers = table("Score by day, newest first", &columns, rows);
    figure(&PreEscaped(chart), &caption, Some(&numbers))
}

fn rules(days: &AuditDays, register: &Register) -> Markup {
    let before = days.month_before();
    let mut counts: Vec<_> = register.by_rule().into_iter().collect();
    counts.sort_by_key(|(rule, count)| {
        std::cmp::Reverse((count.worst, count.broken, count.unknown, std::cmp::Reverse(*rule)))
    });
    let columns = [
        Column::text("Rule"),
        Column::text("Worst"),
        Column::number("Broken"),
        Column::number("30 days ago"),
        Column::number("Not known"),
        Column::number("Waived"),
        Column::number("Held"),
    ];
    let rows = counts.into_iter().map(|(rule, count)| {
        let link = |number: u64, more: &str| {
            let href = format!("/ui/repositories?rule={}{more}#repositories", rule.name());
            html! { @if number > 0 { a href=(href) { (number) } } @else { "0" } }
        };
        let cells = vec![
            html! { (rule.demand()) " " (code(rule.name())) },
            html! { @match count.worst { Some(worst) => { (badness(worst)) } None => { (status(Tone::Good, "held")) } } },
            link(count.broken, ""),
            html! { @match before { Some(before) => { (before.rule(rule).broken) } None => { "-" } } },
            link(count.unknown, "&verdict=unknown"),
            html! { (count.waived) },
            html! { (count.held) },
        ];
        (rule.name().to_owned(), cells)
    });
    table("Findings by rule, the worst first", &columns, rows)
}

fn failing_workflows(visit: &Visit<ReadRepositories>, place: &CodeHostPlace, failing: &[FailingWorkflow]) -> Markup {
    if failing.is_empty() {
        return html! {
            p { "No workflow is known to fail on a default branch. Look now: " (code("cc-devops workflows check")) }
        };
    }
    let first: Vec<&FailingWorkflow> = failing.iter().take(FIRST).collect();
    html! {
        (workflows(place, &first, visit.now()))
        @if failing.len() > FIRST { p { "The " (FIRST) " that fail longest, of " (failing.len()) "." } }
    }
}

/// What the last audit did not read.
fn gaps(days: &AuditDays) -> Markup {
    if days.gaps.count == 0 {
        return html! {};
    }
    let content = html! {
        p {
            "Until an audit reads everything, nothing counts as put right. "
            @if days.gaps.count > FIRST as u64 { "The first " (FIRST) " of " (days.gaps.count) ":" }
        }
        ul {
            @for (repository, why) in days.gaps.first.iter().take(FIRST) {
                li {
                    @if let Some(repository) = repository { (text::line(repository)) ": " }
                    (text::line(why))
                }
            }
        }
    };
    section("gaps", "Not read by the last audit", &content)
}
