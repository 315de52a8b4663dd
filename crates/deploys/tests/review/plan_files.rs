//! Plan files of our form and of others.

use cc_devops_deploys::{MAX_PLAN_FILE, Replacement, Reviewed, Standing, StatefulTypes, review_file};
use serde_json::{Value, json};

use crate::sets::{digest_of, row, shown};

fn file(bytes: &[u8]) -> Reviewed {
    review_file(bytes, &StatefulTypes::default())
}

fn of(changes: &Value) -> Reviewed {
    file(json!({"changes": changes}).to_string().as_bytes())
}

fn table(more: &Value) -> Value {
    crate::sets::with(
        json!({"path": "db/orders", "action": "Modify", "resourceType": "AWS::DynamoDB::Table"}),
        more,
    )
}

#[test]
fn what_a_row_leaves_out_is_by_rule() {
    let reviewed = of(&json!([table(&json!({})), {"path": "r", "action": "Add", "resourceType": "AWS::IAM::Role"}]));
    let orders = row(&reviewed, "db/orders");
    assert_eq!(orders.logical_id, "orders");
    assert!(orders.stateful && !orders.lost && !orders.iam && !orders.drifted && orders.properties.is_empty());
    assert_eq!(orders.replacement, Replacement::No);
    assert!(row(&reviewed, "r").iam);
    assert!(!reviewed.summary.unknown_change && reviewed.standing == Standing::Ready);
}

#[test]
fn a_row_says_worse_than_the_rules_and_never_better() {
    let better = json!({"stateful": false, "lost": false, "iam": false, "replacement": "no",
                        "policyAction": "ReplaceAndDelete"});
    let reviewed = of(&json!([table(&better)]));
    let orders = row(&reviewed, "db/orders");
    assert!(orders.stateful && orders.lost);
    assert_eq!(orders.replacement, Replacement::Yes);
    let worse = json!({"path": "f", "action": "Modify", "resourceType": "AWS::Lambda::Function", "stateful": true,
                       "lost": true, "iam": true, "drifted": true, "replacement": "maybe"});
    let reviewed = of(&json!([worse]));
    let summary = &reviewed.summary;
    assert!(summary.loses_stateful && summary.changes_iam && summary.drifted && summary.maybe_replaces_stateful);
    assert!(!summary.unknown_change);
    let kept = of(&json!([table(&json!({"action": "Remove", "policyAction": "Retain"}))]));
    assert!(!kept.summary.loses_stateful && kept.summary.removes == 1);
}

