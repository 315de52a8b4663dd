//! The parameters of an installation: read, written and merged.

use cc_devops_kernel::names::AgentName;
use cc_devops_testkit::sample;
use serde_json::{Value, json};

use crate::harness::{AGENT, Answer, Harness};
use crate::signing::{Ask, Key};

const ENABLED: &str = "/contentcraft/agents/enabled";

fn ssm(operation: &str, input: &Value) -> Ask {
    Ask::json("ssm", &format!("AmazonSSM.{operation}"), &input.to_string())
}

async fn asked(harness: &Harness, key: &Key, operation: &str, input: Value) -> Answer {
    harness.ask(&ssm(operation, &input), key).await
}

/// The list of enabled agents, and its version.
async fn enabled(harness: &Harness, key: &Key) -> (Vec<String>, u64) {
    let answer = asked(
        harness,
        key,
        "GetParameter",
        json!({"Name": ENABLED, "WithDecryption": true}),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parameter = &answer.json()["Parameter"];
    let names = parameter["Value"].as_str().unwrap().split(',').map(str::to_owned);
    (names.collect(), parameter["Version"].as_u64().unwrap())
}

async fn write(harness: &Harness, key: &Key, value: &str) -> Answer {
    let input = json!({"Name": ENABLED, "Value": value, "Type": "String", "Overwrite": true});
    asked(harness, key, "PutParameter", input).await
}

#[tokio::test]
async fn the_list_of_enabled_agents_is_the_register() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let answer = asked(&harness, &key, "GetParameter", json!({"Name": ENABLED})).await;
    let parameter = &answer.json()["Parameter"];
    assert_eq!(parameter["Value"], format!("{AGENT},DevOpsAutomation,Operator"));
    assert_eq!(
        (&parameter["Type"], &parameter["DataType"]),
        (&json!("String"), &json!("text"))
    );
    assert_eq!(parameter["Version"], 1);
    let arn = parameter["ARN"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:ssm:us-east-1:000000000000:parameter{ENABLED}"));
    let by_arn = asked(&harness, &key, "GetParameter", json!({"Name": arn})).await;
    assert_eq!(by_arn.json()["Parameter"]["Name"], ENABLED);
    let second = asked(&harness, &key, "GetParameter", json!({"Name": format!("{ENABLED}:2")})).await;
    assert_eq!(
        (second.status, second.code().as_str()),
        (400, "ParameterVersionNotFound")
    );
    let none = asked(
        &harness,
        &key,
        "GetParameter",
        json!({"Name": "/contentcraft/agents/none"}),
    )
    .await;
    assert_eq!((none.status, none.code().as_str()), (400, "ParameterNotFound"));
}

#[tokio::test]
async fn who_is_there_already_changes_nothing_and_loses_nobody() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let before = enabled(&harness, &key).await;
    // A name alone, as a writer has it that read an older list.
    let written = write(&harness, &key, AGENT).await;
    assert_eq!(written.status, 200, "{}", written.text());
    assert_eq!(written.json()["Version"], before.1);
    assert_eq!(enabled(&harness, &key).await, before);
    let refused = asked(
        &harness,
        &key,
        "PutParameter",
        json!({"Name": ENABLED, "Value": AGENT, "Type": "String"}),
    )
    .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "ParameterAlreadyExists")
    );
}

#[tokio::test]
async fn a_new_name_is_an_operators_to_add_and_a_revoked_one_stays_so() {
    let harness = Harness::new().await;
    let (key, operator) = (harness.key().await, harness.key_of("Operator").await);
    let (names, version) = enabled(&harness, &key).await;
    let denied = write(&harness, &key, "Newcomer").await;
    assert_eq!(
        (denied.status, denied.code().as_str()),
        (400, "AccessDeniedException"),
        "{denied:?}"
    );
    let rows = harness.memory.audit_rows();
    let row = &rows.last().unwrap().entry;
    assert_eq!(
        (row.action.as_str(), row.resource.as_deref()),
        ("agent.added", Some("*"))
    );
    assert_eq!(row.detail["via"], "aws");
    assert_eq!(enabled(&harness, &key).await, (names.clone(), version));

    let added = write(&harness, &operator, &format!("{}, Newcomer", names.join(","))).await;
    assert_eq!(added.json()["Version"], version + 1, "{}", added.text());
    let (with_it, _) = enabled(&harness, &key).await;
    assert!(
        with_it.contains(&"Newcomer".to_owned()) && with_it.len() == names.len() + 1,
        "{with_it:?}"
    );
    let rows = harness.memory.audit_rows();
    let row = &rows.last().unwrap().entry;
    assert_eq!(
        (row.action.as_str(), row.agent.as_ref().map(AgentName::as_str)),
        ("agent.added", Some("Newcomer"))
    );

    let ports = harness.memory.ports();
    let name = AgentName::new("Newcomer").unwrap();
    ports
        .agents
        .revoke(&name, harness.now(), &sample::revoked())
        .await
        .unwrap();
    let stale = write(&harness, &key, &with_it.join(",")).await;
    assert_eq!(
        stale.status,
        200,
        "who read an older list is let through: {}",
        stale.text()
    );
    assert_eq!(enabled(&harness, &key).await, (names, version + 2));
    let empty = write(&harness, &operator, "").await;
    assert_eq!((empty.status, empty.code().as_str()), (400, "ValidationException"));
    let odd = write(&harness, &operator, "A,not a name").await;
    assert_eq!((odd.status, odd.code().as_str()), (400, "ValidationException"));
    assert!(
        !odd.text().contains("not a name"),
        "values are not repeated: {}",
        odd.text()
    );
}

#[tokio::test]
async fn the_installations_names_are_read_and_not_written() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let path = |path: &str, deep: bool| json!({"Path": path, "Recursive": deep, "MaxResults": 3});
    let told = asked(
        &harness,
        &key,
        "GetParametersByPath",
        path("/contentcraft/installation", false),
    )
    .await
    .json();
    let values: Vec<_> = told["Parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["Value"].clone())
        .collect();
    assert_eq!(
        values,
        [json!("DevOpsAutomation"), json!("contentcraft"), json!("dev,prod")]
    );
    let first = asked(&harness, &key, "GetParametersByPath", path("/contentcraft/", true))
        .await
        .json();
    assert_eq!(first["Parameters"].as_array().unwrap().len(), 3);
    let mut next = path("/contentcraft/", true);
    next["NextToken"] = first["NextToken"].clone();
    let second = asked(&harness, &key, "GetParametersByPath", next).await.json();
    assert_eq!(second["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(second["NextToken"], Value::Null);
    let none = asked(&harness, &key, "GetParametersByPath", path("/contentcraft", false))
        .await
        .json();
    assert_eq!(none["Parameters"], json!([]));

    let stages = "/contentcraft/installation/stages";
    let names = json!({"Names": [stages, "/contentcraft/none"]});
    let told = asked(&harness, &key, "GetParameters", names).await.json();
    assert_eq!(told["Parameters"][0]["Type"], "StringList");
    assert_eq!(told["InvalidParameters"], json!(["/contentcraft/none"]));
    for name in [stages, "/contentcraft/anything"] {
        let input = json!({"Name": name, "Value": "x", "Type": "String", "Overwrite": true});
        let refused = asked(&harness, &key, "PutParameter", input).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "AccessDeniedException"),
            "{name}"
        );
    }
}
