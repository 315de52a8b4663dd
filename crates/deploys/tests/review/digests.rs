//! Digests: what does not count, and that everything else does.

use cc_devops_deploys::{DigestKey, digest};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sets::{change, detail, digest_of, read, set, with};

/// A set with something in every place.
fn rich() -> Value {
    let worker = json!({
        "PhysicalResourceId": "fn-1", "Replacement": "False", "Scope": ["Properties", "Tags"],
        "Details": [
            detail("/Properties/MemorySize", "512", "1024"),
            detail("/Properties/Timeout", "10", "20"),
            detail("/Properties/Environment/Variables/KEY", "hidden-1", "hidden-2"),
            with(detail("/Properties/Url", "a", "b"), &json!({"CausingEntity": "Size", "ChangeSource": "ParameterReference"})),
        ],
        "AfterContext": "{\"Properties\":{\"MemorySize\":1024}}",
    });
    with(
        set(
            "d",
            &[
                change("Worker", "AWS::Lambda::Function", "Modify", &worker),
                change("Jobs", "AWS::SQS::Queue", "Remove", &json!({"PolicyAction": "Delete"})),
                change("Topic", "AWS::SNS::Topic", "Add", &json!({})),
            ],
        ),
        &json!({
            "Parameters": [{"ParameterKey": "Size", "ParameterValue": "small"},
                           {"ParameterKey": "Secret", "ParameterValue": "****"},
                           {"ParameterKey": "DbPassword", "ParameterValue": "hidden-3"}],
            "Tags": [{"Key": "team", "Value": "orders"}, {"Key": "cost", "Value": "4711"}],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "NotificationARNs": ["arn:a", "arn:b"],
            "RollbackConfiguration": {"RollbackTriggers": [{"Arn": "arn:x", "Type": "AWS::CloudWatch::Alarm"}],
                                      "MonitoringTimeInMinutes": 5},
            "OnStackFailure": "ROLLBACK", "DeploymentConfig": {"Mode": "STANDARD"}, "RoleARN": "arn:role",
        }),
    )
}

/// Each change of one thing that is part of what is approved.
fn changes() -> Vec<(&'static str, Value)> {
    let worker = "/Changes/0/ResourceChange";
    let at = |rest: &str| -> &'static str { Box::leak(format!("{worker}{rest}").into_boxed_str()) };
    vec![
        ("/StackName", json!("other")),
        ("/RoleARN", json!("arn:other")),
        ("/OnStackFailure", json!("DELETE")),
        ("/DeploymentConfig/Mode", json!("EXPRESS")),
        ("/Parameters/0/ParameterValue", json!("large")),
        ("/Parameters/0/ParameterKey", json!("Sizes")),
        ("/Parameters/2/ParameterValue", json!("hidden-4")),
        ("/Tags/0/Value", json!("orders2")),
        ("/Tags/0/Key", json!("teams")),
        ("/Capabilities/0", json!("CAPABILITY_NAMED_IAM")),
        ("/NotificationARNs/0", json!("arn:c")),
        ("/RollbackConfiguration/MonitoringTimeInMinutes", json!(6)),
        ("/RollbackConfiguration/RollbackTriggers/0/Arn", json!("arn:y")),
        ("/Changes/1/ResourceChange/PolicyAction", json!("Retain")),
        ("/Changes/2/ResourceChange/ResourceType", json!("AWS::SQS::Queue")),
        ("/Changes/2/ResourceChange/LogicalResourceId", json!("Topics")),
        (at("/Action"), json!("Add")),
        (at("/PhysicalResourceId"), json!("fn-2")),
        (at("/Replacement"), json!("Conditional")),
        (at("/Scope/1"), json!("Metadata")),
        (at("/AfterContext"), json!("{\"Properties\":{\"MemorySize\":1025}}")),
        (at("/Details/0/Target/BeforeValue"), json!("513")),
        (at("/Details/0/Target/AfterValue"), json!("1025")),
        (at("/Details/0/Target/Path"), json!("/Properties/MemorySizes")),
        (at("/Details/0/Target/RequiresRecreation"), json!("Conditionally")),
        (at("/Details/0/Evaluation"), json!("Dynamic")),
        (at("/Details/2/Target/BeforeValue"), json!("hidden-5")),
        (at("/Details/2/Target/AfterValue"), json!("hidden-6")),
        (at("/Details/2/Target/AfterValue"), json!(null)),
        (at("/Details/3/CausingEntity"), json!("Secret")),
        (at("/Details/3/ChangeSource"), json!("DirectModification")),
    ]
}

#[test]
fn any_single_change_changes_the_digest() {
    let before = digest_of(&read(rich()));
    let mut all = vec![before];
    for (place, value) in changes() {
        let mut other = rich();
        *other.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value;
        let digest = digest_of(&read(other));
        assert!(!all.contains(&digest), "{place}");
        all.push(digest);
    }
}

#[test]
fn names_arns_and_times_of_sets_do_not_count() {
    let before = digest_of(&read(rich()));
    for (name, value) in [
        ("ChangeSetName", json!("another")),
        (
            "ChangeSetId",
            json!("arn:aws:cloudformation:eu-central-1:123456789012:changeSet/another/9"),
        ),
        ("CreationTime", json!("2027-01-01T00:00:00Z")),
        ("Description", json!("by the pipeline")),
        ("ResponseMetadata", json!({"RequestId": "1"})),
    ] {
        assert_eq!(digest_of(&read(with(rich(), &json!({name: value})))), before, "{name}");
    }
}

#[test]
fn the_key_counts_where_something_is_hidden_and_only_there() {
    let (one, other) = (DigestKey::new([1; 32]), DigestKey::new([2; 32]));
    let rich = read(rich());
    assert!(rich.hides_something());
    assert_ne!(digest(&rich, &one), digest(&rich, &other));
    let open = read(set("o", &[change("Topic", "AWS::SNS::Topic", "Add", &json!({}))]));
    assert!(!open.hides_something());
    assert_eq!(digest(&open, &one), digest(&open, &other));
    assert_eq!(format!("{one:?}"), "DigestKey");
}

#[test]
fn numbers_that_a_double_cannot_tell_apart_are_told_apart() {
    let with_number = |number: u64| {
        let context = format!("{{\"n\":{number}}}");
        digest_of(&read(set(
            "n",
            &[change("T", "AWS::SNS::Topic", "Add", &json!({"AfterContext": context}))],
        )))
    };
    assert_ne!(with_number(9_007_199_254_740_993), with_number(9_007_199_254_740_992));
}

/// The list in another order.
fn reordered(value: &mut Value, place: &str, order: &[usize]) {
    let Some(Value::Array(items)) = value.pointer_mut(place) else {
        panic!("no list at {place}")
    };
    let mut keyed: Vec<(usize, Value)> = order.iter().copied().cycle().zip(std::mem::take(items)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    *items = keyed.into_iter().map(|(_, item)| item).collect();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_lists_does_not_count(orders in prop::collection::vec(Just(vec![0, 1, 2, 3]).prop_shuffle(), 7)) {
        let mut other = rich();
        let lists = [
            "/Parameters", "/Tags", "/Capabilities", "/NotificationARNs", "/Changes/0/ResourceChange/Details",
            "/Changes/0/ResourceChange/Scope", "/Changes",
        ];
        for (place, order) in lists.into_iter().zip(&orders) {
            reordered(&mut other, place, order);
        }
        let (before, after) = (read(rich()), read(other));
        prop_assert_eq!(digest_of(&before), digest_of(&after));
        prop_assert_eq!(before.summary, after.summary);
    }
}
