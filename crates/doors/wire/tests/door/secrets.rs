//! Secrets Manager, as an SDK speaks to it.

mod access;

use cc_devops_kernel::audit::AuditEntry;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Answer, Harness};
use crate::signing::{Ask, Key};

const NAME: &str = "/contentcraft/contentorchestrator/key";

/// A control plane, and somebody who speaks to it.
struct Agent {
    harness: Harness,
    key: Key,
}

impl Agent {
    async fn new() -> Self {
        let harness = Harness::new().await;
        let key = harness.key().await;
        Self { harness, key }
    }

    async fn ask(&self, operation: &str, input: Value) -> Answer {
        let target = format!("secretsmanager.{operation}");
        let ask = Ask::json("secretsmanager", &target, &input.to_string());
        self.harness.ask(&ask, &self.key).await
    }

    /// What is answered, which must be an answer.
    async fn ok(&self, operation: &str, input: Value) -> Value {
        let answer = self.ask(operation, input).await;
        assert_eq!(answer.status, 200, "{operation}: {answer:?}");
        answer.json()
    }

    /// The error's code and what it says.
    async fn error(&self, operation: &str, input: Value) -> (String, String) {
        let answer = self.ask(operation, input).await;
        assert_eq!(answer.status, 400, "{operation}: {answer:?}");
        let body = answer.json();
        let message = ["message", "Message"].into_iter().find_map(|name| body[name].as_str());
        (answer.code(), message.unwrap_or_default().to_owned())
    }

    fn rows(&self) -> Vec<AuditEntry> {
        let rows = self.harness.memory.audit_rows();
        rows.into_iter().map(|row| row.entry).collect()
    }
}

fn token(number: u64) -> String {
    format!("5b1c2d3e-0000-4000-8000-{number:012x}")
}

fn created(value: &str, number: u64) -> Value {
    json!({"Name": NAME, "SecretString": value, "ClientRequestToken": token(number)})
}

fn put(value: &str, number: u64) -> Value {
    json!({"SecretId": NAME, "SecretString": value, "ClientRequestToken": token(number)})
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of[member].as_str().unwrap_or_else(|| panic!("no {member} in {of}"))
}

