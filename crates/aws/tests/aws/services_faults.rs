//! What the emulators do not do: throttling, errors of the service, refusals, answers that are lost.

use cc_devops_aws::Backend;
use cc_devops_fleet::NewToken;
use cc_devops_kernel::events::EventBody;
use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_kernel::health::Condition;
use cc_devops_kernel::outcome::SecretAction;
use cc_devops_kernel::ports::{
    Clock as _, PortErrorKind, PortResult, SecretVersion, SecretWrite, SecretWritten, SystemClock,
};
use cc_devops_testkit::outbox;
use cc_devops_testkit::sample::{self, AGENT, after, agent_name};
use serde_json::json;

use crate::script::Script;

const NAME: &str = "/contentcraft/orchestrator/api_key";
const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x";
const TOKEN: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

async fn put(backend: &Backend) -> PortResult<SecretWritten> {
    put_under(backend, None).await
}

async fn put_under(backend: &Backend, kms_key: Option<&str>) -> PortResult<SecretWritten> {
    let mut put = sample::put_secret(NAME, sample::PLANTED_SECRET);
    put.kms_key = kms_key.map(str::to_owned);
    let write = SecretWrite {
        put: &put,
        token: TOKEN,
        may_be_repeat: false,
        agent: &agent_name(AGENT),
        stage: &sample::stage(),
        at: sample::START,
    };
    backend.secrets().put(write).await
}

/// A refused write's kind and sentence, which does not tell the value.
async fn refused(script: Script) -> (PortErrorKind, String) {
    let error = put(&script.backend()).await.unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains(sample::PLANTED_SECRET),
        "the value is told"
    );
    (error.kind, error.message)
}

#[tokio::test]
async fn throttled_once_a_secret_is_written_all_the_same() {
    let script = Script::default()
        .refuses("PutSecretValue", 400, "ThrottlingException", "Rate exceeded")
        .answers("PutSecretValue", json!({"ARN": ARN, "VersionId": TOKEN}));
    let written = put(&script.backend()).await.unwrap();
    assert_eq!(written.action, SecretAction::Updated);
    assert_eq!(script.order(), ["PutSecretValue", "PutSecretValue"]);
    let calls = script.calls("PutSecretValue");
    assert_eq!(calls[0], calls[1], "under the same token");
    assert_eq!(calls[0]["ClientRequestToken"], TOKEN);
}

#[tokio::test]
async fn a_service_that_stays_away_may_be_asked_again_later() {
    for (status, code) in [
        (400, "ThrottlingException"),
        (500, "InternalServiceError"),
        (503, "ServiceUnavailable"),
    ] {
        let (kind, message) = refused(Script::default().refuses("PutSecretValue", status, code, "sorry")).await;
        assert_eq!(kind, PortErrorKind::Unavailable, "{code}");
        assert!(message.contains("secretsmanager:PutSecretValue"), "{message}");
    }
}

#[tokio::test]
async fn a_denied_call_names_what_to_grant() {
    let denied = "User: arn:aws:sts::1:assumed-role/x is not authorized to perform it";
    let (kind, message) =
        refused(Script::default().refuses("PutSecretValue", 400, "AccessDeniedException", denied)).await;
    assert_eq!(kind, PortErrorKind::Refused);
    assert!(
        message.contains("secretsmanager:PutSecretValue") && message.contains("grant"),
        "{message}"
    );

    let kms = "Access to KMS is not allowed";
    let (kind, message) = refused(Script::default().refuses("PutSecretValue", 400, "AccessDeniedException", kms)).await;
    assert_eq!(kind, PortErrorKind::Refused);
    assert!(message.contains("kms:GenerateDataKey"), "{message}");
}

#[tokio::test]
async fn a_secret_marked_for_deletion_says_how_to_restore_it() {
    let words = "You can't perform this operation on the secret because it was marked for deletion.";
    let marked = || Script::default().refuses("PutSecretValue", 400, "InvalidRequestException", words);
    let (kind, message) = refused(marked()).await;
    assert_eq!(kind, PortErrorKind::Refused);
    assert!(
        message.contains(&format!("aws secretsmanager restore-secret --secret-id {NAME}")),
        "{message}"
    );
    let words = "You can't create this secret because a secret with this name is already scheduled for deletion.";
    let (_, message) = refused(
        Script::default()
            .refuses("PutSecretValue", 400, "ResourceNotFoundException", "none")
            .refuses("CreateSecret", 400, "InvalidRequestException", words),
    )
    .await;
    assert!(message.contains("restore-secret"), "{message}");
}

#[tokio::test]
async fn a_secret_written_too_often_says_so() {
    let quota = "You have reached the maximum number of versions";
    let (kind, message) =
        refused(Script::default().refuses("PutSecretValue", 400, "LimitExceededException", quota)).await;
    assert_eq!(kind, PortErrorKind::Refused);
    assert!(message.contains("quota") && message.contains("less often"), "{message}");
}

