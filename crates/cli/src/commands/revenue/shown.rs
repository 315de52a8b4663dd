//! What people and programs see of figures, runs and days.

use std::collections::BTreeMap;

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::money::Total;
use cc_devops_revenue::movements::{Kind, Statement};
use cc_devops_revenue::report::{Summary, Usd};
use cc_devops_revenue::transactions::TransactionsFigure;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::churn::Churn;
use super::notes;
use super::words::code_of;
use crate::output::table;

/// How many subscriptions with an error are shown to a person.
const SHOWN: usize = 20;

/// The first subscriptions that could not be computed.
#[derive(Debug, Default)]
pub(super) struct Unusual {
    rows: Vec<Vec<String>>,
}

impl Unusual {
    /// Remembers a figure that is an error.
    pub(super) fn look_at(&mut self, figure: &Figure<'_>) {
        if let Err(error) = &figure.mrr
            && self.rows.len() < SHOWN
        {
            self.rows.push(vec![
                figure.id.to_string(),
                figure.customer.to_string(),
                code_of(&error.code),
                error.message.clone(),
            ]);
        }
    }
}

/// A day as programs see it, behind its subscriptions.
#[derive(Serialize)]
pub(super) struct DayView<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    date: Date,
    at: Timestamp,
    /// Whether the day was kept.
    kept: bool,
    #[serde(flatten)]
    moved: Moved<'a>,
}

/// What moved on a day, as programs see it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) struct Moved<'a> {
    compared_with: Option<Date>,
    policy_changed: bool,
    /// Exact, in minor units, by currency.
    movements: &'a Statement,
    /// In US dollars; `null` where a currency has no rate.
    #[serde(rename = "movementsUSD")]
    movements_usd: Option<MovementsUsd>,
    #[serde(flatten)]
    churn: Churn,
}

/// Movements in US dollars: opening, what moved, and currency effects make closing.
#[derive(Serialize)]
pub(super) struct MovementsUsd {
    opening: Usd,
    moved: BTreeMap<Kind, Usd>,
    currency_effects: Usd,
    closing: Usd,
}

impl<'a> Moved<'a> {
    pub(super) fn of(day: &'a Day, churn: Churn) -> Self {
        let movements_usd = day.movements_usd.as_ref().map(|converted| MovementsUsd {
            opening: Usd(converted.opening),
            moved: converted
                .moved
                .iter()
                .map(|(kind, cents)| (*kind, Usd(*cents)))
                .collect(),
            currency_effects: Usd(converted.currency_effects),
            closing: Usd(converted.closing),
        });
        Self {
            compared_with: day.compared_with,
            policy_changed: day.policy_changed,
            movements: &day.movements,
            movements_usd,
            churn,
        }
    }
}

impl<'a> DayView<'a> {
    pub(super) fn of(day: &'a Day, kept: bool, churn: Churn) -> Self {
        Self {
            summary: &day.summary,
            date: day.date,
            at: day.at,
            kept,
            moved: Moved::of(day, churn),
        }
    }
}

/// A day as people see it.
pub(super) fn day_text(day: &Day, kept: bool, unusual: &Unusual, currency: Currency) -> String {
    let mut lines = vec![summary_text(&day.summary, unusual)];
    if currency != Currency::USD {
        let name = format!("MRR in {}", currency.code());
        let amount = day.mrr_in(currency).map(|amount| currency.amount(amount));
        lines.push(format!(
            "{name:<13} {}",
            amount.unwrap_or_else(|| "cannot be told: a currency has no rate".to_owned())
        ));
    }
    lines.extend(day.summary.transactions.map(|figure| transactions_text(&figure)));
    lines.push(String::new());
    lines.push(match day.compared_with {
        Some(before) => format!("since {before}:"),
        None => "the first day that is kept:".to_owned(),
    });
    lines.push(movements_text(day));
    lines.extend(notes::in_dollars(day).map(|text| format!("\n{text}")));
    lines.extend(notes::closing_apart(day));
    if day.policy_changed {
        lines.push("the policy is another than that day's, and part of this is its doing".to_owned());
    }
    lines.push(String::new());
    lines.push(if kept {
        format!("kept as {}, and told", day.date)
    } else {
        "nothing was kept, and nobody told".to_owned()
    });
    lines.join("\n")
}

