//! What goes wrong is tried again within bounds, or named.

use std::time::Duration;

use cc_devops_fake_stripe::{Fault, KEY};
use cc_devops_stripe::client::{Endpoint, Error, Limits, Statuses, StripeSettings};

use crate::client_fake::{NOW, Object, Subscription, client, fast, filled, ids, settings};

const PATH: &str = "/v1/subscriptions";

async fn read(client: &cc_devops_stripe::client::Client) -> Result<Vec<String>, Error> {
    let mut subscriptions = client.subscriptions::<Subscription>(Statuses::All, NOW);
    let mut found = Vec::new();
    while let Some(page) = subscriptions.next_page().await? {
        found.extend(page.into_iter().map(|subscription| subscription.id));
    }
    found.sort_unstable();
    Ok(found)
}

fn passing() -> Vec<Fault> {
    vec![
        Fault::TooMany("endpoint-rate", None),
        Fault::TooMany("global-concurrency", Some(0)),
        Fault::Status(500, None),
        Fault::Status(503, Some(true)),
        Fault::Status(409, None),
        Fault::Cut,
        Fault::Garbage,
        Fault::Repeat,
        Fault::CursorGone,
    ]
}

#[tokio::test]
async fn a_fault_that_passes_changes_nothing() {
    for fault in passing() {
        let (stripe, client) = fast(filled(500)).await;
        for _ in 0..2 {
            stripe.inject(PATH, fault.clone());
        }
        assert_eq!(read(&client).await.expect("it passes"), ids(500), "{fault:?}");
        assert_eq!(stripe.faults_left(), 0, "{fault:?} was met");
        assert!(client.progress().borrow().retries >= 2, "{fault:?}");
    }
}

#[tokio::test]
async fn all_faults_at_once_change_nothing() {
    let (stripe, _) = fast(filled(3000)).await;
    let mut settings = settings(&stripe);
    // One request may meet them all.
    settings.retries.times = 10;
    let client = client(KEY, &settings);
    for fault in passing() {
        stripe.inject(PATH, fault);
    }
    assert_eq!(read(&client).await.expect("they pass"), ids(3000));
    assert_eq!(stripe.faults_left(), 0);
}

#[tokio::test]
async fn a_fault_that_stays_ends_the_reading() {
    let ends = |fault: Fault, fits: fn(&Error) -> bool| async move {
        let (stripe, client) = fast(filled(500)).await;
        for _ in 0..1000 {
            stripe.inject(PATH, fault.clone());
        }
        let error = read(&client).await.expect_err("the fault stays");
        assert!(fits(&error), "{fault:?}: {error:?}");
        // Bounded: three more tries for each of the few requests on their way.
        assert!(stripe.faults_left() > 700, "{fault:?}: {} left", stripe.faults_left());
    };
    ends(
        Fault::TooMany("endpoint-rate", None),
        |error| matches!(error, Error::RateLimited { reason, .. } if reason == "endpoint-rate"),
    )
    .await;
    ends(Fault::Status(502, None), |error| {
        matches!(error, Error::Unavailable { status: 502, .. })
    })
    .await;
    ends(Fault::Cut, |error| matches!(error, Error::Network { .. })).await;
    ends(Fault::Garbage, |error| matches!(error, Error::BadAnswer { .. })).await;
    ends(Fault::Repeat, |error| matches!(error, Error::PageRepeats { .. })).await;
    ends(Fault::CursorGone, |error| matches!(error, Error::CursorGone { .. })).await;
}

/// Stripe says whether another try makes sense, and is believed.
#[tokio::test]
async fn what_stripe_says_about_trying_again_holds() {
    let (stripe, client) = fast(filled(50)).await;
    stripe.inject(PATH, Fault::Status(500, Some(false)));
    let error = read(&client).await.expect_err("no other try");
    assert!(matches!(error, Error::Unavailable { status: 500, .. }), "{error:?}");
    assert_eq!(stripe.counters().requests, 1);

    stripe.inject(PATH, Fault::Status(400, Some(true)));
    assert_eq!(read(&client).await.expect("another try"), ids(50));
}

/// A body that stops is not waited for without end.
#[tokio::test]
async fn a_body_that_stops_is_asked_for_again() {
    let (stripe, _) = fast(filled(50)).await;
    let client = client(
        KEY,
        &StripeSettings {
            read_timeout: Duration::from_millis(200),
            ..settings(&stripe)
        },
    );
    stripe.inject(PATH, Fault::Slow(Duration::from_mins(10)));
    assert_eq!(read(&client).await.expect("the second answer is whole"), ids(50));
    assert_eq!(client.progress().borrow().retries, 1);
}

#[tokio::test]
async fn nobody_there() {
    let (stripe, _) = fast(filled(1)).await;
    let settings = settings(&stripe);
    drop(stripe);
    let error = read(&client(KEY, &settings)).await.expect_err("nobody answers");
    assert!(
        matches!(
            error,
            Error::Network {
                endpoint: Endpoint::Subscriptions,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_wrong_key_and_a_missing_permission_are_named() {
    let (stripe, _) = fast(filled(1)).await;
    let error = read(&client("sk_test_other", &settings(&stripe)))
        .await
        .expect_err("not a key of this account");
    assert!(matches!(error, Error::WrongKey), "{error:?}");

    stripe.add_key("rk_test_narrow", &["rak_subscription_read"]);
    let narrow = client("rk_test_narrow", &settings(&stripe));
    assert_eq!(read(&narrow).await.expect("this it may"), ids(1));
    let wanted = [
        (Endpoint::Prices, "rak_plan_read", "Prices"),
        (Endpoint::Coupons, "rak_coupon_read", "Coupons"),
        (Endpoint::Customers, "rak_customer_read", "Customers"),
        (
            Endpoint::BalanceTransactions,
            "rak_balance_transaction_source_read",
            "Balance transactions",
        ),
        (Endpoint::Events, "rak_event_read", "Events"),
    ];
    for (endpoint, permission, words) in wanted {
        let before = stripe.counters().requests;
        let error = narrow
            .list::<Object>(endpoint, Vec::new())
            .all()
            .await
            .expect_err("this it may not");
        let text = error.to_string();
        assert!(text.contains(permission) && text.contains(words), "{text}");
        assert_eq!(stripe.counters().requests, before + 1, "a refusal is not tried again");
    }
}

/// A limit that somebody else of the account uses up: waited for, and then kept.
#[tokio::test]
async fn a_limit_in_use_is_waited_for() {
    let (stripe, _) = fast(filled(3000)).await;
    stripe.set_rates(20, 20);
    let mut settings = settings(&stripe);
    settings.retries.times = 10;
    settings.retries.shortest = Duration::from_millis(300);
    settings.retries.longest = Duration::from_millis(1200);
    settings.limits = Some(Limits {
        in_all: 200,
        of_an_endpoint: 200,
    });
    assert_eq!(read(&client(KEY, &settings)).await.expect("it passes"), ids(3000));
    assert!(stripe.counters().rate_limited > 0, "more was asked for than was let in");
}
