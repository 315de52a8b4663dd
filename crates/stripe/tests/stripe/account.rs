//! An account read through the port, against the fake Stripe.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_fake_stripe::{FakeStripe, Fault, KEY, Model};
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{PortErrorKind, PortResult, SystemClock};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_revenue::figure::{ErrorCode, Figure};
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::outlook::EndedTrials;
use cc_devops_revenue::policy::Options;
use cc_devops_revenue::ports::{Billing, Wanted};
use cc_devops_revenue::rates::Rates;
use cc_devops_stripe::account::{Account, KeySource};
use cc_devops_stripe::client::{Retries, StripeSettings};
use cc_devops_testkit::Memory;
use serde_json::json;

const NOW: i64 = 1_795_392_000;
const DAY: i64 = 86_400;

fn settings(stripe: &FakeStripe) -> StripeSettings {
    StripeSettings {
        api_url: stripe.url().to_owned(),
        retries: Retries {
            times: 3,
            shortest: Duration::from_millis(1),
            longest: Duration::from_millis(2),
        },
        ..StripeSettings::default()
    }
}

async fn start(model: Model) -> (FakeStripe, Account) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let stripe = FakeStripe::start(model).await;
    stripe.set_rates(1_000, 1_000);
    let account = Account::new(
        KeySource::Given(SecretValue::new(KEY.to_owned())),
        settings(&stripe),
        Arc::new(SystemClock),
    );
    (stripe, account)
}

fn wanted(options: &Options) -> Wanted<'_> {
    Wanted {
        options,
        // Of the future, so that the reading takes it for now.
        as_of: i64::from(u32::MAX),
        explain: Explain::Yes,
    }
}

async fn read(account: &Account) -> PortResult<BTreeMap<String, Figure<'static>>> {
    let mut found = BTreeMap::new();
    let mut take = |figure: &Figure<'_>| {
        let again = found.insert(figure.id.to_string(), figure.clone().into_owned());
        assert!(again.is_none(), "{} comes once", figure.id);
        ControlFlow::Continue(())
    };
    account.figures(wanted(&Options::default()), &mut take).await?;
    Ok(found)
}

fn mrr(figures: &BTreeMap<String, Figure<'static>>, id: &str) -> String {
    match &figures.get(id).unwrap_or_else(|| panic!("{id} is read")).mrr {
        Ok(mrr) => mrr.to_string(),
        Err(error) => format!("{:?}", error.code),
    }
}

/// One of each kind that a list alone does not tell.
fn mixed() -> Model {
    let mut model = Model::at(NOW - 90 * DAY);
    let customer = model.customer(json!({}));
    let plain = model.price(json!({"unit_amount": 1_000}));
    let tiered = model.price(json!({
        "billing_scheme": "tiered", "tiers_mode": "graduated", "unit_amount": null, "unit_amount_decimal": null,
        "tiers": [
            {"up_to": 2, "unit_amount": 500, "unit_amount_decimal": "500", "flat_amount": null, "flat_amount_decimal": null},
            {"up_to": null, "unit_amount": 100, "unit_amount_decimal": "100", "flat_amount": null, "flat_amount_decimal": null},
        ],
    }));
    let half = model.coupon(json!({"percent_off": 50.0}));
    let once = model.coupon(json!({"percent_off": 10.0, "duration": "once"}));
    let (on_item, deleted) = (model.discount(&half), model.discount(&once));
    model.subscription(&customer, &[(&plain, 2)], json!({"id": "sub_plain"}));
    model.subscription(&customer, &[(&tiered, 5)], json!({"id": "sub_tiered"}));
    let many: Vec<(&str, u64)> = std::iter::repeat_n((plain.as_str(), 1), 25).collect();
    model.subscription(&customer, &many, json!({"id": "sub_many"}));
    for (id, discount) in [("sub_item_discount", on_item), ("sub_deleted_coupon", deleted)] {
        model.subscription(&customer, &[(&plain, 1)], json!({"id": id}));
        model.change_subscription(id, |subscription| {
            subscription["items"]["data"][0]["discounts"] = json!([discount]);
        });
    }
    model.delete_coupon(&once);
    model.subscription(
        &customer,
        &[(&plain, 1)],
        json!({"id": "sub_ended", "status": "canceled"}),
    );
    model
}

