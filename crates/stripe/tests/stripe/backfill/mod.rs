//! Past days computed from what Stripe still knows, held against the same days as they were reported.

mod harness;
mod lives;

use std::collections::BTreeMap;

use cc_devops_fake_stripe::Model;
use cc_devops_revenue::backfill::{BackfillError, Step};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::past::BillingPast as _;
use cc_devops_testkit::Memory;
use cc_devops_testkit::crash::{CrashPoint, CrashPoints, Moment};
use jiff::civil::Date;
use serde_json::json;

use harness::{DAY, Harness, START};
use lives::{DAYS, Lives};

/// What cannot be known, and so differs: the days, the customer, and by how many cents a month the reconstructed days
/// have more.
const UNKNOWN: [(std::ops::Range<i64>, &str, i64); 4] = [
    // A quantity that fell without proration on day 40 is seen with the invoice of day 50.
    (40..50, "cus_seats", 1_000),
    // A cancellation that was asked for on day 47 and taken back on day 49 leaves no trace.
    (47..49, "cus_undecided", 1_500),
    // A discount that was removed by hand on day 52 counts until the next invoice without it, which is yet to come.
    (52..60, "cus_coupon", -500),
    // One that became unpaid on day 56 counts: nobody knows since when it is.
    (56..60, "cus_unpaid", 1_000),
];

#[tokio::test]
async fn sixty_days_reported_and_sixty_days_reconstructed_agree_but_for_what_cannot_be_known() {
    let harness = Harness::new(Lives::model()).await;
    let mut lives = Lives::default();
    for day in 0..DAYS {
        harness.stripe.model(|model| lives.until(model, day));
        harness.at(START + day * DAY);
        harness.report(&harness.reported).await;
    }
    harness.at(START + DAYS * DAY + 6 * 3_600);
    let done = harness.backfill(&harness.reconstructed).await.unwrap();
    assert_eq!((done.kept, done.unchanged, done.reported), (60, 0, 0));

    let reported = harness.days(&harness.reported).await;
    let reconstructed = harness.days(&harness.reconstructed).await;
    assert_eq!(reported.len(), 60);
    assert_eq!(reconstructed.len(), 60);
    let mut kinds = BTreeMap::new();
    let mut tried = false;
    for (number, (then, now)) in (0..).zip(reported.iter().zip(&reconstructed)) {
        assert_eq!(then.date, now.date);
        assert!(now.reconstructed.is_some() && now.summary.complete);
        assert_eq!(then.compared_with, now.compared_with);
        for currency in [Currency::USD, Currency::EUR] {
            let total = |day: &cc_devops_revenue::day::Day| {
                let totals = day.summary.totals.iter();
                let found = totals
                    .filter(|total| total.currency == currency)
                    .map(|total| total.mrr_minor);
                found.sum::<i128>()
            };
            let unknown = UNKNOWN
                .iter()
                .filter(|(days, _, _)| days.contains(&number) && currency == Currency::USD);
            let unknown: i128 = unknown.map(|(_, _, cents)| i128::from(*cents)).sum();
            assert_eq!(
                total(now) - total(then),
                unknown,
                "{currency} on day {number}, {}",
                now.date
            );
        }
        let trial = |day: &cc_devops_revenue::day::Day| {
            let outlook = day.summary.outlook.as_ref().unwrap();
            outlook
                .currencies
                .get(&Currency::USD)
                .map(|amounts| amounts.trial.clone())
                .unwrap_or_default()
        };
        assert_eq!(trial(now), trial(then), "in trials on day {number}");
        tried |= !trial(now).is_zero();
        // Who moved, but for the days on which what is unknown begins and ends.
        let expected = |line: &String| {
            !UNKNOWN
                .iter()
                .any(|(days, customer, _)| line.starts_with(customer) && (days.start == number || days.end == number))
        };
        let who_moved = async |memory: &Memory, date: Date| -> Vec<String> {
            let mut moved = harness.who_moved(memory, date).await;
            moved.retain(expected);
            moved.sort();
            moved
        };
        let moved_then = who_moved(&harness.reported, then.date).await;
        assert_eq!(
            who_moved(&harness.reconstructed, now.date).await,
            moved_then,
            "day {number}"
        );
        for kind in Kind::ALL {
            *kinds.entry(kind).or_insert(0) += now.moved(kind);
        }
    }
    assert!(
        Kind::ALL.iter().all(|kind| kinds[kind] > 0),
        "every kind of movement happened: {kinds:?}"
    );
    assert!(tried, "there were trials");
    let codes: Vec<&str> = done.notes.iter().map(|note| note.code).collect();
    assert!(
        codes.contains(&"unpaid_since_unknown") && codes.contains(&"pauses"),
        "{codes:?}"
    );

    // Once more: everything is there, and the same.
    let again = harness.backfill(&harness.reconstructed).await.unwrap();
    assert_eq!((again.kept, again.unchanged), (0, 60));
    assert_eq!(harness.days(&harness.reconstructed).await, reconstructed);
    // What was reported stays.
    let beside = harness.backfill(&harness.reported).await.unwrap();
    assert_eq!((beside.kept, beside.reported), (0, 60));
    assert_eq!(harness.days(&harness.reported).await, reported);

    // The next report is compared with the last reconstructed day, and nobody is new by it.
    let report = harness.report(&harness.reconstructed).await;
    assert_eq!(report.compared_with, reconstructed.last().map(|day| day.date));
    let mut moved = harness.who_moved(&harness.reconstructed, report.date).await;
    moved.sort();
    assert_eq!(
        moved,
        [
            "cus_coupon usd: expansion 1500 to 2000 by sub_coupon",
            "cus_unpaid usd: churn 1000 to 0 by sub_unpaid",
        ],
        "what was not known comes out now"
    );
}

