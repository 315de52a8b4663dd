//! The fake Stripe is as strict as Stripe: what a client must not rely on, it does not get.
#![expect(clippy::expect_used, reason = "tests fail by panicking, with a message")]

use cc_devops_fake_stripe::{FakeStripe, Fault, KEY, Model};
use serde_json::{Value, json};

const NOW: i64 = 1_795_392_000;

/// An account with one of each: a discounted subscription to a tiered price, another to nothing special.
fn model() -> Model {
    let mut model = Model::at(NOW);
    let customer = model.customer(json!({ "id": "cus_a" }));
    let tiers = json!([{ "up_to": null, "unit_amount": 3 }]);
    let price = model.price(json!({ "id": "price_a", "billing_scheme": "tiered", "tiers": tiers }));
    let coupon = model.coupon(json!({ "id": "half", "percent_off": 50, "applies_to": { "products": ["prod_a"] } }));
    let discount = model.discount(&coupon);
    model.subscription(
        &customer,
        &[(&price, 2)],
        json!({ "id": "sub_a", "discounts": [discount] }),
    );
    model.subscription(
        &customer,
        &[(&price, 1)],
        json!({ "id": "sub_b", "created": NOW - 10, "status": "canceled" }),
    );
    model
}

async fn get(stripe: &FakeStripe, path: &str) -> (u16, Value) {
    get_as(stripe, KEY, path).await
}

async fn get_as(stripe: &FakeStripe, key: &str, path: &str) -> (u16, Value) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let request = reqwest::Client::new()
        .get(format!("{}{path}", stripe.url()))
        .bearer_auth(key);
    let answer = request.send().await.expect("the fake answers");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("an answer is JSON"))
}

fn ids(list: &Value) -> Vec<&str> {
    let objects = list["data"].as_array().into_iter().flatten();
    objects.filter_map(|object| object["id"].as_str()).collect()
}

#[tokio::test]
async fn references_are_ids_unless_expanded() {
    let stripe = FakeStripe::start(model()).await;
    let (_, plain) = get(&stripe, "/v1/subscriptions/sub_a").await;
    assert!(
        plain["discounts"][0].as_str().is_some_and(|id| id.starts_with("di_")),
        "{plain}"
    );
    assert_eq!(plain["customer"], "cus_a");
    assert_eq!(plain["items"]["data"][0]["price"].get("tiers"), None);

    let (_, discount) = get(&stripe, "/v1/subscriptions/sub_a?expand[]=discounts").await;
    assert_eq!(discount["discounts"][0]["source"]["coupon"], "half");
    let (_, list) = get(
        &stripe,
        "/v1/subscriptions?expand[]=data.discounts.source.coupon&expand[0]=data.customer",
    )
    .await;
    let coupon = &list["data"][0]["discounts"][0]["source"]["coupon"];
    assert_eq!(coupon["percent_off"], 50);
    assert_eq!(coupon.get("applies_to"), None, "expanded where it is a level too deep");
    assert_eq!(list["data"][0]["customer"]["object"], "customer");

    let (_, price) = get(&stripe, "/v1/prices/price_a").await;
    assert_eq!(price.get("tiers"), None);
    let (_, prices) = get(&stripe, "/v1/prices?expand[]=data.tiers").await;
    assert_eq!(prices["data"][0]["tiers"][0]["unit_amount"], 3);
    let (_, coupons) = get(&stripe, "/v1/coupons?expand[]=data.applies_to").await;
    assert_eq!(coupons["data"][0]["applies_to"]["products"][0], "prod_a");
}

#[tokio::test]
async fn what_stripe_refuses_is_refused() {
    let stripe = FakeStripe::start(model()).await;
    let refused = [
        (
            "/v1/subscriptions?expand[]=data.items.data.price.tiers",
            400,
            "property_expansion_max_depth",
        ),
        (
            "/v1/subscriptions?expand[]=data.items.data.discounts.source",
            400,
            "property_expansion_max_depth",
        ),
        ("/v1/subscriptions?limit=101", 400, "parameter_invalid_integer"),
        ("/v1/subscriptions?limit=0", 400, "parameter_invalid_integer"),
        ("/v1/subscriptions?limit=many", 400, "parameter_invalid_integer"),
        ("/v1/subscriptions?colour=red", 400, "parameter_unknown"),
        ("/v1/subscriptions?starting_after=sub_gone", 400, "resource_missing"),
        ("/v1/subscription_items", 400, "parameter_missing"),
        ("/v1/subscriptions/sub_gone", 404, "resource_missing"),
    ];
    for (path, status, code) in refused {
        let (got, body) = get(&stripe, path).await;
        assert_eq!(
            (got, body["error"]["code"].as_str()),
            (status, Some(code)),
            "{path}: {body}"
        );
    }
    for path in [
        "/v1/subscriptions?expand[]=customer",
        "/v1/subscriptions?expand[]=data.colour",
    ] {
        let (status, body) = get(&stripe, path).await;
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(
            status == 400 && message.contains("cannot be expanded"),
            "{path}: {body}"
        );
    }
    let types = "&types[]=x".repeat(21);
    assert_eq!(get(&stripe, &format!("/v1/events?limit=1{types}")).await.0, 400);
}

