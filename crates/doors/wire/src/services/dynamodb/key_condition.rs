//! Which keys a query is about.

use cc_devops_revenue::billing_item::{PARTITION_KEY, SORT_KEY};

use super::expressions::{Comparator, Condition, Expression, Function, Operand, Placeholders, Step};
use super::validation;
use super::value::AttributeValue;
use crate::fault::Fault;

/// What a query is about: a partition, and within it what holds a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyCondition {
    pub(crate) partition: String,
    pub(crate) sort: SortCondition,
}

/// Which sort keys. Each is one span of texts as they sort, so that what is behind its end needs not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SortCondition {
    Any,
    Equal(String),
    Less(String),
    AtMost(String),
    Greater(String),
    AtLeast(String),
    Between(String, String),
    BeginsWith(String),
}

impl SortCondition {
    /// Whether a key is not before the span.
    pub(crate) fn has_begun(&self, key: &str) -> bool {
        match self {
            Self::Any | Self::Less(_) | Self::AtMost(_) => true,
            Self::Greater(bound) => key > bound.as_str(),
            Self::Equal(bound) | Self::AtLeast(bound) | Self::Between(bound, _) | Self::BeginsWith(bound) => {
                key >= bound.as_str()
            }
        }
    }

    /// Whether a key is not behind the span.
    pub(crate) fn goes_on(&self, key: &str) -> bool {
        match self {
            Self::Any | Self::Greater(_) | Self::AtLeast(_) => true,
            Self::Less(bound) => key < bound.as_str(),
            Self::Equal(bound) | Self::AtMost(bound) | Self::Between(_, bound) => key <= bound.as_str(),
            Self::BeginsWith(beginning) => key < beginning.as_str() || key.starts_with(beginning.as_str()),
        }
    }

    /// Whether a key is in the span.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.has_begun(key) && self.goes_on(key)
    }
}

impl KeyCondition {
    /// What a condition says of the table's keys.
    pub(crate) fn of(condition: &Condition, placeholders: &Placeholders) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        conjuncts(condition, &mut parts)?;
        let (mut partition, mut sort) = (None, None);
        for part in parts {
            let name = placeholders.name(name_of(part)?);
            let is_again = match name {
                PARTITION_KEY => partition.replace(equal_to(part, placeholders)?).is_some(),
                SORT_KEY => sort.replace(on_sort_key(part, placeholders)?).is_some(),
                // Of a key that the table has not.
                _ => return Err(missed(if partition.is_none() { PARTITION_KEY } else { SORT_KEY })),
            };
            if is_again {
                return Err(EXPRESSION.invalid("KeyConditionExpressions must only contain one condition per key"));
            }
        }
        Ok(Self {
            partition: partition.ok_or_else(|| missed(PARTITION_KEY))?,
            sort: sort.unwrap_or(SortCondition::Any),
        })
    }
}

const EXPRESSION: Expression = Expression::KeyCondition;

fn missed(key: &str) -> Fault {
    validation(format!("Query condition missed key schema element: {key}"))
}

fn unsupported() -> Fault {
    validation("Query key condition not supported")
}

/// The conditions that are joined by `AND`.
fn conjuncts<'c>(condition: &'c Condition, parts: &mut Vec<&'c Condition>) -> Result<(), Fault> {
    match condition {
        Condition::All(all) => all.iter().try_for_each(|part| conjuncts(part, parts)),
        Condition::Any(_) => Err(EXPRESSION.invalid("Invalid operator used in KeyConditionExpression: OR")),
        Condition::Not(_) => Err(EXPRESSION.invalid("Invalid operator used in KeyConditionExpression: NOT")),
        Condition::Among(..) => Err(EXPRESSION.invalid("Invalid operator used in KeyConditionExpression: IN")),
        Condition::Compared(_, Comparator::NotEqual, _) => {
            Err(EXPRESSION.invalid("Invalid operator used in KeyConditionExpression: <>"))
        }
        part => {
            parts.push(part);
            Ok(())
        }
    }
}