#[test]
fn what_the_form_does_not_know_is_unknown_and_no_fault() {
    for changes in [
        json!([table(&json!({"danger": 1}))]),
        json!([table(&json!({"action": "Import"}))]),
        json!([table(&json!({"replacement": "sometimes"}))]),
        json!([table(&json!({"policyAction": "Archive"}))]),
        json!([table(&json!({"properties": [{"path": "/a", "colour": "red"}]}))]),
    ] {
        let reviewed = of(&changes);
        assert!(reviewed.summary.unknown_change && reviewed.text.is_none(), "{changes}");
        assert_eq!(reviewed.rows.len(), 1, "{changes}");
    }
    let more = file(br#"{"changes": [], "danger": 1}"#);
    assert!(more.summary.unknown_change && more.standing == Standing::Ready);
    let sometimes = of(&json!([table(&json!({"replacement": "sometimes"}))]));
    assert_eq!(sometimes.rows[0].replacement, Replacement::Maybe);
}

#[test]
fn an_empty_list_is_nothing_to_change() {
    assert_eq!(file(b"{\"changes\": []}").standing, Standing::NoChanges);
    assert_eq!(file(b"\xef\xbb\xbf {\"changes\": []}\n").standing, Standing::NoChanges);
}

#[test]
fn another_form_is_shown_as_text_and_asks() {
    let twice = json!({"changes": [table(&json!({})), table(&json!({"action": "Remove"}))]}).to_string();
    let no_path = json!({"changes": [{"action": "Add", "resourceType": "x"}]}).to_string();
    let odd = json!({"changes": [table(&json!({"lost": "yes"}))]}).to_string();
    for bytes in [
        &b"Plan: 1 to add, 0 to change, 0 to destroy."[..],
        b"",
        b"[]",
        b"{}",
        b"{\"changes\": {}}",
        b"{\"changes\": [5]}",
        b"{\"changes\": [], \"changes\": []}",
        b"\xff\xfe\x00",
        twice.as_bytes(),
        no_path.as_bytes(),
        odd.as_bytes(),
    ] {
        let reviewed = file(bytes);
        assert!(reviewed.summary.unknown_change, "{bytes:?}");
        assert_eq!(
            (reviewed.rows.len(), &reviewed.standing),
            (0, &Standing::Ready),
            "{bytes:?}"
        );
        assert!(reviewed.text.is_some(), "{bytes:?}");
    }
    assert_ne!(digest_of(&file(b"add a")), digest_of(&file(b"add b")));
    assert_eq!(digest_of(&file(b"add a")), digest_of(&file(b"add a")));
}

#[test]
fn a_file_has_at_most_a_mebibyte() {
    let mut bytes = b"{\"changes\": []}".to_vec();
    bytes.resize(MAX_PLAN_FILE, b' ');
    assert_eq!(file(&bytes).standing, Standing::NoChanges);
    bytes.push(b' ');
    assert!(matches!(file(&bytes).standing, Standing::NotAPlan(_)));
}

#[test]
fn secrets_are_hidden_as_in_change_sets() {
    let properties = json!([
        {"path": "/Key", "masked": true, "before": "canary-1", "after": "canary-2"},
        {"path": "/Environment/A", "before": "canary-3"},
        {"path": "/Spec", "after": "{\"Password\": \"canary-4\"}"},
        {"path": "/Spec2", "after": {"Password": "canary-5"}},
        {"path": "/Auth", "after": "{{resolve:ssm:canary-6}}"},
        {"path": "/Deep", "before": "canary-7"},
        {"path": "/Deep/AuthToken"},
        {"path": "/Shown", "before": "1", "after": "2"},
    ]);
    let reviewed = of(&json!([table(&json!({"properties": properties}))]));
    let told = shown(&reviewed);
    assert!(!told.contains("canary"), "{told}");
    assert_eq!(
        row(&reviewed, "db/orders").masked,
        [
            "/Key",
            "/Environment/A",
            "/Spec",
            "/Spec2",
            "/Auth",
            "/Deep",
            "/Deep/AuthToken"
        ]
    );
    let mut other = properties;
    other[0]["after"] = json!("canary-8");
    assert_ne!(
        digest_of(&reviewed),
        digest_of(&of(&json!([table(&json!({"properties": other}))])))
    );
}

#[test]
fn what_a_review_shows_is_a_plan_file_again() {
    let properties = json!([{"path": "/KeySchema", "before": "id", "after": "pk"}, {"path": "/Key", "masked": true}]);
    let more = json!({"replacement": "yes", "policyAction": "ReplaceAndDelete", "properties": properties});
    let reviewed = of(&json!([table(&more)]));
    let again = of(&json!(reviewed.rows));
    assert_eq!(again.rows, reviewed.rows);
    assert_eq!(again.summary, reviewed.summary);
    assert_eq!(digest_of(&again), digest_of(&reviewed));
}

#[test]
fn order_and_writing_do_not_count() {
    let (a, b) = (
        table(&json!({})),
        json!({"path": "q", "action": "Add", "resourceType": "AWS::SQS::Queue"}),
    );
    let one = of(&json!([a, b]));
    let other = file(format!("{:#}", json!({"changes": [b, a]})).as_bytes());
    assert_eq!(digest_of(&one), digest_of(&other));
}