#[tokio::test]
async fn a_token_with_another_value_is_refused_in_our_words() {
    let words = "A resource with the ID you requested already exists.";
    let (kind, message) =
        refused(Script::default().refuses("PutSecretValue", 400, "ResourceExistsException", words)).await;
    assert_eq!(kind, PortErrorKind::Refused);
    assert!(message.contains("request id"), "{message}");
}

#[tokio::test]
async fn a_secret_is_made_once_though_the_answer_was_lost() {
    // The first call made it and did not answer; the client's repeat is told that it exists.
    let script = Script::default()
        .refuses("PutSecretValue", 400, "ResourceNotFoundException", "none")
        .answers("PutSecretValue", json!({"ARN": ARN, "VersionId": TOKEN}))
        .loses("CreateSecret")
        .refuses("CreateSecret", 400, "ResourceExistsException", "exists")
        .answers(
            "DescribeSecret",
            json!({"Tags": [{"Key": "firstVersion", "Value": TOKEN}]}),
        );
    let written = put(&script.backend()).await.unwrap();
    assert_eq!(
        written.action,
        SecretAction::Created,
        "it says what was done, not what it met"
    );
    assert_eq!(written.version_id, TOKEN);
    let calls = script.calls("CreateSecret");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], calls[1], "under the same token");
}

#[tokio::test]
async fn another_was_faster_to_make_the_secret() {
    let script = Script::default()
        .refuses("PutSecretValue", 400, "ResourceNotFoundException", "none")
        .answers("PutSecretValue", json!({"ARN": ARN, "VersionId": TOKEN}))
        .refuses("CreateSecret", 400, "ResourceExistsException", "exists")
        .answers(
            "DescribeSecret",
            json!({"Tags": [{"Key": "firstVersion", "Value": "another"}]}),
        );
    assert_eq!(put(&script.backend()).await.unwrap().action, SecretAction::Updated);
}

#[tokio::test]
async fn a_key_is_changed_with_its_value() {
    let script = Script::default().answers("UpdateSecret", json!({"ARN": ARN, "VersionId": TOKEN}));
    put_under(&script.backend(), Some("alias/own")).await.unwrap();
    let call = &script.calls("UpdateSecret")[0];
    assert_eq!(call["KmsKeyId"], "alias/own");
    assert_eq!(call["ClientRequestToken"], TOKEN);
    assert!(call.get("SecretString").is_some());
}

#[tokio::test]
async fn a_secret_that_holds_bytes_is_not_read_as_an_empty_text() {
    let script = Script::default().answers(
        "GetSecretValue",
        json!({"SecretBinary": "AAEC", "VersionId": TOKEN, "CreatedDate": 1_750_000_000}),
    );
    let read = script
        .backend()
        .secrets()
        .read(&sample::secret_name(NAME), SecretVersion::Current)
        .await;
    assert_eq!(read.err().unwrap().kind, PortErrorKind::Refused);
}

#[tokio::test]
async fn an_answer_that_does_not_come_may_have_taken_effect() {
    let (kind, _) = refused(Script::default().loses("PutSecretValue")).await;
    assert_eq!(kind, PortErrorKind::Timeout);
}

/// The events' request ids, of each call of PutEvents.
fn told(script: &Script) -> Vec<Vec<String>> {
    let id = |entry: &serde_json::Value| {
        let detail: serde_json::Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        detail["requestId"].as_str().unwrap().to_owned()
    };
    let calls = script.calls("PutEvents");
    calls
        .iter()
        .map(|call| call["Entries"].as_array().unwrap().iter().map(id).collect())
        .collect()
}

/// The events of these numbers.
fn events(numbers: std::ops::RangeInclusive<i64>) -> Vec<(i64, OutgoingEvent)> {
    numbers
        .map(|number| (number, outbox::published(number, AGENT, 1)))
        .collect()
}

async fn publish(script: &Script, events: &[(i64, OutgoingEvent)]) -> PortResult<Vec<Result<(), String>>> {
    let events: Vec<_> = events.iter().map(|(number, event)| (*number, event)).collect();
    script.backend().bus().publish(&events, after(5)).await
}

#[tokio::test]
async fn events_that_failed_are_tried_once_more_each_alone_and_told_in_their_order() {
    let failed = |code: &str| json!({"ErrorCode": code, "ErrorMessage": "sorry"});
    let script = Script::default()
        .answers(
            "PutEvents",
            json!({"FailedEntryCount": 2, "Entries": [
                {"EventId": "1"}, failed("ThrottlingException"), {"EventId": "3"}, failed("InternalFailure"),
            ]}),
        )
        .answers(
            "PutEvents",
            json!({"FailedEntryCount": 0, "Entries": [{"EventId": "2"}]}),
        )
        .answers(
            "PutEvents",
            json!({"FailedEntryCount": 1, "Entries": [failed("InternalFailure")]}),
        );
    let results = publish(&script, &events(1..=4)).await.unwrap();
    assert_eq!(results[..3], [Ok(()), Ok(()), Ok(())]);
    let error = results[3].as_ref().unwrap_err();
    assert!(error.contains("InternalFailure"), "{error}");
    let all: Vec<String> = (1..=4).map(|number| format!("event-{number}")).collect();
    assert_eq!(told(&script), [all.clone(), vec![all[1].clone()], vec![all[3].clone()]]);
}

