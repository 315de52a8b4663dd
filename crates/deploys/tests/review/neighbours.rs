//! Change sets of the same kinds as the cases.

use cc_devops_deploys::{ChangeAction, ChangeSetDocuments};
use cc_devops_deploys::{Replacement, Standing, StatefulTypes, review_documents};
use serde_json::{Value, json};

use crate::sets::{arn, change, detail, digest_of, read, read_nested, row, set, with, worker};

const TABLE: &str = "AWS::DynamoDB::Table";
const STACK: &str = "AWS::CloudFormation::Stack";

/// A detail with these words.
fn signal(requires: &str, evaluation: &str, after: &str) -> Value {
    json!({
        "Target": {"Attribute": "Properties", "Name": "Key", "Path": "/Properties/Key", "RequiresRecreation": requires,
                   "BeforeValue": "a", "AfterValue": after},
        "Evaluation": evaluation, "ChangeSource": "DirectModification",
    })
}

/// The worst of what each signal says, and whether a word of it is unknown.
#[test]
fn every_signal_of_replacement_counts_with_every_policy_action() {
    use Replacement::{Maybe, No, Yes};
    let replacements = [
        (None, No, false),
        (Some("False"), No, false),
        (Some("Conditional"), Maybe, false),
        (Some("True"), Yes, false),
        (Some("Sometimes"), Maybe, true),
    ];
    let policy_actions = [
        (None, No, false),
        (Some("Delete"), No, false),
        (Some("Retain"), No, false),
        (Some("Snapshot"), No, false),
        (Some("ReplaceAndDelete"), Yes, false),
        (Some("ReplaceAndRetain"), Yes, false),
        (Some("ReplaceAndSnapshot"), Yes, false),
        (Some("ReplaceAndArchive"), Yes, true),
        (Some("Archive"), Maybe, true),
    ];
    let later = "{{changeSet:KNOWN_AFTER_APPLY}}";
    let details = [
        (None, No, false),
        (Some(signal("Never", "Static", "b")), No, false),
        (Some(signal("Conditionally", "Static", "b")), Maybe, false),
        (Some(signal("Always", "Static", "b")), Yes, false),
        (Some(signal("Always", "Dynamic", "b")), Maybe, false),
        (Some(signal("Always", "Static", later)), Yes, false),
        (Some(signal("Occasionally", "Static", "b")), Maybe, true),
        (Some(signal("Always", "Magic", "b")), Maybe, true),
    ];
    for (replacement, by_replacement, odd_replacement) in replacements {
        for (policy_action, by_policy, odd_policy) in policy_actions {
            for (detail, by_detail, odd_detail) in &details {
                let listed: Vec<&Value> = detail.iter().collect();
                let more = json!({"Replacement": replacement, "PolicyAction": policy_action, "Details": listed});
                let reviewed = read(set("m", &[change("Orders", TABLE, "Modify", &more)]));
                let row = row(&reviewed, "Orders");
                let mut worst = by_replacement.max(by_policy).max(*by_detail);
                let only_later = detail
                    .as_ref()
                    .is_some_and(|detail| detail["Target"]["AfterValue"] == later);
                if worst == Yes && only_later {
                    worst = Maybe;
                }
                assert_eq!(row.replacement, worst, "{more}");
                let kept = matches!(policy_action, Some("ReplaceAndRetain" | "ReplaceAndSnapshot"));
                assert_eq!(row.lost, worst != No && !kept, "{more}");
                let odd = odd_replacement || odd_policy || *odd_detail;
                assert_eq!(reviewed.summary.unknown_change, odd, "{more}");
                assert_eq!(reviewed.summary.replacements, u32::from(worst != No), "{more}");
                assert_eq!(reviewed.summary.replaces_stateful, worst == Yes, "{more}");
                assert_eq!(reviewed.summary.maybe_replaces_stateful, worst == Maybe, "{more}");
                assert!(!reviewed.summary.deletes_stateful, "{more}");
                let metadata = read(set("m", &[change("M", "AWS::CDK::Metadata", "Modify", &more)]));
                assert_eq!(metadata.rows[0].replacement, No, "{more}");
            }
        }
    }
}

