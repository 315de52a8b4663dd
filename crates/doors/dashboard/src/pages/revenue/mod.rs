//! Revenue: what it is and what moved it, by day, by customer, by the month customers began, by product.

mod cohorts;
mod movements;
mod overview;
mod products;
mod sheets;
mod waterfall;

use std::sync::Arc;

use cc_devops_revenue::currency::Currency;
use maud::{Markup, html};

use crate::components::{code, empty};
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

const MOVEMENTS: &str = "/ui/revenue/movements";
const COHORTS: &str = "/ui/revenue/cohorts";
const PRODUCTS: &str = "/ui/revenue/products";

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Revenue.path(), overview::show),
        page(shared, "/ui/revenue/days.csv", overview::sheet),
        page(shared, MOVEMENTS, movements::list),
        page(shared, "/ui/revenue/movements.csv", movements::sheet),
        page(shared, COHORTS, cohorts::show),
        page(shared, "/ui/revenue/cohorts.csv", cohorts::sheet),
        page(shared, PRODUCTS, products::show),
        page(shared, "/ui/revenue/products.csv", products::sheet),
    ]
}

/// The way between the pages of this section.
fn ways(here: &str) -> Markup {
    let pages = [
        (Section::Revenue.path(), "MRR by day"),
        (MOVEMENTS, "Movements by customer"),
        (COHORTS, "Cohorts"),
        (PRODUCTS, "By product"),
    ];
    html! {
        nav.ways aria-label="Revenue" {
            ul {
                @for (path, word) in pages {
                    li { a href=(path) aria-current=[(path == here).then_some("page")] { (word) } }
                }
            }
        }
    }
}

/// What stands where no day was ever reported.
fn never_reported() -> Markup {
    empty(
        "No MRR yet",
        &html! {
            "MRR is read from Stripe every day at 06:00 UTC. Keep a restricted key as the secret "
            (code("stripe/reporting_api_key"))
            ", then report today: "
            (code("cc-devops revenue report"))
            ". Past days come with "
            (code("cc-devops revenue backfill --from 2026-01-01"))
            "."
        },
    )
}

/// An amount in minor units, with its currency.
pub(crate) fn money(minor: i128, currency: Currency) -> String {
    format!("{} {}", currency.amount(minor), currency.code())
}

/// The same with a sign, because it is a change.
pub(crate) fn change(minor: i128, currency: Currency) -> String {
    let sign = if minor > 0 { "+" } else { "" };
    format!("{sign}{}", money(minor, currency))
}

/// A number for a picture, which needs no more than 15 of its digits.
#[expect(clippy::cast_precision_loss, reason = "a picture has some hundred dots")]
fn float(minor: i128) -> f64 {
    minor as f64
}

/// Where a table is had as a file.
fn csv_link(href: &str, what: &str) -> Markup {
    html! { p.file { a href=(href) download { (what) " as CSV" } } }
}