#[tokio::test]
async fn every_subscription_comes_once_with_its_figure() {
    let (_stripe, account) = start(mixed()).await;
    let figures = read(&account).await.unwrap();
    assert_eq!(mrr(&figures, "sub_plain"), "2000");
    assert_eq!(mrr(&figures, "sub_tiered"), "1300", "tiers are looked up");
    assert_eq!(mrr(&figures, "sub_many"), "25000", "items beyond the first page count");
    assert_eq!(
        mrr(&figures, "sub_item_discount"),
        "500",
        "an item's coupon is looked up"
    );
    assert_eq!(
        mrr(&figures, "sub_deleted_coupon"),
        "1000",
        "a deleted coupon is found through the item; one for a single invoice does not count"
    );
    assert_eq!(figures.len(), 5, "what has ended is not asked for");
    assert!(figures.values().all(|figure| !figure.lines.is_empty()));
}

#[tokio::test]
async fn of_a_moment_that_has_passed_what_has_ended_since_is_read_too() {
    let (_stripe, account) = start(mixed()).await;
    let options = Options::default();
    let past = Wanted {
        as_of: NOW - 80 * DAY,
        ..wanted(&options)
    };
    let mut seen = 0;
    let mut take = |_: &Figure<'_>| {
        seen += 1;
        ControlFlow::Continue(())
    };
    account.figures(past, &mut take).await.unwrap();
    assert_eq!(seen, 6);
}

#[tokio::test]
async fn one_that_cannot_be_computed_does_not_stop_the_others() {
    let mut model = mixed();
    let customer = model.customer(json!({}));
    let forever = model.coupon(json!({"percent_off": 10.0}));
    let discount = model.discount(&forever);
    let price = model.price(json!({"unit_amount": 100}));
    model.subscription(
        &customer,
        &[(&price, 1)],
        json!({"id": "sub_open", "discounts": [discount]}),
    );
    model.delete_coupon(&forever);
    let (_stripe, account) = start(model).await;
    let figures = read(&account).await.unwrap();
    assert_eq!(
        mrr(&figures, "sub_open"),
        format!("{:?}", ErrorCode::UnresolvedDiscount)
    );
    assert_eq!(figures.len(), 6);
}

#[tokio::test]
async fn it_can_be_broken_off() {
    let (stripe, account) = start(mixed()).await;
    let mut take = |_: &Figure<'_>| ControlFlow::Break(());
    account.figures(wanted(&Options::default()), &mut take).await.unwrap();
    let before = stripe.requests().len();
    assert!(before > 0);
}

#[tokio::test]
async fn failures_that_pass_are_passed_over() {
    for fault in [
        Fault::Cut,
        Fault::TooMany("endpoint-rate", Some(0)),
        Fault::Status(503, None),
        Fault::Repeat,
        Fault::CursorGone,
    ] {
        let mut model = Model::at(NOW);
        model.fill(350, |number| NOW - i64::from(number) - 1);
        let (stripe, account) = start(model).await;
        stripe.inject("/v1/subscriptions", fault.clone());
        assert_eq!(read(&account).await.unwrap().len(), 350, "{fault:?}");
        assert_eq!(stripe.faults_left(), 0, "{fault:?} was met");
    }
}

#[tokio::test]
async fn a_key_that_may_not_read_names_its_permission() {
    let (stripe, _) = start(mixed()).await;
    stripe.add_key("rk_test_poor", &["rak_price_read", "rak_plan_read", "rak_coupon_read"]);
    let with = |key: &str| {
        Account::new(
            KeySource::Given(SecretValue::new(key.to_owned())),
            settings(&stripe),
            Arc::new(SystemClock),
        )
    };
    let poor = read(&with("rk_test_poor")).await.unwrap_err();
    assert_eq!(poor.kind, PortErrorKind::Key);
    assert!(poor.to_string().contains("permission"), "{poor}");
    let wrong = read(&with("sk_test_wrong")).await.unwrap_err();
    assert_eq!(wrong.kind, PortErrorKind::Key);
    let none = read(&with("not a key")).await.unwrap_err();
    assert!(none.to_string().contains("rk_live_"), "{none}");
}