#[tokio::test]
async fn an_event_too_large_for_the_bus_does_not_stop_the_others() {
    let script = Script::default().answers(
        "PutEvents",
        json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}),
    );
    let mut events = events(1..=3);
    let EventBody::Completed(completed) = &mut events[1].1.body else {
        panic!("a sample is an outcome");
    };
    completed.result = Some(json!("x".repeat(300_000)));
    let results = publish(&script, &events).await.unwrap();
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    let error = results[1].as_ref().unwrap_err();
    assert!(error.contains("262144"), "{error}");
}

#[tokio::test]
async fn a_bus_that_is_away_is_everybodys_error() {
    let script = Script::default().refuses("PutEvents", 500, "InternalException", "sorry");
    let error = publish(&script, &events(1..=1)).await;
    assert_eq!(error.unwrap_err().kind, PortErrorKind::Unavailable);
}

#[tokio::test]
async fn part_of_the_calls_may_fail() {
    let fine = json!({"FailedEntryCount": 0, "Entries": vec![json!({"EventId": "1"}); 10]});
    let script = Script::default()
        .answers("PutEvents", fine)
        .refuses("PutEvents", 400, "ValidationException", "sorry");
    let results = publish(&script, &events(1..=15)).await.unwrap();
    assert_eq!(results.len(), 15);
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        10,
        "{results:?}"
    );
}

#[tokio::test]
async fn a_parameter_that_is_being_written_is_tried_again() {
    let list = |text: &str, version: i64| json!({"Parameter": {"Value": text, "Version": version}});
    let script = Script::default()
        .answers("GetItem", json!({"Item": {
            "PK": {"S": "AGENTS"}, "SK": {"S": AGENT}, "name": {"S": AGENT}, "role": {"S": "agent"},
            "secret_prefixes": {"L": []}, "stacks": {"L": []}, "created_at": {"S": "2025-06-15T15:06:40Z"},
            "tokens": {"M": {}}, "revision": {"N": "0"},
        }}))
        .answers("GetParameter", list("A", 7))
        .refuses("PutParameter", 400, "TooManyUpdates", "There are concurrent updates")
        .answers("PutParameter", json!({"Version": 9}))
        .answers("PutParameter", json!({"Version": 11}))
        // The history lags behind at first.
        .answers("GetParameterHistory", json!({"Parameters": [{"Value": "A", "Version": 7}]}))
        .answers(
            "GetParameterHistory",
            json!({"Parameters": [
                {"Value": "A", "Version": 7}, {"Value": "A,B", "Version": 8}, {"Value": format!("A,{AGENT}"), "Version": 9},
            ]}),
        )
        .answers(
            "GetParameterHistory",
            json!({"Parameters": [
                {"Value": "A", "Version": 7}, {"Value": "A,B", "Version": 8}, {"Value": format!("A,{AGENT}"), "Version": 9},
                {"Value": format!("A,{AGENT},C"), "Version": 10}, {"Value": format!("A,{AGENT},B"), "Version": 11},
            ]}),
        )
        .answers("PutParameter", json!({"Version": 12}));
    script
        .backend()
        .agents()
        .register(&agent_name(AGENT), after(1))
        .await
        .unwrap();
    let written: Vec<String> = script
        .calls("PutParameter")
        .iter()
        .map(|call| call["Value"].as_str().unwrap().to_owned())
        .collect();
    let mut ended: Vec<&str> = written.last().unwrap().split(',').collect();
    ended.sort_unstable();
    assert_eq!(ended, ["A", "B", "C", AGENT], "{written:?}");
}

#[tokio::test]
async fn an_agent_is_not_found_where_nobody_can_say_that_it_is_enabled() {
    let script =
        Script::default()
            .answers("GetItem", json!({}))
            .refuses("GetParameter", 400, "AccessDeniedException", "no");
    let error = script.backend().agents().find(&agent_name(AGENT)).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Refused);
    assert!(error.message.contains("ssm:GetParameter"), "{error}");
    let token = NewToken {
        hash: sample::token(1).hash,
        created_at: after(0),
    };
    assert_eq!(
        script.backend().agents().by_token(&token.hash, after(1)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_health_check_reads_the_last_report_and_nothing_else() {
    let checks =
        json!([{"name": "ledger", "status": "healthy"}, {"name": "events", "status": "degraded", "message": "m"}]);
    let script = Script::default().answers(
        "GetItem",
        json!({"Item": {
            "PK": {"S": "HEALTH"}, "SK": {"S": "REPORT"}, "at": {"S": SystemClock.now().to_string()},
            "checks": {"S": checks.to_string()},
        }}),
    );
    let checks = script.backend().checks().check().await;
    assert_eq!(checks.len(), 2);
    assert_eq!(checks[1].status, Condition::Degraded);
    assert_eq!(script.order(), ["GetItem"]);
}
