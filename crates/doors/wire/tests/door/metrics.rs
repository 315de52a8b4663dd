//! Heartbeats and other metrics, and what is told of them.

use axum::http::Method;
use cc_devops_http::ServerConfig;
use cc_devops_testkit::sample::OTHER_AGENT;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{AGENT, AGENTS, Harness};
use crate::signing::{Ask, Key};

fn cloudwatch(operation: &str, input: &Value) -> Ask {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    Ask::json("monitoring", &target, &input.to_string())
}

fn heartbeat(agent: &str, value: u8) -> Ask {
    let data = json!([{"MetricName": "Heartbeat", "Value": value, "Unit": "Count"}]);
    cloudwatch(
        "PutMetricData",
        &json!({"Namespace": format!("Agent/{agent}"), "MetricData": data}),
    )
}

/// When the agent was last heard, and whether it was well.
async fn last(harness: &Harness) -> (Option<Timestamp>, Option<bool>) {
    let answer = harness.over_the_api(AGENTS, Method::GET, "/v1/agents").await;
    let agents = answer.json()["agents"].as_array().unwrap().clone();
    let agent = agents.iter().find(|agent| agent["name"] == AGENT).unwrap();
    let at = agent["lastHeartbeat"].as_str().map(|text| text.parse().unwrap());
    (at, agent["healthy"].as_bool())
}

async fn taken(harness: &Harness, ask: &Ask, key: &Key) {
    let answer = harness.ask(ask, key).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn heartbeat_is_the_heartbeat_in_json_and_in_a_form() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    taken(&harness, &heartbeat(AGENT, 1), &key).await;
    let first = harness.now();
    assert_eq!(last(&harness).await, (Some(first), Some(true)));
    harness.memory.clock().advance(SignedDuration::from_secs(60));
    let form = format!(
        "Action=PutMetricData&Version=2010-08-01&Namespace=Agent%2F{AGENT}&MetricData.member.1.MetricName=Heartbeat\
         &MetricData.member.1.Value=0&MetricData.member.1.Unit=Count"
    );
    taken(&harness, &Ask::form("monitoring", &form), &key).await;
    assert_eq!(last(&harness).await, (Some(harness.now()), Some(false)));
}

#[tokio::test]
async fn a_heartbeat_counts_from_its_signature_and_never_goes_back() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    taken(&harness, &heartbeat(AGENT, 1), &key).await;
    let (first, _) = last(&harness).await;
    let signed = |minutes: i64| heartbeat(AGENT, 0).signed(&key, harness.now() + SignedDuration::from_mins(minutes));
    assert_eq!(harness.send(signed(-10)).await.status, 200);
    assert_eq!(last(&harness).await, (first, Some(true)), "an older one is nothing new");

    harness.memory.clock().advance(SignedDuration::from_mins(12));
    assert_eq!(harness.send(signed(-5)).await.status, 200);
    let five_ago = harness.now() - SignedDuration::from_mins(5);
    assert_eq!(last(&harness).await, (Some(five_ago), Some(false)));

    let (ahead, again) = (signed(10), signed(10));
    assert_eq!(harness.send(ahead).await.status, 200);
    let came = harness.now();
    assert_eq!(last(&harness).await.0, Some(came), "nobody is heard in the future");
    harness.memory.clock().advance(SignedDuration::from_mins(9));
    assert_eq!(harness.send(again).await.status, 200);
    assert_eq!(last(&harness).await.0, Some(came), "a recorded one keeps nobody alive");
}

#[tokio::test]
async fn another_agents_heartbeat_is_denied_and_not_taken() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let answer = harness.ask(&heartbeat(OTHER_AGENT, 1), &key).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "AccessDenied"),
        "{answer:?}"
    );
    let other =
        json!({"Namespace": format!("Agent/{OTHER_AGENT}"), "MetricData": [{"MetricName": "Depth", "Value": 1}]});
    assert_eq!(
        harness.ask(&cloudwatch("PutMetricData", &other), &key).await.code(),
        "AccessDenied"
    );
    let none = harness.ask(&heartbeat("no agent", 1), &key).await;
    assert_eq!(none.status, 400, "{none:?}");
    assert_eq!(last(&harness).await, (None, None));
}

