//! Where blocks of input come from, and what stands in them.

use std::borrow::Cow;
use std::io::{BufRead, Chain, Cursor, Read as _};
use std::ops::Range;

use cc_devops_revenue::figure::{ErrorCode, Figure};
use serde::de::IgnoredAny;

use super::ComputeError;
use super::document::Document;
use super::form::{self, Form, MARK, is_list};
use crate::objects::{Terms, figure_of, id_of};

/// The input a worker takes at once, in bytes: small, so that nobody waits long for the one before.
const BLOCK: usize = 128 << 10;
/// The longest line, in bytes. Stripe's largest subscriptions have some hundred kilobytes.
const LINE: u64 = 64 << 20;

/// An input with its beginning put back before it.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// An input that was recognised.
pub(super) enum Source<R> {
    Lines {
        input: Whole<R>,
        /// How many lines were handed out.
        lines: u64,
    },
    Document(Document<Whole<R>>),
}

/// What a worker takes at once.
#[derive(Default)]
pub(super) struct Block {
    text: Vec<u8>,
    /// The number of the first line, counted from 1; 0 if this is no block of lines.
    first_line: u64,
    /// Where the lines, or the values of a document, stand.
    values: Vec<Range<usize>>,
}

/// What was made of a block, and whether the last list in it says that it has more.
pub(super) struct Taken<T> {
    pub(super) made: T,
    pub(super) more: Option<bool>,
}

/// A value of a block: an object, and the line it stands on, or 0.
#[derive(Clone, Copy)]
pub(super) struct Value<'b> {
    pub(super) json: &'b [u8],
    pub(super) line: u64,
}

impl<R: BufRead> Source<R> {
    /// Tells the form of the input.
    pub(super) fn open(mut input: R) -> Result<Self, ComputeError> {
        let mut head = form::read_head(&mut input)?;
        let form = form::form_of(&head)?;
        if head.starts_with(MARK) {
            head.drain(..MARK.len());
        }
        let input = Cursor::new(head).chain(input);
        Ok(match form {
            Form::Lines => Self::Lines { input, lines: 0 },
            Form::Document => Self::Document(Document::new(input)),
        })
    }

    /// Fills the block; `false` at the end of the input.
    pub(super) fn fill(&mut self, block: &mut Block) -> Result<bool, ComputeError> {
        let text = &mut block.text;
        text.clear();
        block.values.clear();
        match self {
            Self::Lines { input, lines } => {
                block.first_line = *lines + 1;
                while text.len() < BLOCK {
                    let start = text.len();
                    let read = input.by_ref().take(LINE + 1).read_until(b'\n', text)?;
                    if read as u64 > LINE {
                        return Err(ComputeError::LineTooLong);
                    }
                    if read == 0 {
                        break;
                    }
                    block.values.push(start..text.len());
                    *lines += 1;
                }
            }
            Self::Document(document) => {
                while text.len() < BLOCK
                    && let Some(value) = document.next(text)?
                {
                    block.values.push(value);
                }
            }
        }
        Ok(!block.values.is_empty())
    }

    /// Whether the last list of a document has more. Of lines, their blocks tell.
    pub(super) fn more(&self) -> Option<bool> {
        match self {
            Self::Lines { .. } => None,
            Self::Document(document) => document.more(),
        }
    }
}

impl Block {
    /// The lines that are not empty, or the values of a document.
    fn parts(&self) -> impl Iterator<Item = Value<'_>> {
        let step = u64::from(self.first_line > 0);
        let parts = self.values.iter().zip(0_u64..).filter_map(move |(place, number)| {
            let json = self.text.get(place.clone())?.trim_ascii();
            let line = self.first_line + number * step;
            Some(Value { json, line })
        });
        parts.filter(|part| !part.json.is_empty())
    }

    /// Every object, those of pages one by one.
    pub(super) fn objects(&self) -> Taken<Vec<Object<'_>>> {
        let (mut objects, mut more) = (Vec::new(), None);
        for part in self.parts() {
            match page(part) {
                Some(page) => {
                    more = page.more.or(more);
                    objects.extend(page.made.into_iter().map(|json| Object::OfPage(json, part.line)));
                }
                None => objects.push(Object::Read(part)),
            }
        }
        Taken { made: objects, more }
    }

    /// Every figure. A page is looked for only where there is no subscription.
    pub(super) fn figures(&self, terms: Terms<'_>) -> Taken<Vec<Figure<'_>>> {
        let (mut figures, mut more) = (Vec::new(), None);
        for part in self.parts() {
            let figure = figure_of(part.json, &[], terms);
            match is_unreadable(&figure).then(|| page(part)).flatten() {
                Some(page) => {
                    more = page.more.or(more);
                    let of = |json: Vec<u8>| on_line(figure_of(&json, &[], terms).into_owned(), part.line);
                    figures.extend(page.made.into_iter().map(of));
                }
                None => figures.push(on_line(figure, part.line)),
            }
        }
        Taken { made: figures, more }
    }

    /// Whether every value is JSON: a document that is wrong anywhere is none.
    pub(super) fn check(&self) -> Result<(), ComputeError> {
        if self.first_line > 0 {
            return Ok(());
        }
        for part in self.parts() {
            if let Err(error) = serde_json::from_slice::<IgnoredAny>(part.json) {
                let what = crate::objects::without_place(&error);
                let of = id_of(part.json).map(|id| format!("{what} (in {id})"));
                return Err(ComputeError::NotJson(of.unwrap_or(what)));
            }
        }
        Ok(())
    }
}

/// An object of a block.
pub(super) enum Object<'b> {
    /// As it stands in it.
    Read(Value<'b>),
    /// Of a page on a line.
    OfPage(Vec<u8>, u64),
}

impl Object<'_> {
    pub(super) fn json(&self) -> &[u8] {
        match self {
            Self::Read(value) => value.json,
            Self::OfPage(json, _) => json,
        }
    }

    /// The line it stands on; 0 for none.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Read(value) => value.line,
            Self::OfPage(_, line) => *line,
        }
    }
}

/// The objects of a page that stands on one line: within a line, an array or a list may stand in place of an object,
/// which has an id. `None` if there is no page, or it is not whole.
fn page(part: Value<'_>) -> Option<Taken<Vec<Vec<u8>>>> {
    let is_page = part.json.starts_with(b"[") || (id_of(part.json).is_none() && is_list(part.json));
    if part.line == 0 || !is_page {
        return None;
    }
    let mut document = Document::new(part.json);
    let mut made = Vec::new();
    loop {
        let mut text = Vec::new();
        match document.next(&mut text) {
            Ok(Some(_)) => made.push(text),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    let more = document.more();
    Some(Taken { made, more })
}

fn is_unreadable(figure: &Figure<'_>) -> bool {
    matches!(&figure.mrr, Err(error) if error.code == ErrorCode::Unreadable)
}

/// Says where it stands, if it cannot be read.
fn on_line(mut figure: Figure<'_>, line: u64) -> Figure<'_> {
    if line > 0
        && let Err(error) = &mut figure.mrr
        && error.code == ErrorCode::Unreadable
    {
        error.message = format!("line {line}: {}", error.message);
    }
    figure
}

/// The id of an object, if it is JSON as a whole.
pub(super) fn whole_id(json: &[u8]) -> Option<Cow<'_, str>> {
    let id = id_of(json)?;
    serde_json::from_slice::<IgnoredAny>(json).is_ok().then_some(id)
}
