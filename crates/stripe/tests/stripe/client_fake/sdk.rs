//! The official Python SDK reads the same account and sees the same.

use std::collections::BTreeMap;
use std::path::Path;

use cc_devops_fake_stripe::KEY;
use cc_devops_stripe::client::Statuses;
use cc_devops_testkit::peers;
use serde_json::{Value, json};

use crate::client_fake::{NOW, Subscription, fast, filled};

/// What either sees of a subscription: its id, what is off, its items.
type Sight = BTreeMap<String, Value>;

#[tokio::test]
async fn the_python_sdk_sees_the_same_subscriptions() {
    let mut model = filled(450);
    let price = model.price(json!({}));
    let coupon = model.coupon(json!({ "percent_off": 33.3 }));
    let discount = model.discount(&coupon);
    model.subscription("cus_1", &[(&price, 3), (&price, 1)], json!({ "discounts": [discount] }));
    model.subscription("cus_2", &[(&price, 1)], json!({ "status": "canceled" }));
    let (stripe, client) = fast(model).await;

    let mut ours = Sight::new();
    let mut subscriptions = client.subscriptions::<Subscription>(Statuses::AllButCanceled, NOW);
    while let Some(page) = subscriptions.next_page().await.expect("the fake answers") {
        ours.extend(page.into_iter().map(|subscription| {
            let coupon = &subscription.discounts[0]["source"]["coupon"]["percent_off"];
            let items: Vec<&str> = subscription.items.data.iter().map(|item| item.id.as_str()).collect();
            let sight = json!({ "off": coupon, "items": items });
            (subscription.id.clone(), sight)
        }));
    }

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stripe_sdk/read.py");
    let output = peers::program("stripe", "python")
        .args([script.as_os_str(), stripe.url().as_ref(), KEY.as_ref()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .output()
        .await
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Sight = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    assert_eq!(ours.len(), 451);
    assert_eq!(ours, theirs);
}
