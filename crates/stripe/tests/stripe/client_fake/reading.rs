//! Every object once, whole, whatever its time.

use cc_devops_fake_stripe::Model;
use cc_devops_stripe::client::{Client, Endpoint, Error, Statuses};
use cc_devops_stripe::webhook::REPORT_EVENTS;
use proptest::prelude::*;
use serde_json::json;

use crate::client_fake::{NOW, Object, Subscription, fast, filled, ids};

async fn read(client: &Client, as_of: i64) -> Vec<String> {
    let mut subscriptions = client.subscriptions::<Subscription>(Statuses::AllButCanceled, as_of);
    let mut found = Vec::new();
    while let Some(page) = subscriptions.next_page().await.expect("the fake answers") {
        found.extend(page.into_iter().map(|subscription| subscription.id));
    }
    found.sort_unstable();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Clusters of subscriptions anywhere in time, in one second or over years.
    #[test]
    fn every_subscription_comes_once(
        clusters in proptest::collection::vec((0_i64..NOW, prop_oneof![Just(0_i64), 1_i64..100_000], 1_u32..300), 0..6),
        as_of in prop_oneof![Just(NOW), 0_i64..NOW],
    ) {
        let created: Vec<i64> = clusters
            .iter()
            .flat_map(|&(start, apart, count)| (0..i64::from(count)).map(move |at| (start + at * apart).min(NOW)))
            .collect();
        let count = u32::try_from(created.len()).expect("few");
        let wanted: Vec<String> =
            ids(count).into_iter().zip(&created).filter(|(_, created)| **created <= as_of).map(|(id, _)| id).collect();
        let found = tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let mut model = Model::at(NOW);
            model.fill(count, |number| created[number as usize]);
            let (_stripe, client) = fast(model).await;
            read(&client, as_of).await
        });
        prop_assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn many_in_one_second_and_in_the_very_last() {
    for second in [NOW, 5, NOW - 1] {
        let mut model = Model::at(NOW);
        model.fill(1234, |_| second);
        let (_stripe, client) = fast(model).await;
        assert_eq!(read(&client, NOW).await, ids(1234), "all at {second}");
    }
}

