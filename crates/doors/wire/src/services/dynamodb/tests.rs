//! The operations, over the model's days.

use cc_devops_testkit::sample;
use jiff::civil::date;
use serde_json::{Value, json};

use crate::services::harness::{Caller, Harness};

/// The days of the control plane: four in two years.
const DAYS: [&str; 4] = ["2025-12-30", "2025-12-31", "2026-01-01", "2026-02-01"];

async fn harness() -> Harness {
    let harness = Harness::new().await;
    let days = [
        date(2025, 12, 30),
        date(2025, 12, 31),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ];
    for (day, cents) in days.into_iter().zip([10_050, 20_000, 30_000, 40_000]) {
        let day = sample::mrr_day(day, cents);
        let reader = sample::agent_name(sample::OTHER_AGENT);
        let news = sample::announcement(&format!("mrr/{}", day.date));
        harness
            .control
            .ports()
            .revenue
            .keep(&day, &reader, &news)
            .await
            .unwrap();
    }
    harness
}

fn key(sort: &str) -> Value {
    json!({"PK": {"S": "mrr"}, "SK": {"S": sort}})
}

fn get(sort: &str) -> Value {
    json!({"TableName": "BillingMetrics-dev", "Key": key(sort)})
}

/// A query of the days' partition, with more beside it.
fn query(more: &Value) -> Value {
    let mut input = json!({
        "TableName": "BillingMetrics-dev",
        "KeyConditionExpression": "PK = :p",
        "ExpressionAttributeValues": {":p": {"S": "mrr"}},
    });
    for (name, value) in more.as_object().unwrap() {
        match (name.as_str(), value) {
            ("ExpressionAttributeValues", Value::Object(values)) => {
                input[name].as_object_mut().unwrap().extend(values.clone());
            }
            _ => input[name] = value.clone(),
        }
    }
    input
}

