//! What is taken of a message, and what becomes of it.

use std::sync::Arc;

use cc_devops_alerts::publishing::end_published;
use cc_devops_alerts::{AlertPolicy, Conditions};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::Clock;
use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::refusals::of_problem;
use crate::services::harness::{Caller, Harness};

fn message(text: &str) -> Publish {
    Publish {
        message: text.to_owned(),
        ..Publish::default()
    }
}

#[test]
fn a_topic_is_known_by_its_name() {
    for (arn, name) in [
        ("arn:aws:sns:us-east-1:000000000000:ops-cost-alerts", Some(TOPIC)),
        ("arn:aws:sns:eu-west-1:123456789012:ops-cost-alerts", Some(TOPIC)),
        ("arn:aws:sns:us-east-1:000000000000:other", Some("other")),
        ("arn:aws:sns:us-east-1:000000000000:ops-cost-alerts:sub", None),
        ("arn:aws:sqs:us-east-1:000000000000:ops-cost-alerts", None),
        ("arn:aws:sns:us-east-1:000000000000:", None),
        ("arn:aws:sns:ops-cost-alerts", None),
        ("ops-cost-alerts", None),
    ] {
        assert_eq!(name_of(arn), name, "{arn}");
    }
    let both = Publish {
        topic_arn: Some("a".to_owned()),
        target_arn: Some("a".to_owned()),
        ..message("x")
    };
    let phone = Publish {
        phone_number: Some("+1".to_owned()),
        ..message("x")
    };
    for input in [both, phone, message("x")] {
        assert_eq!(topic(&input).unwrap_err().code, "InvalidParameter");
    }
    let target = Publish {
        target_arn: Some("arn:aws:sns:us-east-1:000000000000:t".to_owned()),
        ..message("x")
    };
    assert_eq!(topic(&target).unwrap(), ("arn:aws:sns:us-east-1:000000000000:t", "t"));
}