/// The name of the key that a condition is about.
fn name_of(part: &Condition) -> Result<&str, Fault> {
    let of = match part {
        Condition::Compared(Operand::Value(_), _, of) | Condition::Compared(of, ..) | Condition::Between(of, ..) => of,
        Condition::Asked(Function::BeginsWith, operands) => operands.first().ok_or_else(unsupported)?,
        _ => {
            let why = "Invalid function used in KeyConditionExpression: begins_with alone is taken";
            return Err(EXPRESSION.invalid(why));
        }
    };
    match of {
        Operand::Path(path) => match path.as_slice() {
            [Step::Name(name)] => Ok(name.as_str()),
            _ => Err(EXPRESSION.invalid("KeyConditionExpressions cannot have conditions on nested attributes")),
        },
        Operand::Size(_) | Operand::Value(_) => Err(unsupported()),
    }
}

/// The text that the partition key is to be.
fn equal_to(part: &Condition, placeholders: &Placeholders) -> Result<String, Fault> {
    match part {
        Condition::Compared(one, Comparator::Equal, other) => text(value_of(one, other), placeholders),
        _ => Err(unsupported()),
    }
}

fn on_sort_key(part: &Condition, placeholders: &Placeholders) -> Result<SortCondition, Fault> {
    let text = |operand| text(operand, placeholders);
    Ok(match part {
        Condition::Compared(one, how, other) => {
            let bound = text(value_of(one, other))?;
            let is_turned = matches!(one, Operand::Value(_));
            match (how, is_turned) {
                (Comparator::Equal, _) => SortCondition::Equal(bound),
                (Comparator::Less, false) | (Comparator::Greater, true) => SortCondition::Less(bound),
                (Comparator::AtMost, false) | (Comparator::AtLeast, true) => SortCondition::AtMost(bound),
                (Comparator::Greater, false) | (Comparator::Less, true) => SortCondition::Greater(bound),
                (Comparator::AtLeast, false) | (Comparator::AtMost, true) => SortCondition::AtLeast(bound),
                (Comparator::NotEqual, _) => return Err(unsupported()),
            }
        }
        Condition::Between(_, low, high) => {
            let (low, high) = (text(low)?, text(high)?);
            if low > high {
                return Err(EXPRESSION.invalid(format!(
                    "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound \
                     operand: AttributeValue: {{S:{low}}}, upper bound operand: AttributeValue: {{S:{high}}}"
                )));
            }
            SortCondition::Between(low, high)
        }
        Condition::Asked(Function::BeginsWith, operands) => {
            let beginning = operands.get(1).ok_or_else(unsupported)?;
            SortCondition::BeginsWith(text(beginning)?)
        }
        _ => return Err(unsupported()),
    })
}

/// The one of two that is no path.
fn value_of<'o>(one: &'o Operand, other: &'o Operand) -> &'o Operand {
    if matches!(one, Operand::Value(_)) { one } else { other }
}

