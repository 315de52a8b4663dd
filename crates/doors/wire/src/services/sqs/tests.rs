use std::pin::pin;

use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT};
use futures::FutureExt;
use serde_json::{Value, json};

use super::*;
use crate::services::harness::{Caller, Harness, ask, fault, problem};

const URL: &str = "http://localhost:8080/aws/000000000000/devops-completed-ContentOrchestrator";

/// Asks for a secret, by the agent itself.
async fn put(harness: &Harness, id: &str) {
    let params = json!({"name": "/contentcraft/contentorchestrator/key", "value": id});
    let detail = json!({"requestId": id, "action": "putSecret", "params": params}).to_string();
    let entry = json!({"Source": format!("agent.{AGENT}"), "DetailType": "devops.request", "Detail": detail});
    let put = harness
        .ask(Caller::Agent, "PutEvents", json!({"Entries": [entry]}))
        .await;
    assert_eq!(put.unwrap()["FailedEntryCount"], 0);
}

/// A control plane in which these requests have ended.
async fn ended(ids: &[&str]) -> Harness {
    let harness = Harness::new().await;
    for id in ids {
        put(&harness, id).await;
        harness.outcome(id).await;
    }
    harness.log().await;
    harness
}

async fn sqs(harness: &Harness, operation: &str, mut input: Value) -> Result<Value, Failed> {
    input["QueueUrl"] = json!(URL);
    harness.ask(Caller::Agent, operation, input).await
}

async fn receive(harness: &Harness, input: Value) -> Vec<Value> {
    let answer = sqs(harness, "ReceiveMessage", input).await.unwrap();
    let Some(messages) = answer.get("Messages") else {
        assert_eq!(answer, json!({}), "an empty queue has no list");
        return Vec::new();
    };
    messages.as_array().unwrap().clone()
}

