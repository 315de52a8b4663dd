use std::collections::BTreeMap;

use jiff::civil::date;

use super::*;
use crate::figure::Figure;
use crate::movements::{Moved, Sheet, Statement};
use crate::outlook::{InCurrency, Outlook, Trials};
use crate::policy::Policy;
use crate::rates::Rates;
use crate::report::Summary;
use crate::run::Run;

fn amount(text: &str) -> Total {
    let exact: Exact = text.parse().unwrap();
    exact.into()
}

/// A day with so much MRR of so many customers, and movements since the day before.
fn day(date: Date, compared_with: Option<Date>, sheets: &[(Currency, Sheet)]) -> Day {
    let mut run = Run::default();
    for (currency, sheet) in sheets {
        for number in 0..sheet.closing_customers {
            let mrr: Exact = if number == 0 {
                sheet.closing.to_string().parse().unwrap()
            } else {
                Exact::ZERO
            };
            let figure = Figure {
                id: "sub".into(),
                customer: format!("cus_{number}").into(),
                currency: Some(*currency),
                mrr: Ok(mrr),
                excluded: None,
                collection_paused: false,
                tax_unknown: false,
                customer_discount_unknown: false,
                lines: Vec::new(),
                shares: Vec::new(),
                country: None,
                outlook: None,
            };
            run.add(&figure).unwrap();
        }
    }
    let rates = Rates::new(Currency::EUR, "test", None, [(Currency::USD, "5/4".parse().unwrap())]).unwrap();
    let mut summary = Summary::new(&run, &Policy::default(), 0, &rates, None).unwrap();
    summary.subscribers = sheets.iter().map(|(_, sheet)| sheet.closing_customers).sum();
    Day {
        date,
        at: jiff::Timestamp::UNIX_EPOCH,
        summary,
        rates,
        period: (0, 0),
        compared_with,
        policy_changed: false,
        movements: Statement {
            currencies: sheets.iter().cloned().collect(),
        },
        movements_usd: None,
        customer_movements: None,
        reconstructed: None,
        by_product: None,
    }
}

fn sheet(opening: (&str, u64), moved: &[(Kind, &str, u64)], closing: (&str, u64)) -> Sheet {
    let moved = moved.iter().map(|(kind, sum, customers)| {
        let moved = Moved {
            amount: amount(sum),
            customers: *customers,
        };
        (*kind, moved)
    });
    Sheet {
        opening: amount(opening.0),
        opening_customers: opening.1,
        moved: moved.collect(),
        closing: amount(closing.0),
        closing_customers: closing.1,
    }
}

/// From 1000.00 of 100 customers to 1120.00 of 108, within March.
fn march() -> Vec<Day> {
    let still = |opening| sheet(opening, &[], opening);
    let moved = [
        (Kind::New, "15000", 12),
        (Kind::Reactivation, "2000", 2),
        (Kind::Expansion, "6000", 8),
        (Kind::Contraction, "-3000", 4),
        (Kind::Churn, "-8000", 6),
    ];
    let (before, after) = (("100000", 100), ("112000", 108));
    vec![
        day(date(2026, 2, 28), None, &[(Currency::USD, still(before))]),
        day(
            date(2026, 3, 1),
            Some(date(2026, 2, 28)),
            &[(Currency::USD, still(before))],
        ),
        day(
            date(2026, 3, 31),
            Some(date(2026, 3, 1)),
            &[(Currency::USD, sheet(before, &moved, after))],
        ),
    ]
}

fn values(days: &[Day], by: By, at: Date, currency: Currency) -> BTreeMap<&'static str, Result<String, Missing>> {
    let figures = Figures::of(&Days::new(days), Period::of(by, at), currency);
    let entries = figures.entries.iter();
    entries
        .map(|entry| (entry.name.as_str(), entry.value.clone().map(|value| value.to_string())))
        .collect()
}

