use proptest::prelude::*;

use super::*;
use crate::figure::{ErrorCode, FigureError};
use crate::run::Run;

fn share(product: &str, price: &str, interval: &str, amount: Exact) -> Share {
    Share {
        price: price.to_owned(),
        product: product.to_owned(),
        interval: interval.to_owned(),
        amount,
    }
}

fn figure(currency: Currency, country: Option<&'static str>, shares: Vec<Share>) -> Figure<'static> {
    let mrr = shares.iter().try_fold(Exact::ZERO, |sum, share| sum.plus(share.amount));
    Figure {
        id: "sub".into(),
        customer: "cus".into(),
        currency: Some(currency),
        mrr: Ok(mrr.unwrap()),
        excluded: None,
        collection_paused: false,
        tax_unknown: false,
        customer_discount_unknown: false,
        lines: Vec::new(),
        shares,
        country: country.map(Into::into),
        outlook: None,
    }
}

fn some() -> Vec<Figure<'static>> {
    let exact = |text: &str| text.parse::<Exact>().unwrap();
    vec![
        figure(
            Currency::USD,
            Some("DE"),
            vec![
                share("pro", "p1", "month", exact("1000")),
                share("seats", "p2", "month", exact("500/3")),
            ],
        ),
        figure(Currency::USD, None, vec![share("pro", "p3", "year", exact("250"))]),
        figure(
            Currency::EUR,
            Some("FR"),
            vec![share("pro", "p1", "month", exact("80"))],
        ),
    ]
}

fn broken(by: &str, filters: &[&str], figures: &[Figure<'_>]) -> Groups {
    let filters = filters.iter().map(|filter| filter.parse().unwrap()).collect();
    let mut breakdown = Breakdown::new(by.parse().unwrap(), filters);
    for figure in figures {
        breakdown.add(figure);
    }
    let rates = Rates::new(Currency::EUR, "test", None, [(Currency::USD, "5/4".parse().unwrap())]).unwrap();
    breakdown.finish(&rates, Currency::USD)
}

fn shown(groups: &Groups) -> Vec<String> {
    let group = |group: &GroupTotal| {
        let mrr = group.mrr.as_ref().map_or("?".to_owned(), ToString::to_string);
        format!("{} {} of {}", group.group, mrr, group.subscriptions)
    };
    groups.groups.iter().map(group).collect()
}

#[test]
fn an_item_is_in_its_own_group() {
    let by = |key: &str| shown(&broken(key, &[], &some()));
    assert_eq!(by("product"), ["pro 1350 of 3", "seats 500/3 of 1"]);
    assert_eq!(by("price"), ["p1 1100 of 2", "p3 250 of 1", "p2 500/3 of 1"]);
    assert_eq!(by("interval"), ["month 3800/3 of 2", "year 250 of 1"]);
    assert_eq!(by("currency"), ["usd 4250/3 of 2", "eur 100 of 1"]);
    assert_eq!(by("country"), ["DE 3500/3 of 1", "unknown 250 of 1", "FR 100 of 1"]);
    assert_eq!(
        by("plan"),
        ["pro/month 1100 of 2", "pro/year 250 of 1", "seats/month 500/3 of 1"]
    );
    let groups = broken("product", &[], &some());
    assert_eq!(groups.mrr.unwrap().to_string(), "4550/3");
    assert_eq!(groups.groups[1].share.as_ref().unwrap().to_string(), "10/91");
}

#[test]
fn only_what_passes_every_filter_counts() {
    let of = |filters: &[&str]| shown(&broken("product", filters, &some()));
    assert_eq!(of(&["country=de"]), ["pro 1000 of 1", "seats 500/3 of 1"]);
    assert_eq!(of(&["currency=eur"]), ["pro 100 of 1"]);
    assert_eq!(of(&["interval=month", "price=p2"]), ["seats 500/3 of 1"]);
    assert_eq!(of(&["country=unknown"]), ["pro 250 of 1"]);
    assert_eq!(of(&["country=XX"]), [""; 0]);
    assert_eq!("colour=red".parse::<Filter>(), Err(NoFilter::Key(NoKey)));
    assert_eq!("country".parse::<Filter>(), Err(NoFilter::NotAnAssignment));
}

#[test]
fn what_cannot_be_computed_or_converted_is_said() {
    let mut figures = some();
    figures[1].mrr = Err(FigureError::new(ErrorCode::UnknownAmount, "none"));
    figures.push(figure(
        "chf".parse().unwrap(),
        None,
        vec![share("pro", "p9", "month", Exact::ONE)],
    ));
    let groups = broken("product", &[], &figures);
    assert_eq!((groups.errors, groups.mrr), (1, None));
    assert_eq!(groups.without_rate, ["chf".parse::<Currency>().unwrap()]);
    assert_eq!(groups.groups[1].mrr, None, "and is not 0");
}

#[test]
fn what_no_item_has_is_not_lost() {
    let mut figures = some();
    figures[0].mrr = Ok(Exact::whole(1_200));
    let groups = broken("product", &["currency=usd"], &figures);
    assert_eq!(
        shown(&groups),
        ["pro 1250 of 2", "seats 500/3 of 1", "unknown 100/3 of 1"]
    );
}

fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof![Just(Currency::USD), Just(Currency::EUR)]
}

fn any_share() -> impl Strategy<Value = Share> {
    (0..3_u8, 0..4_u8, 0..2_u8, -500..5_000_i64, 1..13_i64).prop_map(|(product, price, interval, above, below)| {
        share(
            &format!("prod_{product}"),
            &format!("price_{price}"),
            ["month", "year"][usize::from(interval)],
            Exact::fraction(above, below).unwrap(),
        )
    })
}

proptest! {
    #[test]
    fn groups_add_up_to_the_whole(
        figures in prop::collection::vec(
            (currency(), prop::option::of(Just("DE")), prop::collection::vec(any_share(), 0..4)),
            0..30,
        ),
        key in 0..6_usize,
    ) {
        let figures: Vec<Figure<'_>> =
            figures.into_iter().map(|(currency, country, shares)| figure(currency, country, shares)).collect();
        let mut run = Run::default();
        for figure in &figures {
            run.add(figure).unwrap();
        }
        let groups = broken(Key::ALL[key].as_str(), &[], &figures);
        for currency in [Currency::USD, Currency::EUR] {
            let sum = groups.groups.iter().filter_map(|group| group.totals.get(&currency));
            let sum = sum.fold(Total::default(), |sum, part| sum.plus(part));
            prop_assert_eq!(&sum, &run.totals().mrr(currency));
            prop_assert_eq!(&sum, &groups.totals.get(&currency).cloned().unwrap_or_default());
        }
    }
}