#[tokio::test]
async fn keys_and_permissions_are_checked() {
    let stripe = FakeStripe::start(model()).await;
    stripe.add_key("rk_test_a", &["rak_coupon_read"]);
    assert_eq!(get_as(&stripe, "sk_test_nobody", "/v1/coupons").await.0, 401);
    assert_eq!(get_as(&stripe, "rk_test_a", "/v1/coupons").await.0, 200);
    let (status, body) = get_as(&stripe, "rk_test_a", "/v1/subscriptions").await;
    let message = body["error"]["message"].as_str().unwrap_or_default();
    assert!(status == 403 && message.contains("'rak_subscription_read'"), "{body}");
}

#[tokio::test]
async fn lists_are_newest_first_and_filtered() {
    let stripe = FakeStripe::start(model()).await;
    let cases: [(&str, &[&str]); 9] = [
        ("", &["sub_a"]),
        ("?status=all", &["sub_a", "sub_b"]),
        ("?status=canceled", &["sub_b"]),
        ("?status=all&starting_after=sub_a", &["sub_b"]),
        ("?status=all&created[lt]=1795392000", &["sub_b"]),
        ("?status=all&created[lte]=1795392000", &["sub_a", "sub_b"]),
        ("?status=all&created[gt]=1795391990", &["sub_a"]),
        ("?status=all&created[gte]=1795391990", &["sub_a", "sub_b"]),
        ("?customer=cus_other", &[]),
    ];
    for (query, wanted) in cases {
        let (_, list) = get(&stripe, &format!("/v1/subscriptions{query}")).await;
        assert_eq!(ids(&list), wanted, "{query}");
    }
    let (_, first) = get(&stripe, "/v1/subscriptions?status=all&limit=1").await;
    assert_eq!((ids(&first), &first["has_more"]), (vec!["sub_a"], &json!(true)));
}

#[tokio::test]
async fn too_many_requests_are_refused_with_a_reason() {
    let stripe = FakeStripe::start(model()).await;
    stripe.set_rates(0, 25);
    let (status, body) = get(&stripe, "/v1/coupons").await;
    assert_eq!((status, &body["error"]["code"]), (429, &json!("rate_limit")));
    let counters = stripe.counters();
    assert_eq!((counters.requests, counters.rate_limited), (1, 1));
}

#[tokio::test]
async fn a_second_day() {
    let stripe = FakeStripe::start(model()).await;
    stripe.model(|model| {
        model.set_now(NOW + 86_400);
        model.change_subscription("sub_a", |subscription| {
            subscription["items"]["data"][0]["quantity"] = json!(7);
        });
        let changed = model.find_subscription("sub_a").expect("it is there");
        model.event("customer.subscription.updated", &changed);
        model.delete_coupon("half");
    });
    let (_, changed) = get(&stripe, "/v1/subscriptions/sub_a?expand[]=discounts.source.coupon").await;
    assert_eq!(changed["items"]["data"][0]["quantity"], 7);
    assert_eq!(
        changed["discounts"][0]["source"]["coupon"]["id"], "half",
        "a discount outlives its coupon"
    );
    assert_eq!(ids(&get(&stripe, "/v1/coupons").await.1), Vec::<&str>::new());
    assert_eq!(get(&stripe, "/v1/coupons/half").await.0, 404);
    let (_, events) = get(&stripe, "/v1/events?types[]=customer.subscription.updated").await;
    assert_eq!(events["data"][0]["created"], NOW + 86_400);
    assert_eq!(events["data"][0]["data"]["object"]["id"], "sub_a");
}

/// A subscription as the API would send it expanded goes in whole, and comes out as asked for.
#[tokio::test]
async fn a_whole_subscription_comes_out_as_it_went_in() {
    let scratch = FakeStripe::start(model()).await;
    let (_, whole) = get(&scratch, "/v1/subscriptions/sub_a?expand[]=discounts.source.coupon").await;
    let mut bare = whole.clone();
    bare["id"] = json!("sub_bare");
    bare["discounts"] = json!(["di_unknown"]);
    let mut model = Model::at(NOW);
    model.whole_subscription(whole.clone());
    model.whole_subscription(bare);
    let stripe = FakeStripe::start(model).await;
    let (_, again) = get(&stripe, "/v1/subscriptions/sub_a?expand[]=discounts.source.coupon").await;
    assert_eq!(again, whole);
    let (_, bare) = get(&stripe, "/v1/subscriptions/sub_bare?expand[]=discounts.source.coupon").await;
    assert_eq!(
        bare["discounts"],
        json!(["di_unknown"]),
        "what nothing is known about stays an id"
    );
    assert_eq!(get(&stripe, "/v1/coupons/half").await.0, 200);
    assert_eq!(get(&stripe, "/v1/prices/price_a").await.0, 200);
    assert_eq!(get(&stripe, "/v1/customers/cus_a").await.0, 200);
}

#[tokio::test]
async fn a_page_repeats_when_it_is_told_to() {
    let mut model = Model::at(NOW);
    model.fill(30, |number| NOW - i64::from(number));
    let stripe = FakeStripe::start(model).await;
    let (_, first) = get(&stripe, "/v1/subscriptions").await;
    let (_, second) = get(&stripe, "/v1/subscriptions?starting_after=sub_bulk00000009").await;
    stripe.inject("/v1/subscriptions", Fault::Repeat);
    let (_, again) = get(&stripe, "/v1/subscriptions?starting_after=sub_bulk00000009").await;
    assert_eq!(ids(&again), ids(&first));
    stripe.inject("/v1/subscriptions", Fault::Repeat);
    let (_, again) = get(&stripe, "/v1/subscriptions?starting_after=sub_bulk00000019").await;
    assert_eq!(ids(&again), ids(&second));
    assert_eq!(stripe.faults_left(), 0);
}
