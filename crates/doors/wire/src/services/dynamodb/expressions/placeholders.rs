//! What stands for names (`#n`) and values (`:v`) in expressions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Condition, Expression, Function, Operand, Step};
use crate::fault::Fault;
use crate::services::dynamodb::validation;
use crate::services::dynamodb::value::{AttributeValue, KINDS};

/// Words that stand for no attribute unless something stands for them.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.
const RESERVED: &str = include_str!("../reserved.txt");

/// What stands for names and values, and what of it is used.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
    used: BTreeSet<String>,
}

impl Placeholders {
    /// Those that a caller gave. `why_none` says which expression is missing, where there is none.
    pub(crate) fn read(
        names: Option<BTreeMap<String, String>>,
        values: Option<&Map<String, Value>>,
        why_none: Option<&str>,
    ) -> Result<Self, Fault> {
        for (is_given, what) in [
            (names.is_some(), "ExpressionAttributeNames"),
            (values.is_some(), "ExpressionAttributeValues"),
        ] {
            if let (true, Some(missing)) = (is_given, why_none) {
                return Err(validation(format!(
                    "{what} can only be specified when using expressions: {missing} is null"
                )));
            }
        }
        if names.as_ref().is_some_and(BTreeMap::is_empty) {
            return Err(validation("ExpressionAttributeNames must not be empty"));
        }
        if values.is_some_and(Map::is_empty) {
            return Err(validation("ExpressionAttributeValues must not be empty"));
        }
        let names = names.unwrap_or_default();
        for name in names.keys() {
            well_formed(name, '#', "ExpressionAttributeNames")?;
        }
        let mut read = BTreeMap::new();
        for (name, value) in values.into_iter().flatten() {
            well_formed(name, ':', "ExpressionAttributeValues")?;
            let value = AttributeValue::read(value).map_err(|fault| Fault {
                message: format!(
                    "ExpressionAttributeValues contains invalid value: {} for key {name}",
                    fault.message
                ),
                ..fault
            })?;
            read.insert(name.clone(), value);
        }
        Ok(Self {
            names,
            values: read,
            used: BTreeSet::new(),
        })
    }

    /// Notes what a condition uses.
    pub(crate) fn use_in(&mut self, expression: Expression, condition: &Condition) -> Result<(), Fault> {
        needs_paths(expression, condition)?;
        self.needs_types(expression, condition)?;
        condition.each_operand(&mut |operand| match operand {
            Operand::Path(path) | Operand::Size(path) => self.use_path(expression, path),
            Operand::Value(name) => {
                if !self.values.contains_key(name) {
                    return Err(expression.invalid(format!(
                        "An expression attribute value used in expression is not defined; attribute value: {name}"
                    )));
                }
                self.used.insert(name.clone());
                Ok(())
            }
        })
    }

