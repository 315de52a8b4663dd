//! Never over the limit, as Stripe counts it; never more in memory than a few pages.

use std::time::Duration;

use cc_devops_fake_stripe::{FakeStripe, KEY};
use cc_devops_stripe::client::{Statuses, StripeSettings};

use crate::client_fake::{NOW, Object, Subscription, client, fast, filled, settings};

/// A sandbox key's 25 in any second, with two lists read at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_sees_more_than_25_requests() {
    let stripe = FakeStripe::start(filled(4000)).await;
    stripe.set_latency(Duration::from_millis(100));
    let settings = StripeSettings {
        limits: None,
        ..settings(&stripe)
    };
    let client = client(KEY, &settings);
    let prices = tokio::spawn(client.prices::<Object>().all());
    let mut subscriptions = client.subscriptions::<Subscription>(Statuses::AllButCanceled, NOW);
    let mut found = 0;
    while let Some(page) = subscriptions.next_page().await.expect("the fake answers") {
        found += page.len();
    }
    assert_eq!(found, 4000);
    assert_eq!(prices.await.expect("no panic").expect("the fake answers").len(), 20);
    let counters = stripe.counters();
    assert!(counters.most_in_all <= 25, "{counters:?}");
    assert_eq!(counters.rate_limited, 0);
    assert!(counters.requests < 60, "{counters:?}");
}

/// A consumer that takes nothing holds up the reading: a bounded number of pages waits for it.
#[tokio::test]
async fn a_slow_consumer_is_waited_for() {
    let (stripe, client) = fast(filled(20_000)).await;
    let mut subscriptions = client.subscriptions::<Subscription>(Statuses::AllButCanceled, NOW);
    subscriptions
        .next_page()
        .await
        .expect("the fake answers")
        .expect("there is a page");
    // The other list is read to its end meanwhile: nobody's place at the door is kept in vain.
    for _ in 0..2 {
        client.prices::<Object>().all().await.expect("the fake answers");
        client
            .subscriptions_of::<Subscription>("cus_bulk00000001")
            .await
            .expect("the fake answers");
    }
    let asked = stripe.counters().requests - 6;
    assert!(asked < 80, "{asked} pages were read though nobody took them");
    let mut found = 100;
    while let Some(page) = subscriptions.next_page().await.expect("the fake answers") {
        found += page.len();
    }
    assert_eq!(found, 20_000);
}
