//! The grammar of expressions: `OR` binds less than `AND`, and that less than `NOT`.

use winnow::combinator::{eof, opt, separated};
use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::token::any;

use super::tokens::{Kind, Token, tokens};
use super::{Comparator, Condition, Expression, Function, MOST_BYTES, Operand, Path, Step};
use crate::fault::Fault;

/// How deeply conditions may stand in each other.
const DEEPEST: usize = 32;

/// How many words and signs that join or compare an expression may have.
const MOST_OPERATORS: usize = 300;

type Read<T> = winnow::Result<T, EmptyError>;

/// Reads a condition.
pub(super) fn condition(expression: Expression, text: &str) -> Result<Condition, Fault> {
    read(expression, text, any_of)
}

/// Reads paths, with commas between.
pub(super) fn paths(expression: Expression, text: &str) -> Result<Vec<Path>, Fault> {
    read(expression, text, separated_paths)
}

fn read<T>(expression: Expression, text: &str, grammar: impl Fn(&mut &[Token]) -> Read<T>) -> Result<T, Fault> {
    if text.len() > MOST_BYTES {
        return Err(expression.invalid(format!(
            "Expression size has exceeded the maximum allowed size; expression size: {}",
            text.len()
        )));
    }
    if text.trim().is_empty() {
        return Err(expression.invalid("The expression can not be empty;"));
    }
    let all = tokens(text).map_err(|at| syntax(expression, text, &[], at))?;
    bounded(expression, &all)?;
    let mut rest = all.as_slice();
    let read = grammar(&mut rest);
    let ended: Read<&[Token]> = eof(&mut rest);
    if let (Ok(read), Ok(_)) = (read, ended) {
        return Ok(read);
    }
    let at = rest.first().map_or(text.len(), |token| token.from);
    Err(syntax(expression, text, &all, at))
}

/// Holds an expression to what is gone down into, and to what DynamoDB bears.
fn bounded(expression: Expression, all: &[Token]) -> Result<(), Fault> {
    let (mut depth, mut deepest, mut operators) = (0_usize, 0, 0);
    // How many `NOT`s stand before each other: each is gone down into, and left with what it is said of.
    let mut negations = 0;
    for token in all {
        let is_not = matches!(&token.kind, Kind::Name(word) if is_word(word, "NOT"));
        negations = if is_not { negations + 1 } else { 0 };
        match &token.kind {
            Kind::Sign("(") => depth += 1,
            Kind::Sign(")") => depth = depth.saturating_sub(1),
            Kind::Sign("=" | "<>" | "<" | "<=" | ">" | ">=") => operators += 1,
            Kind::Name(_) if is_not => operators += 1,
            Kind::Name(word) if ["AND", "OR", "BETWEEN", "IN"].iter().any(|known| is_word(word, known)) => {
                operators += 1;
            }
            _ => {}
        }
        deepest = deepest.max(depth + negations);
    }
    if operators > MOST_OPERATORS {
        return Err(expression.invalid(format!(
            "The expression contains too many operators; operator count: {operators}"
        )));
    }
    if deepest > DEEPEST {
        return Err(expression.invalid(format!(
            "Conditions stand in each other more than {DEEPEST} deep at this door"
        )));
    }
    Ok(())
}

/// That it cannot be read on at a place, with what stands around it.
fn syntax(expression: Expression, text: &str, all: &[Token], at: usize) -> Fault {
    let place = all.iter().position(|token| token.from == at);
    let shown = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let Some(place) = place else {
        let token = match text.get(at..).and_then(|rest| rest.chars().next()) {
            Some(unknown) => unknown.to_string(),
            None => "<EOF>".to_owned(),
        };
        let near: String = shown(at.saturating_sub(20), text.len()).chars().take(40).collect();
        return expression.invalid(format!("Syntax error; token: \"{token}\", near: \"{near}\""));
    };
    let before = place.saturating_sub(1);
    let (from, to) = (
        all.get(before).map_or(at, |token| token.from),
        all.get(place + 1)
            .or_else(|| all.get(place))
            .map_or(at, |token| token.to),
    );
    let token = all.get(place).map_or("", |token| shown(token.from, token.to));
    expression.invalid(format!(
        "Syntax error; token: \"{token}\", near: \"{}\"",
        shown(from, to)
    ))
}

fn is_word(found: &str, wanted: &str) -> bool {
    found.eq_ignore_ascii_case(wanted)
}

/// A token that something is made of.
fn kind<'t, T>(of: impl Fn(Kind) -> Option<T>) -> impl Parser<&'t [Token], T, EmptyError> {
    any.verify_map(move |token: Token| of(token.kind))
}

/// A word of the language, whatever its case.
fn word<'t>(wanted: &'static str) -> impl Parser<&'t [Token], (), EmptyError> {
    kind(move |kind| match kind {
        Kind::Name(found) if is_word(&found, wanted) => Some(()),
        _ => None,
    })
}