    /// Values are of a type that can be asked for; what is not defined is told by who notes what is used.
    fn needs_types(&self, expression: Expression, condition: &Condition) -> Result<(), Fault> {
        let ordered = |operator: &str, operands: &[&Operand]| {
            let mut values = operands.iter().filter_map(|operand| self.meant(operand));
            match values.find(|value| !["S", "N", "B"].contains(&value.kind())) {
                Some(value) => Err(incorrect(expression, operator, value)),
                None => Ok(()),
            }
        };
        match condition {
            Condition::Compared(left, how, right) => match how.ordering() {
                Some(sign) => ordered(sign, &[left, right]),
                None => Ok(()),
            },
            Condition::Between(of, low, high) => ordered("BETWEEN", &[of, low, high]),
            Condition::Asked(function, operands) => match operands.get(1).and_then(|with| self.meant(with)) {
                Some(with) => takes(expression, *function, with),
                None => Ok(()),
            },
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().try_for_each(|part| self.needs_types(expression, part))
            }
            Condition::Not(inner) => self.needs_types(expression, inner),
            Condition::Among(..) => Ok(()),
        }
    }

    /// The value that an operand is, where it is one.
    fn meant(&self, operand: &Operand) -> Option<&AttributeValue> {
        match operand {
            Operand::Value(name) => self.value(name),
            Operand::Path(_) | Operand::Size(_) => None,
        }
    }

    /// Notes what a path uses.
    pub(crate) fn use_path(&mut self, expression: Expression, path: &[Step]) -> Result<(), Fault> {
        for step in path {
            let Step::Name(name) = step else { continue };
            if name.starts_with('#') {
                if !self.names.contains_key(name) {
                    return Err(expression.invalid(format!(
                        "An expression attribute name used in the document path is not defined; attribute name: {name}"
                    )));
                }
                self.used.insert(name.clone());
            } else if RESERVED.lines().any(|word| word.eq_ignore_ascii_case(name)) {
                return Err(expression.invalid(format!(
                    "Attribute name is a reserved keyword; reserved keyword: {name}"
                )));
            }
        }
        Ok(())
    }

    /// Whether everything that was given is used.
    pub(crate) fn all_used(&self) -> Result<(), Fault> {
        unused("ExpressionAttributeNames", self.names.keys(), &self.used)?;
        unused("ExpressionAttributeValues", self.values.keys(), &self.used)
    }

    /// The attribute that a name means.
    pub(crate) fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }

    /// The value that one means.
    pub(crate) fn value(&self, name: &str) -> Option<&AttributeValue> {
        self.values.get(name)
    }

    /// A path as it is shown: with the names that are meant.
    pub(crate) fn shown(&self, path: &[Step]) -> String {
        let steps = path.iter().map(|step| match step {
            Step::Name(name) => self.name(name).to_owned(),
            Step::Item(place) => format!("[{place}]"),
        });
        steps.collect::<Vec<_>>().join(", ")
    }
}

fn well_formed(name: &str, sign: char, what: &str) -> Result<(), Fault> {
    let inner = name.strip_prefix(sign).unwrap_or_default();
    let fits = !inner.is_empty() && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    Err(validation(format!(
        "{what} contains invalid key: Syntax error; key: \"{shown}\""
    )))
}

fn unused<'a>(what: &str, given: impl Iterator<Item = &'a String>, used: &BTreeSet<String>) -> Result<(), Fault> {
    let left: Vec<&str> = given.filter(|name| !used.contains(*name)).map(String::as_str).collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(validation(format!(
        "Value provided in {what} unused in expressions: keys: {{{}}}",
        left.join(", ")
    )))
}

/// What functions are asked of: paths.
fn needs_paths(expression: Expression, condition: &Condition) -> Result<(), Fault> {
    match condition {
        Condition::Asked(function, operands) => match operands.first() {
            Some(Operand::Path(_)) => Ok(()),
            _ => Err(expression.invalid(format!(
                "Operator or function requires a document path; operator or function: {}",
                function.name()
            ))),
        },
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().try_for_each(|part| needs_paths(expression, part))
        }
        Condition::Not(inner) => needs_paths(expression, inner),
        Condition::Compared(..) | Condition::Between(..) | Condition::Among(..) => Ok(()),
    }
}

/// Whether a function can be asked with a value.
fn takes(expression: Expression, function: Function, with: &AttributeValue) -> Result<(), Fault> {
    let fits = match function {
        Function::BeginsWith => ["S", "B"].contains(&with.kind()),
        Function::AttributeType => with.kind() == "S",
        Function::AttributeExists | Function::AttributeNotExists | Function::Contains => true,
    };
    if !fits {
        return Err(incorrect(expression, function.name(), with));
    }
    match (function, with.text()) {
        (Function::AttributeType, Some(kind)) if !KINDS.contains(&kind) => {
            let shown: String = kind.chars().take(64).collect();
            Err(expression.invalid(format!(
                "Invalid attribute type name found; type: {shown}, valid types: {{{}}}",
                KINDS.join(",")
            )))
        }
        _ => Ok(()),
    }
}

fn incorrect(expression: Expression, operator: &str, value: &AttributeValue) -> Fault {
    expression.invalid(format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
        value.kind()
    ))
}
