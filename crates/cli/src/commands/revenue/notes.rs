//! What must be said beside a figure, in sentences: what is missing of it, what may be in it, and what it was
//! converted with.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
pub(super) use cc_devops_revenue::notes::{closing_apart, failed, rates_of};
use cc_devops_revenue::notes::{of_day, rates, reasons, subscriptions};
use cc_devops_revenue::report::{Summary, Usd};

use crate::output::table;

/// How many days with something missing are shown to a person.
const DAYS: usize = 20;

/// The lines beneath a run's figures, each with its label.
pub(super) fn lines(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |label: &str, text: String| lines.push(format!("{label:<13} {text}"));
    let reasons = reasons(summary);
    if !summary.complete && !reasons.is_empty() {
        line("incomplete", reasons.join("; "));
    }
    let converted = summary
        .totals
        .iter()
        .any(|total| total.currency != Currency::USD && total.subscriptions > 0);
    if converted && summary.mrr_usd.is_some() {
        line("rates", rates(summary));
    }
    match summary.duplicates {
        0 => {}
        1 => line(
            "duplicates",
            "1 copy of a subscription was left out: each counts once".to_owned(),
        ),
        count => line(
            "duplicates",
            format!("{count} copies of subscriptions were left out: each counts once"),
        ),
    }
    match summary.customer_discounts_unknown {
        0 => {}
        count => line(
            "discounts",
            format!(
                "of the customers of {} are not known: they came as an id only; expand `customer`, or give --customers",
                subscriptions(count)
            ),
        ),
    }
    match summary.tax_unknown {
        0 => {}
        count => line(
            "taxes",
            format!(
                "are or may be within the figures of {}: Stripe works them out invoice by invoice",
                subscriptions(count)
            ),
        ),
    }
    lines
}

/// What moved in US dollars, with what the rates did; nothing where dollars are all there is.
pub(super) fn in_dollars(day: &Day) -> Option<String> {
    if day
        .movements
        .currencies
        .keys()
        .all(|currency| *currency == Currency::USD)
    {
        return None;
    }
    let Some(converted) = &day.movements_usd else {
        return Some("in US dollars it cannot be told what moved: a currency has no rate".to_owned());
    };
    let row = |what: String, cents: i128| vec![what, Usd(cents).to_string()];
    let mut rows = vec![row("opening".to_owned(), converted.opening)];
    rows.extend(
        converted
            .moved
            .iter()
            .map(|(kind, cents)| row(kind.to_string(), *cents)),
    );
    rows.push(row("currency effects".to_owned(), converted.currency_effects));
    rows.push(row("closing".to_owned(), converted.closing));
    Some(table(&["MOVEMENT", "USD"], rows))
}

/// Of which days something is missing or not known, and what.
pub(super) fn of_days(days: &[Day]) -> Option<String> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for day in days {
        let said = of_day(day);
        if !said.is_empty() {
            rows.push(vec![day.date.to_string(), said.join("; ")]);
        }
    }
    if rows.is_empty() {
        return None;
    }
    let more = rows.len().saturating_sub(DAYS);
    let last = rows.split_off(more);
    let mut text = table(&["DAY", "MISSING OR NOT KNOWN"], last);
    if more > 0 {
        text = format!("{text}\n... and {more} days before; all of them with --json");
    }
    Some(text)
}
