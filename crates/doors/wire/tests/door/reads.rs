//! What is read through the whole door: the days' figures, topics and stacks, in their services' protocols.

use cc_devops_testkit::sample;
use jiff::civil::date;
use serde_json::{Value, json};

use crate::harness::{Answer, Harness};
use crate::signing::{Ask, Key};

fn dynamodb(operation: &str, input: &Value) -> Ask {
    let headers = [
        ("content-type", "application/x-amz-json-1.0".to_owned()),
        ("x-amz-target", format!("DynamoDB_20120810.{operation}")),
    ];
    Ask {
        headers: headers.to_vec(),
        ..Ask::json("dynamodb", "", &input.to_string())
    }
}

/// DynamoDB's SDKs hold the bytes of every answer against this header.
fn is_summed(answer: &Answer) -> bool {
    answer.header("x-amz-crc32") == crc32fast::hash(&answer.body).to_string()
}

async fn with_a_day() -> (Harness, Key) {
    let harness = Harness::new().await;
    let day = sample::mrr_day(date(2026, 3, 1), 123_450);
    let (reader, news) = (
        sample::agent_name(sample::OTHER_AGENT),
        sample::announcement("mrr/2026-03-01"),
    );
    harness.memory.ports().revenue.keep(&day, &reader, &news).await.unwrap();
    let key = harness.key_of("Operator").await;
    (harness, key)
}

#[tokio::test]
async fn the_newest_day_is_read_in_dynamodbs_protocol() {
    let (harness, key) = with_a_day().await;
    let input = json!({
        "TableName": "BillingMetrics-dev",
        "Key": {"PK": {"S": "mrr"}, "SK": {"S": "latest"}},
        "ProjectionExpression": "mrrUSD",
    });
    let answer = harness.ask(&dynamodb("GetItem", &input), &key).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(answer.json(), json!({"Item": {"mrrUSD": {"N": "1234.5"}}}));
    assert!(is_summed(&answer));
    let query = json!({
        "TableName": "BillingMetrics-dev",
        "KeyConditionExpression": "PK = :p",
        "ExpressionAttributeValues": {":p": {"S": "mrr"}},
        "Limit": 1,
        "ScanIndexForward": false,
        "ProjectionExpression": "SK",
    });
    let answer = harness.ask(&dynamodb("Query", &query), &key).await;
    assert_eq!(
        answer.json(),
        json!({
            "Items": [{"SK": {"S": "latest"}}],
            "Count": 1,
            "ScannedCount": 1,
            "LastEvaluatedKey": {"PK": {"S": "mrr"}, "SK": {"S": "latest"}},
        })
    );
}

#[tokio::test]
async fn an_agent_without_a_policy_is_denied_in_dynamodbs_words() {
    let (harness, _) = with_a_day().await;
    let key = harness.key().await;
    let input = json!({"TableName": "BillingMetrics-dev", "Key": {"PK": {"S": "mrr"}, "SK": {"S": "latest"}}});
    let answer = harness.ask(&dynamodb("GetItem", &input), &key).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "AccessDeniedException"));
    assert!(is_summed(&answer));
}

#[tokio::test]
async fn what_a_model_refuses_reaches_no_table() {
    let (harness, key) = with_a_day().await;
    for input in [
        json!({}),
        json!({"TableName": "", "Key": {}}),
        json!({"TableName": "BillingMetrics-dev", "Key": {}, "ReturnConsumedCapacity": "ALL"}),
        json!({"TableName": "BillingMetrics-dev", "Key": {}, "AttributesToGet": []}),
    ] {
        let answer = harness.ask(&dynamodb("GetItem", &input), &key).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "ValidationException"),
            "{input}"
        );
    }
}

#[tokio::test]
async fn topics_and_stacks_are_asked_for_by_forms() {
    let (harness, key) = with_a_day().await;
    let other =
        "Action=Publish&Version=2010-03-31&Message=x&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3Aother";
    let answer = harness.ask(&Ask::form("sns", other), &key).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (404, "NotFound"),
        "{}",
        answer.text()
    );
    let missing = "Action=DescribeStacks&Version=2010-05-15&StackName=none-dev";
    let answer = harness.ask(&Ask::form("cloudformation", missing), &key).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "ValidationError"));
    assert!(
        answer.text().contains("Stack with id none-dev does not exist"),
        "{}",
        answer.text()
    );
    let all = "Action=DescribeStacks&Version=2010-05-15";
    let answer = harness.ask(&Ask::form("cloudformation", all), &key).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("<DescribeStacksResult>"), "{}", answer.text());
    let denied = harness
        .ask(&Ask::form("cloudformation", all), &harness.key().await)
        .await;
    assert_eq!((denied.status, denied.code().as_str()), (403, "AccessDenied"));
}
