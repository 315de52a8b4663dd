use serde_json::json;

use super::*;
use crate::model::List;

static DATUM: [Member; 4] = [
    Member::optional("MetricName", Text::ANY.shape()),
    Member::optional("Value", Shape::Double),
    Member::optional("Timestamp", Shape::Timestamp),
    Member::optional("On", Shape::Boolean),
];
static DATA: List = List::of(Shape::Structure(&DATUM), 0, 2);
static TAGS: Map = Map::of(Text::ANY, Text::ANY.shape(), 5);
static INPUT: [Member; 5] = [
    Member::optional("Namespace", Text::ANY.shape()),
    Member::optional("MetricData", Shape::List(&DATA)),
    Member::optional("Tags", Shape::Map(&TAGS)),
    Member::optional("Bytes", Shape::Blob { max: 9 }),
    Member::optional("Period", Shape::Integer { min: 0, max: 9 }),
];
const SHAPE: Shape = Shape::Structure(&INPUT);

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex.replace([' ', '\n'], "")).unwrap()
}

fn taken(hex: &str) -> Value {
    read(&bytes(hex), &SHAPE).unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    let document = json!({
        "Namespace": "Agent/A",
        "MetricData": [
            {"MetricName": "Heartbeat", "Value": 1.5, "Timestamp": "2025-11-25T12:00:00.25Z", "On": true}, {},
        ],
        "Tags": {"a": "b"}, "Bytes": "YWJj", "Period": 300,
    });
    let mut expected = document.clone();
    expected["MetricData"][0]["Timestamp"] = json!(1_764_072_000.25);
    assert_eq!(read(&write(&document, &SHAPE), &SHAPE).unwrap(), expected);
    // What the shape does not name, and what is null, is not written.
    let more = json!({"Namespace": "A", "More": 1, "Period": null});
    assert_eq!(read(&write(&more, &SHAPE), &SHAPE).unwrap(), json!({"Namespace": "A"}));
    assert_eq!(
        write(&json!({"__type": "X"}), &ERROR),
        bytes("a1 66 5f5f74797065 61 58")
    );
}

#[test]
fn whatever_form_an_sdk_writes_is_read() {
    // Maps, lists, texts and bytes of indefinite length, as the Rust SDK writes maps.
    let name = "69 4e616d657370616365";
    assert_eq!(taken(&format!("bf {name} 61 41 ff")), json!({"Namespace": "A"}));
    assert_eq!(
        taken(&format!("a1 {name} 7f 61 41 61 42 ff")),
        json!({"Namespace": "AB"})
    );
    assert_eq!(taken("a1 65 4279746573 5f 42 6162 41 63 ff"), json!({"Bytes": "YWJj"}));
    let data = "6a 4d657472696344617461";
    assert_eq!(taken(&format!("a1 {data} 9f a0 ff")), json!({"MetricData": [{}]}));
    // Numbers of any width, and moments as whole or floating seconds.
    let value =
        |number: &str| taken(&format!("a1 {data} 81 a1 65 56616c7565 {number}"))["MetricData"][0]["Value"].clone();
    assert_eq!(value("f9 3e00"), 1.5);
    assert_eq!(value("fa 3fc00000"), 1.5);
    assert_eq!(value("fb 3ff8000000000000"), 1.5);
    assert_eq!(value("01"), 1);
    assert_eq!(value("20"), -1);
    assert_eq!(value("f9 7e00"), "NaN");
    assert_eq!(value("f9 fc00"), "-Infinity");
    let at = |moment: &str| {
        taken(&format!("a1 {data} 81 a1 69 54696d657374616d70 {moment}"))["MetricData"][0]["Timestamp"].clone()
    };
    assert_eq!(at("c1 1a 69259bc0"), 1_764_072_384);
    assert_eq!(at("c1 fb 41da49670000 0000"), json!(1_764_072_448.0));
    // What is null is not there, and what is unknown is passed over.
    assert_eq!(
        taken(&format!("a2 {name} f6 61 78 82 01 bf 61 79 80 ff")),
        json!({"Namespace": null})
    );
}

#[test]
fn what_is_of_another_kind_or_broken_is_refused() {
    let name = "69 4e616d657370616365";
    for hex in [
        "",
        "80",
        "01",
        "a1",
        &format!("a1 {name} 01"),
        &format!("a1 {name} 41 41"),
        &format!("a1 {name} 61"),
        &format!("a1 {name} 61 ff"),
        &format!("a1 {name} 61 41 00"),
        &format!("bf {name} 61 41"),
        "a1 01 61 41",
        "bb ffffffffffffffff",
        "a1 66 506572696f64 3b ffffffffffffffff",
        "a1 66 506572696f64 f9 3e00",
        "a1 6a 4d657472696344617461 81 a1 69 54696d657374616d70 1a 69259bc0",
        "a1 6a 4d657472696344617461 81 a1 69 54696d657374616d70 c0 1a 69259bc0",
    ] {
        assert!(read(&bytes(hex), &SHAPE).is_err(), "{hex}");
    }
    // What is unknown is passed over without going down into it.
    let deep = format!("a1 61 78 {} 01", "81 ".repeat(100_000));
    assert_eq!(taken(&deep), json!({}));
}

#[test]
fn a_list_is_kept_to_one_more_than_there_may_be() {
    let many = format!("a1 6a 4d657472696344617461 99 03e8 {}", "a0 ".repeat(1_000));
    assert_eq!(taken(&many)["MetricData"].as_array().map(Vec::len), Some(3));
}
