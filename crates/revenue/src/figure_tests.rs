use super::*;
use crate::model::{
    Cancels, Charge, Collection, Coupon, CouponRef, CustomerDiscounts, Discount, Duration, Interval, Off, Packages,
    Price, PriceRef, TaxBehavior, Tier, Usage,
};
use crate::money::Sum;
use crate::policy::Policy;

const NOW: i64 = 1_795_392_000;

fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

fn price(id: &str, charge: Charge, interval: Interval, count: u32) -> Price<'static> {
    Price {
        id: id.to_owned().into(),
        product: format!("prod_{id}").into(),
        currency: Some(Currency::USD),
        interval,
        interval_count: count,
        usage: Usage::Licensed,
        tax: TaxBehavior::Exclusive,
        charge,
        currency_options: Vec::new(),
        currency_taxes: Vec::new(),
        packages: None,
    }
}

fn item(price: Price<'static>, quantity: u64) -> Item<'static> {
    Item {
        id: format!("si_{}", price.id).into(),
        quantity,
        trial_until: None,
        price: PriceRef::Sent(price),
        discounts: Vec::new(),
        tax_rates: Vec::new(),
    }
}

fn monthly(id: &str, cents: i64) -> Item<'static> {
    item(price(id, Charge::PerUnit(Exact::whole(cents)), Interval::Month, 1), 1)
}

fn yearly(id: &str, cents: i64) -> Item<'static> {
    item(price(id, Charge::PerUnit(Exact::whole(cents)), Interval::Year, 1), 1)
}

fn subscription(items: Vec<Item<'static>>) -> Subscription<'static> {
    Subscription {
        id: "sub_1".into(),
        customer: "cus_1".into(),
        country: None,
        currency: Some(Currency::USD),
        status: Status::Active,
        start: Some(NOW - 1_000_000),
        trial_end: None,
        cancels: None,
        period: Some((NOW - 1000, NOW + 1000)),
        collection_paused: false,
        collection: Collection::Automatic,
        latest_invoice_paid: None,
        automatic_tax: false,
        items,
        items_missing: false,
        discounts: Vec::new(),
        customer_discounts: CustomerDiscounts::Known(Vec::new()),
        application_fee_percent: None,
        default_tax_rates: Vec::new(),
        schedule: None,
    }
}

fn coupon(id: &str, off: Off) -> Coupon<'static> {
    Coupon {
        id: id.to_owned().into(),
        duration: Duration::Forever,
        off,
        currency_options: Vec::new(),
        products: None,
    }
}

fn discount(coupon: CouponRef<'static>) -> Discount<'static> {
    Discount {
        id: "di_1".into(),
        end: None,
        coupon,
    }
}

fn percent(text: &str) -> Discount<'static> {
    discount(CouponRef::Sent(coupon("percent", Off::Percent(exact(text)))))
}

fn amount_off(cents: i64) -> Discount<'static> {
    discount(CouponRef::Sent(coupon(
        "amount",
        Off::Amount(Exact::whole(cents), Currency::USD),
    )))
}

