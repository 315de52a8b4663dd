//! A server whose objects have the shape of years ago, and which nobody here wrote.

use std::collections::BTreeSet;

use cc_devops_stripe::client::{Endpoint, StripeSettings};
use cc_devops_testkit::peers;

use crate::client_fake::{FAST, Object, client};

const KEY: &str = "sk_test_local";

#[tokio::test]
async fn an_old_server_is_read_page_by_page() {
    let server = peers::localstripe().await;
    let http = reqwest::Client::new();
    let post = async |path: &str, body: String| -> String {
        let request = http.post(format!("{}/v1/{path}", server.url())).bearer_auth(KEY);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = request.send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json::<Object>().await.expect("an object").id
    };
    post(
        "plans",
        "id=pro&amount=2500&currency=usd&interval=month&name=Pro".to_owned(),
    )
    .await;
    let customer = post("customers", "email=a@example.com".to_owned()).await;
    let mut made = BTreeSet::new();
    for _ in 0..105 {
        made.insert(
            post(
                "subscriptions",
                format!("customer={customer}&items[0][plan]=pro&trial_period_days=30"),
            )
            .await,
        );
    }

    let settings = StripeSettings {
        api_url: server.url().to_owned(),
        limits: Some(FAST),
        ..StripeSettings::default()
    };
    let all = vec![("status", "all".to_owned())];
    let found = client(KEY, &settings)
        .list::<Object>(Endpoint::Subscriptions, all)
        .all()
        .await;
    let found = found.expect("the server answers");
    assert_eq!(found.len(), 105);
    assert!(
        found
            .iter()
            .all(|subscription| subscription.rest["plan"]["amount"] == 2500)
    );
    assert_eq!(
        found
            .into_iter()
            .map(|subscription| subscription.id)
            .collect::<BTreeSet<_>>(),
        made
    );
}