#[test]
fn a_value_known_later_softens_only_where_every_detail_that_replaces_has_it() {
    let later = "orders-{{changeSet:KNOWN_AFTER_APPLY}}";
    let both = [signal("Always", "Static", later), signal("Always", "Static", "b")];
    let only = [
        signal("Always", "Static", later),
        signal("Conditionally", "Static", "b"),
    ];
    let inside = [signal("Always", "Static", &format!("{later}-b"))];
    for (details, expected) in [
        (&both[..], Replacement::Yes),
        (&only[..], Replacement::Maybe),
        (&inside[..], Replacement::Yes),
    ] {
        let more = json!({"Replacement": "True", "Details": details});
        let reviewed = read(set("k", &[change("Orders", TABLE, "Modify", &more)]));
        assert_eq!(reviewed.rows[0].replacement, expected, "{more}");
        assert_eq!(reviewed.rows[0].why, ["Key"]);
    }
}

#[test]
fn what_is_removed_is_lost_unless_it_is_said_to_stay() {
    for (policy_action, lost, deletes, unknown) in [
        (None, true, true, false),
        (Some("Delete"), true, true, false),
        (Some("Retain"), false, false, false),
        (Some("Snapshot"), false, true, false),
        (Some("ReplaceAndRetain"), true, true, false),
        (Some("Archive"), true, true, true),
    ] {
        for resource_type in ["AWS::S3::Bucket", "AWS::SecretsManager::Secret", STACK] {
            let more = json!({"PolicyAction": policy_action});
            let root = set(
                "r",
                &[change(
                    "It",
                    resource_type,
                    "Remove",
                    &with(more, &json!({"ChangeSetId": arn("n")})),
                )],
            );
            let reviewed = read_nested(root, [("n", set("n", &[]))]);
            let summary = &reviewed.summary;
            assert_eq!(
                (summary.removes, row(&reviewed, "It").lost),
                (1, lost),
                "{policy_action:?}"
            );
            assert_eq!(
                (summary.deletes_stateful, summary.unknown_change),
                (deletes, unknown),
                "{policy_action:?}"
            );
        }
    }
}

#[test]
fn a_configured_type_holds_data_too() {
    let root = set("t", &[change("It", "Custom::Archive", "Remove", &json!({}))]);
    let documents = ChangeSetDocuments {
        root,
        nested: std::collections::BTreeMap::new(),
    };
    assert!(
        !review_documents(&documents, &StatefulTypes::default())
            .summary
            .loses_stateful
    );
    let types = StatefulTypes::with(["Custom::Archive".to_owned()]);
    assert!(review_documents(&documents, &types).summary.loses_stateful);
}

/// What makes the whole unknown.
#[test]
fn what_the_model_does_not_list_is_unknown() {
    let target = |member: &str, value: &str| {
        let mut detail = detail("/Properties/Size", "1", "2");
        detail["Target"][member] = json!(value);
        worker(&[detail])
    };
    let of_detail =
        |member: &str, value: &str| worker(&[with(detail("/Properties/Size", "1", "2"), &json!({member: value}))]);
    let of_change = |more: Value| change("Worker", "AWS::Lambda::Function", "Modify", &more);
    let changes = [
        target("Attribute", "Outputs"),
        target("AttributeChangeType", "Swap"),
        target("BeforeValueFrom", "THE_MOON"),
        target("AfterValueFrom", "THE_MOON"),
        of_detail("Evaluation", "Lazy"),
        of_detail("ChangeSource", "Rumour"),
        of_change(json!({"Scope": ["Properties", "Everything"]})),
        of_change(json!({"Scope": ["Properties", 5]})),
        of_change(json!({"ResourceDriftStatus": "BENT"})),
        of_change(json!({"Replacement": true})),
        of_change(json!({"Details": {}})),
        of_change(json!({"Details": ["x"]})),
        of_change(json!({"Details": [{"Evaluation": "Static"}]})),
        of_change(json!({"ResourceType": null})),
        of_change(json!({"LogicalResourceId": ""})),
        of_change(json!({"Action": null})),
        of_change(json!({"Action": "Import"})),
        of_change(json!({"Action": "Dynamic"})),
        of_change(json!({"Action": "SyncWithActual"})),
        of_change(json!({"Action": "Teleport"})),
        of_change(json!({"ResourceDriftIgnoredAttributes": [{"Path": "/a", "Reason": "WHIM"}]})),
        with(of_change(json!({})), &json!({"Type": "Module"})),
        json!({"Type": "Resource"}),
        json!({"Type": "Hook", "HookInvocationCount": 1}),
        json!({"Type": "Resource", "ResourceChange": {}}),
        json!("nothing"),
        change("Data", STACK, "Modify", &json!({})),
        change("Data", STACK, "Modify", &json!({"ChangeSetId": ""})),
        change("Data", STACK, "Modify", &json!({"ChangeSetId": arn("gone")})),
    ];
    for change in changes {
        let reviewed = read(set("u", std::slice::from_ref(&change)));
        assert!(reviewed.summary.unknown_change, "{change}");
        assert!(!reviewed.notes.is_empty(), "{change}");
        assert_eq!(reviewed.standing, Standing::Ready, "{change}");
    }
    let sets = [
        json!({"NextToken": "x"}),
        json!({"Capabilities": ["CAPABILITY_EVERYTHING"]}),
        json!({"OnStackFailure": "SHRUG"}),
        json!({"DeploymentMode": "SIDEWAYS"}),
        json!({"DeploymentConfig": {"Mode": "LUDICROUS"}}),
        json!({"StackDriftStatus": "BENT"}),
        json!({"Changes": null}),
        json!({"Changes": {}}),
        json!({"ExecutionStatus": null}),
    ];
    for more in sets {
        let reviewed = read(with(set("u", &[worker(&[])]), &more));
        assert!(reviewed.summary.unknown_change, "{more}");
    }
}

