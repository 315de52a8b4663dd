use serde_json::json;

use super::*;
use crate::service::Service;

const NAME: Text = Text::of(1, 8).like("[a-z/]+");

static NAMES: List = List::of(NAME.shape(), 1, 3);

static LABELS: Map = Map::of(Text::of(1, 4), Text::ANY.shape(), 2);

/// A value of DynamoDB's kind, which holds values of its own kind.
static VALUE: [Member; 2] = [
    Member::optional("S", Text::ANY.shape()),
    Member::optional("L", Shape::List(&VALUES)),
];
static VALUES: List = List::of(Shape::Structure(&VALUE), 0, usize::MAX);

static INPUT: [Member; 9] = [
    Member::required("Name", NAME.shape()),
    Member::optional("Names", Shape::List(&NAMES)),
    Member::optional("Labels", Shape::Map(&LABELS)),
    Member::optional("Unit", Text::among(&["Count", "None"]).shape()),
    Member::optional("Count", Shape::Integer { min: 1, max: 10 }),
    Member::optional("Value", Shape::Double),
    Member::optional("At", Shape::Timestamp),
    Member::optional("Bytes", Shape::Blob { max: 3 }),
    Member::optional("Item", Shape::Structure(&VALUE)),
];

const SHAPE: Shape = Shape::Structure(&INPUT);

fn taken(document: Value) -> Value {
    conform(document, &SHAPE, Moments::Epoch).unwrap()
}

fn refused(document: Value, service: Service) -> (String, String) {
    let fault = conform(document, &SHAPE, Moments::Epoch).unwrap_err().fault(service);
    (fault.code.into_owned(), fault.message)
}

fn told(document: Value) -> String {
    let (code, message) = refused(document, Service::Events);
    assert!(
        matches!(code.as_str(), "ValidationException" | "SerializationException"),
        "{code}"
    );
    message
}

#[test]
fn what_the_model_knows_is_taken_in_one_form() {
    let document = json!({
        "Name": "a/b", "Names": ["a"], "Labels": {"k": ""}, "Unit": "Count", "Count": 10, "Value": 1,
        "At": 1_764_072_000.25, "Bytes": "YWJj", "Item": {"L": [{"S": "x"}]}, "Unknown": {"$x": 1}, "Null": null,
    });
    let at = taken(document)["At"].as_str().map(str::to_owned);
    assert_eq!(at.as_deref(), Some("2025-11-25T12:00:00.25Z"));
    assert_eq!(
        taken(json!({"Name": "a", "Unit": null, "More": 1})),
        json!({"Name": "a"})
    );
    let iso = conform(json!({"Name": "a", "At": "2026-11-25T12:00:00Z"}), &SHAPE, Moments::Iso);
    assert_eq!(iso.unwrap()["At"], "2026-11-25T12:00:00Z");
    assert_eq!(taken(json!({"Name": "a", "At": 0}))["At"], "1970-01-01T00:00:00Z");
}

#[test]
fn what_a_model_refuses_is_told_in_its_words() {
    let only = |name: &str, value: Value| told(json!({"Name": "a", name: value}));
    assert_eq!(
        told(json!({})),
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
    );
    assert_eq!(
        only("Names", json!(["a", "b", "c", "d"])),
        "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or \
         equal to 3"
    );
    assert!(only("Names", json!([])).contains("greater than or equal to 1"));
    assert!(only("Names", json!(["a", "B"])).contains(
        "'names.2.member' failed to satisfy constraint: Member must satisfy \
                                                       regular expression pattern: [a-z/]+"
    ));
    assert!(only("Names", json!([null])).contains("Value null at 'names.1.member'"));
    assert!(only("Unit", json!("Seconds")).contains(
        "Value 'Seconds' at 'unit' failed to satisfy constraint: Member must \
                                                     satisfy enum value set: [Count, None]"
    ));
    assert!(only("Count", json!(11)).contains("Value '11' at 'count'"));
    assert!(only("Count", json!(u64::MAX)).contains("less than or equal to 10"));
    assert!(only("Count", json!(0)).contains("greater than or equal to 1"));
    assert!(only("Labels", json!({"a": "", "b": "", "c": ""})).contains("less than or equal to 2"));
    assert!(only("Labels", json!({"abcde": ""})).contains("Map keys must satisfy constraint"));
    assert!(only("Labels", json!({"$serde_json::private::RawValue": "1"})).contains("keeps for itself"));
    assert!(only("Bytes", json!("YWJjZA==")).contains("less than or equal to 3"));
    let many = told(json!({"Unit": "x", "Count": 0}));
    assert!(
        many.starts_with("3 validation errors detected: Value null at 'name'"),
        "{many}"
    );
}

#[test]
fn a_text_is_never_told_back() {
    let message = told(json!({"Name": "CANARY"}));
    assert!(!message.contains("CANARY"), "{message}");
    let long = told(json!({"Name": "canarycanary"}));
    assert!(long.contains("Value at 'name'") && !long.contains("canary"), "{long}");
}

#[test]
fn another_kind_of_value_is_no_value() {
    for (name, value) in [
        ("Name", json!(1)),
        ("Names", json!("a")),
        ("Names", json!([1])),
        ("Labels", json!([])),
        ("Labels", json!({"a": 1})),
        ("Count", json!("1")),
        ("Count", json!(1.5)),
        ("Value", json!("1")),
        ("At", json!("2026-11-25T12:00:00Z")),
        ("At", json!(1e300)),
        ("At", json!(i64::MAX)),
        ("Bytes", json!("no base64!")),
        ("Item", json!("S")),
        ("Item", json!({"L": [{"S": 1}]})),
    ] {
        let mut document = json!({"Name": "a"});
        document[name] = value.clone();
        let (code, message) = refused(document, Service::Ssm);
        assert_eq!(code, "SerializationException", "{name} {value}: {message}");
    }
    assert_eq!(told(json!([])), "the input must be a structure, and is a list");
    assert_eq!(told(json!({"Name": 1})), "name must be a string, and is a number");
}

#[test]
fn each_service_has_its_names_for_it() {
    let code = |service, document| refused(document, service).0;
    assert_eq!(code(Service::Sts, json!({"Name": ""})), "ValidationError");
    assert_eq!(code(Service::Sts, json!({"Name": 1})), "MalformedInput");
    let (code, message) = refused(json!({"Names": [null]}), Service::CloudWatch);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("MissingParameter", "The parameter Name is required.")
    );
    let (code, message) = refused(json!({"Name": "a", "Value": "NaN"}), Service::CloudWatch);
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(message, "The value NaN for parameter Value is invalid.");
}