fn depth(namespace: &str, value: f64) -> Ask {
    let of = json!([{"Name": "Stage", "Value": "dev"}]);
    let data = json!([{"MetricName": "QueueDepth", "Value": value, "Unit": "Count", "Dimensions": of}]);
    cloudwatch("PutMetricData", &json!({"Namespace": namespace, "MetricData": data}))
}

#[tokio::test]
async fn other_metrics_are_kept_for_the_metrics_and_for_who_asks() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    for value in [3.0, 4.5] {
        taken(&harness, &depth("Billing/Queues", value), &key).await;
    }
    let text = harness.over_the_api(AGENTS, Method::GET, "/metrics").await.text();
    let labels = format!(
        "{{agent=\"{AGENT}\",namespace=\"Billing/Queues\",metric=\"QueueDepth\",unit=\"Count\",dimensions=\"Stage=dev\"}}"
    );
    for line in [
        format!("cc_devops_reported_last{labels} 4.5"),
        format!("cc_devops_reported_sum{labels} 7.5"),
        format!("cc_devops_reported_samples{labels} 2.0"),
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in {text}");
    }
    assert_eq!(last(&harness).await, (None, None), "that was no heartbeat");
    let asked = json!({
        "Namespace": "Billing/Queues", "MetricName": "QueueDepth", "Dimensions": [{"Name": "Stage", "Value": "dev"}],
        "StartTime": harness.now().as_second() - 600, "EndTime": harness.now().as_second() + 60, "Period": 60,
        "Statistics": ["Average", "Maximum"],
    });
    let told = harness
        .ask(&cloudwatch("GetMetricStatistics", &asked), &key)
        .await
        .json();
    let point = &told["Datapoints"][0];
    assert_eq!(
        (point["Average"].as_f64(), point["Maximum"].as_f64()),
        (Some(3.75), Some(4.5)),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_not_kept_is_refused_and_the_heartbeat_taken() {
    let harness = Harness::with(ServerConfig {
        metric_series: 0,
        ..ServerConfig::default()
    })
    .await;
    let key = harness.key().await;
    let refused = harness.ask(&depth("Billing", 1.0), &key).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "LimitExceeded"));
    assert!(refused.text().contains("aws_door.metric_series"), "{}", refused.text());
    taken(&harness, &heartbeat(AGENT, 1), &key).await;
    assert_eq!(last(&harness).await.1, Some(true));
}

#[tokio::test]
async fn heartbeats_are_told_by_period() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    taken(&harness, &heartbeat(AGENT, 1), &key).await;
    let now = harness.now().as_second();
    let asked = json!({
        "Namespace": format!("Agent/{AGENT}"), "MetricName": "Heartbeat", "Statistics": ["Sum", "SampleCount"],
        "StartTime": now - 3_600, "EndTime": now + 60, "Period": 300,
    });
    let told = harness
        .ask(&cloudwatch("GetMetricStatistics", &asked), &key)
        .await
        .json();
    assert_eq!(told["Label"], "Heartbeat");
    let points = told["Datapoints"].as_array().unwrap();
    assert_eq!(points.len(), 1, "{told}");
    assert_eq!(
        (&points[0]["Sum"], &points[0]["SampleCount"]),
        (&json!(1.0), &json!(1.0))
    );
    assert_eq!(points[0]["Unit"], "Count");
    let begin = points[0]["Timestamp"].as_i64().unwrap();
    assert!(begin <= now && begin > now - 300, "{told}");

    let query = |id: &str, namespace: &str, stat: &str| {
        json!({"Id": id, "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": "Heartbeat"}, "Period": 300, "Stat": stat,
        }})
    };
    let own = format!("Agent/{AGENT}");
    let asked = json!({
        "StartTime": now - 3_600, "EndTime": now + 60,
        "MetricDataQueries": [query("m1", &own, "Sum"), query("m2", "Elsewhere", "Sum")],
    });
    let told = harness.ask(&cloudwatch("GetMetricData", &asked), &key).await.json();
    let results = &told["MetricDataResults"];
    assert_eq!(
        (&results[0]["Id"], &results[0]["Values"]),
        (&json!("m1"), &json!([1.0])),
        "{told}"
    );
    assert_eq!(results[0]["StatusCode"], "Complete");
    assert_eq!(
        results[1]["Values"],
        json!([]),
        "of what nobody reported there is nothing"
    );
    let asked = json!({
        "StartTime": now - 3_600, "EndTime": now, "MetricDataQueries": [query("m1", &own, "p99")],
    });
    let refused = harness.ask(&cloudwatch("GetMetricData", &asked), &key).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "InvalidParameterValue"),
        "{refused:?}"
    );
}

