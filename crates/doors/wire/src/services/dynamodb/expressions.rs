//! DynamoDB's expressions: what is read of them, and what they say of an item.

mod evaluating;
mod grammar;
mod placeholders;
mod tokens;

use std::fmt;

pub(crate) use evaluating::{found, holds};
pub(crate) use placeholders::Placeholders;

use super::validation;
use crate::fault::Fault;

/// The longest expression, in bytes.
const MOST_BYTES: usize = 4_096;

/// Which expression it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Which keys a query is about.
    KeyCondition,
    /// Which of the items found are given.
    Filter,
    /// Which attributes are given.
    Projection,
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyCondition => "KeyConditionExpression",
            Self::Filter => "FilterExpression",
            Self::Projection => "ProjectionExpression",
        })
    }
}

impl Expression {
    /// Why it cannot be used, in DynamoDB's form.
    pub(crate) fn invalid(self, why: impl fmt::Display) -> Fault {
        validation(format!("Invalid {self}: {why}"))
    }

    /// Reads a condition.
    pub(crate) fn condition(self, text: &str) -> Result<Condition, Fault> {
        grammar::condition(self, text)
    }

    /// Reads paths, with commas between.
    pub(crate) fn paths(self, text: &str) -> Result<Vec<Path>, Fault> {
        grammar::paths(self, text)
    }
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// An attribute, or a member of a map: a name, or what stands for one (`#n`).
    Name(String),
    /// An item of a list.
    Item(usize),
}

/// A path within an item.
pub(crate) type Path = Vec<Step>;

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    /// What stands at a path.
    Path(Path),
    /// How large that is.
    Size(Path),
    /// A value that stands for itself (`:v`).
    Value(String),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparator {
    /// The sign of one that puts values in order.
    const fn ordering(self) -> Option<&'static str> {
        match self {
            Self::Equal | Self::NotEqual => None,
            Self::Less => Some("<"),
            Self::AtMost => Some("<="),
            Self::Greater => Some(">"),
            Self::AtLeast => Some(">="),
        }
    }
}

/// What is asked of an item by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    AttributeExists,
    AttributeNotExists,
    AttributeType,
    BeginsWith,
    Contains,
}

impl Function {
    /// Every one, with how many operands it takes.
    const ALL: [(Self, &'static str, usize); 5] = [
        (Self::AttributeExists, "attribute_exists", 1),
        (Self::AttributeNotExists, "attribute_not_exists", 1),
        (Self::AttributeType, "attribute_type", 2),
        (Self::BeginsWith, "begins_with", 2),
        (Self::Contains, "contains", 2),
    ];

    fn name(self) -> &'static str {
        let known = Self::ALL.into_iter().find(|(known, ..)| *known == self);
        known.map_or("", |(_, name, _)| name)
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Compared(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    Among(Operand, Vec<Operand>),
    Asked(Function, Vec<Operand>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

impl Condition {
    /// Calls for each operand.
    pub(crate) fn each_operand(&self, each: &mut dyn FnMut(&Operand) -> Result<(), Fault>) -> Result<(), Fault> {
        match self {
            Self::Compared(left, _, right) => [left, right].into_iter().try_for_each(each),
            Self::Between(of, low, high) => [of, low, high].into_iter().try_for_each(each),
            Self::Among(of, all) => std::iter::once(of).chain(all).try_for_each(each),
            Self::Asked(_, operands) => operands.iter().try_for_each(each),
            Self::All(parts) | Self::Any(parts) => parts.iter().try_for_each(|part| part.each_operand(each)),
            Self::Not(inner) => inner.each_operand(each),
        }
    }
}

#[cfg(test)]
mod tests;
