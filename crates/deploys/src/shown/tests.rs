use cc_devops_kernel::text::is_hidden;
use serde_json::json;

use super::*;
use crate::{ChangeSetDocuments, StatefulTypes, review_documents};

/// What a set of these changes says.
fn reviewed(changes: &serde_json::Value) -> Reviewed {
    let documents = ChangeSetDocuments {
        root: json!({
            "ChangeSetId": "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/s/1",
            "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": changes,
            "Tags": [{"Key": "team", "Value": "orders"}],
            "Parameters": [{"ParameterKey": "Secret", "ParameterValue": "****"}]
        }),
        nested: [(
            "2".to_owned(),
            json!({
                "ChangeSetId": "x:changeSet/n/2", "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE",
                "Changes": [change("Fn", "AWS::Lambda::Function", "Modify", &json!({})),
                            change("Orders", "AWS::DynamoDB::Table", "Remove", &json!({"PolicyAction": "Delete"}))]
            }),
        )]
        .into(),
    };
    review_documents(&documents, &StatefulTypes::default())
}

fn change(id: &str, kind: &str, action: &str, more: &serde_json::Value) -> serde_json::Value {
    let mut change = json!({"Action": action, "LogicalResourceId": id, "ResourceType": kind});
    for (name, value) in more.as_object().unwrap() {
        change[name] = value.clone();
    }
    json!({"Type": "Resource", "ResourceChange": change})
}

fn detail(path: &str, before: &str, after: &str) -> serde_json::Value {
    json!({"Target": {"Attribute": "Properties", "Name": path.split('/').nth(2), "Path": path, "BeforeValue": before,
            "AfterValue": after, "RequiresRecreation": "Never"},
           "Evaluation": "Static", "ChangeSource": "DirectModification"})
}

fn sample() -> Reviewed {
    reviewed(&json!([
        change(
            "Worker",
            "AWS::Lambda::Function",
            "Modify",
            &json!({"Details": [
            detail("/Properties/MemorySize", "512", "1024"),
            detail("/Properties/Environment/Variables/KEY", "canary-1", "canary-2")]})
        ),
        change("Topic", "AWS::SNS::Topic", "Add", &json!({})),
        change("Role", "AWS::IAM::Role", "Modify", &json!({"Replacement": "True"})),
        change(
            "Data",
            "AWS::CloudFormation::Stack",
            "Modify",
            &json!({"ChangeSetId": "x:changeSet/n/2"})
        ),
    ]))
}

#[test]
fn a_tree_says_first_what_is_lost() {
    let reviewed = sample();
    let tree = tree(&View::of(&reviewed));
    assert_eq!(
        tree,
        "\
LOSES DATA: Data/Orders (AWS::DynamoDB::Table) is removed, and the data in it is lost

1 to add, 4 to change, 1 to remove; 1 replaced or may be; DATA IS LOST or may be; rights change

~ Data  AWS::CloudFormation::Stack
  - Orders  AWS::DynamoDB::Table  LOSES DATA, deleted
  ~ Fn  AWS::Lambda::Function
~ Worker  AWS::Lambda::Function
    MemorySize: 512 → 1024
    Environment/Variables/KEY: (hidden, changes)
+ Topic  AWS::SNS::Topic
± Role  AWS::IAM::Role  replaced, changes rights

Carried out with:
  parameter Secret: (hidden)
  tag team: orders"
    );
}

#[test]
fn a_bounded_tree_is_within_its_bound_and_keeps_the_loss() {
    let many: Vec<_> = (0..300)
        .map(|n| {
            let details = json!({"Details": [detail("/Properties/Description", "a", &"long ".repeat(200))]});
            change(&format!("Fn{n}"), "AWS::Lambda::Function", "Modify", &details)
        })
        .chain([change("Orders", "AWS::DynamoDB::Table", "Remove", &json!({}))])
        .collect();
    let reviewed = reviewed(&json!(many));
    let view = View::of(&reviewed);
    for most in [0, 1, 39, 41, 120, 500, 2900, 1_000_000] {
        let told = bounded(&view, most);
        assert!(told.chars().count() <= most, "{most}: {told}");
        if most >= 500 {
            assert!(told.starts_with("LOSES DATA: Orders"), "{told}");
        }
    }
    assert!(bounded(&view, 2900).ends_with("lines more"), "{}", bounded(&view, 2900));
    assert!(markdown(&view).chars().count() < 65_536);
}

#[test]
fn markdown_obeys_nothing_that_others_wrote() {
    let hostile = "`` <img src=x> @team\n```\n# head \u{202e}\u{1b}[2J";
    let reviewed = reviewed(&json!([
        change(
            "A",
            "AWS::DynamoDB::Table",
            "Remove",
            &json!({"LogicalResourceId": hostile})
        ),
        change(
            "B",
            "AWS::Lambda::Function",
            "Modify",
            &json!({"Details": [detail("/Properties/D", "a", hostile)]})
        ),
    ]));
    let view = View::new(&reviewed.rows, &reviewed.summary);
    let told = markdown(&view);
    for line in told.lines() {
        assert!(!line.contains(is_hidden), "{line:?}");
        assert!(!line.starts_with('#') && line != "```", "{told}");
    }
    assert!(told.contains("````diff"), "{told}");
    assert!(!tree(&view).contains(|c| is_hidden(c) && c != '\n'));
}

#[test]
fn what_stays_and_what_may_go_is_said_as_it_is() {
    let told = |kind: &str, action: &str, more: &serde_json::Value| {
        let reviewed = reviewed(&json!([change("Orders", kind, action, more)]));
        tree(&View::of(&reviewed))
    };
    let table = "AWS::DynamoDB::Table";
    let perhaps = told(table, "Modify", &json!({"Replacement": "Conditional"}));
    assert!(
        perhaps.starts_with("MAY LOSE DATA: Orders (AWS::DynamoDB::Table) may be replaced"),
        "{perhaps}"
    );
    let snapshot = told("AWS::RDS::DBInstance", "Remove", &json!({"PolicyAction": "Snapshot"}));
    assert!(snapshot.contains("deleted, and a snapshot stays"), "{snapshot}");
    assert!(!snapshot.contains("LOSE"), "{snapshot}");
    let removed = told("AWS::SNS::Topic", "Remove", &json!({}));
    assert!(removed.contains("- Orders  AWS::SNS::Topic  removed"), "{removed}");
    let metadata = json!({"Replacement": "True", "PolicyAction": "ReplaceAndDelete"});
    let metadata = told("AWS::CDK::Metadata", "Modify", &metadata);
    assert!(metadata.contains("~ Orders  AWS::CDK::Metadata\n"), "{metadata}");
}

#[test]
fn what_is_asked_about_is_said_in_words() {
    let reviewed = sample();
    assert_eq!(
        facts(&reviewed.rows, &reviewed.summary),
        [
            "data is lost or may be",
            "1 resource is replaced",
            "1 resource is removed",
            "rights change"
        ]
    );
    assert!(facts(&[], &Summary::default()).is_empty());
    assert!(
        without_sum(&View::of(&reviewed))
            .lines()
            .all(|line| !line.contains("to add"))
    );
}