/// A query of the agent's heartbeats, minute by minute.
fn by_the_minute(id: &str) -> Value {
    let metric = json!({"Namespace": format!("Agent/{AGENT}"), "MetricName": "Heartbeat"});
    json!({"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}})
}

#[tokio::test]
async fn metric_data_is_whole_however_few_datapoints_are_asked_for() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let now = harness.now().as_second();
    let data: Vec<Value> = [600, 300, 0]
        .map(|ago| json!({"MetricName": "Depth", "Value": 1, "Timestamp": now - ago}))
        .into();
    let put = json!({"Namespace": "Queues", "MetricData": data});
    taken(&harness, &cloudwatch("PutMetricData", &put), &key).await;
    let mut query = by_the_minute("m1");
    query["MetricStat"]["Metric"] = json!({"Namespace": "Queues", "MetricName": "Depth"});
    let mut asked = json!({
        "StartTime": now - 3_600, "EndTime": now + 60, "MetricDataQueries": [query], "MaxDatapoints": 2,
    });
    let told = harness.ask(&cloudwatch("GetMetricData", &asked), &key).await.json();
    let result = &told["MetricDataResults"][0];
    assert_eq!(
        (&result["StatusCode"], &result["Values"]),
        (&json!("Complete"), &json!([1.0, 1.0, 1.0])),
        "{told}"
    );
    asked["MetricDataQueries"] = json!([by_the_minute("m1"), {"Id": "m2"}]);
    let refused = harness.ask(&cloudwatch("GetMetricData", &asked), &key).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "ValidationError"),
        "{refused:?}"
    );
    let sentence = "The parameter MetricDataQueries.member.2.MetricStat is required.";
    assert!(refused.text().contains(sentence), "{}", refused.text());
}

#[tokio::test]
async fn where_a_heartbeat_is_not_taken_nothing_beside_it_is_kept() {
    let harness = Harness::new().await;
    let operator = harness.key_of("Operator").await;
    let data = json!([{"MetricName": "QueueDepth", "Value": 1}, {"MetricName": "Heartbeat", "Value": 1}]);
    let input = json!({"Namespace": "Agent/Nobody", "MetricData": data});
    let refused = harness.ask(&cloudwatch("PutMetricData", &input), &operator).await;
    assert!(refused.status >= 400, "{refused:?}");
    let told = harness.over_the_api(AGENTS, Method::GET, "/metrics").await.text();
    assert!(
        !told.contains("QueueDepth"),
        "who sends it again has it summed once: {told}"
    );
}

#[tokio::test]
async fn spans_and_periods_that_cannot_be_are_refused() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let now = harness.now().as_second();
    let asked = |start: i64, period: i64| {
        json!({
            "Namespace": format!("Agent/{AGENT}"), "MetricName": "Heartbeat", "Statistics": ["Sum"],
            "StartTime": start, "EndTime": now, "Period": period,
        })
    };
    let cases = [
        (asked(now, 60), "InvalidParameterValue"),
        (asked(now - 60, 61), "InvalidParameterValue"),
        (asked(now - 86_400 * 2, 60), "InvalidParameterCombination"),
        (
            json!({"Namespace": "Agent/A", "MetricName": "Heartbeat"}),
            "MissingParameter",
        ),
    ];
    for (input, code) in cases {
        let answer = harness.ask(&cloudwatch("GetMetricStatistics", &input), &key).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, code),
            "{input}: {answer:?}"
        );
    }
    let nothing = cloudwatch("PutMetricData", &json!({"Namespace": "Billing", "MetricData": []}));
    assert_eq!(harness.ask(&nothing, &key).await.code(), "MissingParameter");
}
