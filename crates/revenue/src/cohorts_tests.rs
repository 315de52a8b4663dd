use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

fn move_of(month: i8, day: i8, customer: &'static str, kind: Kind, before: &str, after: &str) -> Movement<'static> {
    Movement {
        date: date(2026, month, day),
        customer,
        currency: Currency::USD,
        kind,
        before: exact(before),
        after: exact(after),
    }
}

fn retention(movements: &[Movement<'_>], before: u64, until: Date) -> Retention {
    let amounts = BTreeMap::from([(Currency::USD, Total::from(before * 1_000))]);
    let mut cohorts = Cohorts::new(date(2026, 1, 15), before, amounts);
    for movement in movements {
        cohorts.add(movement);
    }
    cohorts.finish(until, &Rates::none(), Currency::USD).unwrap()
}

/// Each cohort as `name: customers of size at each month's end | money of first at each month's end`.
fn shown(retention: &Retention) -> Vec<String> {
    let row = |row: &Row| {
        let name = row.cohort.map_or("before".to_owned(), |month| month.to_string());
        let customers: Vec<String> = row.cells.iter().map(|cell| cell.customers.to_string()).collect();
        let money: Vec<String> = row.cells.iter().map(|cell| cell.mrr.to_string()).collect();
        format!(
            "{name}: {} of {} | {} of {}",
            customers.join(" "),
            row.customers,
            money.join(" "),
            row.mrr
        )
    };
    retention.rows.iter().map(row).collect()
}

#[test]
fn who_first_paid_in_a_month_is_followed_to_each_months_end() {
    let found = retention(
        &[
            move_of(1, 20, "ada", Kind::New, "0", "1000"),
            move_of(1, 21, "bob", Kind::New, "0", "2000"),
            // Came and went within the month.
            move_of(1, 22, "eve", Kind::New, "0", "500"),
            move_of(1, 25, "eve", Kind::Churn, "500", "0"),
            move_of(2, 3, "bob", Kind::Churn, "2000", "0"),
            move_of(2, 4, "cal", Kind::New, "0", "700"),
            move_of(2, 10, "ada", Kind::Expansion, "1000", "4500"),
            // Back, and still of January.
            move_of(4, 1, "bob", Kind::Reactivation, "0", "3000"),
        ],
        0,
        date(2026, 4, 15),
    );
    assert_eq!(
        shown(&found),
        [
            "2026-01: 2 1 1 2 of 3 | 3000 4500 4500 7500 of 3500",
            "2026-02: 1 1 1 of 1 | 700 700 700 of 700",
        ]
    );
    assert!(!found.month_is_over);
    let first = &found.rows[0].cells[1];
    assert_eq!(
        (
            first.customer_retention.as_ref().unwrap().to_string(),
            first.revenue_retention.as_ref().unwrap().to_string()
        ),
        ("1/3".to_owned(), "9/7".to_owned())
    );
}

#[test]
fn those_of_before_there_were_records_are_a_cohort_of_their_own() {
    let found = retention(
        &[
            move_of(1, 20, "old", Kind::Contraction, "1000", "400"),
            move_of(2, 20, "old", Kind::Churn, "400", "0"),
            // Who once paid, and was gone when records began.
            move_of(2, 21, "older", Kind::Reactivation, "0", "250"),
            move_of(2, 22, "new", Kind::New, "0", "100"),
        ],
        3,
        date(2026, 2, 28),
    );
    assert_eq!(
        shown(&found),
        ["before: 3 3 of 3 | 2400 2250 of 3000", "2026-02: 1 of 1 | 100 of 100"]
    );
    assert!(found.month_is_over);
}

#[test]
fn currencies_are_one_customer_and_all_at_the_same_rates() {
    let euro = |movement: Movement<'static>| Movement {
        currency: Currency::EUR,
        ..movement
    };
    let movements = [
        move_of(1, 20, "ada", Kind::New, "0", "1000"),
        euro(move_of(1, 20, "ada", Kind::New, "0", "800")),
        move_of(2, 20, "ada", Kind::Churn, "1000", "0"),
    ];
    let mut cohorts = Cohorts::new(date(2026, 1, 1), 0, BTreeMap::new());
    for movement in &movements {
        cohorts.add(movement);
    }
    let rates = Rates::new(Currency::EUR, "test", None, [(Currency::USD, exact("5/4"))]).unwrap();
    let found = cohorts.finish(date(2026, 2, 28), &rates, Currency::USD).unwrap();
    assert_eq!(
        shown(&found),
        ["2026-01: 1 1 of 1 | 2000 1000 of 2000"],
        "what is first paid is all of the first day"
    );
    let mut cohorts = Cohorts::new(date(2026, 1, 1), 0, BTreeMap::new());
    cohorts.add(&movements[1]);
    let refused = cohorts.finish(date(2026, 1, 31), &Rates::none(), Currency::USD);
    assert_eq!(refused, Err(Missing::Rate(Currency::EUR)));
}

proptest! {
    #[test]
    fn at_each_end_the_cohorts_are_all_who_pay(
        steps in prop::collection::vec((0..12_usize, 0..3_i64, 0..5_i32), 1..60)
    ) {
        let names: Vec<String> = (0..12).map(|number| format!("cus_{number}")).collect();
        let mut amounts = [0_i64; 12];
        let mut seen = [false; 12];
        let mut cohorts = Cohorts::new(date(2026, 1, 1), 0, BTreeMap::new());
        let mut at = date(2026, 1, 1);
        for (number, amount, days) in steps {
            at = at.checked_add(jiff::Span::new().days(days)).unwrap();
            let before = std::mem::replace(&mut amounts[number], amount * 100);
            if before == amounts[number] {
                continue;
            }
            let kind = match (before, amounts[number]) {
                (0, _) if !seen[number] => Kind::New,
                (0, _) => Kind::Reactivation,
                (_, 0) => Kind::Churn,
                (before, after) if after > before => Kind::Expansion,
                _ => Kind::Contraction,
            };
            seen[number] = true;
            cohorts.add(&Movement {
                date: at,
                customer: &names[number],
                currency: Currency::USD,
                kind,
                before: Exact::whole(before),
                after: Exact::whole(amounts[number]),
            });
        }
        let found = cohorts.finish(at, &Rates::none(), Currency::USD).unwrap();
        let last = found.rows.iter().map(|row| row.cells.last().unwrap());
        let (customers, money) = last.fold((0, Total::default()), |(customers, money), cell| {
            (customers + cell.customers, money.plus(&cell.mrr))
        });
        prop_assert_eq!(customers, amounts.iter().filter(|amount| **amount > 0).count() as u64);
        prop_assert_eq!(money, Exact::whole(amounts.iter().sum()).into());
        let sizes: u64 = found.rows.iter().map(|row| row.customers).sum();
        prop_assert_eq!(sizes, seen.iter().filter(|seen| **seen).count() as u64);
    }
}
