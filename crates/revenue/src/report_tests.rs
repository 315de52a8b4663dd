use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::money::Exact;

fn figure(customer: &str, currency: Currency, mrr: &str) -> Figure<'static> {
    Figure {
        id: "sub".into(),
        customer: customer.to_owned().into(),
        currency: Some(currency),
        mrr: Ok(mrr.parse().unwrap()),
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

fn run(figures: &[Figure<'_>]) -> Run {
    let mut run = Run::default();
    for figure in figures {
        run.add(figure).unwrap();
    }
    run
}

fn euro(dollars: &str) -> Rates {
    Rates::new(Currency::EUR, "test", None, [(Currency::USD, dollars.parse().unwrap())]).unwrap()
}

#[test]
fn the_json_is_what_is_promised() {
    let mut broken = figure("cus_b", Currency::USD, "0");
    broken.mrr = Err(FigureError::new(ErrorCode::TiersUnavailable, "no tiers"));
    let mut trial = figure("cus_c", Currency::USD, "0");
    trial.excluded = Some(Excluded::Trialing);
    let figures = [figure("cus_a", Currency::USD, "3/20"), broken, trial];
    let report = Report {
        summary: Summary::new(&run(&figures), &Policy::default(), 7, &Rates::none(), None).unwrap(),
        subscriptions: figures.iter().map(Entry::from).collect(),
    };
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains(r#""mrrUSD":0.00,"#), "{text}");
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown["policy"], "stripe-default");
    assert_eq!(shown["options"]["week_factor"], "13/3");
    assert_eq!((&shown["as_of"], &shown["complete"]), (&json!(7), &json!(false)));
    assert_eq!(shown["totals"][0]["mrr_exact"], "3/20");
    assert_eq!(shown["totals"][0]["mrr_minor"], 0);
    assert_eq!(
        (&shown["subscribers"], &shown["excluded"]["trialing"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(shown["errors"], json!({"tiers_unavailable": 1}));
    assert_eq!(
        shown["subscriptions"][1],
        json!({
            "id": "sub", "customer": "cus_b", "currency": "usd", "mrr_minor": null, "mrr_exact": null,
            "excluded": null, "error": {"code": "tiers_unavailable", "message": "no tiers"},
            "collection_paused": false, "lines": [],
        })
    );
    assert_eq!(shown["subscriptions"][2]["excluded"], "trialing");
}

#[test]
fn currencies_are_converted_then_rounded_then_added() {
    let figures = [figure("a", Currency::USD, "1/2"), figure("b", Currency::EUR, "100")];
    let summary = Summary::new(&run(&figures), &Policy::default(), 0, &euro("1.125"), None).unwrap();
    // Half a cent is one, 112.5 cents are 113.
    assert_eq!((summary.mrr_usd, summary.complete), (Some(Usd(114)), true));
    // 0.5 and 112.5 cents of two subscribers.
    assert_eq!(summary.arpa_usd, Some(Usd(57)));
    let without = Summary::new(&run(&figures), &Policy::default(), 0, &Rates::none(), None).unwrap();
    assert_eq!((without.mrr_usd, without.complete), (None, false));
    assert_eq!(without.without_rate, [Currency::EUR]);
}

#[test]
fn a_currency_with_nothing_in_it_needs_no_rate() {
    let figures = [figure("a", Currency::USD, "100"), figure("b", Currency::EUR, "0")];
    let summary = Summary::new(&run(&figures), &Policy::default(), 0, &Rates::none(), None).unwrap();
    assert_eq!((summary.mrr_usd, summary.complete), (Some(Usd(100)), true));
}

#[test]
fn what_is_paused_has_a_bucket() {
    let mut paused = figure("a", Currency::USD, "300");
    paused.collection_paused = true;
    let figures = [paused, figure("b", Currency::USD, "100")];
    let summary = Summary::new(&run(&figures), &Policy::default(), 0, &Rates::none(), None).unwrap();
    assert_eq!(
        (summary.totals[0].mrr_minor, summary.totals[0].collection_paused_minor),
        (400, 300)
    );
}

#[test]
fn the_older_policy_follows_the_transactions() {
    let policy = Policy::named("transactions").unwrap();
    let run = run(&[figure("a", Currency::USD, "100")]);
    let without = Summary::new(&run, &policy, 0, &Rates::none(), None).unwrap();
    assert_eq!((without.mrr_usd, without.complete), (None, false));
    let figure = TransactionsFigure {
        charges: Some(5000),
        refunds: Some(5050),
        disputes: Some(0),
        charge_count: 1,
        refund_count: 1,
        dispute_count: 0,
        total_transactions: 2,
    };
    let with = Summary::new(&run, &policy, 0, &Rates::none(), Some(figure)).unwrap();
    assert_eq!(with.mrr_usd.unwrap().to_string(), "-0.50");
}

proptest! {
    #[test]
    fn the_order_of_subscriptions_changes_nothing(
        given in prop::collection::vec((0..6_u8, any::<bool>(), 0..100_000_i64, 1..400_i64), 0..40),
        by in 0..40_usize,
    ) {
        let mut figures: Vec<Figure<'_>> = given
            .iter()
            .map(|(customer, euro, n, d)| {
                let currency = if *euro { Currency::EUR } else { Currency::USD };
                figure(&customer.to_string(), currency, &Exact::fraction(*n, *d).unwrap().to_string())
            })
            .collect();
        let shown = |figures: &[Figure<'_>]| {
            let summary = Summary::new(&run(figures), &Policy::default(), 0, &euro("1.1"), None).unwrap();
            serde_json::to_string(&summary).unwrap()
        };
        let before = shown(&figures);
        let by = by.min(figures.len());
        figures.rotate_left(by);
        prop_assert_eq!(before, shown(&figures));
    }
}
