//! Reading the parameters of a request. A parameter nobody knows is refused: a typo must not be taken for a default.

use std::collections::BTreeMap;

use cc_devops_kernel::names::NameError;
use cc_devops_kernel::outcome::{Failure, Reason};
use serde_json::{Map, Value};

use crate::json_kind::kind;

/// A parameter that breaks a rule.
pub fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(Reason::InvalidParameter, message)
}

/// A parameter that is no name of its kind.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub fn broken_name(error: NameError) -> Failure {
    invalid(error.to_string())
}

/// A parameter that is other JSON than the action wants. The value is not shown.
pub fn wrong_type(name: &str, wanted: &str, value: &Value) -> Failure {
    Failure::new(
        Reason::SchemaValidationFailed,
        format!("`params.{name}` must be {wanted}, not {}", kind(value)),
    )
}

/// A parameter as the documents and the description of the API have it. The action's reading holds values to it.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What holds for it, as a Markdown fragment.
    pub rule: &'static str,
    /// Which JSON it is.
    pub kind: Kind,
}

/// Which JSON a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// `true` or `false`.
    Flag,
    /// An array of strings.
    Texts,
    /// An object whose values are strings; numbers and booleans are taken as their JSON text.
    Named,
}

/// A request's parameters that are not read yet. JSON null counts as absent.
pub struct Params {
    action: &'static str,
    left: Map<String, Value>,
}

impl Params {
    /// The parameters of a request of that action.
    ///
    /// # Errors
    /// One that the action does not take.
    pub(super) fn new(
        action: &'static str,
        known: &'static [Param],
        given: Map<String, Value>,
    ) -> Result<Self, Failure> {
        match given
            .keys()
            .find(|name| !known.iter().any(|param| param.name == name.as_str()))
        {
            None => Ok(Self { action, left: given }),
            Some(unknown) => {
                let unknown: String = unknown.chars().take(64).collect();
                let known: Vec<&str> = known.iter().map(|param| param.name).collect();
                Err(invalid(format!(
                    "{action} has no parameter {unknown:?}; it takes: {}",
                    known.join(", ")
                )))
            }
        }
    }

    /// The value of a parameter, if it is there.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A string, if it is there.
    ///
    /// # Errors
    /// It is something else.
    pub fn optional(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, "a string", &other)),
        }
    }

    /// A string.
    ///
    /// # Errors
    /// It is absent, or something else.
    pub fn required(&mut self, name: &str) -> Result<String, Failure> {
        self.optional(name)?.ok_or_else(|| {
            Failure::new(
                Reason::MissingParameter,
                format!("{} needs `params.{name}`", self.action),
            )
        })
    }

    /// `true` or `false`; the latter where it is absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong_type(name, "true or false", &other)),
        }
    }

    /// An object of strings, empty where it is absent; numbers and booleans are taken as their JSON text.
    ///
    /// # Errors
    /// It is something else.
    pub fn texts(&mut self, name: &str) -> Result<BTreeMap<String, String>, Failure> {
        let entries = match self.take(name) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(entries)) => entries,
            Some(other) => return Err(wrong_type(name, "an object", &other)),
        };
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
            other => Err(wrong_type(name, "an object of strings", &other)),
        };
        entries
            .into_iter()
            .map(|(key, value)| Ok((key, text(value)?)))
            .collect()
    }

    /// A list of strings, empty where it is absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn list(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let entries = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(entries)) => entries,
            Some(other) => return Err(wrong_type(name, "an array", &other)),
        };
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            other => Err(wrong_type(name, "an array of strings", &other)),
        };
        entries.into_iter().map(text).collect()
    }
}
