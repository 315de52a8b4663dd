//! Where a secret stands, and where something only looks like one.

use cc_devops_deploys::{Reviewed, StatefulTypes, review_file};
use serde_json::{Value, json};

use crate::sets::{arn, change, detail, read, read_nested, row, set, shown, with, worker};

fn file(text: &str) -> Reviewed {
    review_file(text.as_bytes(), &StatefulTypes::default())
}

#[test]
fn the_parameters_of_a_nested_stack_are_hidden_as_one_where_one_of_them_is() {
    let of = |parameter: &str, value: &str| {
        let nested = with(
            set("1", &[]),
            &json!({"Parameters": [{"ParameterKey": parameter, "ParameterValue": value}]}),
        );
        let passed = detail(
            "/Properties/Parameters",
            r#"{"DbSecret":"canary-1"}"#,
            r#"{"DbSecret":"canary-2"}"#,
        );
        let more = json!({"ChangeSetId": arn("1"), "Details": [passed]});
        let root = set("0", &[change("Data", "AWS::CloudFormation::Stack", "Modify", &more)]);
        read_nested(root, [("1", nested)])
    };
    let reviewed = of("DbSecret", "****");
    assert_eq!(row(&reviewed, "Data").masked, ["/Properties/Parameters"]);
    assert!(!shown(&reviewed).contains("canary"));
    assert!(row(&of("Size", "small"), "Data").masked.is_empty());
}

#[test]
fn a_plan_file_that_cannot_be_read_shows_no_value_of_any_row() {
    let row = |path: &str, kind: &str, more: Value| {
        with(json!({"path": path, "action": "Modify", "resourceType": kind}), &more)
    };
    let twice = [
        row("same", "AWS::SQS::Queue", json!({})),
        row("same", "AWS::SQS::Queue", json!({})),
    ];
    let secrets = [
        row(
            "p",
            "AWS::SSM::Parameter",
            json!({"properties": [{"path": "/Value", "before": "canary", "after": "canary"}]}),
        ),
        row(
            "q",
            "X",
            json!({"properties": [{"path": "/U", "before": "canary", "after": "{{resolve:ssm:canary}}"}]}),
        ),
        row(
            "r",
            "X",
            json!({"properties": [{"path": "/A", "before": "{\"K\":\"canary\"}"}, {"path": "/A/Environment/K"}]}),
        ),
        row(
            "s",
            "X",
            json!({"masked": ["/T"], "properties": [{"path": "/T", "after": "canary"}]}),
        ),
        row(
            "t",
            "X",
            json!({"ParameterKey": "Password", "ParameterValue": "canary"}),
        ),
        row("u", "X", json!({"properties": {"/Properties/Environment/K": "canary"}})),
        row("v", "X", json!({"masked": true, "anything": "canary"})),
    ];
    for secret in secrets {
        let text = json!({"changes": [twice[0], twice[1], secret]}).to_string();
        for text in [
            text.clone(),
            format!("{{\"changes\":[],{}", &text[1..]),
            text[..text.len() - 2].to_owned(),
        ] {
            let reviewed = file(&text);
            assert!(reviewed.text.is_some() && reviewed.summary.unknown_change, "{text}");
            assert!(!shown(&reviewed).contains("canary"), "{}", shown(&reviewed));
        }
        let told = file(&text).text.unwrap();
        assert!(told.contains("\"same\"") && told.contains("AWS::SQS::Queue"), "{told}");
    }
}

#[test]
fn what_is_below_a_path_that_is_said_to_be_hidden_is_hidden_too() {
    for (above, below) in [
        ("/K", "/K/a"),
        ("/K", "/K/a/0"),
        ("K", "K.a"),
        ("K", "K[0]"),
        ("/K/", "/K/a"),
        ("/", "/a"),
    ] {
        for by_row in [false, true] {
            let mut change = json!({"path": "p", "action": "Modify", "resourceType": "X", "properties": [
                {"path": below, "before": "canary", "after": "canary"}, {"path": "/Kb", "after": "2"}]});
            if by_row {
                change["masked"] = json!([above]);
            } else {
                let properties = change["properties"].as_array_mut().unwrap();
                properties.push(json!({"path": above, "masked": true}));
            }
            let reviewed = file(&json!({"changes": [change]}).to_string());
            assert!(!shown(&reviewed).contains("canary"), "{above} {below}");
            assert!(
                above == "/" || !row(&reviewed, "p").masked.contains(&"/Kb".to_owned()),
                "{above}"
            );
        }
    }
}

fn is_hidden(kind: &str, path: &str, after: &str) -> bool {
    let details = json!({"Details": [detail(path, "before", after)]});
    let reviewed = read(set("h", &[change("It", kind, "Modify", &details)]));
    !row(&reviewed, "It").masked.is_empty()
}

#[test]
fn text_that_opens_with_a_bracket_and_is_no_json_is_shown() {
    for after in [
        r#"{ $.eventName = "PasswordUpdate" }"#,
        r#"{ ($.a = "Password") || ($.b = "x") }"#,
        "[Environment of tests]",
        "[ip, user, password, size]",
    ] {
        assert!(
            !is_hidden("AWS::Logs::MetricFilter", "/Properties/FilterPattern", after),
            "{after}"
        );
    }
    for after in [
        r#"{"Password":"x"#,
        r#"{ "a": 1, "Password": "x"#,
        r#"[1, {"Password": "x"#,
        r#"{"Pass\u0077ord":"x"#,
        r#"{"a":{"Password":"x"},"a":1}"#,
    ] {
        assert!(is_hidden("Custom::It", "/Properties/Spec", after), "{after}");
    }
    assert!(!is_hidden("Custom::It", "/Properties/Spec", r#"{"Size":"x"#));
}

#[test]
fn tags_are_shown_but_for_references_and_what_hidden_parameters_caused() {
    for path in [
        "/Properties/Tags/0/Value",
        "/Properties/Tags",
        "/Properties/Tags/Environment",
        "/Tags/Environment",
    ] {
        for kind in ["AWS::SSM::Parameter", "AWS::SNS::Topic"] {
            assert!(!is_hidden(kind, path, "prod"), "{path}");
            assert!(!is_hidden(kind, path, r#"{"Environment":"prod"}"#), "{path}");
            assert!(is_hidden(kind, path, "{{resolve:ssm:x}}"), "{path}");
        }
    }
    assert!(!is_hidden(
        "Custom::It",
        "/Properties/Spec",
        r#"{"Tags":{"Environment":"prod"}}"#
    ));
    assert!(is_hidden(
        "Custom::It",
        "/Properties/Spec",
        r#"{"Tags":{},"Environment":"prod"}"#
    ));
    let caused = with(
        detail("/Properties/Tags/0/Value", "a", "b"),
        &json!({"CausingEntity": "Db"}),
    );
    let parameters = json!({"Parameters": [{"ParameterKey": "Db", "ParameterValue": "****"}]});
    let reviewed = read(with(set("t", &[worker(&[caused])]), &parameters));
    assert_eq!(row(&reviewed, "Worker").masked.len(), 1);
}

#[test]
fn of_a_stored_parameter_only_the_value_is_hidden() {
    let kind = "AWS::SSM::Parameter";
    assert!(is_hidden(kind, "/Properties/Value", "x") && is_hidden(kind, "/Properties/Value/0", "x"));
    assert!(!is_hidden(kind, "/Properties/Description", "x") && !is_hidden(kind, "/Properties/Policies/0/Value", "x"));
}