#[test]
fn what_people_are_told_is_what_was_said() {
    let with_subject = Publish {
        subject: Some("Spend doubled".to_owned()),
        ..message("by 100 %")
    };
    assert_eq!(
        notice(&with_subject).unwrap(),
        Notice {
            subject: "Spend doubled".to_owned(),
            text: "by 100 %".to_owned(),
            severity: Severity::Warning,
        }
    );
    assert_eq!(notice(&message("\nfirst\nsecond")).unwrap().subject, "first");
    let by_protocol = |text: &str| {
        notice(&Publish {
            message_structure: Some("json".to_owned()),
            ..message(text)
        })
    };
    assert_eq!(by_protocol(r#"{"default": "d", "sms": "s"}"#).unwrap().text, "d");
    assert_eq!(by_protocol(r#"{"default": "d", "email": "e"}"#).unwrap().text, "e");
    let obeyed = r#"{"default": "d", "$serde_json::private::RawValue": "{}"}"#;
    for wrong in ["{", "[]", r#"{"email": "e"}"#, r#"{"default": 7}"#, obeyed] {
        assert!(
            by_protocol(wrong).unwrap_err().message.contains("Message Structure"),
            "{wrong}"
        );
    }
}

fn attribute(data_type: &str, text: Option<&str>) -> Attribute {
    Attribute {
        data_type: data_type.to_owned(),
        string_value: text.map(str::to_owned),
        binary_value: None,
    }
}

fn bytes(data_type: &str, base64: &str) -> Attribute {
    Attribute {
        binary_value: Some(base64.to_owned()),
        ..attribute(data_type, None)
    }
}

fn with_attribute(name: &str, attribute: Attribute) -> Publish {
    Publish {
        message_attributes: BTreeMap::from([(name.to_owned(), attribute)]),
        ..message("x")
    }
}

#[test]
fn a_word_that_is_not_known_loses_no_alert() {
    for (data_type, word, severity) in [
        ("String", "critical", Severity::Critical),
        ("String", "info", Severity::Info),
        ("String", "urgent", Severity::Warning),
        ("String", "CRITICAL", Severity::Warning),
        ("Number", "1", Severity::Warning),
    ] {
        let given = with_attribute(SEVERITY, attribute(data_type, Some(word)));
        assert_eq!(notice(&given).unwrap().severity, severity, "{word}");
    }
}

#[test]
fn attributes_are_of_a_type_that_sns_knows_and_have_a_value_of_it() {
    for taken in [
        attribute("String", Some("x")),
        attribute("String.Array", Some("[]")),
        attribute("Number", Some("-1.5e3")),
        attribute("Number.int", Some("7")),
        bytes("Binary", "eA=="),
        bytes("Binary.gif", "eA=="),
    ] {
        let given = with_attribute("a", taken);
        assert!(notice(&given).is_ok(), "{given:?}");
    }
    for (refused, words) in [
        (
            attribute("", Some("x")),
            "supported type prefixes is Binary, Number, and String",
        ),
        (attribute("string", Some("x")), "supported type prefixes is"),
        (attribute("Strings", Some("x")), "supported type prefixes is"),
        (attribute("String.", Some("x")), "supported type prefixes is"),
        (attribute("Boolean", Some("true")), "supported type prefixes is"),
        (
            attribute("String", None),
            "must contain non-empty message attribute value",
        ),
        (attribute("String", Some("")), "for message attribute type 'String'"),
        (attribute("Number.int", Some("")), "for message attribute type 'Number'"),
        (bytes("Binary", ""), "for message attribute type 'Binary'"),
        (bytes("String", "eA=="), "with type 'String' must use field 'String'"),
        (
            attribute("Binary", Some("critical")),
            "with type 'Binary' must use field 'Binary'",
        ),
        (
            attribute("Number", Some("seven")),
            "Could not cast message attribute 'a' value to number",
        ),
        (attribute("Number", Some("NaN")), "Could not cast message attribute"),
        (attribute("Number", Some("1e999")), "Could not cast message attribute"),
    ] {
        let given = with_attribute("a", refused);
        let fault = notice(&given).unwrap_err();
        assert_eq!(
            (fault.code.as_ref(), fault.status.as_u16()),
            ("ParameterValueInvalid", 400)
        );
        assert!(fault.message.contains(words), "{given:?}: {fault:?}");
    }
}

#[test]
fn what_sns_refuses_is_refused() {
    let subject = |subject: &str| Publish {
        subject: Some(subject.to_owned()),
        ..message("x")
    };
    let fifo = Publish {
        message_group_id: Some("g".to_owned()),
        ..message("x")
    };
    for (input, words) in [
        (message(""), "Empty message"),
        (message(" \n"), "Empty message"),
        (message(&"x".repeat(MOST_BYTES + 1)), "Message too long"),
        (subject(""), "Subject"),
        (subject(&"s".repeat(101)), "Subject"),
        (subject("two\nlines"), "Subject"),
        (subject("schön"), "Subject"),
        (fifo, "MessageGroupId"),
    ] {
        let fault = notice(&input).unwrap_err();
        assert!(
            fault.message.starts_with("Invalid parameter: ") && fault.message.contains(words),
            "{fault:?}"
        );
    }
}

fn to_topic(message: &str) -> Value {
    json!({
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:ops-cost-alerts",
        "Subject": "Spend doubled",
        "Message": message,
    })
}

#[tokio::test]
async fn a_message_is_an_alert_on_record_that_a_day_ends() {
    let harness = Harness::new().await;
    let ports = harness.control.ports();
    for message in ["by 100 %", "by 100 %", "by 120 %"] {
        let published = harness
            .ask(Caller::Operator, "Publish", to_topic(message))
            .await
            .unwrap();
        assert!(uuid::Uuid::parse_str(published["MessageId"].as_str().unwrap()).is_ok());
    }
    let open = harness.alerts.open(10).await.unwrap();
    assert_eq!(open.alerts.len(), 2, "the same words are the same alert: {open:?}");
    for alert in &open.alerts {
        let condition = &alert.condition;
        assert_eq!(condition.title, "Operator: Spend doubled");
        assert_eq!(condition.label("kind"), Some("published"));
        assert_eq!(condition.label("agent"), Some("Operator"));
        assert!(condition.text.contains("by 1"), "{}", condition.text);
    }
    let mut rows = harness.memory.audit_rows();
    rows.retain(|row| row.entry.action == actions::ALERT_PUBLISHED);
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!(
            (row.entry.status, &row.entry.detail["via"]),
            (Status::Success, &json!("aws"))
        );
        assert!(
            !row.entry.detail.to_string().contains("by 1"),
            "the words are not on record"
        );
    }

    let sink = Conditions::new(
        Arc::clone(&ports.state),
        Arc::new(AlertPolicy::plain(vec!["log".to_owned()])),
    );
    let clock = harness.memory.clock();
    clock.advance(SignedDuration::from_hours(23));
    end_published(&*ports.state, &sink, clock.now()).await.unwrap();
    assert_eq!(harness.alerts.open(10).await.unwrap().alerts.len(), 2);
    // One of them is published again, which makes it stay.
    harness
        .ask(Caller::Operator, "Publish", to_topic("by 120 %"))
        .await
        .unwrap();
    clock.advance(SignedDuration::from_hours(2));
    end_published(&*ports.state, &sink, clock.now()).await.unwrap();
    let left = harness.alerts.open(10).await.unwrap().alerts;
    assert_eq!(left.len(), 1);
    assert!(left[0].condition.text.contains("by 120 %"));
    clock.advance(SignedDuration::from_hours(24));
    end_published(&*ports.state, &sink, clock.now()).await.unwrap();
    assert!(harness.alerts.open(10).await.unwrap().alerts.is_empty());
}

#[tokio::test]
async fn whom_no_policy_lets_publishes_nothing_and_that_is_on_record() {
    let harness = Harness::new().await;
    for caller in [Caller::Agent, Caller::CostControl] {
        assert_eq!(harness.problem(caller, "Publish", to_topic("x")).await, 403);
    }
    assert!(harness.alerts.open(10).await.unwrap().alerts.is_empty());
    let mut rows = harness.memory.audit_rows();
    rows.retain(|row| row.entry.action == actions::ALERT_PUBLISHED);
    assert_eq!(rows.len(), 2);
    for row in rows {
        let entry = row.entry;
        assert_eq!(
            (entry.status, entry.reason),
            (Status::Error, Some(Reason::SecurityViolation))
        );
        assert_eq!(entry.detail["via"], "aws");
    }
}

#[tokio::test]
async fn another_topic_is_not_served_and_that_is_said() {
    let harness = Harness::new().await;
    let other = json!({"TopicArn": "arn:aws:sns:us-east-1:000000000000:articles", "Message": "x"});
    let (code, sentence) = harness.fault(Caller::Operator, "Publish", other).await;
    assert_eq!(code, "NotFound");
    assert!(sentence.contains("AWS_ENDPOINT_URL_SNS"), "{sentence}");
}

#[tokio::test]
async fn what_is_no_arn_of_a_topic_is_an_invalid_parameter() {
    let harness = Harness::new().await;
    for (member, arn, reason) in [
        (
            "TopicArn",
            "",
            "TopicArn Reason: An ARN must have at least 6 elements, not 1",
        ),
        (
            "TopicArn",
            TOPIC,
            "TopicArn Reason: An ARN must have at least 6 elements, not 1",
        ),
        (
            "TargetArn",
            "arn:aws:sns",
            "TargetArn Reason: An ARN must have at least 6 elements, not 3",
        ),
        (
            "TopicArn",
            "arn:aws:sqs:us-east-1:000000000000:ops-cost-alerts",
            "TopicArn Reason: it is not the ARN of a topic",
        ),
    ] {
        let (code, sentence) = harness
            .fault(Caller::Operator, "Publish", json!({member: arn, "Message": "x"}))
            .await;
        assert_eq!(
            (code.as_str(), sentence),
            ("InvalidParameter", format!("Invalid parameter: {reason}"))
        );
    }
}

#[tokio::test]
async fn no_more_are_open_than_people_can_read() {
    let harness = Harness::new().await;
    for number in 0..50 {
        harness
            .ask(Caller::Operator, "Publish", to_topic(&number.to_string()))
            .await
            .unwrap();
    }
    let Err(Failed::Problem(problem)) = harness.ask(Caller::Operator, "Publish", to_topic("one more")).await else {
        panic!("it is refused");
    };
    assert_eq!(problem.status().as_u16(), 429);
    assert!(
        problem.detail().contains("wait until older ones have ended"),
        "{}",
        problem.detail()
    );
    let fault = of_problem(&problem, Some(Service::Sns), Service::Sns.family());
    assert_eq!((fault.code.as_ref(), fault.status.as_u16()), ("Throttling", 400));
    let rows = harness.memory.audit_rows();
    let refused = rows.iter().filter(|row| row.entry.status == Status::Error);
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 1);
    let entry = &refused[0].entry;
    assert_eq!(
        (entry.action.as_str(), entry.reason, &entry.detail["via"]),
        (actions::ALERT_PUBLISHED, Some(Reason::InvalidParameter), &json!("aws"))
    );
    // What is open may be said again.
    harness.ask(Caller::Operator, "Publish", to_topic("7")).await.unwrap();
}
