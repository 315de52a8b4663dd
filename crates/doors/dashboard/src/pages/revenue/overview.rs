//! MRR now, over the days, and what moved it.

use axum::response::Response;
use cc_devops_http::access::ReadRevenue;
use cc_devops_kernel::health::Condition;
use cc_devops_revenue::figures::{By, Figures, Name, Period};
use cc_devops_revenue::notes;
use cc_devops_revenue::over_time::{OverTime, Point};
use jiff::civil::Date;
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;

use super::{change, csv_link, float, money, never_reported, sheets, waterfall, ways};
use crate::components::{Column, Tone, figure, moment, notice, section, stat, status, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::section::Section;
use cc_devops_reports::charts::inline::{self, LineChart, Series};

/// How many of the newest days stand in the table beneath the line; a file has them all.
const ROWS: usize = 90;

/// How many days with something missing are named.
const MISSING: usize = 20;

/// How long the line may be.
const CHOICES: [u16; 3] = [30, 90, 365];

#[derive(Deserialize)]
pub(super) struct Wanted {
    days: Option<u16>,
}

impl Wanted {
    /// One of the lengths there are.
    fn days(&self) -> u16 {
        let wanted = self.days.unwrap_or(90);
        CHOICES.into_iter().find(|days| *days >= wanted).unwrap_or(365)
    }
}

pub(super) async fn show(visit: Visit<ReadRevenue>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let days = wanted.days();
    let over = visit.permitted.over(days).await?;
    let content = if over.latest().is_some() {
        content(&visit, &over, days)
    } else {
        nothing_here(&visit, days).await?
    };
    let here = Section::Revenue.path();
    let content = html! { (ways(here)) (content) };
    Ok(visit.page(Section::Revenue, "Revenue", &[Kind::Revenue], content))
}

pub(super) async fn sheet(visit: Visit<ReadRevenue>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let days = wanted.days();
    let over = visit.permitted.over(days).await?;
    sheets::file(&format!("mrr-{days}-days"), &over.table())
}

/// None of these days was kept: no day ever, or none of late.
async fn nothing_here(visit: &Visit<ReadRevenue>, days: u16) -> Result<Markup, Refusal> {
    let latest = visit.permitted.latest().await?;
    Ok(match latest {
        None => never_reported(),
        Some(latest) => {
            let sentence = format!(
                "No MRR is kept of the last {days} days; the newest is of {}. Look why it is not reported any more: \
                 cc-devops revenue report",
                latest.date
            );
            html! { (notice(Condition::Degraded, &sentence)) (lengths(visit, days)) }
        }
    })
}

fn content(visit: &Visit<ReadRevenue>, over: &OverTime, days: u16) -> Markup {
    let csv = format!("/ui/revenue/days.csv?days={days}");
    html! {
        (stats(visit, over))
        (section("line", "MRR by day", &html! {
            (lengths(visit, days))
            (line(over))
            (csv_link(&csv, "Every day and what moved it"))
        }))
        (section("moved", "What moved it", &waterfall::shown(over)))
        (section("figures", "Figures of the newest day", &figures(over)))
        (section("notes", "What to know of these numbers", &remarks(over)))
    }
}

/// How many days are shown, as links.
fn lengths(visit: &Visit<ReadRevenue>, days: u16) -> Markup {
    html! {
        nav.ways aria-label="How many days" {
            ul {
                @for length in CHOICES {
                    li {
                        a href=(visit.link_with("days", &length.to_string()))
                            aria-current=[(length == days).then_some("true")] { (length) " days" }
                    }
                }
            }
        }
    }
}

fn stats(visit: &Visit<ReadRevenue>, over: &OverTime) -> Markup {
    let currency = over.currency;
    let latest = over.latest();
    let known = over.known();
    let day = latest.and_then(|latest| known.newest(latest.date, latest.date));
    let now = latest.and_then(|latest| latest.amount);
    let changed = over.change();
    let share = changed.as_ref().and_then(|change| change.share.as_ref());
    let share = share.and_then(|share| share.shifted(3, 1).ok());
    html! {
        dl.stats {
            (stat(
                "MRR",
                &html! { @match now { Some(now) => { (money(now, currency)) } None => { "Not known" } } },
                &html! {
                    @if let Some(latest) = latest { "On " (latest.date) ". " (how_sure(latest)) }
                },
            ))
            (stat(
                "Change over 30 days",
                &html! { @match &changed { Some(changed) => { (change(changed.amount, currency)) } None => { "Not known" } } },
                &html! {
                    @match &changed {
                        Some(changed) => {
                            "Since " (changed.since)
                            @if let Some(share) = share { ", " (share) " %" }
                        }
                        None => { "No day of 30 days before was kept." }
                    }
                },
            ))
            @if let Some(day) = day {
                (stat(
                    "Customers who pay",
                    &html! { (day.summary.subscribers) },
                    &html! { "Reported " (moment(day.at, visit.now())) },
                ))
            }
        }
    }
}

/// Whether a day can be relied on.
fn how_sure(point: Point) -> Markup {
    match (point.reconstructed, point.complete) {
        (true, _) => status(Tone::Quiet, "reconstructed"),
        (false, true) => status(Tone::Good, "complete"),
        (false, false) => status(Tone::Warning, "incomplete"),
    }
}

fn line(over: &OverTime) -> Markup {
    let currency = over.currency;
    let line = over.line();
    let of = |wanted: fn(&Point) -> bool| -> Vec<Option<f64>> {
        let at = |(_, point): &(Date, Option<Point>)| point.filter(wanted).and_then(|point| point.amount).map(float);
        line.iter().map(at).collect()
    };
    let (sure, unsure) = (of(is_sure), of(|point| !is_sure(point)));
    let mut series = vec![Series {
        name: "MRR",
        class: "accent",
        points: &sure,
    }];
    if unsure.iter().any(Option::is_some) {
        series.push(Series {
            name: "Incomplete or reconstructed",
            class: "quiet",
            points: &unsure,
        });
    }
    let most = over.points().filter_map(|point| point.amount).max();
    let (first, last) = (over.from.to_string(), over.until.to_string());
    let chart = inline::line(&LineChart {
        series: &series,
        labels: (&first, &last),
        max_label: &most.map_or_else(String::new, |most| money(most, currency)),
        height: 180,
    });
    let gaps = line.iter().filter(|(_, point)| point.is_none()).count();
    let caption = format!("{} {}", course(over), gaps_in_words(gaps));
    figure(&PreEscaped(chart), caption.trim_end(), Some(&numbers(over)))
}

fn is_sure(point: &Point) -> bool {
    point.complete && !point.reconstructed
}

/// From what to what the line goes.
fn course(over: &OverTime) -> String {
    let mut known = over.points().filter_map(|point| Some((point.date, point.amount?)));
    let Some((first, from)) = known.next() else {
        return "MRR is not known on any of these days.".to_owned();
    };
    match known.next_back() {
        Some((last, to)) => {
            let (from, to) = (money(from, over.currency), money(to, over.currency));
            format!("MRR went from {from} on {first} to {to} on {last}.")
        }
        None => format!("MRR is {} on {first}.", money(from, over.currency)),
    }
}

fn gaps_in_words(gaps: usize) -> String {
    match gaps {
        0 => String::new(),
        1 => "1 day was not kept, and is a gap.".to_owned(),
        gaps => format!("{gaps} days were not kept, and are gaps."),
    }
}

fn numbers(over: &OverTime) -> Markup {
    let columns = [
        Column::text("Day"),
        Column::number("MRR"),
        Column::number("Customers"),
        Column::text("State"),
    ];
    let rows = over.days().iter().zip(over.points()).rev().take(ROWS);
    let rows = rows.map(|(day, point)| {
        let cells = vec![
            html! { (point.date) },
            html! { @match point.amount { Some(amount) => { (money(amount, over.currency)) } None => { "not known" } } },
            html! { (day.summary.subscribers) },
            how_sure(point),
        ];
        (point.date.to_string(), cells)
    });
    html! {
        (table("MRR by day, newest first", &columns, rows))
        @if over.days().len() > ROWS { p { "The newest " (ROWS) " days; the file below has them all." } }
    }
}

/// Every figure of the newest day, or why it is not there. Rates are of the 30 days that end with it.
fn figures(over: &OverTime) -> Markup {
    let Some(latest) = over.latest() else { return html! {} };
    let known = over.known();
    let figures = Figures::of(&known, Period::of(By::Day, latest.date), over.currency);
    let columns = [
        Column::text("Figure"),
        Column::number("Value"),
        Column::text("How it is computed"),
    ];
    let rows = figures.entries.iter().map(|entry| {
        let (value, how) = match entry.shown() {
            Ok(shown) => (html! { (shown) }, html! { (entry.name.formula()) }),
            Err(missing) => (html! { "-" }, html! { "Not known: " (missing) }),
        };
        (
            entry.name.as_str().to_owned(),
            vec![html! { (title(entry.name)) }, value, how],
        )
    });
    html! {
        p { "Rates are of the 30 days that end on " (latest.date) "." }
        (table("Figures of the newest day", &columns, rows))
    }
}

fn title(name: Name) -> &'static str {
    match name {
        Name::Mrr => "MRR",
        Name::Arr => "ARR",
        Name::Subscribers => "Customers who pay",
        Name::Arpa => "Average per customer",
        Name::GrossRevenueChurn => "Gross revenue churn",
        Name::NetRevenueChurn => "Net revenue churn",
        Name::Nrr => "Net revenue retention",
        Name::Grr => "Gross revenue retention",
        Name::QuickRatio => "Quick ratio",
        Name::CustomerChurn => "Customer churn",
        Name::Ltv => "Lifetime value",
        Name::TrialMrr => "MRR in trials",
        Name::TrialConversion => "Trials that became paying",
        Name::CommittedMrr => "Committed MRR",
        Name::MrrAtRisk => "MRR at risk",
    }
}

