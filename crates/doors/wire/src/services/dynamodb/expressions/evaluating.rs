//! What expressions say of an item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Comparator, Condition, Function, Operand, Placeholders, Step};
use crate::services::dynamodb::number::Number;
use crate::services::dynamodb::table::Item;
use crate::services::dynamodb::value::AttributeValue;

/// What stands at a path; no item here has a list or a map.
pub(crate) fn found<'i>(item: &'i Item, path: &[Step], placeholders: &Placeholders) -> Option<&'i AttributeValue> {
    match path {
        [Step::Name(name)] => item.get(placeholders.name(name)),
        _ => None,
    }
}

/// Whether a condition holds for an item.
pub(crate) fn holds(item: &Item, condition: &Condition, placeholders: &Placeholders) -> bool {
    let read = |operand| value(item, operand, placeholders);
    match condition {
        Condition::Compared(left, how, right) => compared(read(left).as_deref(), *how, read(right).as_deref()),
        Condition::Between(of, low, high) => {
            let of = read(of);
            compared(of.as_deref(), Comparator::AtLeast, read(low).as_deref())
                && compared(of.as_deref(), Comparator::AtMost, read(high).as_deref())
        }
        Condition::Among(of, all) => {
            let of = read(of);
            let same = |one| compared(of.as_deref(), Comparator::Equal, read(one).as_deref());
            all.iter().any(same)
        }
        Condition::Asked(function, operands) => {
            let mut operands = operands.iter().map(read);
            let (of, with) = (operands.next().flatten(), operands.next().flatten());
            asked(*function, of.as_deref(), with.as_deref())
        }
        Condition::All(parts) => parts.iter().all(|part| holds(item, part, placeholders)),
        Condition::Any(parts) => parts.iter().any(|part| holds(item, part, placeholders)),
        Condition::Not(inner) => !holds(item, inner, placeholders),
    }
}

fn value<'a>(item: &'a Item, operand: &Operand, placeholders: &'a Placeholders) -> Option<Cow<'a, AttributeValue>> {
    match operand {
        Operand::Path(path) => found(item, path, placeholders).map(Cow::Borrowed),
        Operand::Value(name) => placeholders.value(name).map(Cow::Borrowed),
        Operand::Size(path) => {
            // Of a number, or of true and false, there is no size.
            let text = found(item, path, placeholders)?.text()?;
            let size = Number::read(&text.chars().count().to_string()).ok()?;
            Some(Cow::Owned(AttributeValue::Number(size)))
        }
    }
}

fn compared(left: Option<&AttributeValue>, how: Comparator, right: Option<&AttributeValue>) -> bool {
    match (how, left, right) {
        (Comparator::Equal, Some(left), Some(right)) => left == right,
        (Comparator::NotEqual, Some(left), Some(right)) => left != right,
        // What is not there is not equal to anything.
        (Comparator::NotEqual, left, right) => left.is_some() || right.is_some(),
        (how, Some(left), Some(right)) => match (how, left.compared(right)) {
            (_, None) => false,
            (Comparator::Less, Some(order)) => order == Ordering::Less,
            (Comparator::AtMost, Some(order)) => order != Ordering::Greater,
            (Comparator::Greater, Some(order)) => order == Ordering::Greater,
            (_, Some(order)) => order != Ordering::Less,
        },
        _ => false,
    }
}

fn asked(function: Function, of: Option<&AttributeValue>, with: Option<&AttributeValue>) -> bool {
    let texts = || Some((of?.text()?, with?.text()?));
    match function {
        Function::AttributeExists => of.is_some(),
        Function::AttributeNotExists => of.is_none(),
        Function::AttributeType => {
            let kind = with.and_then(AttributeValue::text);
            of.zip(kind).is_some_and(|(of, kind)| of.kind() == kind)
        }
        Function::BeginsWith => texts().is_some_and(|(text, beginning)| text.starts_with(beginning)),
        Function::Contains => texts().is_some_and(|(text, part)| text.contains(part)),
    }
}
