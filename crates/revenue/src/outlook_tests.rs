use super::*;
use crate::figure::Excluded;
use crate::model::{
    Charge, Collection, Coupon, CouponRef, CustomerDiscounts, Discount, Duration, Interval, Item, Off, Price, PriceRef,
    Schedule, TaxBehavior, Usage,
};
use crate::money::Exact;

const NOW: i64 = 1_795_392_000;
const DAY: i64 = 86_400;

fn price(id: &'static str, cents: i64) -> Price<'static> {
    Price {
        id: id.into(),
        product: "prod".into(),
        currency: Some(Currency::USD),
        interval: Interval::Month,
        interval_count: 1,
        usage: Usage::Licensed,
        tax: TaxBehavior::Exclusive,
        charge: Charge::PerUnit(Exact::whole(cents)),
        currency_options: Vec::new(),
        currency_taxes: Vec::new(),
        packages: None,
    }
}

fn item(price: PriceRef<'static>, quantity: u64) -> Item<'static> {
    Item {
        id: "si".into(),
        quantity,
        trial_until: None,
        price,
        discounts: Vec::new(),
        tax_rates: Vec::new(),
    }
}

/// 2 times 10.00 USD a month.
fn subscription() -> Subscription<'static> {
    Subscription {
        id: "sub".into(),
        customer: "cus".into(),
        country: None,
        currency: Some(Currency::USD),
        status: Status::Active,
        start: Some(NOW - 100 * DAY),
        trial_end: None,
        cancels: None,
        period: Some((NOW - DAY, NOW + 29 * DAY)),
        collection_paused: false,
        collection: Collection::Automatic,
        latest_invoice_paid: None,
        automatic_tax: false,
        items: vec![item(PriceRef::Sent(price("price", 1_000)), 2)],
        items_missing: false,
        discounts: Vec::new(),
        customer_discounts: CustomerDiscounts::Known(Vec::new()),
        application_fee_percent: None,
        default_tax_rates: Vec::new(),
        schedule: None,
    }
}

fn half() -> Discount<'static> {
    Discount {
        id: "di".into(),
        end: Some(NOW + DAY),
        coupon: CouponRef::Sent(Coupon {
            id: "half".into(),
            duration: Duration::Forever,
            off: Off::Percent(Exact::whole(50)),
            currency_options: Vec::new(),
            products: None,
        }),
    }
}

fn outlook(subscription: &Subscription<'_>) -> Option<SubscriptionOutlook> {
    let figure = figure_with_outlook(subscription, &Catalog::default(), &Options::default(), NOW, Explain::No);
    figure.outlook.map(|outlook| *outlook)
}

