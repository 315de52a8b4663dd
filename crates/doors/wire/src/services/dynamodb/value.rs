//! Attributes' values: `{"S": "…"}` and its sisters.

use std::cmp::Ordering;

use cc_devops_revenue::billing_item::Attribute;
use serde_json::{Map, Value, json};

use super::number::{NoNumber, Number};
use super::validation;
use crate::fault::Fault;

/// Every type of values.
pub(crate) const KINDS: [&str; 10] = ["S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"];

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AttributeValue {
    /// A text.
    Text(String),
    /// A number.
    Number(Number),
    /// True or false.
    Truth(bool),
    /// Nothing that is known.
    Null,
    /// Of another type, which nothing in this table has.
    Other {
        /// The type.
        kind: &'static str,
        /// As it was given.
        value: Value,
    },
}

impl AttributeValue {
    /// Reads one that a caller gave.
    pub(crate) fn read(given: &Value) -> Result<Self, Fault> {
        let (kind, value) = only(given)?;
        match (kind, value) {
            ("S", Value::String(text)) => Ok(Self::Text(text.clone())),
            ("N", Value::String(text)) => number(text).map(Self::Number),
            ("BOOL", Value::Bool(truth)) => Ok(Self::Truth(*truth)),
            ("NULL", Value::Bool(true)) => Ok(Self::Null),
            ("NULL", _) => Err(validation(
                "One or more parameter values were invalid: Null attribute value types must have the value of true",
            )),
            (kind, value) => {
                check(kind, value)?;
                let value = value.clone();
                Ok(Self::Other { kind, value })
            }
        }
    }

    /// As it is given to a caller.
    pub(crate) fn document(&self) -> Value {
        match self {
            Self::Text(text) => json!({"S": text}),
            Self::Number(number) => json!({"N": number.to_string()}),
            Self::Truth(truth) => json!({"BOOL": truth}),
            Self::Null => json!({"NULL": true}),
            Self::Other { kind, value } => Value::Object(Map::from_iter([((*kind).to_owned(), value.clone())])),
        }
    }

    /// Its type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "S",
            Self::Number(_) => "N",
            Self::Truth(_) => "BOOL",
            Self::Null => "NULL",
            Self::Other { kind, .. } => kind,
        }
    }

    /// Its text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes it takes, as DynamoDB counts.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(number) => number.len().div_ceil(2) + 1,
            Self::Truth(_) | Self::Null => 1,
            Self::Other { value, .. } => value.to_string().len(),
        }
    }

    /// Which of two comes first; none where they cannot be compared so.
    pub(crate) fn compared(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            // By their bytes.
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Number(one), Self::Number(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

impl From<Attribute> for AttributeValue {
    fn from(attribute: Attribute) -> Self {
        match attribute {
            Attribute::Text(text) => Self::Text(text),
            Attribute::Number(number) => match Number::read(&number) {
                Ok(number) => Self::Number(number),
                // No figure has so many digits.
                Err(_) => Self::Text(number),
            },
            Attribute::Truth(truth) => Self::Truth(truth),
            Attribute::Unknown => Self::Null,
        }
    }
}

/// The one type that a value has.
fn only(given: &Value) -> Result<(&'static str, &Value), Fault> {
    let members = given.as_object().into_iter().flatten();
    let mut known = members.filter_map(|(name, value)| {
        let kind = KINDS.into_iter().find(|kind| kind == name)?;
        Some((kind, value))
    });
    match (known.next(), known.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        )),
        (Some(_), Some(_)) => Err(validation(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        )),
    }
}

fn number(text: &str) -> Result<Number, Fault> {
    Number::read(text).map_err(|why| {
        validation(match why {
            NoNumber::Unreadable => {
                let shown: String = text.chars().take(64).collect();
                format!("The parameter cannot be converted to a numeric value: {shown}")
            }
            NoNumber::TooManyDigits => "Attempting to store more than 38 significant digits in a Number".to_owned(),
            NoNumber::OutOfRange => {
                "Number overflow. Attempting to store a number with magnitude larger than supported range".to_owned()
            }
        })
    })
}

/// What a set, a list or a map holds.
fn check(kind: &str, value: &Value) -> Result<(), Fault> {
    match (kind, value) {
        ("L", Value::Array(items)) => items.iter().try_for_each(|item| AttributeValue::read(item).map(drop)),
        ("M", Value::Object(members)) => members
            .values()
            .try_for_each(|item| AttributeValue::read(item).map(drop)),
        ("SS" | "NS" | "BS", Value::Array(items)) if items.is_empty() => Err(validation(
            "One or more parameter values were invalid: An string set  may not be empty",
        )),
        ("NS", Value::Array(items)) => {
            let mut texts = items.iter().filter_map(Value::as_str);
            texts.try_for_each(|text| number(text).map(drop))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_exactly_one_type() {
        assert_eq!(
            AttributeValue::read(&json!({"S": "mrr"})).unwrap(),
            AttributeValue::Text("mrr".to_owned())
        );
        for (given, words) in [
            (json!({}), "is empty"),
            (json!({"X": "y"}), "is empty"),
            (json!({"S": "a", "N": "1"}), "more than one"),
            (json!({"L": [{}]}), "is empty"),
            (json!({"M": {"a": {"S": "a", "BOOL": true}}}), "more than one"),
            (json!({"N": "one"}), "numeric value: one"),
            (json!({"NS": ["1", "x"]}), "numeric value: x"),
            (json!({"SS": []}), "may not be empty"),
            (json!({"NULL": false}), "value of true"),
        ] {
            let fault = AttributeValue::read(&given).unwrap_err();
            assert_eq!(fault.code, "ValidationException");
            assert!(fault.message.contains(words), "{given}: {}", fault.message);
        }
    }

    #[test]
    fn a_value_is_given_back_as_it_is_kept() {
        for (given, back) in [
            (json!({"S": "x"}), json!({"S": "x"})),
            (json!({"N": "1.50"}), json!({"N": "1.5"})),
            (json!({"BOOL": false}), json!({"BOOL": false})),
            (json!({"NULL": true}), json!({"NULL": true})),
            (json!({"L": [{"S": "x"}]}), json!({"L": [{"S": "x"}]})),
        ] {
            assert_eq!(AttributeValue::read(&given).unwrap().document(), back);
        }
        assert_eq!(
            AttributeValue::from(Attribute::Unknown).document(),
            json!({"NULL": true})
        );
        assert_eq!(
            AttributeValue::from(Attribute::Number("1234.50".to_owned())).document(),
            json!({"N": "1234.5"})
        );
    }

    #[test]
    fn only_texts_and_numbers_come_before_others_of_their_type() {
        let text = |text: &str| AttributeValue::Text(text.to_owned());
        assert_eq!(text("2026-01-01").compared(&text("latest")), Some(Ordering::Less));
        let number = AttributeValue::read(&json!({"N": "9"})).unwrap();
        let larger = AttributeValue::read(&json!({"N": "10"})).unwrap();
        assert_eq!(number.compared(&larger), Some(Ordering::Less));
        assert_eq!(text("9").compared(&larger), None);
        assert_eq!(AttributeValue::Null.compared(&AttributeValue::Null), None);
    }
}
