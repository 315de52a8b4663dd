//! What is not read or not classified: it asks, and an approval of one such thing opens no other.

use cc_devops_deploys::{Replacement, Standing};
use cc_devops_kernel::input;
use serde_json::{Value, json};

use crate::sets::{arn, change, detail, digest_of, read, read_nested, set, shown, with, worker};

/// A change of a topic with these members too.
fn of_change(more: &Value) -> Value {
    set("u", &[change("It", "AWS::SNS::Topic", "Modify", more)])
}

/// A set with these members too.
fn of_set(more: &Value) -> Value {
    with(set("u", &[worker(&[])]), more)
}

/// A change set that has a text somewhere.
type Made = fn(&str) -> Value;

#[test]
fn what_is_not_read_counts_in_the_digest_and_is_shown_nowhere() {
    let made: [(&str, Made); 23] = [
        ("a hook", |it| {
            set("u", &[json!({"Type": "Hook", "HookChange": {"a": it}})])
        }),
        ("a type", |it| set("u", &[with(worker(&[]), &json!({"Type": it}))])),
        ("no object", |it| set("u", &[json!(it)])),
        ("beside", |it| {
            set("u", &[with(worker(&[]), &json!({"New": {"x": it}}))])
        }),
        ("details", |it| of_change(&json!({"Details": it}))),
        ("a detail", |it| of_change(&json!({"Details": [it]}))),
        ("a target", |it| of_change(&json!({"Details": [{"Target": it}]}))),
        ("scope", |it| of_change(&json!({"Scope": it}))),
        ("action", |it| of_change(&json!({"Action": [it]}))),
        ("type of it", |it| of_change(&json!({"ResourceType": [it]}))),
        ("policy", |it| of_change(&json!({"PolicyAction": [it]}))),
        ("id", |it| of_change(&json!({"PhysicalResourceId": {"a": it}}))),
        ("changes", |it| of_set(&json!({"Changes": {"a": it}}))),
        ("a member", |it| of_set(&json!({"ExecutionRole": it}))),
        ("deployment", |it| of_set(&json!({"DeploymentConfig": {"X": it}}))),
        ("no deployment", |it| of_set(&json!({"DeploymentConfig": it}))),
        ("capabilities", |it| of_set(&json!({"Capabilities": [[it]]}))),
        ("drift", |it| of_set(&json!({"StackDriftStatus": [it]}))),
        ("topics", |it| of_set(&json!({"NotificationARNs": [[it]]}))),
        ("parameters", |it| of_set(&json!({"Parameters": it}))),
        ("tags", |it| of_set(&json!({"Tags": [{"Key": "a", "Value": [it]}]}))),
        ("rollback", |it| of_set(&json!({"RollbackConfiguration": {"New": it}}))),
        ("a page", |it| of_set(&json!({"NextToken": it}))),
    ];
    for (name, made) in made {
        let (one, other) = (read(made("canary-1")), read(made("canary-2")));
        assert_ne!(digest_of(&one), digest_of(&other), "{name}");
        assert!(one.hides_something(), "{name}");
        assert!(name == "a type" || !shown(&one).contains("canary"), "{name}");
    }
    let stack = |it: Value| {
        let root = set(
            "0",
            &[change(
                "A",
                "AWS::CloudFormation::Stack",
                "Modify",
                &json!({"ChangeSetId": arn("1")}),
            )],
        );
        digest_of(&read_nested(root, [("1", it)]))
    };
    assert_ne!(stack(json!(["a"])), stack(json!(["b"])));
}

#[test]
fn what_is_known_and_for_nothing_does_not_count() {
    let plain = digest_of(&read(set("u", &[worker(&[])])));
    let counted = with(worker(&[]), &json!({"HookInvocationCount": 3}));
    assert_eq!(digest_of(&read(set("u", &[counted]))), plain);
    for more in [
        json!({"CreationTime": "2027"}),
        json!({"Description": "x"}),
        json!({"StackId": "arn:x", "ChangeSetName": "y", "IncludeNestedStacks": true, "RootChangeSetId": "z"}),
    ] {
        assert_eq!(digest_of(&read(with(set("u", &[worker(&[])]), &more))), plain, "{more}");
    }
}