fn of(change: impl FnOnce(&mut Subscription<'static>)) -> Option<SubscriptionOutlook> {
    let mut changed = subscription();
    change(&mut changed);
    outlook(&changed)
}

#[test]
fn beside_what_simply_counts_stands_nothing() {
    assert_eq!(of(|_| ()), None);
    assert_eq!(of(|one| one.status = Status::Canceled), None);
}

#[test]
fn a_trial_is_worth_what_it_is_once_it_ends() {
    let in_trial = |end| {
        of(move |one| {
            one.status = Status::Trialing;
            one.trial_end = Some(end);
            one.discounts = vec![half()];
        })
    };
    assert_eq!(in_trial(NOW + 3_600).unwrap().trial, Exact::whole(1_000));
    assert_eq!(
        in_trial(NOW + 2 * DAY).unwrap().trial,
        Exact::whole(2_000),
        "the discount ends before the trial does"
    );
    let item = of(|one| {
        one.items.push(item(PriceRef::Sent(price("more", 500)), 1));
        one.items[1].trial_until = Some(NOW + DAY);
    });
    assert_eq!(item.unwrap().trial, Exact::whole(500), "only what does not count yet");
    let cancelled = of(|one| {
        one.status = Status::Trialing;
        one.trial_end = Some(NOW + DAY);
        one.cancels = Some(crate::model::Cancels::AtPeriodEnd);
    });
    assert_eq!(cancelled, None, "a trial that was cancelled adds nothing");
    let puzzle = of(|one| {
        one.status = Status::Trialing;
        one.items = vec![item_by_id("price_unknown")];
    });
    assert!(puzzle.unwrap().trial_unknown, "and is no silent 0");
}

fn item_by_id(id: &'static str) -> Item<'static> {
    item(PriceRef::Id(id.into()), 5)
}

#[test]
fn a_trial_that_ended_lately_and_pays_was_converted() {
    let ended = |status: Status, days: i64| {
        of(move |one| {
            one.status = status;
            one.trial_end = Some(NOW - days * DAY);
        })
        .is_some_and(|outlook| outlook.converted)
    };
    assert!(ended(Status::Active, 0) && ended(Status::Active, 29));
    assert!(!ended(Status::Active, 30), "30 days, and not one more");
    assert!(!ended(Status::PastDue, 3), "its first invoice is not paid");
}

#[test]
fn the_next_phase_of_a_schedule_is_what_it_adds() {
    let next = |phase: PhaseRef<'static>, ends| of(move |one| one.schedule = Some(Schedule { next: phase, ends }));
    let phase = |items| {
        PhaseRef::Sent(Phase {
            start: NOW + 10 * DAY,
            items,
            discounts: Vec::new(),
        })
    };
    // The price is an id; the subscription has it.
    let more = next(phase(vec![item_by_id("price")]), false).unwrap();
    assert_eq!(more.next_phase, Exact::whole(3_000));
    let less = next(phase(vec![item(PriceRef::Sent(price("less", 100)), 1)]), true).unwrap();
    assert_eq!((less.next_phase, less.leaving), (Exact::whole(-1_900), Exact::ZERO));
    assert!(
        next(phase(vec![item_by_id("price_unknown")]), false)
            .unwrap()
            .later_unknown
    );
    assert!(next(PhaseRef::NotSent, false).unwrap().later_unknown);
    assert_eq!(next(PhaseRef::None, true).unwrap().leaving, Exact::whole(2_000));
    assert_eq!(next(PhaseRef::None, false), None, "the schedule lets it go on");
}

#[test]
fn what_leaves_begins_or_is_overdue_stands_apart() {
    let mut leaving = subscription();
    leaving.cancels = Some(crate::model::Cancels::At(NOW + DAY));
    assert_eq!(outlook(&leaving), None, "by the default policy it has left already");
    let options = Options {
        churn_timing: ChurnTiming::PeriodEnd,
        ..Options::default()
    };
    let counts = figure_with_outlook(&leaving, &Catalog::default(), &options, NOW, Explain::No);
    assert_eq!(counts.outlook.unwrap().leaving, Exact::whole(2_000));

    let mut later = subscription();
    later.start = Some(NOW + DAY);
    let counts = figure_with_outlook(&later, &Catalog::default(), &Options::default(), NOW, Explain::No);
    assert_eq!(counts.excluded, Some(Excluded::NotStarted));
    assert_eq!(counts.outlook.unwrap().starting, Exact::whole(2_000));

    assert!(of(|one| one.status = Status::PastDue).unwrap().past_due);
}

#[test]
fn a_run_adds_up_what_is_at_risk_once() {
    let mut sums = Outlooks::default();
    let mut add = |change: &dyn Fn(&mut Subscription<'static>)| {
        let mut one = subscription();
        change(&mut one);
        sums.add(&figure_with_outlook(
            &one,
            &Catalog::default(),
            &Options::default(),
            NOW,
            Explain::No,
        ));
    };
    add(&|_| ());
    add(&|one| one.collection_paused = true);
    add(&|one| one.status = Status::PastDue);
    add(&|one| {
        one.status = Status::PastDue;
        one.collection_paused = true;
    });
    let outlook = sums.outlook();
    let usd = &outlook.currencies[&Currency::USD];
    assert_eq!(usd.past_due.to_string(), "4000");
    assert_eq!(usd.collection_paused.to_string(), "2000");
    assert_eq!(outlook.trials, None, "nobody knows of those that were cancelled");
}