#[test]
fn a_month_has_every_figure() {
    let mut days = march();
    let part = InCurrency {
        trial: amount("4500"),
        leaving: amount("900"),
        next_phases: amount("-600"),
        starting: amount("1500"),
        past_due: amount("2400"),
        collection_paused: amount("1200"),
    };
    days[2].summary.outlook = Some(Outlook {
        currencies: BTreeMap::from([(Currency::USD, part)]),
        trials: Some(Trials {
            converted: 9,
            ended: 15,
        }),
        ..Outlook::default()
    });
    let found = values(&days, By::Month, date(2026, 3, 14), Currency::USD);
    let expected = [
        ("mrr", "112000"),
        ("arr", "1344000"),
        ("subscribers", "108"),
        ("arpa", "28000/27"),
        ("gross_revenue_churn", "11/100"),
        ("net_revenue_churn", "3/100"),
        ("nrr", "19/20"),
        ("grr", "89/100"),
        ("quick_ratio", "23/11"),
        ("customer_churn", "3/56"),
        ("ltv", "1568000/81"),
        ("trial_mrr", "4500"),
        ("trial_conversion", "3/5"),
        ("committed_mrr", "112000"),
        ("mrr_at_risk", "3600"),
    ];
    assert_eq!(found.len(), expected.len());
    for (name, value) in expected {
        assert_eq!(found[name].as_deref(), Ok(value), "{name}");
    }
    // A day's rates are of the 30 days that end with it: the same movements here.
    let of_day = values(&days, By::Day, date(2026, 3, 31), Currency::USD);
    assert_eq!((&of_day["nrr"], &of_day["ltv"]), (&found["nrr"], &found["ltv"]));
}

#[test]
fn who_came_back_is_no_denominator_and_who_leaves_twice_counts_twice() {
    let (d1, d2, d3) = (date(2026, 5, 1), date(2026, 5, 11), date(2026, 5, 31));
    let days = [
        day(d1, None, &[(Currency::USD, sheet(("90", 90), &[], ("90", 90)))]),
        day(
            d2,
            Some(d1),
            &[(
                Currency::USD,
                sheet(("90", 90), &[(Kind::Churn, "-4", 4), (Kind::New, "10", 10)], ("96", 96)),
            )],
        ),
        day(
            d3,
            Some(d2),
            &[(
                Currency::USD,
                sheet(
                    ("96", 96),
                    &[(Kind::Churn, "-1", 1), (Kind::Reactivation, "3", 3)],
                    ("98", 98),
                ),
            )],
        ),
    ];
    // 5 of 90 and 10.
    let rate = |days: &[Day], date| customer_churn(&Days::new(days), date).map(|rate| rate.to_string());
    assert_eq!(rate(&days, d3), Ok("1/20".to_owned()));
    assert_eq!(rate(&days, d2), Err(Missing::KeptSince(d1)), "ten days are no thirty");
    assert_eq!(
        rate(&days, date(2026, 6, 1)),
        Err(Missing::Day {
            from: date(2026, 6, 1),
            until: date(2026, 6, 1)
        })
    );
    // The day 30 days ago was not kept: part of what moved may be older.
    let gap = day(
        date(2026, 6, 2),
        Some(d3),
        &[(Currency::USD, sheet(("98", 98), &[], ("98", 98)))],
    );
    let days: Vec<Day> = days.into_iter().chain([gap]).collect();
    assert_eq!(rate(&days, date(2026, 6, 2)), Err(Missing::Opening(date(2026, 5, 3))));
}

