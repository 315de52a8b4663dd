//! The words and signs of an expression.

use winnow::ascii::{digit1, multispace0};
use winnow::combinator::alt;
use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::token::{one_of, take_while};

/// Every sign, a longer one before those it begins with.
const SIGNS: [&str; 12] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]"];

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word, or what stands for a name (`#n`).
    Name(String),
    /// What stands for a value (`:v`).
    Value(String),
    /// A place in a list.
    Place(usize),
    /// A sign.
    Sign(&'static str),
}

/// A token, and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The tokens of a text; or where there is none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, usize> {
    let mut rest = text;
    let mut all = Vec::new();
    loop {
        let blank: Result<&str, EmptyError> = multispace0.parse_next(&mut rest);
        let from = text.len() - rest.len();
        if blank.is_err() || rest.is_empty() {
            return Ok(all);
        }
        let kind = kind(&mut rest).map_err(|_| from)?;
        let to = text.len() - rest.len();
        all.push(Token { kind, from, to });
    }
}

fn kind(input: &mut &str) -> winnow::Result<Kind, EmptyError> {
    alt((
        word.map(|word: &str| Kind::Name(word.to_owned())),
        ('#', inner).take().map(|name: &str| Kind::Name(name.to_owned())),
        (':', inner).take().map(|name: &str| Kind::Value(name.to_owned())),
        digit1.parse_to().map(Kind::Place),
        alt(SIGNS)
            .verify_map(|found: &str| SIGNS.into_iter().find(|sign| *sign == found))
            .map(Kind::Sign),
    ))
    .parse_next(input)
}

/// A name as it may be written out.
fn word<'t>(input: &mut &'t str) -> winnow::Result<&'t str, EmptyError> {
    (one_of(|c: char| c.is_ascii_alphabetic() || c == '_'), rest_of_word)
        .take()
        .parse_next(input)
}

fn rest_of_word<'t>(input: &mut &'t str) -> winnow::Result<&'t str, EmptyError> {
    take_while(0.., is_of_word).parse_next(input)
}

/// What follows `#` or `:`.
fn inner<'t>(input: &mut &'t str) -> winnow::Result<&'t str, EmptyError> {
    take_while(1.., is_of_word).parse_next(input)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
