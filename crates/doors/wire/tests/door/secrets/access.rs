//! Who may what with secrets, and what is on record of it.

use cc_devops_kernel::outcome::Status;
use cc_devops_testkit::sample::PLANTED_SECRET;
use serde_json::{Value, json};

use super::{Agent, NAME, created, put, text, token};

const OTHERS: &str = "/contentcraft/costsentinel/key";

#[tokio::test]
async fn anothers_secret_is_denied_whether_it_exists_or_not() {
    let agent = Agent::new().await;
    agent.harness.memory.keep_secret(OTHERS, PLANTED_SECRET).await;
    for name in [
        OTHERS,
        "/contentcraft/costsentinel/none",
        "/elsewhere/contentorchestrator/key",
    ] {
        for (operation, input) in [
            ("GetSecretValue", json!({"SecretId": name})),
            ("GetSecretValue", json!({"SecretId": name, "VersionStage": "mine"})),
            ("DescribeSecret", json!({"SecretId": name})),
            ("PutSecretValue", json!({"SecretId": name, "SecretString": "x"})),
            ("UpdateSecret", json!({"SecretId": name, "Description": "x"})),
            ("CreateSecret", json!({"Name": name, "SecretString": "x"})),
        ] {
            // None is made in another namespace, by anybody.
            if operation == "CreateSecret" && name.starts_with("/elsewhere/") {
                continue;
            }
            let (code, message) = agent.error(operation, input).await;
            assert_eq!(code, "AccessDeniedException", "{operation}: {message}");
            assert!(message.contains("no policy lets"), "{message}");
            let row = agent.rows().pop().unwrap();
            assert_eq!(
                (row.resource.as_deref(), row.status),
                (Some(name), Status::Error),
                "{operation} is on record"
            );
            assert_eq!(row.detail["via"], "aws", "{operation}");
        }
    }
    let listed = agent.ok("ListSecrets", json!({})).await;
    assert_eq!(listed["SecretList"], json!([]));
}

#[tokio::test]
async fn what_was_done_is_on_record_and_no_value_is() {
    let agent = Agent::new().await;
    agent.ok("CreateSecret", created(PLANTED_SECRET, 1)).await;
    agent.ok("GetSecretValue", json!({"SecretId": NAME})).await;
    agent.ok("PutSecretValue", put("v2", 2)).await;
    let (_, message) = agent.error("PutSecretValue", put(PLANTED_SECRET, 2)).await;
    let rows = agent.rows();
    let told: Vec<_> = rows
        .iter()
        .filter(|row| row.resource.as_deref() == Some(NAME))
        .map(|row| {
            assert_eq!(row.detail["via"], "aws");
            (row.action.as_str(), row.detail["versionId"].clone())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("putSecret", json!(token(1))),
            ("secret.read", json!(token(1))),
            ("putSecret", json!(token(2))),
        ]
    );
    assert!(!format!("{rows:?} {message}").contains(PLANTED_SECRET));
}

#[tokio::test]
async fn a_list_is_of_what_the_agent_may_read_page_by_page() {
    let agent = Agent::new().await;
    agent.harness.memory.keep_secret(OTHERS, "x").await;
    for number in 0..5_u64 {
        let input =
            json!({"Name": format!("{NAME}{number}"), "SecretString": "v", "ClientRequestToken": token(number)});
        agent.ok("CreateSecret", input).await;
    }
    let names = |listed: &Value| -> Vec<String> {
        let list = listed["SecretList"].as_array().unwrap();
        list.iter().map(|secret| text(secret, "Name").to_owned()).collect()
    };
    let all: Vec<String> = (0..5).map(|number| format!("{NAME}{number}")).collect();
    let backwards: Vec<String> = all.iter().rev().cloned().collect();
    assert_eq!(names(&agent.ok("ListSecrets", json!({})).await), all);
    for (sort, wanted) in [
        (json!({"SortOrder": "desc"}), &backwards),
        (json!({"SortBy": "name"}), &all),
    ] {
        let (mut found, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut input = sort.clone();
            input["MaxResults"] = json!(2);
            if let Some(token) = &token {
                input["NextToken"] = json!(token);
            }
            let page = agent.ok("ListSecrets", input).await;
            assert!(names(&page).len() <= 2);
            found.extend(names(&page));
            token = page.get("NextToken").map(|token| token.as_str().unwrap().to_owned());
            if token.is_none() {
                break;
            }
        }
        assert_eq!(&found, wanted, "{sort}");
    }
    let filters = json!({"Filters": [{"Key": "name", "Values": [format!("{NAME}3")]}]});
    let one = agent.ok("ListSecrets", filters).await;
    let secret = &one["SecretList"][0];
    assert_eq!(secret["SecretVersionsToStages"], json!({token(3): ["AWSCURRENT"]}));
    assert_eq!((secret.get("SecretString"), names(&one).len()), (None, 1));
}

#[tokio::test]
async fn a_secret_by_a_request_is_read_and_keeps_what_is_said_of_it() {
    let agent = Agent::new().await;
    agent.harness.memory.keep_secret(NAME, "v1").await;
    agent
        .ok("UpdateSecret", json!({"SecretId": NAME, "Description": "for the bar"}))
        .await;
    agent.harness.memory.keep_secret(NAME, "v2").await;
    // As its completion names it.
    let id = format!("local:secret:{NAME}");
    let got = agent.ok("GetSecretValue", json!({"SecretId": id})).await;
    assert_eq!(text(&got, "SecretString"), "v2");
    let described = agent.ok("DescribeSecret", json!({"SecretId": NAME})).await;
    assert_eq!(text(&described, "Description"), "for the bar");
}