/// What is created in the second of the reading, after its first page, is read; what comes later is not;
/// and nothing is read twice because of it.
#[tokio::test]
async fn subscriptions_made_meanwhile() {
    let (stripe, client) = fast(filled(2000)).await;
    let mut subscriptions = client.subscriptions::<Subscription>(Statuses::AllButCanceled, NOW);
    let mut found = Vec::new();
    let mut pages = 0;
    while let Some(page) = subscriptions.next_page().await.expect("the fake answers") {
        found.extend(page.into_iter().map(|subscription| subscription.id));
        pages += 1;
        if pages == 1 {
            stripe.model(|model| {
                let price = model.price(json!({}));
                model.subscription("cus_1", &[(&price, 1)], json!({ "id": "sub_now" }));
                model.subscription(
                    "cus_1",
                    &[(&price, 1)],
                    json!({ "id": "sub_later", "created": NOW + 1 }),
                );
            });
        }
    }
    found.sort_unstable();
    let mut wanted = ids(2000);
    wanted.push("sub_now".to_owned());
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn canceled_ones_only_when_all_are_asked_for() {
    let (stripe, client) = fast(filled(150)).await;
    stripe.model(|model| {
        for id in ids(50) {
            model.change_subscription(&id, |subscription| subscription["status"] = json!("canceled"));
        }
    });
    assert_eq!(read(&client, NOW).await.len(), 100);
    let mut all = client.subscriptions::<Subscription>(Statuses::All, NOW);
    let mut found = 0;
    while let Some(page) = all.next_page().await.expect("the fake answers") {
        found += page.len();
    }
    assert_eq!(found, 150);
}

#[tokio::test]
async fn discounts_come_whole_and_the_rest_of_the_items_too() {
    let mut model = Model::at(NOW);
    let prices: Vec<String> = (0..25).map(|_| model.price(json!({}))).collect();
    let items: Vec<(&str, u64)> = prices.iter().map(|price| (price.as_str(), 1)).collect();
    let coupon = model.coupon(json!({ "percent_off": 25.5 }));
    let (first, second) = (model.discount(&coupon), model.discount(&coupon));
    let id = model.subscription("cus_1", &items, json!({ "discounts": [first] }));
    model.change_subscription(&id, |subscription| {
        subscription["items"]["data"][0]["discounts"] = json!([second]);
        subscription["items"]["data"][24]["discounts"] = json!([second]);
    });
    model.delete_coupon(&coupon);
    let (stripe, client) = fast(model).await;

    let mut listed = client.subscriptions::<Subscription>(Statuses::All, NOW);
    let mut page = Vec::new();
    while let Some(more) = listed.next_page().await.expect("the fake answers") {
        page.extend(more);
    }
    let one = client.subscription::<Subscription>(&id).await.expect("it exists");
    let of_customer = client
        .subscriptions_of::<Subscription>("cus_1")
        .await
        .expect("it exists");
    for found in page.iter().chain([&one]).chain(&of_customer) {
        assert_eq!(found.discounts[0]["source"]["coupon"]["percent_off"], 25.5);
        let of_items: Vec<&str> = found
            .items
            .data
            .iter()
            .map(|item| item.rest["price"]["id"].as_str().expect("a price"))
            .collect();
        assert_eq!(of_items, prices);
        assert!(!found.items.has_more);
        // In a list and in one, an item's coupon is a level too deep; the rest of the items has it.
        assert_eq!(found.items.data[0].rest["discounts"][0]["source"]["coupon"], coupon);
        assert_eq!(
            found.items.data[24].rest["discounts"][0]["source"]["coupon"]["id"],
            coupon
        );
    }
    assert_eq!((page.len(), of_customer.len()), (1, 1));
    let items = client.subscription_items::<Object>(&id).all().await.expect("it exists");
    assert_eq!(items[0].rest["discounts"][0]["source"]["coupon"]["id"], coupon);
    assert!(stripe.requests().iter().all(|request| request.status == 200));

    let none = client.subscription::<Subscription>("sub_none").await;
    assert!(
        matches!(
            none,
            Err(Error::NotFound {
                endpoint: Endpoint::Subscriptions
            })
        ),
        "{none:?}"
    );
}

#[tokio::test]
async fn prices_and_coupons_come_whole() {
    let mut model = Model::at(NOW);
    let tiers = json!([{ "up_to": 10, "unit_amount": 5 }, { "up_to": null, "unit_amount": 3 }]);
    model.price(json!({ "billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": tiers }));
    model.price(json!({ "active": false }));
    model.coupon(json!({ "amount_off": 5, "applies_to": { "products": ["prod_1"] }, "currency_options": { "eur": { "amount_off": 4 } } }));
    let deleted = model.coupon(json!({}));
    model.delete_coupon(&deleted);
    let (_stripe, client) = fast(model).await;
    let prices = client.prices::<Object>().all().await.expect("the fake answers");
    assert_eq!(prices.len(), 2);
    assert!(prices.iter().any(|price| price.rest["tiers"] == tiers));
    let coupons = client.coupons::<Object>().all().await.expect("the fake answers");
    assert_eq!(coupons.len(), 1);
    assert_eq!(coupons[0].rest["applies_to"]["products"][0], "prod_1");
    assert_eq!(coupons[0].rest["currency_options"]["eur"]["amount_off"], 4);
}

#[tokio::test]
async fn transactions_and_events_of_a_time() {
    let mut model = Model::at(NOW);
    for second in 0..500 {
        model.balance_transaction("charge", 100, "usd", NOW - second);
    }
    let object = json!({ "id": "sub_1", "object": "subscription" });
    for kind in ["customer.subscription.updated", "payout.paid", "invoice.paid"] {
        model.event(kind, &object);
    }
    let (_stripe, client) = fast(model).await;
    let transactions = client.balance_transactions::<Object>(NOW - 399, NOW - 100);
    let mut times: Vec<i64> = transactions
        .all()
        .await
        .expect("the fake answers")
        .iter()
        .map(|found| found.created)
        .collect();
    times.sort_unstable();
    assert_eq!(times, (NOW - 399..=NOW - 100).collect::<Vec<_>>());

    let events = client
        .events::<Object>(&REPORT_EVENTS, NOW - 10, NOW)
        .all()
        .await
        .expect("the fake answers");
    let mut kinds: Vec<_> = events.iter().map(|event| event.rest["type"].clone()).collect();
    kinds.sort_unstable_by_key(ToString::to_string);
    assert_eq!(kinds, ["customer.subscription.updated", "invoice.paid"]);
}

/// What the client counts is what the fake counts.
#[tokio::test]
async fn progress_tells_how_far_it_is() {
    let (stripe, client) = fast(filled(730)).await;
    let mut progress = client.progress();
    read(&client, NOW).await;
    let now = *progress.borrow_and_update();
    assert_eq!(now.subscriptions, 730);
    assert_eq!(now.requests, stripe.counters().requests);
    assert_eq!(now.retries, 0);
}
