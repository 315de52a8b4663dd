//! What must be said beside a figure, in sentences: what is missing of it, what may be in it, and what it was
//! converted with.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::figure::ErrorCode;
use cc_devops_revenue::report::{Summary, Usd};

use super::words::{amount_of, upper};
use crate::output::table;

/// How many days with something missing are shown to a person.
const DAYS: usize = 20;

/// How many subscriptions could not be computed.
pub(super) fn failed(summary: &Summary) -> u64 {
    let codes = summary.errors.iter();
    codes
        .filter(|(code, _)| **code != ErrorCode::ListIncomplete)
        .map(|(_, count)| count)
        .sum()
}

/// Why a run is incomplete; empty if it is whole.
pub(super) fn reasons(summary: &Summary) -> Vec<String> {
    let mut reasons = Vec::new();
    match failed(summary) {
        0 => {}
        1 => reasons.push("1 subscription could not be computed".to_owned()),
        count => reasons.push(format!("{count} subscriptions could not be computed")),
    }
    if summary.errors.contains_key(&ErrorCode::ListIncomplete) {
        reasons.push("the list is only a part: it says that there is more".to_owned());
    }
    if !summary.without_rate.is_empty() {
        reasons.push(format!("there is no rate for {}", currencies(&summary.without_rate)));
    }
    reasons
}

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

/// Where what the movements end with is not what was computed, and why.
pub(super) fn closing_apart(day: &Day) -> Vec<String> {
    let mut apart = Vec::new();
    for (currency, sheet) in &day.movements.currencies {
        let total = day.summary.totals.iter().find(|total| total.currency == *currency);
        let computed = total.map_or(0, |total| total.mrr_minor);
        let closing = sheet.closing.rounded().unwrap_or_default();
        if closing != computed {
            apart.push(format!(
                "closing is {} {}, MRR {}: a customer of whom a subscription could not be computed keeps the last figure",
                amount_of(closing, *currency),
                upper(*currency),
                amount_of(computed, *currency)
            ));
        }
    }
    apart
}

/// Of which days something is missing or not known, and what.
pub(super) fn of_days(days: &[Day]) -> Option<String> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for day in days {
        let mut said = if day.summary.complete {
            Vec::new()
        } else {
            reasons(&day.summary)
        };
        if day.summary.tax_unknown > 0 {
            said.push(format!("taxes of {} not known", subscriptions(day.summary.tax_unknown)));
        }
        if day.summary.customer_discounts_unknown > 0 {
            let count = day.summary.customer_discounts_unknown;
            said.push(format!("customers' discounts of {} not known", subscriptions(count)));
        }
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

/// The rates that the newest day was converted with.
pub(super) fn rates_of(days: &[Day]) -> Option<String> {
    let day = days.last()?;
    let foreign = day.summary.totals.iter().any(|total| total.currency != Currency::USD);
    foreign.then(|| format!("rates on {}: {}", day.date, rates(&day.summary)))
}

/// Where the rates of a run are from, and of which day.
fn rates(summary: &Summary) -> String {
    let date = summary.rates_date.map(|date| format!(" of {date}"));
    format!("{}{}", summary.rates_source, date.unwrap_or_default())
}

fn subscriptions(count: u64) -> String {
    match count {
        1 => "1 subscription".to_owned(),
        count => format!("{count} subscriptions"),
    }
}

fn currencies(list: &[Currency]) -> String {
    list.iter()
        .map(|currency| upper(*currency))
        .collect::<Vec<_>>()
        .join(", ")
}