#[tokio::test]
async fn broken_off_anywhere_it_goes_on_when_it_is_run_again() {
    let harness = Harness::new(Lives::model()).await;
    let mut lives = Lives::default();
    harness.stripe.model(|model| lives.until(model, 12));
    harness.at(START + 12 * DAY);
    harness.backfill(&harness.reported).await.unwrap();
    let whole = harness.days(&harness.reported).await;
    assert_eq!(whole.len(), 12);
    for call in (0..).step_by(3) {
        let memory = Memory::new();
        memory.clock().set(harness.reported.ports().clock.now());
        let points = CrashPoints::at(CrashPoint {
            call,
            moment: Moment::AfterEffect,
        });
        let broken = harness.backfill_over(&memory, points.wrap(&memory.ports())).await;
        if !points.crashed() {
            assert!(call > 15, "a backfill makes several calls: {call}");
            break;
        }
        broken.unwrap_err();
        let kept = harness.days(&memory).await.len();
        let again = harness.backfill(&memory).await.unwrap();
        // The last day is written anew where the crash came between its customers and it.
        assert_eq!(usize::try_from(again.unchanged).unwrap(), kept, "call {call}");
        assert_eq!(harness.days(&memory).await, whole, "call {call}");
        assert_eq!(
            memory.customers_kept(),
            harness.reported.customers_kept(),
            "call {call}"
        );
    }
}

#[tokio::test]
async fn a_report_after_half_a_backfill_is_a_beginning() {
    let harness = Harness::new(Lives::model()).await;
    let mut lives = Lives::default();
    harness.stripe.model(|model| lives.until(model, 12));
    harness.at(START + 12 * DAY);
    let from = Harness::first_day();
    // Only the first days: a backfill of the same range that was broken off.
    let points = CrashPoints::at(CrashPoint {
        call: 12,
        moment: Moment::AfterEffect,
    });
    let memory = &harness.reconstructed;
    harness
        .backfill_over(memory, points.wrap(&memory.ports()))
        .await
        .unwrap_err();
    let kept = harness.days(memory).await;
    assert!(!kept.is_empty() && kept.len() < 12 && kept[0].date == from);
    let report = harness.report(memory).await;
    assert_eq!(report.compared_with, None);
    assert!(
        harness.who_moved(memory, report.date).await.is_empty(),
        "nobody is new by it"
    );
}

#[tokio::test]
async fn what_is_no_range_is_refused() {
    let harness = Harness::new(Model::at(START)).await;
    harness.at(START + DAY);
    let from = Harness::first_day();
    for (from, to) in [(from, from.tomorrow().unwrap()), (from, from.yesterday().unwrap())] {
        let refused = harness.backfill_of(&harness.reconstructed, from, to).await;
        assert!(matches!(refused, Err(BackfillError::Range(_))), "{refused:?}");
    }
}

/// Two years of monthly invoices: what is read is little more than the pages that hold it.
#[tokio::test]
async fn a_backfill_takes_few_more_requests_than_there_are_pages() {
    let (customers, years) = (600, START - 730 * DAY);
    let mut model = Model::at(START);
    let offset = |number: u32| i64::from(number) * 2_592_000 / 600;
    model.fill(customers, |number| years + offset(number));
    model.fill_two_years_of_invoices(customers, years, offset);
    let harness = Harness::new(model).await;
    harness.at(START);
    let mut told = 0;
    let past = harness
        .account(&harness.reconstructed)
        .past(years, &mut |reading| told = reading.invoices)
        .await
        .unwrap();
    assert_eq!(past.reading.subscriptions, u64::from(customers));
    assert_eq!(
        (past.reading.invoices, told),
        (u64::from(customers) * 24, u64::from(customers) * 24)
    );
    let pages = u64::from(customers).div_ceil(100) + (u64::from(customers) * 24).div_ceil(100);
    let requests = past.reading.requests;
    assert_eq!(requests, harness.stripe.counters().requests);
    assert!(requests * 2 <= pages * 3, "{requests} requests for {pages} pages");
    assert!(past.subscriptions.iter().all(|life| life.billed.len() == 24));
}

#[tokio::test]
async fn invoices_with_many_lines_are_read_whole() {
    let mut model = Model::at(START - 20 * DAY);
    let customer = model.customer(json!({}));
    let prices: Vec<String> = (0..13)
        .map(|number| model.price(json!({"unit_amount": 100 * (number + 1)})))
        .collect();
    let items: Vec<(&str, u64)> = prices.iter().map(|price| (price.as_str(), 1)).collect();
    model.subscribe(&customer, &items, cc_devops_fake_stripe::Beginning::default());
    let harness = Harness::new(model).await;
    harness.at(START);
    let past = harness.account(&harness.reported).past(0, &mut |_| {}).await.unwrap();
    assert_eq!(past.subscriptions[0].billed.len(), 13);
}

#[tokio::test]
async fn how_far_it_is_is_told() {
    let harness = Harness::new(Lives::model()).await;
    harness.at(START + 3 * DAY);
    let mut steps = Vec::new();
    let from = Harness::first_day();
    let account = harness.account(&harness.reconstructed);
    let reporter = harness.reporter(&harness.reconstructed, harness.reconstructed.ports());
    let to = from.tomorrow().unwrap();
    reporter
        .backfill(&*account, from, to, &mut |step| steps.push(step))
        .await
        .unwrap();
    assert!(matches!(steps[0], Step::Reading(_)));
    assert_eq!(steps.last(), Some(&Step::Days { done: 2, of: 2 }));
}
