//! Of those who first paid in a month, how many still pay, and how much.

use axum::response::Response;
use cc_devops_http::access::ReadRevenue;
use cc_devops_revenue::cohorts::{Cell, Retention, Row};
use cc_devops_revenue::currency::Currency;
use maud::{Markup, html};
use serde::Deserialize;

use super::{COHORTS, csv_link, never_reported, sheets, ways};
use crate::components::empty;
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many of the newest cohorts, and of the newest months of each, are shown; a file has them all.
const SHOWN: usize = 24;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    show: String,
}

pub(super) async fn show(visit: Visit<ReadRevenue>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let of_money = wanted.show == "money";
    let found = visit.permitted.cohorts().await?;
    let is_new = found.is_none() && visit.permitted.latest().await?.is_none();
    let content = match found {
        Some(retention) => html! { (kinds(&visit, of_money)) (content(&retention, of_money)) },
        None if is_new => never_reported(),
        None => empty(
            "No cohorts yet",
            &html! { "Cohorts begin with the next daily report: the days that are kept do not say which customers moved." },
        ),
    };
    let content = html! { (ways(COHORTS)) (content) };
    Ok(visit.page(Section::Revenue, "Cohorts", &[Kind::Revenue], content))
}

pub(super) async fn sheet(visit: Visit<ReadRevenue>) -> Result<Response, Refusal> {
    let table = match visit.permitted.cohorts().await? {
        Some(retention) => retention.table(),
        None => empty_retention(visit.permitted.currency(), visit.permitted.today()).table(),
    };
    sheets::file("cohorts", &table)
}

/// A table with nothing in it still has its head.
fn empty_retention(currency: Currency, until: jiff::civil::Date) -> Retention {
    Retention {
        currency,
        until,
        month_is_over: false,
        rows: Vec::new(),
    }
}

fn kinds(visit: &Visit<ReadRevenue>, of_money: bool) -> Markup {
    html! {
        nav.ways aria-label="What is shown" {
            ul {
                li { a href=(visit.link_with("show", "")) aria-current=[(!of_money).then_some("true")] { "Customers who stay" } }
                li { a href=(visit.link_with("show", "money")) aria-current=[of_money.then_some("true")] { "Money that stays" } }
            }
        }
    }
}

fn content(retention: &Retention, of_money: bool) -> Markup {
    let rows = retention.rows.iter();
    let begin = retention.rows.len().saturating_sub(SHOWN);
    let shown: Vec<&Row> = rows.skip(begin).collect();
    let longest = shown.iter().map(|row| row.cells.len()).max().unwrap_or(0).min(SHOWN);
    let what = if of_money {
        "How much of what they first paid each cohort pays at the end of each month since: more than 100 % where those who \
         stayed pay more."
    } else {
        "How many of those who first paid in a month pay at the end of each month since."
    };
    html! {
        p {
            (what) " Month 0 is the month they began in. Until " (retention.until)
            @if !retention.month_is_over { "; the last month goes on" }
            ". Money is in " (retention.currency.code()) ", all of it at the newest rates."
        }
        section.table tabindex="0" aria-label="Cohorts" {
            table.heat {
                caption { "Retention by the month of the first payment" }
                thead { tr {
                    th scope="col" { "First paid" }
                    th scope="col" class="number" { (if of_money { "Paid first" } else { "Customers" }) }
                    @for month in 0..longest { th scope="col" class="number" { "Month " (month) } }
                } }
                tbody {
                    @for row in &shown {
                        tr id=(format!("row-{}", row.name())) {
                            th scope="row" { (name(row)) }
                            td class="number" { (size(row, retention.currency, of_money)) }
                            @for cell in row.cells.iter().take(longest) { (heat(cell, of_money)) }
                            @for _ in row.cells.len()..longest { td {} }
                        }
                    }
                }
            }
        }
        @if begin > 0 || retention.rows.iter().any(|row| row.cells.len() > SHOWN) {
            p { "The newest " (SHOWN) " cohorts, and the first " (SHOWN) " months of each; the file has them all." }
        }
        (csv_link("/ui/revenue/cohorts.csv", "Every cohort"))
    }
}

fn name(row: &Row) -> String {
    match row.cohort {
        Some(month) => month.to_string(),
        None => "Before records".to_owned(),
    }
}

fn size(row: &Row, currency: Currency, of_money: bool) -> String {
    if of_money {
        format!("{} {}", currency.exact(&row.mrr), currency.code())
    } else {
        row.customers.to_string()
    }
}

/// A share with its shade, which tells nothing that the number does not.
fn heat(cell: &Cell, of_money: bool) -> Markup {
    let share = if of_money {
        &cell.revenue_retention
    } else {
        &cell.customer_retention
    };
    let percent = share.as_ref().and_then(|share| share.shifted(2, 0).ok());
    let Some(percent) = percent else {
        return html! { td class="number heat-none" { "-" } };
    };
    let fifth = percent.parse::<u32>().unwrap_or_default().min(100) / 20;
    html! { td class=(format!("number heat-{fifth}")) { (percent) " %" } }
}