#[test]
fn what_is_ordinary_is_not_unknown() {
    let sets = [
        json!({"NextToken": null, "StackDriftStatus": "NOT_CHECKED", "OnStackFailure": "ROLLBACK"}),
        json!({"DeploymentConfig": {"Mode": "STANDARD", "DisableRollback": false}, "ImportExistingResources": false}),
        json!({"DeploymentMode": "REVERT_DRIFT", "Description": null, "ParentChangeSetId": arn("p"), "SomethingNew": 1}),
        json!({"Capabilities": ["CAPABILITY_NAMED_IAM"], "RollbackConfiguration": {"MonitoringTimeInMinutes": 5}}),
    ];
    for more in sets {
        let hook = with(worker(&[]), &json!({"HookInvocationCount": 3}));
        let reviewed = read(with(set("o", &[hook]), &more));
        assert!(!reviewed.summary.unknown_change, "{more}: {:?}", reviewed.notes);
    }
    let express = read(with(set("e", &[]), &json!({"DeploymentConfig": {"Mode": "EXPRESS"}})));
    assert!(express.summary.express && !express.summary.unknown_change);
    assert_ne!(digest_of(&express), digest_of(&read(set("e", &[]))));
}

#[test]
fn other_actions_are_in_no_count() {
    let changes = ["Import", "Dynamic", "SyncWithActual", "Teleport"]
        .map(|action| change(action, TABLE, action, &json!({"ResourceDriftStatus": "DELETED"})));
    let reviewed = read(set("a", &changes));
    let summary = &reviewed.summary;
    assert_eq!((summary.adds, summary.modifies, summary.removes), (0, 0, 0));
    assert!(summary.drifted && summary.unknown_change);
    assert_eq!(
        row(&reviewed, "Teleport").action,
        ChangeAction::Other("Teleport".to_owned())
    );
}

#[test]
fn drift_is_told_in_three_places() {
    let mut drifted = detail("/Properties/Size", "1", "2");
    drifted["Target"]["Drift"] = json!({"PreviousValue": "1", "ActualValue": "3", "DriftDetectionTimestamp": "now"});
    for root in [
        with(set("d", &[worker(&[])]), &json!({"StackDriftStatus": "DRIFTED"})),
        set("d", &[worker(&[drifted.clone()])]),
        set(
            "d",
            &[change(
                "W",
                TABLE,
                "Modify",
                &json!({"ResourceDriftStatus": "MODIFIED"}),
            )],
        ),
        set(
            "d",
            &[change("W", TABLE, "Modify", &json!({"ResourceDriftStatus": "DELETED"}))],
        ),
    ] {
        assert!(read(root.clone()).summary.drifted, "{root}");
    }
    for status in ["IN_SYNC", "NOT_CHECKED", "UNKNOWN", "UNSUPPORTED"] {
        let root = set(
            "d",
            &[change("W", TABLE, "Modify", &json!({"ResourceDriftStatus": status}))],
        );
        assert!(!read(root).summary.drifted, "{status}");
    }
    let at = |time: &str| {
        let mut drifted = drifted.clone();
        drifted["Target"]["Drift"]["DriftDetectionTimestamp"] = json!(time);
        digest_of(&read(set("d", &[worker(&[drifted])])))
    };
    assert_eq!(at("2026-01-01"), at("2026-01-02"), "times do not count");
}

