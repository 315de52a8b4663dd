//! MRR: the deployed function, the fake Stripe, the table that others read, the event.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_fake_stripe::KEY;
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::e2e::account::{Account, listen};

const FUNCTION: &str = "StripeMrrReporterFn-dev";
const TABLE: &str = "BillingMetrics-dev";

/// The steps, on an account in which nothing was reported yet.
pub(crate) async fn from_the_first_key_to_the_second_run(account: &Account) {
    let pattern = json!({"source": ["contentcraft.billing"], "detail-type": ["MRR Calculation Complete"]});
    let queue = listen(&account.clients, "billing", &pattern).await;

    // Without a key it says what to do.
    let (status, body) = invoke(account, &json!({"task_type": "mrr_calculation"})).await;
    assert_eq!((status, &body["status"]), (500, &json!("error")), "{body}");
    let said = body["error"].as_str().unwrap();
    assert!(said.contains("/contentcraft/stripe/reporting_api_key"), "{said}");
    assert!(items(account).await.is_empty());

    // With one it reads the account, keeps and answers.
    let secret = account.clients.secrets().create_secret();
    let secret = secret.name("/contentcraft/stripe/reporting_api_key");
    let key = json!({"api_key": KEY}).to_string();
    secret.secret_string(key).send().await.unwrap();
    let before = SystemClock.now();
    sell(account, before.as_second());
    let (status, body) = invoke(account, &json!({"task_type": "mrr_calculation"})).await;
    assert_eq!((status, &body["status"]), (200, &json!("success")), "{body}");
    let figures = ["mrrUSD", "charge_count", "refund_count", "period_days"].map(|name| &body[name]);
    assert_eq!(figures, [&json!(35.0), &json!(2), &json!(1), &json!(30)], "{body}");
    assert_eq!((&body["complete"], &body["subscribers"]), (&json!(true), &json!(2)));
    let timestamp: Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(timestamp >= before && timestamp <= SystemClock.now());

    // What Cost-Sentinel reads.
    let found = items(account).await;
    let date = body["date"].as_str().unwrap();
    let keys: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "customers/cus_eur eur",
            "customers/cus_usd usd",
            &format!("mrr/{date}"),
            "mrr/latest"
        ]
    );
    let latest = &found["mrr/latest"];
    for (name, number) in [
        ("mrrUSD", "35"),
        ("charges_usd", "120.5"),
        ("refunds_usd", "20"),
        ("charge_count", "2"),
        ("refund_count", "1"),
        ("total_transactions", "3"),
        ("period_days", "30"),
        ("subscribers", "2"),
        ("arpaUSD", "17.5"),
    ] {
        assert_eq!(latest[name], AttributeValue::N(number.into()), "{name}");
    }
    let moment = |name: &str| latest[name].as_s().unwrap().parse::<Timestamp>().unwrap().as_second();
    assert_eq!(moment("ts"), timestamp.as_second());
    assert_eq!(moment("end_date") - moment("start_date"), 30 * 86_400 - 1);
    assert!(moment("end_date") >= before.as_second() && moment("end_date") <= moment("ts"));
    let of_day = |item: &BTreeMap<String, AttributeValue>| {
        let mut item = item.clone();
        item.remove("SK");
        item
    };
    assert_eq!(
        of_day(latest),
        of_day(&found[&format!("mrr/{date}")]),
        "the day is kept, too"
    );

    // The control plane's next sweep publishes it.
    let detail = published(account, &queue).await;
    let told = ["source", "action", "mrrUSD", "period_days"].map(|name| &detail[name]);
    let expected = [
        json!("stripe-mrr-reporter"),
        json!("mrr_calculated"),
        json!(35.0),
        json!(30),
    ];
    assert_eq!(told, expected.each_ref());
    assert_eq!(detail["timestamp"], body["timestamp"]);

    // A second run, as the schedule asks for it: the newest figures, in the same places.
    account.stripe.model(|model| {
        let price = model.price(json!({"unit_amount": 500}));
        let customer = model.customer(json!({"id": "cus_new"}));
        model.subscription(&customer, &[(&price, 1)], json!({}));
    });
    let (status, body) = invoke(account, &json!({"tick": "mrr"})).await;
    assert_eq!((status, &body["mrrUSD"]), (200, &json!(40.0)), "{body}");
    let found = items(account).await;
    assert_eq!(found.len(), 5);
    assert_eq!(found["mrr/latest"]["mrrUSD"], AttributeValue::N("40".into()));
    assert_eq!(published(account, &queue).await["mrrUSD"], 40.0);

    // A key that Stripe does not know: who asks is answered, for the schedule the invocation fails.
    let put = account.clients.secrets().put_secret_value();
    let put = put.secret_id("/contentcraft/stripe/reporting_api_key");
    put.secret_string("sk_test_revoked").send().await.unwrap();
    let (status, body) = invoke(account, &json!({})).await;
    assert_eq!((status, &body["status"]), (500, &json!("error")), "{body}");
    let scheduled = account.clients.lambda().invoke().function_name(FUNCTION);
    let scheduled = scheduled.payload(br#"{"tick": "mrr"}"#.to_vec().into()).send().await;
    let scheduled = scheduled.unwrap();
    assert!(scheduled.function_error.is_some(), "{scheduled:?}");
    let told = String::from_utf8(scheduled.payload.unwrap().into_inner()).unwrap();
    assert!(told.contains("MRR was not computed"), "{told}");
    assert!(!told.contains("revoked"), "{told}");
    assert_eq!(items(account).await, found, "what was kept stands");
}

/// Ten dollars a month, and twenty euros; charges and a refund of the last days.
fn sell(account: &Account, now: i64) {
    account.stripe.model(|model| {
        let ten = model.price(json!({"unit_amount": 1_000}));
        let euros = model.price(json!({"unit_amount": 2_000, "currency": "eur"}));
        for (id, price) in [("cus_usd", &ten), ("cus_eur", &euros)] {
            let customer = model.customer(json!({"id": id}));
            let currency = id.trim_start_matches("cus_");
            model.subscription(&customer, &[(price, 1)], json!({"currency": currency}));
        }
        model.balance_transaction("charge", 10_050, "usd", now - 86_400);
        model.balance_transaction("charge", 2_000, "usd", now - 10 * 86_400);
        model.balance_transaction("refund", -2_000, "usd", now - 86_400);
        model.balance_transaction("charge", 77_700, "usd", now - 40 * 86_400);
    });
}

async fn invoke(account: &Account, payload: &Value) -> (u64, Value) {
    let answer = account.invoke_function(FUNCTION, payload).await;
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body)
}

/// What the table holds, by `PK/SK`.
async fn items(account: &Account) -> BTreeMap<String, BTreeMap<String, AttributeValue>> {
    let answer = account.clients.dynamodb().scan().table_name(TABLE).send().await;
    let items = answer.unwrap().items.unwrap_or_default();
    let named = |item: std::collections::HashMap<String, AttributeValue>| {
        let place = format!("{}/{}", item["PK"].as_s().unwrap(), item["SK"].as_s().unwrap());
        (place, item.into_iter().collect())
    };
    items.into_iter().map(named).collect()
}

/// The detail of the one event that the next sweep publishes.
async fn published(account: &Account, queue: &str) -> Value {
    account.invoke(&json!({"tick": "sweep"})).await;
    let mut events = account.receive(queue).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)["detail"].take()
}