fn sort_keys(answer: &Value) -> Vec<&str> {
    let items = answer["Items"].as_array().unwrap();
    items.iter().map(|item| item["SK"]["S"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_newest_day_has_its_figures_under_both_names() {
    let harness = harness().await;
    let latest = harness
        .ask(Caller::CostControl, "GetItem", get("latest"))
        .await
        .unwrap();
    let item = &latest["Item"];
    assert_eq!(
        (&item["PK"], &item["SK"]),
        (&json!({"S": "mrr"}), &json!({"S": "latest"}))
    );
    assert_eq!(item["mrrUSD"], json!({"N": "400"}));
    assert_eq!(item["charge_count"], json!({"N": "0"}));
    assert_eq!(item["complete"], json!({"BOOL": true}));
    assert_eq!(item["ts"], json!({"S": "2026-02-01T06:00:05+00:00"}));
    assert_eq!(latest["ConsumedCapacity"], Value::Null);
    let dated = harness
        .ask(Caller::Operator, "GetItem", get("2026-02-01"))
        .await
        .unwrap();
    assert_eq!(dated["Item"]["mrrUSD"], item["mrrUSD"]);
    let first = harness
        .ask(Caller::Operator, "GetItem", get("2025-12-30"))
        .await
        .unwrap();
    assert_eq!(
        first["Item"]["mrrUSD"],
        json!({"N": "100.5"}),
        "as DynamoDB gives it back"
    );
    // The stages of the installation have one table.
    let other = json!({"TableName": "BillingMetrics-prod", "Key": key("latest")});
    let arn = json!({
        "TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/BillingMetrics-dev",
        "Key": key("latest"),
    });
    for same in [other, arn] {
        let same = harness.ask(Caller::Operator, "GetItem", same).await.unwrap();
        assert_eq!(same["Item"], latest["Item"]);
    }
}

#[tokio::test]
async fn what_is_not_there_is_no_item_and_no_error() {
    let harness = harness().await;
    for sort in ["2001-01-01", "2026-02-30", "2026-2-1", "nothing"] {
        let absent = harness.ask(Caller::Operator, "GetItem", get(sort)).await.unwrap();
        assert_eq!(absent["Item"], Value::Null, "{sort}");
    }
    let other = json!({"TableName": "BillingMetrics-dev", "Key": {"PK": {"S": "arr"}, "SK": {"S": "latest"}}});
    assert_eq!(
        harness.ask(Caller::Operator, "GetItem", other).await.unwrap()["Item"],
        Value::Null
    );
    let empty = Harness::new().await;
    let latest = empty.ask(Caller::Operator, "GetItem", get("latest")).await.unwrap();
    assert_eq!(latest["Item"], Value::Null, "before the first day");
    let none = empty.ask(Caller::Operator, "Query", query(&json!({}))).await.unwrap();
    assert_eq!((&none["Count"], &none["Items"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn only_whom_the_policies_let_reads_and_what_customers_pay_nobody() {
    let harness = harness().await;
    assert_eq!(harness.problem(Caller::Agent, "GetItem", get("latest")).await, 403);
    assert_eq!(harness.problem(Caller::Agent, "Query", query(&json!({}))).await, 403);
    let batch = json!({"RequestItems": {"BillingMetrics-dev": {"Keys": [key("latest")]}}});
    assert_eq!(harness.problem(Caller::Agent, "BatchGetItem", batch).await, 403);
    for partition in ["customers", "movements", "movements of cus_1"] {
        let values = json!({"ExpressionAttributeValues": {":p": {"S": partition}}});
        let (code, sentence) = harness.fault(Caller::Operator, "Query", query(&values)).await;
        assert_eq!(code, "AccessDeniedException", "{sentence}");
    }
}

#[tokio::test]
async fn another_table_is_not_served_and_that_is_said() {
    let harness = harness().await;
    for (table, caller) in [
        ("Articles", Caller::Agent),
        ("BillingMetrics-none", Caller::Operator),
        ("BillingMetrics-", Caller::Operator),
    ] {
        let input = json!({"TableName": table, "Key": key("latest")});
        let (code, sentence) = harness.fault(caller, "GetItem", input).await;
        assert_eq!(code, "ResourceNotFoundException");
        assert!(sentence.contains("AWS_ENDPOINT_URL_DYNAMODB"), "{sentence}");
    }
}

#[tokio::test]
async fn a_query_finds_the_days_in_either_order() {
    let harness = harness().await;
    let all = harness
        .ask(Caller::CostControl, "Query", query(&json!({})))
        .await
        .unwrap();
    assert_eq!(sort_keys(&all), [DAYS[0], DAYS[1], DAYS[2], DAYS[3], "latest"]);
    assert_eq!((&all["Count"], &all["ScannedCount"]), (&json!(5), &json!(5)));
    assert_eq!(all["LastEvaluatedKey"], Value::Null);
    let of_year = json!({
        "KeyConditionExpression": "PK = :p AND begins_with(SK, :y)",
        "ExpressionAttributeValues": {":y": {"S": "20"}},
        "ScanIndexForward": false,
    });
    let backwards = harness.ask(Caller::Operator, "Query", query(&of_year)).await.unwrap();
    assert_eq!(sort_keys(&backwards), [DAYS[3], DAYS[2], DAYS[1], DAYS[0]]);
    let between = json!({
        "KeyConditionExpression": "(#p = :p AND #s BETWEEN :a AND :b)",
        "ExpressionAttributeNames": {"#p": "PK", "#s": "SK"},
        "ExpressionAttributeValues": {":a": {"S": "2025-12-31"}, ":b": {"S": "2026-01-01"}},
    });
    let between = harness.ask(Caller::Operator, "Query", query(&between)).await.unwrap();
    assert_eq!(sort_keys(&between), DAYS[1..3]);
}

#[tokio::test]
async fn pages_of_a_query_are_all_of_it_once() {
    let harness = harness().await;
    for (forward, expected) in [
        (true, [DAYS[0], DAYS[1], DAYS[2], DAYS[3], "latest"]),
        (false, ["latest", DAYS[3], DAYS[2], DAYS[1], DAYS[0]]),
    ] {
        for limit in [1, 2, 3] {
            let mut seen: Vec<String> = Vec::new();
            let mut start = Value::Null;
            loop {
                let mut input = query(&json!({"Limit": limit, "ScanIndexForward": forward}));
                if !start.is_null() {
                    input["ExclusiveStartKey"] = start;
                }
                let page = harness.ask(Caller::Operator, "Query", input).await.unwrap();
                let keys = sort_keys(&page);
                assert!(keys.len() <= limit);
                assert_eq!(
                    page["LastEvaluatedKey"].is_null(),
                    keys.len() < limit,
                    "a full page may go on"
                );
                seen.extend(keys.iter().map(|key| (*key).to_owned()));
                start = page["LastEvaluatedKey"].clone();
                if start.is_null() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{limit} at once, forward: {forward}");
        }
    }
}

#[tokio::test]
async fn a_query_gives_what_is_asked_for() {
    let harness = harness().await;
    let projected = json!({
        "ProjectionExpression": "#d, mrrUSD",
        "ExpressionAttributeNames": {"#d": "date"},
        "FilterExpression": "mrrUSD >= :m AND NOT #d = :d",
        "ExpressionAttributeValues": {":m": {"N": "200.00"}, ":d": {"S": "2026-01-01"}},
        "ReturnConsumedCapacity": "TOTAL",
    });
    let found = harness.ask(Caller::Operator, "Query", query(&projected)).await.unwrap();
    assert_eq!(
        found["Items"],
        json!([
            {"date": {"S": "2025-12-31"}, "mrrUSD": {"N": "200"}},
            {"date": {"S": "2026-02-01"}, "mrrUSD": {"N": "400"}},
            {"date": {"S": "2026-02-01"}, "mrrUSD": {"N": "400"}},
        ])
    );
    assert_eq!((&found["Count"], &found["ScannedCount"]), (&json!(3), &json!(5)));
    let capacity = &found["ConsumedCapacity"];
    assert_eq!(capacity["TableName"], "BillingMetrics-dev");
    assert!(capacity["CapacityUnits"].as_f64().unwrap() >= 0.5, "{capacity}");
    let counted = harness
        .ask(Caller::Operator, "Query", query(&json!({"Select": "COUNT"})))
        .await
        .unwrap();
    assert_eq!((&counted["Count"], &counted["Items"]), (&json!(5), &Value::Null));
}

#[tokio::test]
async fn a_query_that_cannot_be_answered_is_refused_as_dynamodb_refuses_it() {
    let harness = harness().await;
    for (more, words) in [
        (
            json!({"KeyConditionExpression": "PK ="}),
            "Syntax error; token: \"<EOF>\"",
        ),
        (json!({"KeyConditionExpression": ""}), "The expression can not be empty"),
        (
            json!({"KeyConditionExpression": "SK = :p"}),
            "missed key schema element: PK",
        ),
        (
            json!({"ExpressionAttributeValues": {":x": {"S": "x"}}}),
            "unused in expressions: keys: {:x}",
        ),
        (
            json!({"ExpressionAttributeNames": {"#x": "SK"}}),
            "unused in expressions: keys: {#x}",
        ),
        (json!({"ExpressionAttributeNames": {}}), "must not be empty"),
        (
            json!({"ExpressionAttributeNames": {"x": "SK"}}),
            "invalid key: Syntax error; key: \"x\"",
        ),
        (
            json!({"ExpressionAttributeValues": {":p": {}}}),
            "invalid value: Supplied AttributeValue is empty",
        ),
        (json!({"FilterExpression": "SK <> :p"}), "Primary key attribute: SK"),
        (
            json!({"FilterExpression": "contains(:p, :p)"}),
            "requires a document path; operator or function: contains",
        ),
        (
            json!({"IndexName": "by-day"}),
            "does not have the specified index: by-day",
        ),
        (json!({"Select": "ALL_PROJECTED_ATTRIBUTES"}), "IndexName"),
        (json!({"Select": "SPECIFIC_ATTRIBUTES"}), "Must specify"),
        (
            json!({"Select": "COUNT", "ProjectionExpression": "ts"}),
            "Cannot specify the ProjectionExpression",
        ),
        (json!({"KeyConditions": {}}), "KeyConditionExpression"),
        (
            json!({"ExclusiveStartKey": {"PK": {"S": "mrr"}}}),
            "starting key is invalid",
        ),
        (
            json!({"ExclusiveStartKey": {"PK": {"S": "x"}, "SK": {"S": "y"}}}),
            "outside query boundaries",
        ),
    ] {
        let (code, sentence) = harness.fault(Caller::Operator, "Query", query(&more)).await;
        assert_eq!(code, "ValidationException", "{sentence}");
        assert!(sentence.contains(words), "{more}: {sentence}");
    }
    let mut without = query(&json!({}));
    without.as_object_mut().unwrap().remove("KeyConditionExpression");
    let (_, sentence) = harness.fault(Caller::Operator, "Query", without).await;
    assert!(sentence.starts_with("Either the KeyConditions"), "{sentence}");
    for (input, words) in [
        (json!({"Key": {"PK": {"S": "mrr"}}}), "does not match the schema"),
        (
            json!({"Key": key("latest"), "ExpressionAttributeNames": {"#x": "ts"}}),
            "ProjectionExpression is null",
        ),
        (
            json!({"Key": key("latest"), "ProjectionExpression": "ts, date"}),
            "reserved keyword: date",
        ),
    ] {
        let mut input = input;
        input["TableName"] = json!("BillingMetrics-dev");
        let (code, sentence) = harness.fault(Caller::Operator, "GetItem", input).await;
        assert_eq!(code, "ValidationException", "{sentence}");
        assert!(sentence.contains(words), "{sentence}");
    }
}

#[tokio::test]
async fn a_batch_gives_every_item_that_is_there() {
    let harness = harness().await;
    let batch =
        |keys: Value| json!({"RequestItems": {"BillingMetrics-dev": {"Keys": keys, "ProjectionExpression": "SK"}}});
    let keys = json!([key("latest"), key("2001-01-01"), key(DAYS[0])]);
    let given = harness
        .ask(Caller::CostControl, "BatchGetItem", batch(keys))
        .await
        .unwrap();
    let items = &given["Responses"]["BillingMetrics-dev"];
    assert_eq!(items, &json!([{"SK": {"S": "latest"}}, {"SK": {"S": DAYS[0]}}]));
    assert_eq!(given["UnprocessedKeys"], json!({}));
    let twice = batch(json!([key("latest"), key("latest")]));
    let (code, sentence) = harness.fault(Caller::Operator, "BatchGetItem", twice).await;
    assert_eq!(
        (code.as_str(), sentence.contains("duplicates")),
        ("ValidationException", true)
    );
    let two = json!({"RequestItems": {
        "BillingMetrics-dev": {"Keys": [key("latest")]},
        "Articles": {"Keys": [key("latest")]},
    }});
    let (code, _) = harness.fault(Caller::Operator, "BatchGetItem", two).await;
    assert_eq!(code, "ResourceNotFoundException");
}