fn nest(id: &str, of: &str) -> Value {
    change(id, STACK, "Modify", &json!({"ChangeSetId": arn(of)}))
}

#[test]
fn a_loss_is_found_at_any_depth() {
    let gone = change("Orders", TABLE, "Remove", &json!({"PolicyAction": "Delete"}));
    let nested = [
        ("1", set("1", &[nest("B", "2")])),
        ("2", set("2", &[nest("C", "3")])),
        ("3", set("3", &[gone])),
    ];
    let reviewed = read_nested(set("0", &[nest("A", "1")]), nested);
    let paths: Vec<&str> = reviewed.rows.iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, ["A", "A/B", "A/B/C", "A/B/C/Orders"]);
    assert!(
        reviewed.summary.loses_stateful && !reviewed.summary.unknown_change,
        "{:?}",
        reviewed.notes
    );
}

#[test]
fn a_set_that_comes_round_again_is_unknown() {
    let round = [("1", set("1", &[nest("B", "2")])), ("2", set("2", &[nest("C", "1")]))];
    let to_the_root = [("1", set("1", &[nest("B", "0")]))];
    let twice = [("1", set("1", &[worker(&[])]))];
    for (reviewed, rows) in [
        (read_nested(set("0", &[nest("A", "1")]), round), 3),
        (read_nested(set("0", &[nest("A", "1")]), to_the_root), 2),
        (read_nested(set("0", &[nest("A", "1"), nest("B", "1")]), twice), 3),
    ] {
        assert_eq!(reviewed.rows.len(), rows);
        assert!(reviewed.summary.unknown_change);
        assert!(
            reviewed.notes.iter().any(|note| note.contains("comes round again")),
            "{:?}",
            reviewed.notes
        );
    }
}

#[test]
fn a_nested_set_is_the_one_that_was_named_and_can_be_carried_out() {
    for (nested, unknown) in [
        (set("1", &[]), false),
        (set("other", &[]), true),
        (with(set("1", &[]), &json!({"NextToken": "x"})), true),
        (with(set("1", &[]), &json!({"ExecutionStatus": "OBSOLETE"})), true),
        (
            with(
                set("1", &[]),
                &json!({"Status": "FAILED", "StatusReason": "no such bucket"}),
            ),
            true,
        ),
        (
            with(
                set("1", &[]),
                &json!({"Status": "FAILED", "StatusReason": "No updates are to be performed."}),
            ),
            false,
        ),
        (json!("text"), true),
    ] {
        let reviewed = read_nested(set("0", &[nest("A", "1")]), [("1", nested.clone())]);
        assert_eq!(
            reviewed.summary.unknown_change, unknown,
            "{nested}: {:?}",
            reviewed.notes
        );
    }
    let drifted = with(set("1", &[]), &json!({"StackDriftStatus": "DRIFTED"}));
    assert!(
        read_nested(set("0", &[nest("A", "1")]), [("1", drifted)])
            .summary
            .drifted
    );
}

#[test]
fn only_a_set_that_is_complete_and_available_can_be_carried_out() {
    for (status, execution, standing) in [
        ("CREATE_COMPLETE", "AVAILABLE", "ready"),
        ("CREATE_COMPLETE", "OBSOLETE", "obsolete"),
        ("FAILED", "OBSOLETE", "obsolete"),
        ("CREATE_COMPLETE", "UNAVAILABLE", "not_a_plan"),
        ("CREATE_COMPLETE", "EXECUTE_IN_PROGRESS", "not_a_plan"),
        ("CREATE_COMPLETE", "EXECUTE_COMPLETE", "not_a_plan"),
        ("CREATE_COMPLETE", "EXECUTE_FAILED", "not_a_plan"),
        ("CREATE_IN_PROGRESS", "UNAVAILABLE", "not_a_plan"),
        ("CREATE_PENDING", "UNAVAILABLE", "not_a_plan"),
        ("DELETE_COMPLETE", "UNAVAILABLE", "not_a_plan"),
        ("NEW_STATUS", "AVAILABLE", "not_a_plan"),
        ("FAILED", "UNAVAILABLE", "failed"),
    ] {
        let root = with(
            set("s", &[worker(&[])]),
            &json!({"Status": status, "ExecutionStatus": execution}),
        );
        let reviewed = read(root);
        assert_eq!(reviewed.standing.as_str(), standing, "{status} {execution}");
        assert_eq!(reviewed.standing.why().is_some(), standing != "ready");
    }
    assert_eq!(
        read(with(set("s", &[]), &json!({"Status": null}))).standing.as_str(),
        "not_a_plan"
    );
    for other in [json!({}), json!([]), json!("x"), json!({"Stacks": []}), json!(null)] {
        assert_eq!(read(other.clone()).standing.as_str(), "not_a_plan", "{other}");
    }
}