/// A sign.
fn sign<'t>(wanted: &'static str) -> impl Parser<&'t [Token], (), EmptyError> {
    kind(move |kind| (kind == Kind::Sign(wanted)).then_some(()))
}

/// Whether a word or sign comes, which is taken then.
fn comes<'t>(what: impl Parser<&'t [Token], (), EmptyError>, input: &mut &'t [Token]) -> Read<bool> {
    opt(what).parse_next(input).map(|found| found.is_some())
}

/// One condition, or the several that are joined.
fn joined(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

fn any_of(input: &mut &[Token]) -> Read<Condition> {
    let mut parts = vec![all_of(input)?];
    while comes(word("OR"), input)? {
        parts.push(all_of(input)?);
    }
    Ok(joined(parts, Condition::Any))
}

fn all_of(input: &mut &[Token]) -> Read<Condition> {
    let mut parts = vec![one(input)?];
    while comes(word("AND"), input)? {
        parts.push(one(input)?);
    }
    Ok(joined(parts, Condition::All))
}

fn one(input: &mut &[Token]) -> Read<Condition> {
    if comes(word("NOT"), input)? {
        return Ok(Condition::Not(Box::new(one(input)?)));
    }
    if comes(sign("("), input)? {
        let inner = any_of(input)?;
        sign(")").parse_next(input)?;
        return Ok(inner);
    }
    if let Some((function, count)) = opt(function).parse_next(input)? {
        return asked(function, count, input);
    }
    let left = operand(input)?;
    if comes(word("BETWEEN"), input)? {
        let low = operand(input)?;
        word("AND").parse_next(input)?;
        return Ok(Condition::Between(left, low, operand(input)?));
    }
    if comes(word("IN"), input)? {
        sign("(").parse_next(input)?;
        let mut all = vec![operand(input)?];
        while comes(sign(","), input)? {
            all.push(operand(input)?);
        }
        sign(")").parse_next(input)?;
        return Ok(Condition::Among(left, all));
    }
    let how = comparator(input)?;
    Ok(Condition::Compared(left, how, operand(input)?))
}

/// A function's name with the parenthesis behind it, and how many operands it takes.
fn function(input: &mut &[Token]) -> Read<(Function, usize)> {
    let named = kind(|kind| {
        let Kind::Name(found) = kind else { return None };
        let known = Function::ALL.into_iter().find(|(_, name, _)| *name == found);
        known.map(|(function, _, count)| (function, count))
    });
    (named, sign("(")).map(|(found, ())| found).parse_next(input)
}

fn asked(function: Function, count: usize, input: &mut &[Token]) -> Read<Condition> {
    let mut operands = vec![operand(input)?];
    while operands.len() < count {
        sign(",").parse_next(input)?;
        operands.push(operand(input)?);
    }
    sign(")").parse_next(input)?;
    Ok(Condition::Asked(function, operands))
}

fn comparator(input: &mut &[Token]) -> Read<Comparator> {
    kind(|kind| match kind {
        Kind::Sign("=") => Some(Comparator::Equal),
        Kind::Sign("<>") => Some(Comparator::NotEqual),
        Kind::Sign("<") => Some(Comparator::Less),
        Kind::Sign("<=") => Some(Comparator::AtMost),
        Kind::Sign(">") => Some(Comparator::Greater),
        Kind::Sign(">=") => Some(Comparator::AtLeast),
        _ => None,
    })
    .parse_next(input)
}

fn operand(input: &mut &[Token]) -> Read<Operand> {
    let value = kind(|kind| match kind {
        Kind::Value(name) => Some(Operand::Value(name)),
        _ => None,
    });
    if let Some(value) = opt(value).parse_next(input)? {
        return Ok(value);
    }
    let size = kind(|kind| matches!(kind, Kind::Name(name) if name == "size").then_some(()));
    if comes((size, sign("(")).void(), input)? {
        let of = path(input)?;
        sign(")").parse_next(input)?;
        return Ok(Operand::Size(of));
    }
    path(input).map(Operand::Path)
}

fn separated_paths(input: &mut &[Token]) -> Read<Vec<Path>> {
    separated(1.., path, sign(",")).parse_next(input)
}

fn path(input: &mut &[Token]) -> Read<Path> {
    let mut steps = vec![name(input)?];
    loop {
        if comes(sign("."), input)? {
            steps.push(name(input)?);
        } else if comes(sign("["), input)? {
            let mut place = kind(|kind| match kind {
                Kind::Place(place) => Some(Step::Item(place)),
                _ => None,
            });
            steps.push(place.parse_next(input)?);
            sign("]").parse_next(input)?;
        } else {
            return Ok(steps);
        }
    }
}

/// A name that is no word of the language.
fn name(input: &mut &[Token]) -> Read<Step> {
    kind(|kind| match kind {
        Kind::Name(found)
            if !["AND", "OR", "NOT", "BETWEEN", "IN"]
                .iter()
                .any(|word| is_word(&found, word)) =>
        {
            Some(Step::Name(found))
        }
        _ => None,
    })
    .parse_next(input)
}