#[tokio::test]
async fn the_key_is_read_when_it_is_needed() {
    let (stripe, _) = start(mixed()).await;
    let memory = Memory::new();
    let name = SecretName::new("/contentcraft/stripe/reporting_api_key").unwrap();
    let kept = KeySource::Kept {
        secrets: memory.ports().secrets,
        name: name.clone(),
    };
    let account = Account::new(kept, settings(&stripe), Arc::new(SystemClock));
    let missing = read(&account).await.unwrap_err();
    assert_eq!(missing.kind, PortErrorKind::NotFound);
    assert!(missing.to_string().contains(name.as_str()), "{missing}");

    let put = async |value: &str| memory.keep_secret(name.as_str(), value).await;
    put("sk_test_wrong").await;
    assert_eq!(read(&account).await.unwrap_err().kind, PortErrorKind::Key);
    put(&json!({"api_key": KEY}).to_string()).await;
    assert_eq!(read(&account).await.unwrap().len(), 5, "a new key counts at once");
    put("{\"key\": \"sk_test_x\"}").await;
    let wrong = read(&account).await.unwrap_err();
    assert!(
        wrong.to_string().contains("api_key") && !wrong.to_string().contains("sk_test"),
        "{wrong}"
    );
}

#[tokio::test]
async fn one_subscription_or_a_customers_are_explained() {
    let mut model = mixed();
    let other = model.customer(json!({"id": "cus_other"}));
    let price = model.price(json!({"unit_amount": 300}));
    model.subscription(&other, &[(&price, 1)], json!({"id": "sub_other"}));
    let (_stripe, account) = start(model).await;
    let options = Options::default();
    let of = async |id: &'static str| account.figures_of(id, wanted(&options)).await;
    let one = of("sub_tiered").await.unwrap();
    assert_eq!(
        one.iter().map(|figure| figure.id.as_ref()).collect::<Vec<_>>(),
        ["sub_tiered"]
    );
    assert_eq!(of("cus_other").await.unwrap().len(), 1);
    for id in ["sub_none", "cus_none"] {
        let error = of(id).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::NotFound);
        assert!(error.to_string().contains(id), "{error}");
    }
}

#[tokio::test]
async fn transactions_are_those_of_the_period() {
    let mut model = mixed();
    model.balance_transaction("charge", 5_000, "usd", NOW - 10 * DAY);
    model.balance_transaction("refund", -700, "usd", NOW - 5 * DAY);
    model.balance_transaction("dispute", -100, "usd", NOW - 5 * DAY);
    model.balance_transaction("payout", -4_000, "usd", NOW - 2 * DAY);
    model.balance_transaction("charge", 900, "usd", NOW - 31 * DAY);
    let (_stripe, account) = start(model).await;
    let found = account.transactions(NOW - 30 * DAY + 1, NOW).await.unwrap();
    let figure = found.figure(&Rates::none()).unwrap();
    assert_eq!(
        (figure.charges, figure.refunds, figure.disputes),
        (Some(5_000), Some(700), Some(100))
    );
    assert_eq!(figure.net(), Some(4_300));
    assert_eq!((figure.charge_count, figure.refund_count), (1, 1));
}

#[tokio::test]
async fn trials_that_ended_with_their_subscriptions_are_read_from_events() {
    let mut model = Model::at(NOW);
    let mut ended = |patch: serde_json::Value| {
        let mut subscription = json!({"id": "sub", "object": "subscription", "status": "canceled", "ended_at": NOW});
        subscription
            .as_object_mut()
            .unwrap()
            .extend(patch.as_object().unwrap().clone());
        model.event("customer.subscription.deleted", &subscription);
    };
    ended(json!({"trial_end": NOW + DAY}));
    ended(json!({"trial_end": NOW}));
    ended(json!({"trial_end": NOW - DAY}));
    ended(json!({"trial_end": NOW - DAY, "cancellation_details": {"reason": "payment_failed"}}));
    ended(json!({"trial_end": NOW - 60 * DAY}));
    ended(json!({"trial_end": null}));
    model.event(
        "customer.subscription.updated",
        &json!({"id": "sub", "trial_end": NOW + DAY}),
    );
    let (stripe, account) = start(model).await;
    let now = i64::from(u32::MAX);
    let found = account.ended_trials(NOW - 30 * DAY, now).await.unwrap();
    assert_eq!(
        found,
        Some(EndedTrials {
            converted: 1,
            cancelled: 2
        })
    );
    let past = account.ended_trials(NOW - 60 * DAY, NOW - 30 * DAY).await.unwrap();
    assert_eq!(past, None, "Stripe keeps events for 30 days");
    drop(stripe);
}
