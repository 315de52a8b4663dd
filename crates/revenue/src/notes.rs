//! What must be said beside a figure, in sentences: what is missing of it, what may be in it, and what it was
//! converted with.

use super::currency::Currency;
use super::day::Day;
use super::figure::ErrorCode;
use super::report::Summary;

/// How many subscriptions could not be computed.
pub fn failed(summary: &Summary) -> u64 {
    let codes = summary.errors.iter();
    codes
        .filter(|(code, _)| **code != ErrorCode::ListIncomplete)
        .map(|(_, count)| count)
        .sum()
}

/// Why a run is incomplete, as fragments; empty if it is whole.
pub fn reasons(summary: &Summary) -> Vec<String> {
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
        let missing: Vec<String> = summary.without_rate.iter().map(|currency| currency.code()).collect();
        reasons.push(format!("there is no rate for {}", missing.join(", ")));
    }
    reasons
}

/// What is missing of a day or not known of it, as fragments; empty where nothing is.
pub fn of_day(day: &Day) -> Vec<String> {
    let summary = &day.summary;
    let mut said = if summary.complete { Vec::new() } else { reasons(summary) };
    if summary.tax_unknown > 0 {
        said.push(format!("taxes of {} not known", subscriptions(summary.tax_unknown)));
    }
    if summary.customer_discounts_unknown > 0 {
        let count = subscriptions(summary.customer_discounts_unknown);
        said.push(format!("customers' discounts of {count} not known"));
    }
    said
}

/// Where what the movements end with is not what was computed, and why.
pub fn closing_apart(day: &Day) -> Vec<String> {
    let mut apart = Vec::new();
    for (currency, sheet) in &day.movements.currencies {
        let total = day.summary.totals.iter().find(|total| total.currency == *currency);
        let computed = total.map_or(0, |total| total.mrr_minor);
        let closing = sheet.closing.rounded().unwrap_or_default();
        if closing != computed {
            apart.push(format!(
                "closing is {} {}, MRR {}: a customer of whom a subscription could not be computed keeps the last figure",
                currency.amount(closing),
                currency.code(),
                currency.amount(computed)
            ));
        }
    }
    apart
}

/// The rates that the newest of these days was converted with; none where nothing had to be.
pub fn rates_of(days: &[Day]) -> Option<String> {
    let day = days.last()?;
    let foreign = day.summary.totals.iter().any(|total| total.currency != Currency::USD);
    foreign.then(|| format!("rates on {}: {}", day.date, rates(&day.summary)))
}

/// Where the rates of a run are from, and of which day.
pub fn rates(summary: &Summary) -> String {
    let date = summary.rates_date.map(|date| format!(" of {date}"));
    format!("{}{}", summary.rates_source, date.unwrap_or_default())
}

/// So many subscriptions, in words.
pub fn subscriptions(count: u64) -> String {
    match count {
        1 => "1 subscription".to_owned(),
        count => format!("{count} subscriptions"),
    }
}
