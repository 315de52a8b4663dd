//! The grammar, and what conditions say of an item.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;
use crate::services::dynamodb::value::AttributeValue;

fn path(name: &str) -> Path {
    vec![Step::Name(name.to_owned())]
}

fn compared(name: &str, how: Comparator, value: &str) -> Condition {
    Condition::Compared(Operand::Path(path(name)), how, Operand::Value(value.to_owned()))
}

fn read(text: &str) -> Result<Condition, String> {
    Expression::Filter.condition(text).map_err(|fault| fault.message)
}

#[test]
fn or_binds_less_than_and_and_that_less_than_not() {
    let (a, b, c) = (
        compared("a", Comparator::Equal, ":a"),
        compared("b", Comparator::Less, ":b"),
        compared("c", Comparator::NotEqual, ":c"),
    );
    let not = |inner: &Condition| Condition::Not(Box::new(inner.clone()));
    for (text, expected) in [
        (
            "a = :a or b < :b AND c<>:c",
            Condition::Any(vec![a.clone(), Condition::All(vec![b.clone(), c.clone()])]),
        ),
        (
            "(a = :a OR b < :b) AND NOT c <> :c",
            Condition::All(vec![Condition::Any(vec![a.clone(), b.clone()]), not(&c)]),
        ),
        ("NOT (a = :a)", not(&a)),
        (
            "a=:a AND b<:b AND c<>:c",
            Condition::All(vec![a.clone(), b.clone(), c.clone()]),
        ),
    ] {
        assert_eq!(read(text).as_ref(), Ok(&expected), "{text}");
    }
    assert_eq!(
        read("#x.y[2].z BETWEEN :a AND :b").unwrap(),
        Condition::Between(
            Operand::Path(vec![
                Step::Name("#x".to_owned()),
                Step::Name("y".to_owned()),
                Step::Item(2),
                Step::Name("z".to_owned()),
            ]),
            Operand::Value(":a".to_owned()),
            Operand::Value(":b".to_owned()),
        )
    );
    assert_eq!(
        read("size(a) >= :n").unwrap(),
        Condition::Compared(
            Operand::Size(path("a")),
            Comparator::AtLeast,
            Operand::Value(":n".to_owned())
        )
    );
    // A name is a function's only before a parenthesis.
    assert_eq!(
        read("contains = :a").unwrap(),
        compared("contains", Comparator::Equal, ":a")
    );
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    for (text, token) in [
        ("a = ", "<EOF>"),
        ("a = :a AND", "<EOF>"),
        ("a = :a b = :b", "b"),
        ("(a = :a", "<EOF>"),
        ("a = :a)", ")"),
        ("a == :a", "="),
        ("a = 'x'", "'"),
        ("a IN :a", ":a"),
        ("a BETWEEN :a", "<EOF>"),
        ("begins_with(a)", ")"),
        ("exists(a)", "("),
        ("a[x] = :a", "x"),
        ("AND = :a", "AND"),
        ("a = :ä", ":"),
    ] {
        let refused = read(text).unwrap_err();
        let expected = format!("Syntax error; token: \"{token}\"");
        assert!(refused.contains(&expected), "{text}: {refused}");
    }
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let long = format!("a = :a OR {}", "b".repeat(4_100));
    assert!(read(&long).unwrap_err().contains("maximum allowed size"));
    let deep = format!("{}a = :a{}", "(".repeat(600), ")".repeat(600));
    assert!(read(&deep).unwrap_err().contains("deep"));
    let many = vec!["a=:a"; 200].join(" OR ");
    assert!(read(&many).unwrap_err().contains("too many operators"));
    assert!(read(&vec!["a=:a"; 100].join(" OR ")).is_ok());
    let negated = format!("{}a = :a", "NOT ".repeat(33));
    assert!(read(&negated).unwrap_err().contains("deep"));
    // Beside each other they are in nothing.
    assert!(read(&vec!["NOT a=:a"; 40].join(" AND ")).is_ok());
}