/// A key's value: this table's keys are texts.
fn text(operand: &Operand, placeholders: &Placeholders) -> Result<String, Fault> {
    let Operand::Value(name) = operand else {
        return Err(EXPRESSION.invalid("Invalid condition in KeyConditionExpression: a key is compared with a value"));
    };
    match placeholders.value(name) {
        Some(AttributeValue::Text(text)) if !text.is_empty() => Ok(text.clone()),
        Some(AttributeValue::Text(_)) => Err(validation(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
             empty string value.",
        )),
        _ => Err(validation(
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, Value, json};

    use super::*;

    fn read(text: &str, names: &[(&str, &str)], values: Value) -> Result<KeyCondition, String> {
        let names: BTreeMap<String, String> = names
            .iter()
            .map(|(sign, name)| ((*sign).to_owned(), (*name).to_owned()))
            .collect();
        let Value::Object(values) = values else { panic!("a map") };
        let read = || -> Result<KeyCondition, Fault> {
            let names = (!names.is_empty()).then(|| names.clone());
            let mut placeholders =
                Placeholders::read(names, Some(&values).filter(|all: &&Map<_, _>| !all.is_empty()), None)?;
            let condition = EXPRESSION.condition(text)?;
            placeholders.use_in(EXPRESSION, &condition)?;
            KeyCondition::of(&condition, &placeholders)
        };
        read().map_err(|fault| fault.message)
    }

    fn owned(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn each_way_to_say_which_keys_is_read() {
        let values = json!({":p": {"S": "mrr"}, ":a": {"S": "2026"}, ":b": {"S": "2027"}});
        for (text, sort) in [
            ("PK = :p", SortCondition::Any),
            ("(PK = :p)", SortCondition::Any),
            ("PK=:p AND SK = :a", SortCondition::Equal(owned("2026"))),
            ("SK < :a and PK = :p", SortCondition::Less(owned("2026"))),
            ("PK = :p AND (SK <= :a)", SortCondition::AtMost(owned("2026"))),
            ("PK = :p AND :a < SK", SortCondition::Greater(owned("2026"))),
            ("(PK = :p) AND (SK >= :a)", SortCondition::AtLeast(owned("2026"))),
            (
                "PK = :p AND SK BETWEEN :a AND :b",
                SortCondition::Between(owned("2026"), owned("2027")),
            ),
            (
                "(PK = :p AND begins_with(SK, :a))",
                SortCondition::BeginsWith(owned("2026")),
            ),
        ] {
            let read = read(text, &[], values.clone()).unwrap();
            assert_eq!((read.partition.as_str(), read.sort), ("mrr", sort), "{text}");
        }
        // As boto3 writes it.
        let read = read(
            "(#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2)",
            &[("#n0", "PK"), ("#n1", "SK")],
            json!({":v0": {"S": "mrr"}, ":v1": {"S": "a"}, ":v2": {"S": "b"}}),
        );
        assert_eq!(read.unwrap().sort, SortCondition::Between(owned("a"), owned("b")));
    }

    #[test]
    fn what_is_no_condition_of_keys_is_refused_in_dynamodbs_words() {
        let values = json!({":p": {"S": "mrr"}, ":n": {"N": "1"}, ":a": {"S": "b"}, ":b": {"S": "a"}, ":e": {"S": ""}});
        for (text, words) in [
            ("SK = :a", "missed key schema element: PK"),
            ("PK = :p AND ts = :a", "missed key schema element: SK"),
            ("PK = :p OR SK = :a", "KeyConditionExpression: OR"),
            ("NOT PK = :p", "KeyConditionExpression: NOT"),
            ("PK <> :p", "KeyConditionExpression: <>"),
            ("PK IN (:p)", "KeyConditionExpression: IN"),
            ("PK > :p", "Query key condition not supported"),
            ("PK = :p AND contains(SK, :a)", "Invalid function"),
            ("PK = :p AND SK = :a AND SK = :b", "one condition per key"),
            ("PK = :p AND SK = PK", "compared with a value"),
            ("PK = :p AND SK.x = :a", "nested"),
            ("PK = :n", "does not match schema type"),
            ("PK = :e", "empty string"),
            ("PK = :p AND SK BETWEEN :a AND :b", "requires upper bound"),
            ("PK = :q", "is not defined; attribute value: :q"),
            ("#p = :p", "is not defined; attribute name: #p"),
        ] {
            let refused = read(text, &[], values.clone()).unwrap_err();
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }

    #[test]
    fn a_span_holds_what_its_condition_does() {
        let keys = [
            "",
            "2025-12-31",
            "2026",
            "2026-01-01",
            "2026-12-31",
            "2027",
            "latest",
            "\u{10ffff}",
        ];
        let conditions = [
            SortCondition::Any,
            SortCondition::Equal(owned("2026-01-01")),
            SortCondition::Less(owned("2026")),
            SortCondition::AtMost(owned("2026")),
            SortCondition::Greater(owned("2026")),
            SortCondition::AtLeast(owned("2026")),
            SortCondition::Between(owned("2026"), owned("2027")),
            SortCondition::BeginsWith(owned("2026")),
        ];
        let held: Vec<Vec<&str>> = conditions
            .iter()
            .map(|condition| keys.into_iter().filter(|key| condition.holds(key)).collect())
            .collect();
        assert_eq!(
            held,
            [
                keys.to_vec(),
                vec!["2026-01-01"],
                vec!["", "2025-12-31"],
                vec!["", "2025-12-31", "2026"],
                keys[3..].to_vec(),
                keys[2..].to_vec(),
                keys[2..6].to_vec(),
                keys[2..5].to_vec(),
            ]
        );
        // Once begun it goes on, and once over it is over: reading stops there.
        for condition in &conditions {
            let begun: Vec<bool> = keys.iter().map(|key| condition.has_begun(key)).collect();
            let goes_on: Vec<bool> = keys.iter().map(|key| condition.goes_on(key)).collect();
            assert!(begun.is_sorted() && goes_on.iter().rev().is_sorted(), "{condition:?}");
        }
    }
}
