//! The contract of where MRR is kept.

use std::collections::BTreeMap;

use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::Ports;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day, SubscriptionFigures};
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::ports::{DayOrder, RevenueStore};
use jiff::civil::{Date, date};

use super::movements;
use crate::outbox;
use crate::sample::{OTHER_AGENT, agent_name, announcement, mrr_day};

/// The store keeps what it promises: days by date, the newest of them, figures by customer.
pub async fn revenue(fresh: impl AsyncFn() -> Ports) {
    days_are_found_by_date(&*fresh().await.revenue).await;
    the_newest_day_is_the_latest(&*fresh().await.revenue).await;
    figures_are_listed_by_customer_and_currency(&*fresh().await.revenue).await;
    many_figures_are_kept(&*fresh().await.revenue).await;
    a_day_and_its_event_are_kept_together(&fresh().await).await;
    movements::movements_count_when_their_day_is_kept(&*fresh().await.revenue).await;
    movements::movements_are_found_by_day_kind_and_customer_in_pages(&*fresh().await.revenue).await;
    movements::a_reconstructed_day_replaces_no_report(&*fresh().await.revenue).await;
    movements::nobody_is_told_of_a_reconstructed_day(&fresh().await).await;
}

async fn keep(store: &dyn RevenueStore, day: &Day) -> PortResult<()> {
    store
        .keep(
            day,
            &agent_name(OTHER_AGENT),
            &announcement(&format!("mrr/{}", day.date)),
        )
        .await
}

/// The keys of the news in the outbox.
async fn told(ports: &Ports) -> Vec<String> {
    let waiting = outbox::waiting(ports, 10_000_000).await;
    waiting
        .iter()
        .map(|entry| outbox::event(entry).body.key().to_owned())
        .collect()
}

async fn a_day_and_its_event_are_kept_together(ports: &Ports) {
    let store = &*ports.revenue;
    let (first, second) = (mrr_day(date(2026, 3, 1), 100), mrr_day(date(2026, 3, 2), 200));
    keep(store, &second).await.unwrap();
    assert_eq!(told(ports).await, ["mrr/2026-03-02"]);
    // Also where it is not the newest, and where it is kept anew.
    keep(store, &first).await.unwrap();
    keep(store, &first).await.unwrap();
    assert_eq!(
        told(ports).await,
        ["mrr/2026-03-02", "mrr/2026-03-01", "mrr/2026-03-01"]
    );
}

async fn days_are_found_by_date(store: &dyn RevenueStore) {
    assert_eq!(store.day(date(2026, 3, 1)).await.unwrap(), None);
    assert_eq!(store.days(Date::MIN, Date::MAX).await.unwrap(), []);
    let days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 3)].map(|date| mrr_day(date, 100));
    for day in &days {
        keep(store, day).await.unwrap();
    }
    let found = store.day(date(2026, 3, 1)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&days[1]), "a day comes back as it was kept");
    assert_eq!(store.day(date(2026, 3, 2)).await.unwrap(), None);
    let all = store.days(Date::MIN, Date::MAX).await.unwrap();
    assert_eq!(all, days, "oldest first");
    let some = store.days(date(2026, 3, 1), date(2026, 3, 3)).await.unwrap();
    assert_eq!(some, days[1..], "both ends are in");
    let none = store.days(date(2026, 3, 3), date(2026, 3, 1)).await.unwrap();
    assert_eq!(none, [], "an end before the beginning holds nothing");
    let whole = (Date::MIN, Date::MAX);
    let oldest = store.first_days(whole, DayOrder::OldestFirst, 2).await.unwrap();
    assert_eq!(oldest, days[..2]);
    let newest = store.first_days(whole, DayOrder::NewestFirst, 2).await.unwrap();
    assert_eq!(newest, [days[2].clone(), days[1].clone()]);
    let within = (date(2026, 3, 1), date(2026, 3, 2));
    let one = store.first_days(within, DayOrder::NewestFirst, 9).await.unwrap();
    assert_eq!(one, days[1..2], "both ends are in");
    let none = store.first_days(whole, DayOrder::NewestFirst, 0).await.unwrap();
    assert_eq!(none, []);
}

async fn the_newest_day_is_the_latest(store: &dyn RevenueStore) {
    assert_eq!(store.latest().await.unwrap(), None);
    let (first, second) = (mrr_day(date(2026, 3, 1), 100), mrr_day(date(2026, 3, 2), 200));
    keep(store, &second).await.unwrap();
    keep(store, &first).await.unwrap();
    assert_eq!(
        store.latest().await.unwrap().as_ref(),
        Some(&second),
        "an older day that is kept later is not the newest"
    );
    let again = mrr_day(date(2026, 3, 2), 300);
    keep(store, &again).await.unwrap();
    assert_eq!(
        store.latest().await.unwrap().as_ref(),
        Some(&again),
        "the same day again is"
    );
    assert_eq!(store.day(again.date).await.unwrap().as_ref(), Some(&again));
}

async fn figures_are_listed_by_customer_and_currency(store: &dyn RevenueStore) {
    assert_eq!(store.customers(None, 10).await.unwrap(), []);
    let rows = [
        row("cus_a", Currency::EUR, Some("10/3"), None),
        CustomerRow {
            subscriptions: SubscriptionFigures {
                now: Some(BTreeMap::new()),
                opening: Some(BTreeMap::from([("sub_1".to_owned(), Exact::whole(500))])),
            },
            ..row("cus_a", Currency::USD, Some("0"), Some("500"))
        },
        row("cus_b", Currency::USD, None, None),
    ];
    let mixed = [&rows[2], &rows[0], &rows[1]].map(Clone::clone);
    store.keep_customers(&mixed).await.unwrap();
    store.keep_customers(&[]).await.unwrap();
    let all = store.customers(None, 10).await.unwrap();
    assert_eq!(all, rows, "by customer, then currency, as they were kept");
    let two = store.customers(None, 2).await.unwrap();
    assert_eq!(two, rows[..2], "no more than asked for");
    let rest = store.customers(Some(&rows[1].key), 10).await.unwrap();
    assert_eq!(rest, rows[2..], "the place that is given is left out");
    let again = row("cus_a", Currency::USD, Some("700"), Some("0"));
    store.keep_customers(std::slice::from_ref(&again)).await.unwrap();
    let all = store.customers(None, 10).await.unwrap();
    assert_eq!(
        (&all[1], all.len()),
        (&again, 3),
        "a figure takes the place of the one before"
    );
}

async fn many_figures_are_kept(store: &dyn RevenueStore) {
    let rows: Vec<CustomerRow> = (0..230)
        .map(|number| row(&format!("cus_{number:03}"), Currency::USD, Some("1"), None))
        .collect();
    store.keep_customers(&rows).await.unwrap();
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|row: &CustomerRow| row.key.clone());
        let page = store.customers(after.as_ref(), 100).await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, rows, "page by page, each once");
}

fn row(customer: &str, currency: Currency, figure: Option<&str>, opening: Option<&str>) -> CustomerRow {
    let exact = |text: Option<&str>| text.map(|text| text.parse().expect("a number"));
    CustomerRow {
        key: CustomerKey {
            customer: customer.to_owned(),
            currency,
        },
        figure: exact(figure),
        day: date(2026, 3, 1),
        opening: exact(opening),
        subscriptions: SubscriptionFigures::default(),
    }
}