#[test]
fn nothing_to_change_is_said_in_two_sentences() {
    let failed = |reason: &str, changes: &[Value]| {
        let more = json!({"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": reason});
        read(with(set("n", changes), &more)).standing
    };
    let sentence =
        "The submitted information didn't contain changes. Submit different information to create a change set.";
    assert_eq!(failed(sentence, &[]), Standing::NoChanges);
    assert_eq!(failed("No updates are to be performed.", &[]), Standing::NoChanges);
    assert_eq!(failed(sentence, &[worker(&[])]).as_str(), "failed");
    assert_eq!(
        failed("Template error: 'No updates are to be performed.'", &[]).as_str(),
        "failed"
    );
}

#[test]
fn why_a_nested_set_failed_is_said_at_the_root() {
    let nested = with(
        set("1", &[]),
        &json!({"Status": "FAILED", "StatusReason": "Bucket orders already exists", "StackName": "orders-Data"}),
    );
    let reason = format!(
        "Nested change set {} was not successfully created: Currently in FAILED.",
        arn("1")
    );
    let root = with(set("0", &[]), &json!({"Status": "FAILED", "StatusReason": reason}));
    let reviewed = read_nested(root, [("1", nested)]);
    let why = reviewed.standing.why().unwrap();
    assert!(why.contains("orders-Data: Bucket orders already exists"), "{why}");
}

#[test]
fn odd_values_and_names_are_taken_as_they_are() {
    let details = [
        json!({"Target": {"Attribute": "Properties", "Name": "Size", "RequiresRecreation": "Never"}, "Evaluation": "Static"}),
        json!({"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}, "Evaluation": "Dynamic"}),
        with(detail("/Properties/Text", "", ""), &json!({})),
        detail("/Properties/Long", &"x".repeat(300_000), &"y".repeat(300_000)),
        detail(
            "/Properties/\u{65e5}\u{672c}",
            "\u{202e}\u{1b}[2J",
            "\u{1f680}\n\r\t\u{0}",
        ),
        json!({"Target": {"Path": "/Properties/Count", "BeforeValue": 5, "AfterValue": "6", "RequiresRecreation": "Never"}}),
    ];
    let reviewed = read(set("v", &[worker(&details)]));
    assert!(!reviewed.summary.unknown_change, "{:?}", reviewed.notes);
    let properties = &row(&reviewed, "Worker").properties;
    let paths: Vec<&str> = properties.iter().map(|property| property.path.as_str()).collect();
    assert_eq!(paths[..2], ["/Properties/Size", "/Tags"]);
    assert_eq!(properties[5].before.as_deref(), Some("5"));
    assert!(row(&reviewed, "Worker").masked.is_empty());
    let told = cc_devops_deploys::shown::tree(&cc_devops_deploys::shown::View::of(&reviewed));
    assert!(
        told.len() < 3_000 && !told.contains('\u{1b}') && !told.contains('\u{202e}'),
        "{told}"
    );
}

#[test]
fn two_rows_of_one_path_are_both_there_and_unknown() {
    let reviewed = read(set("p", &[worker(&[]), worker(&[])]));
    assert_eq!(reviewed.rows.len(), 2);
    assert_ne!(reviewed.rows[0].path, reviewed.rows[1].path);
    assert!(reviewed.summary.unknown_change);
}

#[test]
fn ten_thousand_changes_and_details_are_read_at_once() {
    let changes: Vec<Value> = (0..10_000)
        .map(|n| change(&format!("F{n}"), "AWS::Lambda::Function", "Modify", &json!({})))
        .collect();
    assert_eq!(read(set("w", &changes)).rows.len(), 10_000);
    let details: Vec<Value> = (0..10_000)
        .map(|n| detail(&format!("/Properties/P{n}"), "a", "b"))
        .collect();
    assert_eq!(read(set("w", &[worker(&details)])).rows[0].properties.len(), 10_000);
}
