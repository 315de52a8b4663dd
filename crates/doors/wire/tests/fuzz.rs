//! Whatever bytes come to this door, it answers them without a fault, and a signature proves nothing but what was signed.
#![cfg(test)]

#[expect(dead_code, reason = "the door's other tests use more of it")]
#[path = "door/harness.rs"]
mod harness;
#[expect(dead_code, reason = "the door's other tests use more of it")]
#[path = "door/signing.rs"]
mod signing;

use axum::http::HeaderValue;
use cc_devops_testkit::fuzz::Fuzz;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::harness::Harness;
use crate::signing::{Ask, Key};

/// How many calls one control plane is asked: what they leave behind goes with it.
const MOST_CALLS: u64 = 4_096;

/// `{"Namespace": "Agent/Operator", "MetricData": [{"MetricName": "Heartbeat", "Value": 1.0}]}`
const METRICS: &[u8] = b"\xa2\x69Namespace\x6eAgent/Operator\x6aMetricData\x81\xa2\x6aMetricName\x69Heartbeat\x65Value\
    \xfb\x3f\xf0\0\0\0\0\0\0";

/// A control plane whose operator asks.
struct Door {
    harness: Harness,
    key: Key,
    calls: u64,
}

impl Door {
    async fn new() -> Self {
        let harness = Harness::new().await;
        let key = harness.key_of("Operator").await;
        Self { harness, key, calls: 0 }
    }

    async fn answers(&mut self, call: &Ask, body: &[u8]) {
        self.calls += 1;
        if self.calls.is_multiple_of(MOST_CALLS) {
            *self = Self::new().await;
        }
        let ask = Ask {
            body: body.to_vec(),
            ..call.clone()
        };
        let answer = self.harness.ask(&ask, &self.key).await;
        assert!(answer.status < 500, "{answer:?}");
    }
}

/// Each input is the body of each of these calls.
async fn any_body_is_answered(calls: &[Ask]) {
    let examples: Vec<&[u8]> = calls.iter().map(|call| call.body.as_slice()).collect();
    let (mut door, runtime) = (Door::new().await, Handle::current());
    block_in_place(|| {
        Fuzz::new().run(&examples, |body| {
            for call in calls {
                runtime.block_on(door.answers(call, body));
            }
        });
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_document_of_any_bytes_is_answered() {
    let query = r##"{"TableName": "BillingMetrics-dev", "KeyConditionExpression": "PK = :p AND SK < :s", "Limit": 1,
        "FilterExpression": "NOT (size(#n) > :n OR begins_with(b[1].c, :p)) AND d IN (:s, :p)",
        "ExpressionAttributeNames": {"#n": "name"},
        "ExpressionAttributeValues": {":p": {"S": "mrr"}, ":s": {"S": "latest"}, ":n": {"N": "1.5e3"}}}"##;
    let list = r#"{"MaxResults": 1, "Filters": [{"Key": "name", "Values": ["a", "!b"]}]}"#;
    any_body_is_answered(&[
        Ask::json("dynamodb", "DynamoDB_20120810.Query", query),
        Ask::json("secretsmanager", "secretsmanager.ListSecrets", list),
        Ask::json(
            "ssm",
            "AmazonSSM.GetParameter",
            r#"{"Name": "/contentcraft/agents/enabled", "WithDecryption": true}"#,
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_form_of_any_bytes_is_answered() {
    any_body_is_answered(&[
        Ask::form(
            "cloudformation",
            "Action=DescribeStacks&Version=2010-05-15&StackName=none-dev",
        ),
        Ask::form(
            "monitoring",
            "Action=GetMetricStatistics&Version=2010-08-01&Namespace=Agent%2FOperator&MetricName=Heartbeat&Period=300\
             &StartTime=2026-03-01T00%3A00%3A00Z&EndTime=2026-03-01T01%3A00%3A00Z&Statistics.member.1=Sum",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn cbor_of_any_bytes_is_answered() {
    any_body_is_answered(&[Ask {
        body: METRICS.to_vec(),
        ..Ask::cbor("PutMetricData")
    }])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signature_of_any_bytes_proves_nothing_but_what_was_signed() {
    let Door { harness, key, .. } = Door::new().await;
    let request = Ask::identity().signed(&key, harness.now());
    let good = request.headers()["authorization"].to_str().unwrap().to_owned();
    let (_, signature) = good.rsplit_once('=').unwrap();
    let runtime = Handle::current();
    block_in_place(|| {
        assert_eq!(runtime.block_on(harness.send(request)).status, 200);
        Fuzz::new().run(&[good.as_bytes(), b"AWS4-HMAC-SHA256 Credential="], |bytes| {
            let Ok(header) = HeaderValue::from_bytes(bytes) else {
                return;
            };
            let mut request = Ask::identity().signed(&key, harness.now());
            request.headers_mut().insert("authorization", header);
            let answer = runtime.block_on(harness.send(request));
            let written = String::from_utf8_lossy(bytes).to_lowercase();
            assert!(answer.status < 500, "{answer:?}");
            assert!(answer.status != 200 || written.contains(signature), "{written}");
        });
    });
}
