use jiff::civil::date;

use super::*;
use crate::movements::Statement;
use crate::policy::Policy;
use crate::rates::Rates;
use crate::report::{Summary, Usd};
use crate::run::Run;

/// A day of so many cents of MRR.
fn day_of(date: Date, cents: i128) -> Day {
    let rates = Rates::none();
    let mut summary = Summary::new(&Run::default(), &Policy::default(), 0, &rates, None).unwrap();
    summary.mrr_usd = Some(Usd(cents));
    Day {
        date,
        at: jiff::Timestamp::UNIX_EPOCH,
        summary,
        rates,
        period: (0, 0),
        compared_with: None,
        policy_changed: false,
        movements: Statement::default(),
        movements_usd: None,
        customer_movements: None,
        reconstructed: None,
        by_product: None,
    }
}

fn over(first: i8, last: i8, kept: &[(i8, i128)]) -> OverTime {
    let days = kept.iter().map(|(number, mrr)| day_of(date(2026, 3, *number), *mrr));
    let from = date(2026, 3, first);
    let (before, days) = days.partition(|day| day.date < from);
    OverTime::of((from, date(2026, 3, last)), before, days, Currency::USD)
}

#[test]
fn days_that_were_not_kept_are_gaps_and_never_nothing() {
    let line = over(2, 5, &[(1, 900), (2, 1_000), (4, 0)]).line();
    let amounts: Vec<Option<Option<i128>>> = line.iter().map(|(_, point)| point.map(|point| point.amount)).collect();
    assert_eq!(amounts, [Some(Some(1_000)), None, Some(Some(0)), None]);
    assert!(over(5, 4, &[]).line().is_empty());
}

#[test]
fn the_newest_day_is_compared_with_that_of_thirty_days_before() {
    let change = over(20, 31, &[(1, 1_000), (31, 1_250)]).change().unwrap();
    assert_eq!(
        (change.since, change.before, change.amount),
        (date(2026, 3, 1), 1_000, 250)
    );
    assert_eq!(change.share.unwrap().to_string(), "1/4");
    assert_eq!(
        over(20, 31, &[(2, 1_000), (31, 1_250)]).change(),
        None,
        "29 days are not 30"
    );
    assert_eq!(over(20, 31, &[]).change(), None);
}

#[test]
fn the_table_has_a_line_for_each_day_that_was_kept() {
    let table = over(2, 5, &[(2, 1_000), (4, 150)]).table();
    assert_eq!(table.head.get(3).map(String::as_str), Some("mrr_usd"));
    let mrr: Vec<&str> = table.rows.iter().map(|row| row[3].as_str()).collect();
    assert_eq!(mrr, ["10.00", "1.50"]);
}