#[test]
fn the_order_of_members_does_not_count() {
    fn reversed(value: &Value) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .rev()
                .map(|(name, it)| (name.clone(), reversed(it)))
                .collect(),
            other => other.clone(),
        }
    }
    let (a, b) = (detail("/Properties/B", "1", "2"), detail("/Properties/A", "x", "y"));
    let secret = |name: &str| detail(&format!("/Properties/Environment/{name}"), "1", "2");
    let of = |details: &[Value]| digest_of(&read(set("o", &[worker(details)])));
    let plain = of(&[a.clone(), b.clone(), secret("A"), secret("B")]);
    assert_eq!(plain, of(&[a.clone(), reversed(&b), secret("A"), secret("B")]));
    assert_eq!(plain, of(&[reversed(&a), b, reversed(&secret("B")), secret("A")]));
}

#[test]
fn a_policy_action_that_nobody_knows_may_replace_whatever_is_done() {
    for action in ["Add", "Modify", "Remove"] {
        for policy_action in [json!("Archive"), json!(5)] {
            let more = json!({"PolicyAction": policy_action});
            let reviewed = read(set("p", &[change("It", "AWS::S3::Bucket", action, &more)]));
            let row = &reviewed.rows[0];
            assert_eq!(
                (row.replacement, row.lost),
                (Replacement::Maybe, true),
                "{action} {more}"
            );
            assert!(reviewed.summary.unknown_change, "{action} {more}");
        }
    }
}

#[test]
fn what_is_of_another_kind_than_the_model_says_is_unknown() {
    let of_detail = |more: Value| set("k", &[worker(&[with(detail("/Properties/A", "1", "2"), &more)])]);
    for root in [
        of_set(&json!({"StackDriftStatus": ["DRIFTED"]})),
        of_set(&json!({"StackDriftStatus": []})),
        of_set(&json!({"OnStackFailure": ["ROLLBACK"]})),
        of_set(&json!({"Capabilities": "CAPABILITY_IAM"})),
        of_set(&json!({"StackName": ["orders"]})),
        of_set(&json!({"Tags": {}})),
        of_change(&json!({"Replacement": ["False"]})),
        of_change(&json!({"Replacement": []})),
        of_change(&json!({"Scope": "Properties"})),
        of_change(&json!({"PhysicalResourceId": ["a"]})),
        of_detail(json!({"CausingEntity": ["a"]})),
        of_detail(json!({"Evaluation": ["Static"]})),
    ] {
        assert!(read(root.clone()).summary.unknown_change, "{root}");
    }
}

#[test]
fn only_the_two_sentences_say_that_nothing_changes() {
    let of = |reason: &str| {
        let more = json!({"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": reason});
        read(with(set("n", &[]), &more)).standing
    };
    for reason in [
        "The submitted information didn't contain changes.",
        "The submitted information didn't contain changes",
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
        " No updates are to be performed\n",
    ] {
        assert_eq!(of(reason), Standing::NoChanges, "{reason}");
    }
    for reason in [
        "No updates are to be performed by you: access denied",
        "No updates are to be performed. Access denied.",
        "No updates are to be performed.. ",
        "The submitted information didn't contain changes that are allowed.",
        "no updates are to be performed",
        "",
    ] {
        assert_eq!(of(reason).as_str(), "failed", "{reason}");
    }
}

#[test]
fn an_object_that_says_one_thing_twice_is_found_at_any_depth() {
    for text in [r#"{"a":1,"a":2}"#, r#"[{"b":[{"a":1,"\u0061":2}]}]"#] {
        let why = input::unambiguous(text.as_bytes()).unwrap_err().to_string();
        assert!(why.contains("says `a` twice"), "{why}");
    }
    assert!(input::unambiguous(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).is_ok());
    // A context that does so is taken as it is written.
    let of = |context: &str| {
        let more = json!({"AfterContext": context});
        digest_of(&read(set("x", &[change("It", "AWS::SNS::Topic", "Add", &more)])))
    };
    assert_ne!(of(r#"{"a":1,"a":2}"#), of(r#"{"a":3,"a":2}"#));
}