fn transactions_text(figure: &TransactionsFigure) -> String {
    let usd = |cents: Option<i128>| cents.map_or_else(|| "?".to_owned(), |cents| Usd(cents).to_string());
    format!(
        "last 30 days  {} USD charged ({}), {} USD refunded ({})",
        usd(figure.charges),
        figure.charge_count,
        usd(figure.refunds),
        figure.refund_count
    )
}

/// What moved, a line for each kind and currency.
fn movements_text(day: &Day) -> String {
    let mut rows = Vec::new();
    for (currency, sheet) in &day.movements.currencies {
        let money = |amount: i128| currency.amount(amount);
        let row = |what: &str, amount: i128, customers: u64| {
            vec![currency.code(), what.to_owned(), money(amount), customers.to_string()]
        };
        let rounded = |total: &cc_devops_revenue::money::Total| total.rounded().unwrap_or_default();
        rows.push(row("opening", rounded(&sheet.opening), sheet.opening_customers));
        for (kind, moved) in &sheet.moved {
            rows.push(row(kind.as_str(), rounded(&moved.amount), moved.customers));
        }
        rows.push(row("closing", rounded(&sheet.closing), sheet.closing_customers));
    }
    table(&["CURRENCY", "MOVEMENT", "MRR", "CUSTOMERS"], rows)
}

/// A part of 1 in percent.
pub(super) fn percent(share: &Total) -> String {
    share
        .shifted(3, 1)
        .map_or_else(|_| share.to_string(), |percent| format!("{percent} %"))
}

/// A run as people see it.
pub(super) fn summary_text(summary: &Summary, unusual: &Unusual) -> String {
    let rows = summary.totals.iter().map(|total| {
        vec![
            total.currency.code(),
            total.currency.amount(total.mrr_minor),
            total.subscriptions.to_string(),
            total.currency.amount(total.collection_paused_minor),
        ]
    });
    let total = match summary.mrr_usd {
        Some(usd) => format!("{usd} USD"),
        None if summary.without_rate.is_empty() => "cannot be told from subscriptions alone".to_owned(),
        None => {
            let missing: Vec<String> = summary.without_rate.iter().map(|currency| currency.code()).collect();
            format!("cannot be told: give a --rate for {}", missing.join(", "))
        }
    };
    let whole = if summary.complete { "" } else { " (incomplete)" };
    let mut lines = vec![
        table(&["CURRENCY", "MRR", "SUBSCRIPTIONS", "COLLECTION PAUSED"], rows),
        String::new(),
        format!("MRR           {total}{whole}"),
        format!("subscribers   {}", summary.subscribers),
    ];
    lines.extend(summary.arpa_usd.map(|arpa| format!("ARPA          {arpa} USD")));
    lines.push(format!("policy        {}", summary.policy.name()));
    let excluded: Vec<String> = summary
        .excluded
        .iter()
        .map(|(reason, count)| format!("{count} {}", code_of(reason)))
        .collect();
    if !excluded.is_empty() {
        lines.push(format!("not counted   {}", excluded.join(", ")));
    }
    lines.extend(notes::lines(summary));
    let errors = notes::failed(summary);
    if errors > 0 {
        lines.push(format!("\n{errors} could not be computed:"));
        lines.push(table(
            &["SUBSCRIPTION", "CUSTOMER", "CODE", "WHY"],
            unusual.rows.clone(),
        ));
    }
    if errors > unusual.rows.len() as u64 {
        lines.push("... all of them with --json".to_owned());
    }
    lines.join("\n")
}

/// A figure with its lines, as people see it.
pub(super) fn explained(figure: &Figure<'_>) -> String {
    let currency = match (&figure.mrr, figure.currency) {
        (Err(error), _) => return format!("{} of {}: {error}", figure.id, figure.customer),
        (Ok(_), None) => return format!("{} of {}: not counted", figure.id, figure.customer),
        (Ok(_), Some(currency)) => currency,
    };
    let rows = figure.lines.iter().map(|line| {
        vec![
            line.item.clone().unwrap_or_default(),
            line.text.clone(),
            line.amount.money(currency),
            line.amount.to_string(),
        ]
    });
    let lines = table(&["ITEM", "LINE", "A MONTH", "EXACT (MINOR UNITS)"], rows);
    let mrr = figure.mrr.as_ref().copied().unwrap_or_default();
    format!(
        "{} of {}: {} a month\n\n{lines}",
        figure.id,
        figure.customer,
        mrr.money(currency)
    )
}
