//! MRR by product, as the newest report read it.

use std::collections::BTreeMap;

use axum::response::Response;
use cc_devops_http::access::ReadRevenue;
use cc_devops_kernel::text;
use cc_devops_revenue::breakdown::{Groups, Kept, Key};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::money::Total;
use cc_devops_revenue::notes;
use cc_devops_revenue::rates::Rates;
use maud::{Markup, html};

use super::{PRODUCTS, csv_link, never_reported, sheets, ways};
use crate::components::{Column, code, empty, moment, table};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::section::Section;

pub(super) async fn show(visit: Visit<ReadRevenue>) -> Result<Response, Refusal> {
    let latest = visit.permitted.latest().await?;
    let content = match &latest {
        None => never_reported(),
        Some(day) => match day.by_product(visit.permitted.currency()) {
            Some(groups) => content(&visit, day, &groups),
            None => empty(
                "No products yet",
                &html! {
                    "The newest day, " (day.date) ", does not say what each product came to; the next daily report does. "
                    "Report today: " (code("cc-devops revenue report"))
                },
            ),
        },
    };
    let content = html! { (ways(PRODUCTS)) (content) };
    Ok(visit.page(Section::Revenue, "MRR by product", &[Kind::Revenue], content))
}

pub(super) async fn sheet(visit: Visit<ReadRevenue>) -> Result<Response, Refusal> {
    let currency = visit.permitted.currency();
    let latest = visit.permitted.latest().await?;
    let groups = latest.and_then(|day| day.by_product(currency));
    let none = || Kept::default().groups(Key::Product, &Rates::none(), currency);
    sheets::file("mrr-by-product", &groups.unwrap_or_else(none).table())
}

fn content(visit: &Visit<ReadRevenue>, day: &Day, groups: &Groups) -> Markup {
    let currency = groups.currency;
    let columns = [
        Column::text("Product"),
        Column::number("MRR"),
        Column::number("Share"),
        Column::number("Subscriptions"),
    ];
    let rows = groups.groups.iter().enumerate().map(|(place, group)| {
        let share = group.share.as_ref().and_then(|share| share.shifted(3, 1).ok());
        let cells = vec![
            html! { (text::line(&group.group)) },
            html! { (worth(group.mrr.as_ref(), &group.totals, currency)) },
            html! { @if let Some(share) = share { (share) " %" } },
            html! { (group.subscriptions) },
        ];
        (format!("product-{place}"), cells)
    });
    html! {
        p {
            "On " (day.date) ", reported " (moment(day.at, visit.now())) ". In all "
            strong { (worth(groups.mrr.as_ref(), &groups.totals, currency)) }
            ". Products go by Stripe's ids."
        }
        @if groups.groups.is_empty() {
            (empty("Nobody pays", &html! { "No subscription was worth anything that day." }))
        } @else {
            (table("MRR by product, the largest first", &columns, rows))
        }
        ul {
            @if !groups.without_rate.is_empty() {
                li {
                    "There is no rate for "
                    (groups.without_rate.iter().map(|currency| currency.code()).collect::<Vec<_>>().join(", "))
                    ": the products' MRR cannot be told in " (currency.code()) "."
                }
            }
            @if groups.errors > 0 {
                li { (notes::subscriptions(groups.errors)) " could not be computed, and are in no product." }
            }
            li { "Each item counts for its own product, with its part of the subscription's discounts and taxes." }
            li { "By price, interval, country or plan, straight from Stripe: " (code("cc-devops revenue breakdown --by plan")) }
        }
        (csv_link("/ui/revenue/products.csv", "Every product"))
    }
}

/// An amount in the currency that money is shown in; without a rate, each currency for itself.
fn worth(mrr: Option<&Total>, totals: &BTreeMap<Currency, Total>, currency: Currency) -> String {
    let money = |amount: &Total, currency: Currency| format!("{} {}", currency.exact(amount), currency.code());
    if let Some(mrr) = mrr {
        return money(mrr, currency);
    }
    let each = totals.iter().map(|(currency, amount)| money(amount, *currency));
    each.collect::<Vec<_>>().join(" + ")
}