fn of(subscription: &Subscription<'static>, catalog: &Catalog, settings: &[&str]) -> Figure<'static> {
    let mut policy = Policy::default();
    for setting in settings {
        assert_eq!(policy.assign(setting), Ok(()));
    }
    figure(subscription, catalog, &policy.options, NOW, Explain::Yes)
}

/// The figure as text, or the error's code.
fn shown(subscription: &Subscription<'static>, settings: &[&str]) -> String {
    shown_with(subscription, &Catalog::default(), settings)
}

fn shown_with(subscription: &Subscription<'static>, catalog: &Catalog, settings: &[&str]) -> String {
    match of(subscription, catalog, settings).mrr {
        Ok(mrr) => mrr.to_string(),
        Err(error) => format!("{:?}", error.code),
    }
}

#[test]
fn the_order_of_discounts_is_an_option() {
    let mut given = subscription(vec![monthly("a", 1000)]);
    given.discounts = vec![amount_off(100), percent("50")];
    assert_eq!(shown(&given, &[]), "450");
    assert_eq!(shown(&given, &["discount_order=percent_first"]), "400");
}

#[test]
fn discounts_that_pass_count_only_if_switched_on() {
    let mut given = subscription(vec![monthly("a", 1000)]);
    let mut repeating = coupon("repeating", Off::Percent(exact("10")));
    repeating.duration = Duration::Repeating;
    let mut once = coupon("once", Off::Percent(exact("50")));
    once.duration = Duration::Once;
    given.discounts = vec![discount(CouponRef::Sent(repeating)), discount(CouponRef::Sent(once))];
    assert_eq!(shown(&given, &[]), "1000");
    assert_eq!(shown(&given, &["subtract_recurring_discounts=true"]), "900");
    assert_eq!(shown(&given, &["subtract_once_discounts=true"]), "500");
    given.discounts[0].end = Some(NOW);
    assert_eq!(shown(&given, &["subtract_recurring_discounts=true"]), "1000");
}

#[test]
fn an_amount_is_taken_once_an_invoice_when_intervals_are_mixed() {
    let mut given = subscription(vec![
        monthly("month", 1000),
        yearly("year", 12_000),
        monthly("more", 3000),
    ]);
    given.discounts = vec![amount_off(400)];
    // Invoices come monthly: 400 a month, of the two monthly items in proportion.
    let figure = of(&given, &Catalog::default(), &[]);
    assert_eq!(figure.mrr, Ok(exact("4600")));
    let taken: Vec<(Option<&str>, Exact)> = figure
        .lines
        .iter()
        .filter(|line| line.kind == LineKind::SubscriptionDiscount)
        .map(|line| (line.item.as_deref(), line.amount))
        .collect();
    assert_eq!(
        taken,
        [(Some("si_month"), exact("-100")), (Some("si_more"), exact("-300"))]
    );
}

#[test]
fn what_was_not_sent_is_looked_up() {
    let tiers = vec![Tier {
        up_to: None,
        unit: exact("10"),
        flat: exact("5"),
    }];
    let mut catalog = Catalog::default();
    catalog.add_price(price("tiered", Charge::Volume(tiers), Interval::Month, 1));
    let mut limited = coupon("limited", Off::Amount(exact("7"), Currency::EUR));
    limited.currency_options = vec![(Currency::USD, exact("15"))];
    limited.products = Some(vec!["prod_tiered".into()]);
    catalog.add_coupon(limited.clone());

    let mut given = subscription(vec![
        item(price("tiered", Charge::TiersMissing, Interval::Month, 1), 2),
        monthly("b", 100),
    ]);
    assert_eq!(shown(&given, &[]), "TiersUnavailable");
    assert_eq!(shown_with(&given, &catalog, &[]), "125");
    given.items[0].price = PriceRef::Id("tiered".into());
    assert_eq!(shown(&given, &[]), "UnresolvedPrice");
    given.discounts = vec![discount(CouponRef::Id("limited".into()))];
    assert_eq!(shown_with(&given, &catalog, &[]), "110");
    // Sent without what a list cannot expand.
    given.discounts = vec![discount(CouponRef::Sent(Coupon {
        currency_options: Vec::new(),
        products: None,
        ..limited
    }))];
    assert_eq!(shown_with(&given, &catalog, &[]), "110");
    given.items.remove(0);
    assert_eq!(shown(&given, &[]), "UnresolvedDiscount");
}

#[test]
fn a_deleted_coupon_is_an_error_if_all_coupons_are_known() {
    let mut given = subscription(vec![monthly("a", 1000)]);
    given.discounts = vec![percent("10")];
    let mut catalog = Catalog::default();
    assert_eq!(shown_with(&given, &catalog, &[]), "900");
    catalog.coupons_complete = true;
    assert_eq!(shown_with(&given, &catalog, &[]), "UnresolvedDiscount");
    catalog.add_coupon(coupon("percent", Off::Percent(exact("10"))));
    assert_eq!(shown_with(&given, &catalog, &[]), "900");
}

#[test]
fn a_discount_that_cannot_matter_is_no_error() {
    let mut given = subscription(vec![monthly("a", 0)]);
    given.discounts = vec![discount(CouponRef::NotSent)];
    assert_eq!(shown(&given, &[]), "0");
    given.items = vec![monthly("a", 1)];
    assert_eq!(shown(&given, &[]), "UnresolvedDiscount");
    given.status = Status::Canceled;
    assert_eq!(shown(&given, &[]), "0");
}

#[test]
fn what_is_not_known_is_an_error_with_its_code() {
    let with = |change: fn(&mut Subscription<'static>)| {
        let mut given = subscription(vec![monthly("a", 1000)]);
        change(&mut given);
        shown(&given, &[])
    };
    let with_price = |change: fn(&mut Price<'static>)| {
        let mut price = price("a", Charge::PerUnit(exact("10")), Interval::Month, 1);
        change(&mut price);
        shown(&subscription(vec![item(price, 3)]), &[])
    };
    assert_eq!(
        with(|given| given.status = Status::Other("dormant".into())),
        "UnknownStatus"
    );
    assert_eq!(with(|given| given.items_missing = true), "ItemsIncomplete");
    assert_eq!(
        with(|given| given.default_tax_rates = vec![TaxRate::Unknown]),
        "UnresolvedTaxRate"
    );
    assert_eq!(with(|given| given.items[0].quantity = u64::MAX), "AmountOutOfRange");
    assert_eq!(
        with_price(|price| price.interval = Interval::Other("decade".into())),
        "UnknownInterval"
    );
    assert_eq!(with_price(|price| price.interval_count = 0), "UnknownInterval");
    assert_eq!(with_price(|price| price.charge = Charge::Unknown), "UnknownAmount");
    assert_eq!(
        with_price(|price| price.packages = Some(Packages {
            size: 0,
            round_up: true
        })),
        "UnknownAmount"
    );
    assert_eq!(
        with_price(|price| price.currency = Some(Currency::EUR)),
        "PriceCurrencyUnavailable"
    );
    assert_eq!(
        with_price(|price| {
            price.currency = Some(Currency::EUR);
            price.currency_options = vec![(Currency::USD, Charge::PerUnit(exact("20")))];
        }),
        "60"
    );
    assert_eq!(
        with_price(|price| price.charge = Charge::PerUnit(Exact::from_parts(i128::MAX, 1))),
        "AmountOutOfRange"
    );
}

#[test]
fn a_currency_that_only_the_price_tells_is_used() {
    let mut given = subscription(vec![monthly("a", 1000)]);
    given.currency = None;
    assert_eq!(of(&given, &Catalog::default(), &[]).currency, Some(Currency::USD));
    assert_eq!(shown(&given, &[]), "1000");
    let mut without = monthly("a", 1000);
    if let PriceRef::Sent(price) = &mut without.price {
        price.currency = None;
    }
    given.items = vec![without];
    assert_eq!(shown(&given, &[]), "UnknownCurrency");
    given.items.clear();
    assert_eq!(shown(&given, &[]), "NoItems");
}

#[test]
fn an_item_in_its_own_trial_counts_nothing_until_that_ends() {
    let mut given = subscription(vec![monthly("a", 1000), monthly("b", 500)]);
    given.items[1].trial_until = Some(NOW + 1);
    assert_eq!(shown(&given, &[]), "1000");
    given.items[1].trial_until = Some(NOW);
    assert_eq!(shown(&given, &[]), "1500");
}

#[test]
fn a_cancellation_counts_when_the_policy_says() {
    let mut given = subscription(vec![monthly("a", 1000)]);
    for (cancels, at_the_end) in [
        (Cancels::AtPeriodEnd, "1000"),
        (Cancels::At(NOW + 1), "1000"),
        (Cancels::At(NOW), "0"),
    ] {
        given.cancels = Some(cancels);
        assert_eq!(shown(&given, &[]), "0");
        assert_eq!(shown(&given, &["churn_timing=period_end"]), at_the_end);
    }
}

#[test]
fn a_first_payment_is_waited_for_if_the_policy_says() {
    let reason = |change: fn(&mut Subscription<'static>)| {
        let mut given = subscription(vec![monthly("a", 1000)]);
        change(&mut given);
        of(&given, &Catalog::default(), &["active_from=first_payment"]).excluded
    };
    let waits = Some(Excluded::AwaitingFirstPayment);
    assert_eq!(reason(|_| {}), None);
    assert_eq!(reason(|given| given.trial_end = Some(NOW - 1000)), waits);
    assert_eq!(
        reason(|given| {
            given.trial_end = Some(NOW - 1000);
            given.latest_invoice_paid = Some(true);
        }),
        None
    );
    assert_eq!(reason(|given| given.trial_end = Some(NOW - 900_000)), None);
    assert_eq!(
        reason(|given| {
            given.collection = Collection::ByInvoice;
            given.start = Some(NOW - 1000);
        }),
        waits
    );
}

#[test]
fn what_begins_later_does_not_count_yet() {
    let mut given = subscription(vec![monthly("a", 1000)]);
    given.start = Some(NOW + 1);
    assert_eq!(
        of(&given, &Catalog::default(), &[]).excluded,
        Some(Excluded::NotStarted)
    );
}

#[test]
fn taxes_that_nobody_tells_are_noted() {
    let mut including = price("a", Charge::PerUnit(exact("1200")), Interval::Month, 1);
    including.tax = TaxBehavior::Inclusive;
    let mut given = subscription(vec![item(including, 1)]);
    assert!(!of(&given, &Catalog::default(), &[]).tax_unknown);
    given.automatic_tax = true;
    assert!(of(&given, &Catalog::default(), &[]).tax_unknown);
    given.default_tax_rates = vec![TaxRate::Inclusive(exact("20"))];
    assert!(!of(&given, &Catalog::default(), &[]).tax_unknown);
}

#[test]
fn lines_say_how_the_figure_came_about() {
    let mut tiered = price("t", Charge::Unknown, Interval::Year, 1);
    tiered.charge = Charge::Graduated(vec![
        Tier {
            up_to: Some(5),
            unit: exact("1200"),
            flat: Exact::ZERO,
        },
        Tier {
            up_to: None,
            unit: exact("600"),
            flat: exact("1200"),
        },
    ]);
    let mut weekly = price("w", Charge::PerUnit(exact("0.5")), Interval::Week, 2);
    weekly.packages = Some(Packages {
        size: 10,
        round_up: true,
    });
    let mut metered = price("m", Charge::PerUnit(exact("3")), Interval::Month, 1);
    metered.usage = Usage::Metered;
    let mut given = subscription(vec![item(tiered, 7), item(weekly, 25), item(metered, 1)]);
    given.items[1].discounts = vec![percent("33.3")];
    given.discounts = vec![percent("10")];
    given.default_tax_rates = vec![TaxRate::Inclusive(exact("19"))];
    let lines: Vec<String> = of(&given, &Catalog::default(), &[])
        .lines
        .iter()
        .map(|line| format!("{} {}: {}", line.item.as_deref().unwrap_or("-"), line.text, line.amount))
        .collect();
    assert_eq!(
        lines,
        [
            "si_t tier 1 (up to 5): 5 × 12.00 USD every year, ÷ 12: 500",
            "si_t tier 2 (without end): 2 × 6.00 USD + 12.00 USD flat every year, ÷ 12: 200",
            "si_w 3 (packages of 10 for 25, rounded up) × 0.005 USD every 2 weeks, × 13/3 ÷ 2: 13/4",
            "si_w coupon percent: 33.3% off: -4329/4000",
            "si_m charged by usage, which does not recur: not counted: 0",
            "si_t coupon percent: 10% off: -70",
            "si_w coupon percent: 10% off: -8671/40000",
            "si_t 19% tax within the price: -1710/17",
            "si_w 19% tax within the price: -1482741/4760000",
        ]
    );
}

#[path = "figure_properties.rs"]
mod properties;
