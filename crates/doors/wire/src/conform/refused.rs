//! What is told of a document that its model refuses.

use crate::fault::Fault;
use crate::service::{Family, Service};

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A value is of another kind.
    Shape {
        at: String,
        wanted: &'static str,
        found: &'static str,
    },
    /// A number is none.
    NoNumber { shown: String, at: String },
    /// Bounds, patterns and what must be there.
    Violations(Vec<Violation>),
}

/// A constraint that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Whether something is not there that must be.
    pub(super) is_missing: bool,
    /// Whether it is a word that is none of a list.
    pub(super) is_unknown: bool,
    pub(super) at: String,
    /// What is missing, as a form names it.
    pub(super) named: String,
    pub(super) shown: Option<String>,
    pub(super) constraint: String,
}

impl Violation {
    fn sentence(&self) -> String {
        let value = match &self.shown {
            _ if self.is_missing => "Value null".to_owned(),
            Some(shown) => format!("Value '{shown}'"),
            None => "Value".to_owned(),
        };
        format!(
            "{value} at '{}' failed to satisfy constraint: {}",
            self.at, self.constraint
        )
    }
}

impl Refused {
    /// As the service says it.
    pub(crate) fn fault(&self, service: Service) -> Fault {
        match self {
            Self::Shape { at, wanted, found } => {
                let code = match service.family() {
                    Family::Json => "SerializationException",
                    Family::Query => "MalformedInput",
                };
                let place = if at.is_empty() { "the input" } else { at };
                Fault::sender(code, format!("{place} must be {wanted}, and is {found}"))
            }
            Self::NoNumber { shown, at } => Fault::sender(
                "InvalidParameterValue",
                format!("The value {shown} for parameter {at} is invalid."),
            ),
            Self::Violations(violations) => violated(violations, service),
        }
    }
}

/// The first word that is none of its list.
fn unknown(violations: &[Violation]) -> Option<&str> {
    let unknown = violations.iter().find(|violation| violation.is_unknown)?;
    unknown.shown.as_deref()
}

fn violated(violations: &[Violation], service: Service) -> Fault {
    let missing = violations.iter().find(|violation| violation.is_missing);
    match (service, missing, unknown(violations)) {
        (Service::CloudWatch, Some(missing), _) => Fault::sender(
            "MissingParameter",
            format!("The parameter {} is required.", missing.named),
        ),
        (Service::Sqs, Some(missing), _) => Fault::sender(
            "MissingParameter",
            format!("The request must contain the parameter {}.", missing.named),
        ),
        (Service::Sqs, None, Some(word)) => Fault::sender("InvalidAttributeName", format!("Unknown Attribute {word}.")),
        _ => {
            let code = match service.family() {
                Family::Json => "ValidationException",
                Family::Query => "ValidationError",
            };
            let plural = if violations.len() == 1 { "error" } else { "errors" };
            let sentences: Vec<String> = violations.iter().map(Violation::sentence).collect();
            Fault::sender(
                code,
                format!(
                    "{} validation {plural} detected: {}",
                    violations.len(),
                    sentences.join("; ")
                ),
            )
        }
    }
}
