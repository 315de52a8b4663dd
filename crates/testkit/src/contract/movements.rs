//! The contract of who moved, and of days that were reconstructed.

use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter, place};
use cc_devops_revenue::day::{CustomerKey, Day, Reconstructed};
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::ports::RevenueStore;
use jiff::civil::{Date, date};

use crate::sample::{OTHER_AGENT, START, agent_name, announcement, mrr_day};

const FIRST: Date = date(2026, 3, 1);
const SECOND: Date = date(2026, 3, 2);

fn movement(date: Date, customer: &str, kind: Kind, ids: Option<&[&str]>) -> CustomerMovement {
    CustomerMovement {
        date,
        key: CustomerKey {
            customer: customer.to_owned(),
            currency: Currency::USD,
        },
        kind,
        before: Exact::ZERO,
        after: "10/3".parse().expect("a number"),
        subscriptions: ids.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
    }
}

/// A day of which so many movements count.
fn day(date: Date, movements: Option<u32>) -> Day {
    Day {
        customer_movements: movements,
        ..mrr_day(date, 100)
    }
}

fn reconstructed(date: Date, cents: i64) -> Day {
    Day {
        customer_movements: Some(0),
        reconstructed: Some(Reconstructed {
            at: START,
            continues: false,
        }),
        ..mrr_day(date, cents)
    }
}

async fn keep(store: &dyn RevenueStore, day: &Day) -> PortResult<()> {
    let news = announcement(&format!("mrr/{}", day.date));
    store.keep(day, &agent_name(OTHER_AGENT), &news).await
}

async fn all(store: &dyn RevenueStore, wanted: &MovementFilter) -> Vec<CustomerMovement> {
    let page = store.movements(wanted, None, 100).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

pub(super) async fn movements_count_when_their_day_is_kept(store: &dyn RevenueStore) {
    let wanted = MovementFilter::of(Date::MIN, Date::MAX);
    let rows = [
        movement(FIRST, "cus_b", Kind::New, Some(&["sub_1", "sub_2"])),
        movement(FIRST, "cus_a", Kind::Churn, None),
        movement(FIRST, "cus_c", Kind::Expansion, Some(&[])),
    ];
    store.keep_movements(FIRST, 0, &rows[..2]).await.unwrap();
    store.keep_movements(FIRST, 2, &rows[2..]).await.unwrap();
    store.keep_movements(FIRST, 3, &[]).await.unwrap();
    assert_eq!(all(store, &wanted).await, [], "a day that is not kept has none");
    keep(store, &day(FIRST, Some(3))).await.unwrap();
    assert_eq!(all(store, &wanted).await, rows, "by their numbers, as they were kept");
    // Another run of the day: what it does not count is not there.
    let again = movement(FIRST, "cus_d", Kind::Contraction, Some(&["sub_9"]));
    store
        .keep_movements(FIRST, 0, std::slice::from_ref(&again))
        .await
        .unwrap();
    keep(store, &day(FIRST, Some(1))).await.unwrap();
    assert_eq!(all(store, &wanted).await, [again]);
    keep(store, &day(FIRST, None)).await.unwrap();
    assert_eq!(all(store, &wanted).await, [], "a day of before they were kept has none");
}

pub(super) async fn movements_are_found_by_day_kind_and_customer_in_pages(store: &dyn RevenueStore) {
    let kind = |number: u32| {
        if number.is_multiple_of(3) {
            Kind::Churn
        } else {
            Kind::New
        }
    };
    let rows = |date: Date| -> Vec<CustomerMovement> {
        (0..40)
            .map(|number| movement(date, &format!("cus_{:02}", number % 10), kind(number), None))
            .collect()
    };
    let (first, second) = (rows(FIRST), rows(SECOND));
    // The later day is kept first.
    for (date, rows) in [(SECOND, &second), (FIRST, &first)] {
        store.keep_movements(date, 0, rows).await.unwrap();
        keep(store, &day(date, Some(40))).await.unwrap();
    }
    let everything: Vec<CustomerMovement> = first.iter().chain(&second).cloned().collect();
    let wanted = MovementFilter::of(FIRST, SECOND);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.movements(&wanted, after, 7).await.unwrap();
        assert!(page.items.len() <= 7 && !page.items.is_empty());
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, everything, "page by page, oldest day first, each once");
    let whole = store.movements(&wanted, None, 80).await.unwrap();
    assert_eq!((whole.items.len(), whole.next), (80, None), "a page that is just full");
    assert_eq!(all(store, &MovementFilter::of(SECOND, SECOND)).await, second);
    assert_eq!(all(store, &MovementFilter::of(SECOND, FIRST)).await, []);
    let churned = MovementFilter {
        kind: Some(Kind::Churn),
        customer: Some("cus_03".to_owned()),
        ..wanted.clone()
    };
    let expected = |row: &&CustomerMovement| row.kind == Kind::Churn && row.key.customer == "cus_03";
    let expected: Vec<CustomerMovement> = everything.iter().filter(expected).cloned().collect();
    assert_eq!(expected.len(), 4);
    assert_eq!(all(store, &churned).await, expected);
    let page = store.movements(&churned, None, 1).await.unwrap();
    assert_eq!(page.next, Some(place(FIRST, 3)));
    let rest = store.movements(&churned, page.next, 10).await.unwrap();
    assert_eq!(rest.items, expected[1..]);
    let nobody = MovementFilter {
        customer: Some("cus_".to_owned()),
        ..wanted.clone()
    };
    assert_eq!(all(store, &nobody).await, []);
    let behind = store.movements(&wanted, Some(Cursor(i64::MAX)), 10).await.unwrap();
    assert_eq!((behind.items, behind.next), (Vec::new(), None));
}

pub(super) async fn a_reconstructed_day_replaces_no_report(store: &dyn RevenueStore) {
    let reported = day(SECOND, Some(0));
    keep(store, &reported).await.unwrap();
    assert!(!store.keep_reconstructed(&reconstructed(SECOND, 7)).await.unwrap());
    assert_eq!(store.day(SECOND).await.unwrap().as_ref(), Some(&reported));
    let past = reconstructed(FIRST, 7);
    assert!(store.keep_reconstructed(&past).await.unwrap());
    assert_eq!(store.day(FIRST).await.unwrap().as_ref(), Some(&past));
    assert_eq!(
        store.latest().await.unwrap().as_ref(),
        Some(&reported),
        "it is not the newest"
    );
    let again = reconstructed(FIRST, 8);
    assert!(store.keep_reconstructed(&again).await.unwrap());
    assert_eq!(store.days(FIRST, SECOND).await.unwrap(), [again, reported]);
    let third = reconstructed(date(2026, 3, 3), 9);
    assert!(store.keep_reconstructed(&third).await.unwrap());
    assert_eq!(store.latest().await.unwrap(), Some(third), "and later it is");
    let real = day(date(2026, 3, 3), Some(0));
    keep(store, &real).await.unwrap();
    assert_eq!(store.latest().await.unwrap(), Some(real), "a report takes its place");
}

pub(super) async fn nobody_is_told_of_a_reconstructed_day(ports: &cc_devops_requests::ports::Ports) {
    let kept = ports.revenue.keep_reconstructed(&reconstructed(FIRST, 7)).await;
    assert!(kept.unwrap());
    assert_eq!(crate::outbox::waiting(ports, 10_000_000).await.len(), 0);
}