/// What a message's event tells of.
fn told(message: &Value) -> String {
    let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
    body["detail"]["requestId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_completion_is_received_and_deleted_for_good() {
    let harness = ended(&["r1"]).await;
    let name = json!({"QueueName": queue_name(&sample::agent_name(AGENT))});
    let got = harness.ask(Caller::Agent, "GetQueueUrl", name).await.unwrap();
    assert_eq!(got, json!({"QueueUrl": URL}));
    let messages = receive(&harness, json!({"MaxNumberOfMessages": 10})).await;
    assert_eq!(messages.iter().map(told).collect::<Vec<_>>(), ["r1"]);
    assert!(messages[0].get("Attributes").is_none(), "none were asked for");
    assert_eq!(receive(&harness, json!({})).await, [] as [Value; 0], "it is hidden");
    let handle = json!({"ReceiptHandle": messages[0]["ReceiptHandle"]});
    for _ in 0..2 {
        let deleted = sqs(&harness, "DeleteMessage", handle.clone()).await;
        assert_eq!(deleted.unwrap(), json!({}));
    }
    harness.memory.clock().advance(SignedDuration::from_secs(60));
    assert_eq!(receive(&harness, json!({})).await, [] as [Value; 0], "and gone");
}

#[tokio::test]
async fn a_message_is_given_back_and_comes_again_as_the_same() {
    let harness = ended(&["r1"]).await;
    let first = receive(&harness, json!({"VisibilityTimeout": 600})).await.remove(0);
    harness.memory.clock().advance(SignedDuration::from_secs(599));
    assert!(receive(&harness, json!({})).await.is_empty());
    let change = json!({"ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 0});
    sqs(&harness, "ChangeMessageVisibility", change.clone()).await.unwrap();
    let (code, _) = fault(sqs(&harness, "ChangeMessageVisibility", change.clone()).await);
    assert_eq!(code, "AWS.SimpleQueueService.MessageNotInflight");
    let again = receive(&harness, json!({"AttributeNames": ["All"]})).await.remove(0);
    assert_eq!(
        (&again["MessageId"], &again["Body"]),
        (&first["MessageId"], &first["Body"])
    );
    assert_eq!(again["Attributes"]["ApproximateReceiveCount"], "2");
    let wanted = json!({"MessageSystemAttributeNames": ["SentTimestamp"], "VisibilityTimeout": 0});
    sqs(&harness, "ChangeMessageVisibility", change.clone()).await.unwrap();
    let thrice = receive(&harness, wanted).await.remove(0);
    assert_eq!(thrice["Attributes"], json!({"SentTimestamp": "1750000000000"}));
    let handle = json!({"ReceiptHandle": first["ReceiptHandle"]});
    sqs(&harness, "DeleteMessage", handle).await.unwrap();
    let (code, _) = fault(sqs(&harness, "ChangeMessageVisibility", change).await);
    assert_eq!(code, "InvalidParameterValue", "an older handle deletes it as well");
}

#[tokio::test]
async fn a_long_poll_is_answered_as_soon_as_the_completion_is_there() {
    let harness = Harness::new().await;
    let workers = harness.work();
    let call = harness.call(Caller::Agent).await;
    let input = json!({"QueueUrl": URL, "WaitTimeSeconds": 20});
    let mut polling = pin!(ask(call, "ReceiveMessage", input));
    assert!(polling.as_mut().now_or_never().is_none(), "it waits");
    let begun = tokio::time::Instant::now();
    put(&harness, "r1").await;
    let answer = polling.await.unwrap();
    assert_eq!(told(&answer["Messages"][0]), "r1");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    workers.stop(Duration::from_secs(5)).await;
}

/// What a long poll gets that begins while the only message is hidden for 10 minutes, and how many seconds it waited. It has
/// waited for two when somebody changes for how long the message is hidden.
async fn polled_while_hidden(timeout: u32) -> (Value, u64) {
    let harness = ended(&["r1"]).await;
    let first = receive(&harness, json!({"VisibilityTimeout": 600})).await.remove(0);
    let call = harness.call(Caller::Agent).await;
    let input = json!({"QueueUrl": URL, "WaitTimeSeconds": 20});
    let begun = tokio::time::Instant::now();
    let polling = ask(call, "ReceiveMessage", input);
    let change = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let change = json!({"ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": timeout});
        sqs(&harness, "ChangeMessageVisibility", change).await.unwrap();
        // The control plane's clock stands still by itself, and is on before the poll looks at it again.
        tokio::time::sleep(Duration::from_secs(timeout.saturating_sub(1).into())).await;
        harness
            .memory
            .clock()
            .advance(SignedDuration::from_secs(timeout.into()));
    };
    let (answer, ()) = futures::join!(polling, change);
    (answer.unwrap(), begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_gets_at_once_what_is_given_back() {
    let (answer, seconds) = polled_while_hidden(0).await;
    assert_eq!((told(&answer["Messages"][0]).as_str(), seconds), ("r1", 2));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_gets_what_is_hidden_for_shorter_when_that_is_over() {
    let (answer, seconds) = polled_while_hidden(5).await;
    assert_eq!((told(&answer["Messages"][0]).as_str(), seconds), ("r1", 7));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_without_a_message() {
    let harness = Harness::new().await;
    let begun = tokio::time::Instant::now();
    assert!(receive(&harness, json!({"WaitTimeSeconds": 3})).await.is_empty());
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_batch_tells_of_each_what_became_of_it() {
    let harness = ended(&["r1", "r2"]).await;
    let messages = receive(&harness, json!({"MaxNumberOfMessages": 10})).await;
    assert_eq!(messages.len(), 2);
    let entries = json!([
        {"Id": "a", "ReceiptHandle": messages[0]["ReceiptHandle"]},
        {"Id": "b", "ReceiptHandle": "nonsense"},
        {"Id": "c", "ReceiptHandle": messages[1]["ReceiptHandle"]},
    ]);
    let answer = sqs(&harness, "DeleteMessageBatch", json!({"Entries": entries}))
        .await
        .unwrap();
    assert_eq!(answer["Successful"], json!([{"Id": "a"}, {"Id": "c"}]));
    let failed = &answer["Failed"][0];
    assert_eq!(
        (&failed["Id"], &failed["SenderFault"], &failed["Code"]),
        (&json!("b"), &json!(true), &json!("ReceiptHandleIsInvalid"))
    );
    harness.memory.clock().advance(SignedDuration::from_secs(60));
    assert!(receive(&harness, json!({})).await.is_empty());
}

#[tokio::test]
async fn a_batch_is_held_as_a_whole() {
    let harness = Harness::new().await;
    let entry = |id: &str| json!({"Id": id, "ReceiptHandle": "x"});
    let eleven: Vec<Value> = (0..11).map(|number| entry(&number.to_string())).collect();
    let cases = [
        (vec![], "EmptyBatchRequest"),
        (eleven, "TooManyEntriesInBatchRequest"),
        (vec![entry("a"), entry("a")], "BatchEntryIdsNotDistinct"),
        (vec![entry("a b")], "InvalidBatchEntryId"),
        (vec![entry("")], "InvalidBatchEntryId"),
        (vec![entry(&"a".repeat(81))], "InvalidBatchEntryId"),
    ];
    for (entries, expected) in cases {
        let (code, _) = fault(sqs(&harness, "DeleteMessageBatch", json!({"Entries": entries})).await);
        assert_eq!(shape_of(&code), expected);
        assert_eq!(code, format!("AWS.SimpleQueueService.{expected}"));
    }
}

#[tokio::test]
async fn a_queue_is_its_agents_alone() {
    let harness = ended(&["r1"]).await;
    let others = harness.call(Caller::CostControl).await;
    let input = json!({"QueueUrl": URL});
    let (status, sentence) = problem(ask(others, "ReceiveMessage", input).await);
    assert_eq!(status, 403);
    assert!(
        sentence.contains(&format!("yours is devops-completed-{OTHER_AGENT}")),
        "{sentence}"
    );
    assert_eq!(receive(&harness, json!({})).await.len(), 1, "nothing was taken out");

    let named = harness
        .ask(Caller::Agent, "GetQueueUrl", json!({"QueueName": "nope"}))
        .await;
    let (code, _) = fault(named);
    assert_eq!(code, "AWS.SimpleQueueService.NonExistentQueue");
    assert_eq!(shape_of(&code), "QueueDoesNotExist");
    for url in ["", "/", "http://localhost:8080/aws/000000000000/nope"] {
        let input = json!({"QueueUrl": url, "ReceiptHandle": "x"});
        let (code, _) = fault(harness.ask(Caller::Agent, "DeleteMessage", input).await);
        assert_eq!(code, "AWS.SimpleQueueService.NonExistentQueue", "{url:?}");
    }
}

#[tokio::test]
async fn the_address_that_a_queue_has_on_aws_is_taken() {
    let harness = ended(&["r1"]).await;
    let url = format!("https://sqs.us-east-1.amazonaws.com/123456789012/devops-completed-{AGENT}");
    let answer = harness
        .ask(Caller::Agent, "ReceiveMessage", json!({"QueueUrl": url}))
        .await
        .unwrap();
    assert_eq!(told(&answer["Messages"][0]), "r1");
}

#[tokio::test]
async fn numbers_have_their_bounds() {
    let harness = Harness::new().await;
    let cases = [
        ("MaxNumberOfMessages", 0),
        ("MaxNumberOfMessages", 11),
        ("WaitTimeSeconds", -1),
        ("WaitTimeSeconds", 21),
        ("VisibilityTimeout", -1),
        ("VisibilityTimeout", 43_201),
    ];
    for (name, value) in cases {
        let (code, message) = fault(sqs(&harness, "ReceiveMessage", json!({name: value})).await);
        assert_eq!(code, "InvalidParameterValue");
        assert!(
            message.starts_with(&format!("Value {value} for parameter {name} is invalid.")),
            "{message}"
        );
    }
    let change = json!({"ReceiptHandle": "x", "VisibilityTimeout": 1});
    let (code, _) = fault(sqs(&harness, "ChangeMessageVisibility", change).await);
    assert_eq!(code, "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn a_queue_tells_what_it_has() {
    let harness = ended(&["r1", "r2", "r3"]).await;
    receive(&harness, json!({})).await;
    let all = sqs(&harness, "GetQueueAttributes", json!({"AttributeNames": ["All"]}))
        .await
        .unwrap();
    let of = |name: &str| all["Attributes"][name].as_str().unwrap().to_owned();
    assert_eq!(
        (
            of("ApproximateNumberOfMessages"),
            of("ApproximateNumberOfMessagesNotVisible")
        ),
        ("2".to_owned(), "1".to_owned())
    );
    assert_eq!(
        of("QueueArn"),
        format!("arn:aws:sqs:us-east-1:000000000000:devops-completed-{AGENT}")
    );
    assert_eq!(of("MessageRetentionPeriod"), "345600");
    let one = json!({"AttributeNames": ["VisibilityTimeout", "Policy"]});
    let one = sqs(&harness, "GetQueueAttributes", one).await.unwrap();
    assert_eq!(one, json!({"Attributes": {"VisibilityTimeout": "30"}}));
    assert_eq!(sqs(&harness, "GetQueueAttributes", json!({})).await.unwrap(), json!({}));
}