#[test]
fn values_are_of_a_type_that_can_be_asked_for() {
    let values = json!({":n": {"N": "1"}, ":t": {"S": "T"}, ":true": {"BOOL": true}, ":null": {"NULL": true}});
    let Value::Object(values) = values else { panic!("a map") };
    for (text, why) in [
        ("begins_with(a, :n)", "function: begins_with, operand type: N"),
        ("attribute_type(a, :n)", "function: attribute_type, operand type: N"),
        ("attribute_type(a, :t)", "type name found; type: T, valid types: {S,N,"),
        ("a < :true", "function: <, operand type: BOOL"),
        ("NOT (a = :n AND :null >= a)", "function: >=, operand type: NULL"),
        ("a BETWEEN :n AND :true", "function: BETWEEN, operand type: BOOL"),
    ] {
        let condition = read(text).unwrap();
        let mut placeholders = Placeholders::read(None, Some(&values), None).unwrap();
        let refused = placeholders.use_in(Expression::Filter, &condition).unwrap_err();
        assert_eq!(refused.code, "ValidationException");
        assert!(refused.message.contains(why), "{text}: {}", refused.message);
    }
}

#[test]
fn a_condition_holds_for_what_it_says() {
    let item = BTreeMap::from([
        ("ts".to_owned(), AttributeValue::Text("2026-03-01".to_owned())),
        ("n".to_owned(), AttributeValue::read(&json!({"N": "12.50"})).unwrap()),
        ("complete".to_owned(), AttributeValue::Truth(true)),
        ("gap".to_owned(), AttributeValue::Null),
    ]);
    let values = json!({
        ":t": {"S": "2026-03-01"}, ":y": {"S": "2026"}, ":n": {"N": "12.5"}, ":m": {"N": "9"}, ":ten": {"N": "10"},
        ":true": {"BOOL": true}, ":null": {"NULL": true}, ":s": {"S": "S"}, ":l": {"L": []},
    });
    let Value::Object(values) = values else { panic!("a map") };
    for (text, expected) in [
        ("ts = :t", true),
        ("n = :n", true),
        ("n > :m", true),
        ("n < :m", false),
        ("n = :t", false),
        ("n > :t", false),
        ("n <> :t", true),
        ("nothing <> :t", true),
        ("nothing = :t", false),
        ("nothing < :t", false),
        ("n BETWEEN :m AND :n", true),
        ("n IN (:m, :t, :n)", true),
        ("n IN (:m)", false),
        ("complete = :true", true),
        ("gap = :null", true),
        ("attribute_exists(gap)", true),
        ("attribute_exists(nothing)", false),
        ("attribute_not_exists(nothing)", true),
        ("attribute_type(ts, :s)", true),
        ("attribute_type(n, :s)", false),
        ("begins_with(ts, :y)", true),
        ("begins_with(n, :y)", false),
        ("contains(ts, :y)", true),
        ("size(ts) = :ten", true),
        ("size(n) = :ten", false),
        ("ts = :l", false),
        ("ts = :t AND n < :m OR complete = :true", true),
        ("NOT (ts = :t OR n < :m)", false),
    ] {
        let condition = read(text).unwrap();
        let mut placeholders = Placeholders::read(None, Some(&values), None).unwrap();
        placeholders.use_in(Expression::Filter, &condition).unwrap();
        assert_eq!(holds(&item, &condition, &placeholders), expected, "{text}");
    }
}

#[test]
fn placeholders_without_an_expression_are_refused() {
    let names = BTreeMap::from([("#n".to_owned(), "n".to_owned())]);
    let refused = Placeholders::read(Some(names), None, Some("ProjectionExpression")).unwrap_err();
    assert!(
        refused.message.contains("ProjectionExpression is null"),
        "{}",
        refused.message
    );
    let empty = Placeholders::read(None, Some(&Map::new()), None).unwrap_err();
    assert!(empty.message.contains("must not be empty"));
}
