use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::figure::{ErrorCode, Figure, FigureError};

fn amount(text: &str) -> Exact {
    text.parse().unwrap()
}

fn figure(customer: &str, currency: Currency, mrr: Result<Exact, FigureError>) -> Figure<'static> {
    Figure {
        id: "sub".into(),
        customer: customer.to_owned().into(),
        currency: Some(currency),
        mrr,
        excluded: None,
        collection_paused: false,
        tax_unknown: false,
        customer_discount_unknown: false,
        lines: Vec::new(),
        shares: Vec::new(),
        country: None,
        outlook: None,
    }
}

fn run(figures: &[(&str, Currency, &str)]) -> Run {
    let mut run = Run::default();
    for (customer, currency, mrr) in figures {
        run.add(&figure(customer, *currency, Ok(amount(mrr)))).unwrap();
    }
    run
}

fn previous<'a>(customer: &'a str, currency: Currency, mrr: &str) -> Previous<'a> {
    Previous {
        customer,
        currency,
        amount: amount(mrr),
    }
}

#[test]
fn each_kind_has_its_line() {
    let usd = Currency::USD;
    let now = [
        ("new", usd, "100"),
        ("back", usd, "200"),
        ("more", usd, "25/2"),
        ("less", usd, "1"),
        ("same", usd, "7"),
        ("free", usd, "0"),
    ];
    let mut movements = Movements::new(run(&now));
    let mut kinds = BTreeMap::new();
    for before in [
        previous("back", usd, "0"),
        previous("more", usd, "10"),
        previous("less", usd, "3"),
        previous("same", usd, "7"),
        previous("gone", usd, "50"),
        previous("long_gone", usd, "0"),
    ] {
        if let Some(change) = movements.previous(before).unwrap() {
            kinds.insert(change.customer.to_owned(), change.kind);
        }
    }
    let finished = movements.finish().unwrap();
    for change in finished.new_customers() {
        kinds.insert(change.customer.to_owned(), change.kind);
    }
    let statement = finished.statement;
    assert_eq!(
        kinds,
        BTreeMap::from(
            [
                ("new", Kind::New),
                ("back", Kind::Reactivation),
                ("more", Kind::Expansion),
                ("less", Kind::Contraction),
                ("gone", Kind::Churn)
            ]
            .map(|(customer, kind)| (customer.to_owned(), kind))
        )
    );
    let sheet = &statement.currencies[&usd];
    assert_eq!((sheet.opening_customers, sheet.closing_customers), (4, 5));
    assert_eq!(sheet.moved[&Kind::Churn].amount, Total::from(amount("-50")));
    assert_eq!(sheet.closing, Total::from(amount("641/2")));
}

#[test]
fn a_customer_nobody_can_compute_keeps_its_figure() {
    let usd = Currency::USD;
    let mut run = run(&[("a", usd, "100"), ("b", usd, "10")]);
    let error = FigureError::new(ErrorCode::UnresolvedDiscount, "a discount");
    run.add(&figure("b", usd, Err(error))).unwrap();
    let mut movements = Movements::new(run);
    assert_eq!(movements.previous(previous("b", usd, "30")).unwrap(), None);
    let finished = movements.finish().unwrap();
    assert!(finished.new_customers().all(|change| change.customer == "a"));
    let statement = finished.statement;
    assert_eq!(statement.currencies[&usd].closing, Total::from(amount("130")));
}

#[test]
fn a_figure_named_twice_is_refused() {
    let usd = Currency::USD;
    let mut movements = Movements::new(run(&[("a", usd, "1")]));
    movements.previous(previous("a", usd, "1")).unwrap();
    let again = movements.previous(previous("a", usd, "1"));
    assert!(matches!(again, Err(MovementsError::Twice { .. })));
}

#[test]
fn a_total_that_customers_do_not_make_is_refused() {
    let usd = Currency::USD;
    let mut movements = Movements::new(run(&[("a", usd, "1")]));
    movements.totals.add(&figure("nobody", usd, Ok(Exact::ONE)));
    assert!(matches!(movements.finish(), Err(MovementsError::Unbalanced { .. })));
}

#[test]
fn the_rates_change_has_a_line_of_its_own() {
    let rates = |eur: &str| Rates::new(Currency::USD, "test", None, [(Currency::EUR, amount(eur))]).unwrap();
    let mut movements = Movements::new(run(&[("a", Currency::EUR, "1000"), ("b", Currency::USD, "500")]));
    movements.previous(previous("a", Currency::EUR, "800")).unwrap();
    movements.previous(previous("b", Currency::USD, "500")).unwrap();
    let statement = movements.finish().unwrap().statement;
    // A euro was worth 1.25 dollars, now 1.
    let converted = statement.converted(Currency::USD, &rates("0.8"), &rates("1")).unwrap();
    assert_eq!((converted.opening, converted.closing), (1500, 1500));
    assert_eq!(converted.moved, BTreeMap::from([(Kind::Expansion, 200)]));
    assert_eq!(converted.currency_effects, -200);
    let missing = statement.converted(Currency::USD, &Rates::none(), &rates("1"));
    assert_eq!(missing, Err(ConvertError::NoRate(Currency::EUR)));
}

proptest! {
    #[test]
    fn movements_always_balance(
        before in prop::collection::btree_map((0..12_u8, 0..2_u8), (0..1000_i64, 1..13_i64), 0..20),
        now in prop::collection::vec((0..12_u8, 0..2_u8, 0..1000_i64, 1..13_i64, prop::bool::weighted(0.1)), 0..30),
        rates in (1..500_i64, 1..500_i64),
    ) {
        let currency = |number: u8| if number == 0 { Currency::USD } else { Currency::EUR };
        let mut run = Run::default();
        for (customer, number, numerator, denominator, broken) in &now {
            let mrr = if *broken {
                Err(FigureError::new(ErrorCode::UnknownAmount, "no amount"))
            } else {
                Ok(Exact::fraction(*numerator, *denominator).unwrap())
            };
            run.add(&figure(&format!("cus_{customer}"), currency(*number), mrr)).unwrap();
        }
        let mut kept: BTreeMap<(String, Currency), Exact> = before
            .iter()
            .map(|((customer, number), (n, d))| ((format!("cus_{customer}"), currency(*number)), Exact::fraction(*n, *d).unwrap()))
            .collect();
        let mut movements = Movements::new(run);
        let mut changes = Vec::new();
        for ((customer, currency), amount) in &kept {
            let change = movements.previous(Previous { customer, currency: *currency, amount: *amount }).unwrap();
            changes.extend(change.map(|change| ((change.customer.to_owned(), change.currency), change.after)));
        }
        let finished = movements.finish().unwrap();
        changes.extend(finished.new_customers().map(|change| ((change.customer.to_owned(), change.currency), change.after)));
        let statement = finished.statement;
        // What is kept for the next run is what this one closed with.
        kept.extend(changes);
        for (currency, sheet) in &statement.currencies {
            let mut sum = Sum::default();
            kept.iter().filter(|((_, of), _)| of == currency).for_each(|(_, amount)| sum.add(*amount));
            prop_assert_eq!(&sum.total(), &sheet.closing);
        }
        let at = |cents: i64| {
            Rates::new(Currency::USD, "test", None, [(Currency::EUR, Exact::fraction(cents, 100).unwrap())]).unwrap()
        };
        let converted = statement.converted(Currency::USD, &at(rates.0), &at(rates.1)).unwrap();
        let sum = converted.opening + converted.moved.values().sum::<i128>() + converted.currency_effects;
        prop_assert_eq!(sum, converted.closing);
    }
}