#[test]
fn what_has_no_ground_says_why_and_is_never_0() {
    let days = march();
    // February has one day, and nothing before it.
    let february = values(&days, By::Month, date(2026, 2, 1), Currency::USD);
    assert_eq!(february["mrr"].as_deref(), Ok("100000"));
    for name in [
        "nrr",
        "grr",
        "gross_revenue_churn",
        "quick_ratio",
        "customer_churn",
        "ltv",
    ] {
        assert_eq!(february[name], Err(Missing::KeptSince(date(2026, 2, 28))), "{name}");
    }
    let april = values(&days, By::Month, date(2026, 4, 1), Currency::USD);
    assert!(april.values().all(|value| matches!(value, Err(Missing::Day { .. }))));
    // Another currency needs a rate.
    let yen = values(&days, By::Month, date(2026, 3, 1), "jpy".parse().unwrap());
    assert_eq!(yen["mrr"], Err(Missing::Rate(Currency::USD)));
    assert_eq!(yen["subscribers"].as_deref(), Ok("108"));
    // A day that was kept by a version that knew nothing of trials.
    let mut old = march();
    old[2].summary.outlook = None;
    let old = values(&old, By::Month, date(2026, 3, 1), Currency::USD);
    assert_eq!(old["trial_mrr"], Err(Missing::NotComputed));
    // A day that was computed afterwards knows of trials, and not of what was late or planned.
    let mut past = march();
    past[2].reconstructed = Some(crate::day::Reconstructed {
        at: jiff::Timestamp::UNIX_EPOCH,
        continues: true,
    });
    let past = values(&past, By::Month, date(2026, 3, 1), Currency::USD);
    assert_eq!(past["mrr_at_risk"], Err(Missing::Reconstructed));
    assert_eq!(past["committed_mrr"], Err(Missing::Reconstructed));
    assert_eq!(
        (past["trial_mrr"].as_deref(), past["nrr"].as_deref()),
        (Ok("0"), Ok("19/20"))
    );
    // Nothing to divide by.
    let nothing = sheet(("0", 0), &[], ("0", 0));
    let none = [
        day(date(2026, 2, 28), None, &[(Currency::USD, nothing.clone())]),
        day(date(2026, 3, 30), Some(date(2026, 2, 28)), &[(Currency::USD, nothing)]),
    ];
    let none = values(&none, By::Day, date(2026, 3, 30), Currency::USD);
    for name in ["arpa", "nrr", "quick_ratio", "customer_churn"] {
        assert!(matches!(none[name], Err(Missing::Zero(_))), "{name}: {:?}", none[name]);
    }
    assert_eq!(none["mrr"].as_deref(), Ok("0"));
}

#[test]
fn each_movement_counts_at_the_rates_of_its_day_in_the_currency_that_is_asked_for() {
    let rates = |dollars: &str| Rates::new(Currency::EUR, "test", None, [(Currency::USD, dollars.parse().unwrap())]);
    let mut days = march();
    days[0].rates = rates("2").unwrap();
    days[2].rates = rates("1").unwrap();
    let found = values(&days, By::Month, date(2026, 3, 1), Currency::EUR);
    // Opened with 500.00 EUR; 60.00, 30.00 and 80.00 EUR moved.
    assert_eq!(found["nrr"].as_deref(), Ok("9/10"));
    assert_eq!(found["mrr"].as_deref(), Ok("112000"));
    assert_eq!(found["customer_churn"].as_deref(), Ok("3/56"), "customers have no rate");
}

#[test]
fn a_figure_shows_its_numbers() {
    let days = march();
    let figures = Figures::of(
        &Days::new(&days),
        Period::of(By::Month, date(2026, 3, 1)),
        Currency::USD,
    );
    let worked = |name| figures.get(name).unwrap().worked().unwrap();
    assert_eq!(worked(Name::Mrr), "1120.00 USD");
    assert_eq!(worked(Name::Arr), "12 × 1120.00 = 13440.00 USD");
    assert_eq!(
        worked(Name::Nrr),
        "(1000.00 + 60.00 − 30.00 − 80.00) ÷ 1000.00 = 95.00 %"
    );
    assert_eq!(
        worked(Name::QuickRatio),
        "(150.00 + 60.00 + 20.00) ÷ (80.00 + 30.00) = 2.09"
    );
    assert_eq!(worked(Name::CustomerChurn), "6 ÷ (100 + 12) = 5.36 %");
    assert_eq!(worked(Name::Ltv), "10.37 ÷ 5.36 % = 193.58 USD");
    let json = serde_json::to_value(figures.get(Name::Nrr).unwrap()).unwrap();
    assert_eq!(
        (&json["value"], &json["shown"], &json["decimal"]),
        (&"19/20".into(), &"95.00 %".into(), &"0.950000".into())
    );
    assert_eq!(json["numerator"][2]["what"], "contraction");
    let missing = serde_json::to_value(figures.get(Name::TrialConversion).unwrap()).unwrap();
    assert_eq!(missing["value"], serde_json::Value::Null);
    assert!(missing["reason"].as_str().unwrap().contains("Events"), "{missing}");
}