#[tokio::test]
async fn a_secret_is_made_and_read() {
    let agent = Agent::new().await;
    let made = agent.ok("CreateSecret", created("v1", 1)).await;
    let arn = text(&made, "ARN");
    let start = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{NAME}-");
    let end = arn.strip_prefix(&start).unwrap();
    assert!(
        end.len() == 6 && end.bytes().all(|letter| letter.is_ascii_alphanumeric()),
        "{arn}"
    );
    assert_eq!(made, json!({"ARN": arn, "Name": NAME, "VersionId": token(1)}));
    let part = start.strip_suffix('-').unwrap();
    for id in [NAME, arn, part] {
        let got = agent.ok("GetSecretValue", json!({"SecretId": id})).await;
        assert!(got["CreatedDate"].is_number(), "{got}");
        assert_eq!(
            got,
            json!({"ARN": arn, "Name": NAME, "VersionId": token(1), "SecretString": "v1",
                   "VersionStages": ["AWSCURRENT"], "CreatedDate": got["CreatedDate"]}),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_secret_is_made_once_and_a_repeat_is_the_same() {
    let agent = Agent::new().await;
    let made = agent.ok("CreateSecret", created("v1", 1)).await;
    assert_eq!(agent.ok("CreateSecret", created("v1", 1)).await, made, "a repeat");
    let (code, message) = agent.error("CreateSecret", created("v2", 2)).await;
    assert_eq!(code, "ResourceExistsException");
    assert_eq!(
        message,
        format!("The operation failed because the secret {NAME} already exists.")
    );
    let (code, message) = agent.error("CreateSecret", created("v2", 1)).await;
    assert_eq!(code, "ResourceExistsException");
    assert!(
        message.contains(&token(1)) && message.contains("already in use"),
        "{message}"
    );
    let got = agent.ok("GetSecretValue", json!({"SecretId": NAME})).await;
    assert_eq!(text(&got, "SecretString"), "v1");
}

#[tokio::test]
async fn a_new_version_is_current_and_the_one_before_previous() {
    let agent = Agent::new().await;
    let made = agent.ok("CreateSecret", created("v1", 1)).await;
    let written = agent.ok("PutSecretValue", put("v2", 2)).await;
    assert_eq!(
        written,
        json!({"ARN": made["ARN"], "Name": NAME, "VersionId": token(2), "VersionStages": ["AWSCURRENT"]})
    );
    for (asked, value, stage) in [
        (json!({}), "v2", "AWSCURRENT"),
        (json!({"VersionStage": "AWSPREVIOUS"}), "v1", "AWSPREVIOUS"),
        (json!({"VersionId": token(1)}), "v1", "AWSPREVIOUS"),
        (
            json!({"VersionId": token(2), "VersionStage": "AWSCURRENT"}),
            "v2",
            "AWSCURRENT",
        ),
    ] {
        let mut asked = asked;
        asked["SecretId"] = json!(NAME);
        let got = agent.ok("GetSecretValue", asked).await;
        assert_eq!(
            (text(&got, "SecretString"), &got["VersionStages"]),
            (value, &json!([stage]))
        );
    }
    let late = agent.ok("PutSecretValue", put("v1", 1)).await;
    assert_eq!(late["VersionStages"], json!(["AWSPREVIOUS"]), "a repeat moves nothing");
    assert_eq!(late["VersionId"], json!(token(1)));
    for (operation, input) in [("CreateSecret", created("v1", 1)), ("UpdateSecret", put("v1", 1))] {
        let late = agent.ok(operation, input).await;
        assert_eq!(
            late["VersionId"],
            json!(token(2)),
            "{operation} tells of the current one"
        );
    }
    let (code, _) = agent.error("PutSecretValue", put("v3", 2)).await;
    assert_eq!(code, "ResourceExistsException");
    let got = agent.ok("GetSecretValue", json!({"SecretId": NAME})).await;
    assert_eq!(text(&got, "SecretString"), "v2");
}

#[tokio::test]
async fn a_version_without_a_label_is_read_by_its_id_for_a_day() {
    let agent = Agent::new().await;
    agent.ok("CreateSecret", created("v1", 1)).await;
    agent.ok("PutSecretValue", put("v2", 2)).await;
    agent.ok("PutSecretValue", put("v3", 3)).await;
    let got = agent
        .ok("GetSecretValue", json!({"SecretId": NAME, "VersionId": token(1)}))
        .await;
    assert_eq!(
        (text(&got, "SecretString"), got.get("VersionStages")),
        ("v1", None),
        "{got}"
    );
    let with_labels = async || {
        for label in ["AWSCURRENT", "AWSPREVIOUS", "mine"] {
            let input = json!({"SecretId": NAME, "VersionId": token(1), "VersionStage": label});
            let (code, message) = agent.error("GetSecretValue", input).await;
            assert_eq!(code, "InvalidRequestException", "{label}");
            assert!(
                message.ends_with("not associated to the provided VersionId."),
                "{message}"
            );
        }
    };
    with_labels().await;
    // The next write, two days later, forgets the value, and not that there was that version.
    agent.harness.memory.clock().advance(SignedDuration::from_hours(48));
    agent.ok("PutSecretValue", put("v4", 4)).await;
    let (code, message) = agent
        .error("GetSecretValue", json!({"SecretId": NAME, "VersionId": token(1)}))
        .await;
    assert_eq!(code, "ResourceNotFoundException", "{message}");
    with_labels().await;
}

#[tokio::test]
async fn letters_that_no_name_has_are_refused_as_on_aws() {
    let agent = Agent::new().await;
    let name = "/contentcraft/contentorchestrator/a key";
    for (operation, input) in [
        ("CreateSecret", json!({"Name": name, "SecretString": "v"})),
        ("PutSecretValue", json!({"SecretId": name, "SecretString": "v"})),
        ("UpdateSecret", json!({"SecretId": name, "Description": "x"})),
        ("GetSecretValue", json!({"SecretId": name})),
        ("DescribeSecret", json!({"SecretId": name})),
    ] {
        let (code, message) = agent.error(operation, input).await;
        assert_eq!(code, "ValidationException", "{operation}");
        assert_eq!(
            message,
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        );
    }
    let (code, _) = agent
        .error("CreateSecret", json!({"Name": format!("{NAME}!"), "SecretString": "v"}))
        .await;
    assert_eq!(code, "InvalidParameterException", "AWS would take it");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_awss_words() {
    let agent = Agent::new().await;
    let cannot_find = "Secrets Manager can't find the specified secret";
    for (operation, input) in [
        ("GetSecretValue", json!({"SecretId": NAME})),
        (
            "GetSecretValue",
            json!({"SecretId": NAME, "VersionStage": "AWSPENDING"}),
        ),
        ("GetSecretValue", json!({"SecretId": "plain"})),
        ("DescribeSecret", json!({"SecretId": NAME})),
        ("PutSecretValue", put("v1", 1)),
        ("UpdateSecret", put("v1", 1)),
        ("UpdateSecret", json!({"SecretId": NAME, "Description": "x"})),
    ] {
        let error = agent.error(operation, input).await;
        let wanted = ("ResourceNotFoundException".to_owned(), format!("{cannot_find}."));
        assert_eq!(error, wanted, "{operation}");
    }
    agent.ok("CreateSecret", created("v1", 1)).await;
    agent.ok("PutSecretValue", put("v2", 2)).await;
    for (input, code, end) in [
        (
            json!({"VersionId": token(9)}),
            "ResourceNotFoundException",
            format!("VersionId: {}", token(9)),
        ),
        (
            json!({"VersionId": token(9), "VersionStage": "AWSCURRENT"}),
            "ResourceNotFoundException",
            format!("VersionId: {}", token(9)),
        ),
        (
            json!({"VersionStage": "AWSPENDING"}),
            "ResourceNotFoundException",
            "staging label: AWSPENDING".to_owned(),
        ),
        (
            json!({"VersionId": token(1), "VersionStage": "AWSCURRENT"}),
            "InvalidRequestException",
            "not associated to the provided VersionId.".to_owned(),
        ),
        (
            json!({"VersionId": token(1), "VersionStage": "mine"}),
            "InvalidRequestException",
            "not associated to the provided VersionId.".to_owned(),
        ),
    ] {
        let mut input = input;
        input["SecretId"] = json!(NAME);
        let (found, message) = agent.error("GetSecretValue", input).await;
        assert_eq!(found, code, "{message}");
        assert!(message.ends_with(&end), "{message}");
    }
}

#[tokio::test]
async fn a_secret_is_described_without_its_value() {
    let agent = Agent::new().await;
    let mut input = created("v1", 1);
    input["Description"] = json!("for the bar");
    input["Tags"] = json!([{"Key": "team", "Value": "billing"}]);
    let made = agent.ok("CreateSecret", input).await;
    let described = agent.ok("DescribeSecret", json!({"SecretId": made["ARN"]})).await;
    assert_eq!(
        described,
        json!({"ARN": made["ARN"], "Name": NAME, "Description": "for the bar",
               "Tags": [{"Key": "team", "Value": "billing"}], "VersionIdsToStages": {token(1): ["AWSCURRENT"]},
               "CreatedDate": described["CreatedDate"], "LastChangedDate": described["LastChangedDate"]})
    );
    agent.ok("PutSecretValue", put("v2", 2)).await;
    agent.ok("GetSecretValue", json!({"SecretId": NAME})).await;
    let described = agent.ok("DescribeSecret", json!({"SecretId": NAME})).await;
    assert_eq!(
        described["VersionIdsToStages"],
        json!({token(1): ["AWSPREVIOUS"], token(2): ["AWSCURRENT"]})
    );
    let day = described["LastAccessedDate"].as_f64().unwrap();
    assert!(day.rem_euclid(86_400.0) < 0.001, "the day it was read: {day}");
}

#[tokio::test]
async fn an_update_changes_what_it_names() {
    let agent = Agent::new().await;
    let made = agent.ok("CreateSecret", created("v1", 1)).await;
    let said = agent
        .ok("UpdateSecret", json!({"SecretId": NAME, "Description": "for the bar"}))
        .await;
    assert_eq!(
        said,
        json!({"ARN": made["ARN"], "Name": NAME}),
        "no version was written"
    );
    let written = agent.ok("UpdateSecret", put("v2", 2)).await;
    assert_eq!(
        written,
        json!({"ARN": made["ARN"], "Name": NAME, "VersionId": token(2)})
    );
    let described = agent.ok("DescribeSecret", json!({"SecretId": NAME})).await;
    assert_eq!(text(&described, "Description"), "for the bar");
    agent
        .ok("UpdateSecret", json!({"SecretId": NAME, "Description": ""}))
        .await;
    let described = agent.ok("DescribeSecret", json!({"SecretId": NAME})).await;
    assert_eq!(described.get("Description"), None);
    assert_eq!(
        described["VersionIdsToStages"],
        json!({token(1): ["AWSPREVIOUS"], token(2): ["AWSCURRENT"]})
    );
}

#[tokio::test]
async fn a_secret_may_be_made_before_its_value() {
    let agent = Agent::new().await;
    let made = agent.ok("CreateSecret", json!({"Name": NAME})).await;
    assert_eq!(made.get("VersionId"), None);
    let described = agent.ok("DescribeSecret", json!({"SecretId": NAME})).await;
    assert_eq!(described.get("VersionIdsToStages"), None);
    let (code, message) = agent.error("GetSecretValue", json!({"SecretId": NAME})).await;
    assert_eq!(code, "ResourceNotFoundException");
    assert!(message.ends_with("staging label: AWSCURRENT"), "{message}");
    let written = agent.ok("PutSecretValue", put("v1", 1)).await;
    assert_eq!(written["VersionStages"], json!(["AWSCURRENT"]));
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_words() {
    let agent = Agent::new().await;
    agent.ok("CreateSecret", created("v1", 1)).await;
    let rows = agent.rows().len();
    for (operation, more, code, word) in [
        (
            "PutSecretValue",
            json!({"SecretBinary": "AAEC"}),
            "InvalidParameterException",
            "text",
        ),
        (
            "PutSecretValue",
            json!({"SecretString": "v2", "VersionStages": ["AWSCURRENT", "mine"]}),
            "InvalidParameterException",
            "labels",
        ),
        (
            "PutSecretValue",
            json!({}),
            "InvalidRequestException",
            "SecretString or SecretBinary",
        ),
        (
            "CreateSecret",
            json!({"SecretBinary": "AAEC"}),
            "InvalidParameterException",
            "text",
        ),
        (
            "CreateSecret",
            json!({"Name": "plain", "SecretString": "v"}),
            "InvalidParameterException",
            "must start with `/`",
        ),
        (
            "CreateSecret",
            json!({"Name": "/elsewhere/a/b", "SecretString": "v"}),
            "InvalidParameterException",
            "`/contentcraft/`",
        ),
        (
            "CreateSecret",
            json!({"SecretString": "v", "AddReplicaRegions": [{"Region": "eu-central-1"}]}),
            "InvalidParameterException",
            "one place",
        ),
        (
            "ListSecrets",
            json!({"SortBy": "last-accessed-date"}),
            "InvalidParameterException",
            "created-date",
        ),
        (
            "ListSecrets",
            json!({"Filters": [{"Key": "name"}]}),
            "InvalidParameterException",
            "Values",
        ),
        (
            "ListSecrets",
            json!({"NextToken": "x"}),
            "InvalidNextTokenException",
            "NextToken",
        ),
        (
            "PutSecretValue",
            json!({"SecretString": "", "ClientRequestToken": "short"}),
            "ValidationException",
            "length",
        ),
    ] {
        let mut input = match operation {
            "CreateSecret" => json!({"Name": format!("{NAME}-2")}),
            "PutSecretValue" => json!({"SecretId": NAME}),
            _ => json!({}),
        };
        let more = more.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(more);
        let (found, message) = agent.error(operation, input).await;
        assert_eq!(found, code, "{operation}: {message}");
        assert!(message.contains(word), "{operation}: {message}");
    }
    assert_eq!(agent.rows().len(), rows, "nothing was changed");
}
