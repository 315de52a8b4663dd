//! What is not served: one sentence, a 4xx, in the caller's protocol.

use axum::body::Body;
use axum::http::{Method, Request};

use crate::harness::Harness;
use crate::signing::{Ask, HOST, Key};

#[tokio::test]
async fn an_operation_that_is_not_served_is_said() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    for (ask, code) in [
        (
            Ask::json("events", "AWSEvents.ListRules", "{}"),
            "UnknownOperationException",
        ),
        (
            Ask::json("dynamodb", "DynamoDB_20120810.PutItem", "{}"),
            "UnknownOperationException",
        ),
        (
            Ask::form("sts", "Action=AssumeRole&Version=2011-06-15"),
            "InvalidAction",
        ),
        (Ask::form("sts", "Version=2011-06-15"), "InvalidAction"),
        (Ask::cbor("PutMetricAlarm"), "InvalidAction"),
    ] {
        let answer = harness.ask(&ask, &key).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{answer:?}");
        assert!(answer.text().contains("does not serve"), "{}", answer.text());
    }
    let query_mode = Ask::json("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", "{}");
    let answer = harness.ask(&query_mode.with("x-amzn-query-mode", "true"), &key).await;
    assert_eq!(answer.header("x-amzn-query-error"), "InvalidAction;Sender");
}

#[tokio::test]
async fn a_service_that_is_not_served_is_said_to_anybody() {
    let harness = Harness::new().await;
    let key = Key::of_nobody();
    for path in [
        "/",
        "/aws",
        "/articles/a/b.txt",
        "/aws/articles/a/b.txt",
        "/v1/requests",
        "/health",
    ] {
        for method in [Method::GET, Method::PUT] {
            let s3 = Ask {
                method,
                service: "s3",
                headers: Vec::new(),
                ..Ask::identity().at(path)
            };
            let answer = harness.ask(&s3, &key).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, "NotImplemented"),
                "{answer:?}"
            );
            assert!(
                answer.text().contains("<Message>the control plane does not serve S3"),
                "{}",
                answer.text()
            );
            assert_eq!(answer.header("content-type"), "application/xml");
        }
    }
    let kms = harness.ask(&Ask::json("kms", "TrentService.Decrypt", "{}"), &key).await;
    assert_eq!((kms.status, kms.code().as_str()), (400, "UnknownOperationException"));
    let lambda = Ask {
        method: Method::GET,
        service: "lambda",
        headers: Vec::new(),
        ..Ask::identity().at("/2015-03-31/functions/")
    };
    let lambda = harness.ask(&lambda, &key).await;
    assert_eq!(
        (lambda.status, lambda.header("content-type")),
        (400, "application/json")
    );
    assert!(
        lambda.json()["message"]
            .as_str()
            .unwrap()
            .contains("does not serve lambda")
    );
}

#[tokio::test]
async fn who_is_no_sdk_finds_the_api_as_before() {
    let harness = Harness::new().await;
    let get = |path: &str| Request::get(path).header("host", HOST).body(Body::empty()).unwrap();
    let health = harness.send(get("/health")).await;
    assert_eq!(health.header("content-type"), "application/json");
    let missing = harness.send(get("/nowhere")).await;
    assert_eq!(
        (missing.status, missing.header("content-type")),
        (404, "application/problem+json")
    );
    let form = Request::post("/v1/events")
        .header("host", HOST)
        .header("content-type", "application/x-www-form-urlencoded");
    let form = harness.send(form.body(Body::from("Action=x")).unwrap()).await;
    assert_eq!(
        (form.status, form.header("content-type")),
        (401, "application/problem+json")
    );
}