/// Currency, rates, and what is missing of which day.
fn remarks(over: &OverTime) -> Markup {
    let days = over.days();
    let mut missing: Vec<(Date, String)> = Vec::new();
    for day in days {
        let said = notes::of_day(day);
        if !said.is_empty() {
            missing.push((day.date, said.join("; ")));
        }
    }
    let apart = days.last().map(notes::closing_apart).unwrap_or_default();
    let policy_changed: Vec<Date> = days
        .iter()
        .filter(|day| day.policy_changed)
        .map(|day| day.date)
        .collect();
    let all = missing.len();
    let columns = [Column::text("Day"), Column::text("Missing or not known")];
    let rows = missing.into_iter().rev().take(MISSING);
    let rows = rows.map(|(date, said)| (format!("missing-{date}"), vec![html! { (date) }, html! { (said) }]));
    html! {
        ul {
            li { "Money is in " (over.currency.code()) ", which revenue.currency says." }
            @if let Some(rates) = notes::rates_of(days) { li { "Converted with " (rates) "." } }
            @if let Some(day) = days.last() { li { "The definition of MRR is the policy " (day.summary.policy.name()) "." } }
            @if let Some((first, last)) = over.reconstructed() {
                li {
                    "Days from " (first) " until " (last)
                    " were reconstructed from what Stripe still knew of them; not everything can be known of such days."
                }
            }
            @for date in policy_changed { li { "On " (date) " the policy changed, and part of what moved that day is its doing." } }
            @for said in apart { li { (said) "." } }
        }
        @if all == 0 {
            p { "Nothing is missing of any day that was kept." }
        } @else {
            (table("Days with something missing, newest first", &columns, rows))
            @if all > MISSING { p { "The newest " (MISSING) " of " (all) " such days." } }
        }
    }
}
