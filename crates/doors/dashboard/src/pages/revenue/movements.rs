//! Which customers moved MRR, on which day, and by how much.

use axum::response::Response;
use cc_devops_http::access::ReadRevenue;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::text;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter, days_or_usual};
use cc_devops_revenue::movements::Kind as Movement;
use cc_devops_revenue::tables::{MOVEMENT_COLUMNS, Table};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;

use super::waterfall::word;
use super::{MOVEMENTS, csv_link, never_reported, sheets, ways};
use crate::components::{Column, empty, field, filter, select, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many stand on a page.
const ROWS: usize = 50;

/// How many a file has at most.
const MOST: usize = 10_000;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    customer: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    after: Option<i64>,
}

impl Wanted {
    /// What is asked for. A field that was left empty asks for nothing.
    fn filter(&self, today: Date) -> Result<MovementFilter, Refusal> {
        let day = |name: &str, text: &str| match text.trim() {
            "" => Ok(None),
            text => {
                let day = text.parse::<Date>();
                day.map(Some)
                    .map_err(|_| Problem::invalid(format!("`{name}` is a day such as 2026-06-30")))
            }
        };
        let (from, until) = days_or_usual(day("from", &self.from)?, day("to", &self.to)?, today);
        let kind = match self.kind.trim() {
            "" => None,
            kind => Some(
                kind.parse::<Movement>()
                    .map_err(|error| Problem::invalid(error.to_string()))?,
            ),
        };
        let customer = self.customer.trim();
        if customer.len() > 255 {
            return Err(Problem::invalid("`customer` has at most 255 characters").into());
        }
        Ok(MovementFilter {
            from,
            until,
            kind,
            customer: (!customer.is_empty()).then(|| customer.to_owned()),
        })
    }
}

pub(super) async fn list(visit: Visit<ReadRevenue>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let asked = wanted.filter(visit.permitted.today())?;
    let page = visit
        .permitted
        .movements(&asked, wanted.after.map(Cursor), ROWS)
        .await?;
    let covered = &page.covered;
    let csv = visit
        .link_with("after", "")
        .replacen(MOVEMENTS, "/ui/revenue/movements.csv", 1);
    let next = page.movements.next.map(|next| next.0.to_string());
    let none_kept = covered.days == 0 && visit.permitted.latest().await?.is_none();
    let content = html! {
        (ways(MOVEMENTS))
        @if none_kept {
            (never_reported())
        } @else {
            (filters(&wanted, &asked))
            @if page.movements.items.is_empty() {
                (empty(
                    "Nobody moved",
                    &html! { "No movement that is known of matches, from " (asked.from) " until " (asked.until) "." },
                ))
            } @else {
                p { "Oldest day first, from " (asked.from) " until " (asked.until) "." }
                (rows(&page.movements.items))
                (visit.pages("after", wanted.after.is_none(), next.as_deref()))
                (csv_link(&csv, &format!("These movements, at most {MOST},")))
            }
            @for remark in covered.remarks() { p { (remark) "." } }
        }
    };
    Ok(visit.page(Section::Revenue, "Movements by customer", &[Kind::Revenue], content))
}

pub(super) async fn sheet(visit: Visit<ReadRevenue>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let asked = wanted.filter(visit.permitted.today())?;
    let (found, is_all) = visit.permitted.movements_together(&asked, MOST).await?;
    let name = if is_all { "movements" } else { "movements-first-10000" };
    let table = Table {
        head: MOVEMENT_COLUMNS.map(ToOwned::to_owned).into(),
        rows: found.iter().map(|moved| moved.cells(" ", "")).collect(),
    };
    sheets::file(name, &table)
}

fn filters(wanted: &Wanted, asked: &MovementFilter) -> Markup {
    let mut kinds = vec![("", "All")];
    kinds.extend(Movement::ALL.iter().map(|kind| (kind.as_str(), word(*kind))));
    let (from, until) = (asked.from.to_string(), asked.until.to_string());
    let fields = html! {
        (select("Kind", "kind", wanted.kind.trim(), &kinds))
        (field("Customer's id", "customer", "text", &wanted.customer, None))
        (field("From", "from", "date", &from, None))
        (field("Until", "to", "date", &until, None))
    };
    filter(MOVEMENTS, &fields)
}

fn rows(moved: &[CustomerMovement]) -> Markup {
    let columns = [
        Column::text("Day"),
        Column::text("Customer"),
        Column::text("Kind"),
        Column::number("Before"),
        Column::number("After"),
        Column::number("Change"),
        Column::text("Subscriptions"),
    ];
    let row = |(place, moved): (usize, &CustomerMovement)| {
        let currency = moved.key.currency;
        let customer = text::line(&moved.key.customer);
        let of_customer = links::with(MOVEMENTS, "customer", &moved.key.customer);
        let change = moved.after.minus(moved.before).map(|change| change.rounded());
        let cells = vec![
            html! { (moved.date) },
            html! { a href=(of_customer) { (customer) } },
            html! { (word(moved.kind)) },
            html! { (super::money(moved.before.rounded(), currency)) },
            html! { (super::money(moved.after.rounded(), currency)) },
            html! { @if let Ok(change) = change { (super::change(change, currency)) } @else { "too large" } },
            html! {
                @match &moved.subscriptions {
                    Some(ids) => { (text::line(&ids.join(", "))) }
                    None => { "not known" }
                }
            },
        ];
        (format!("{}-{place}", moved.date), cells)
    };
    table("Movements by customer", &columns, moved.iter().enumerate().map(row))
}
