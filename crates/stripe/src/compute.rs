//! Figures from a file or a pipe: a JSON array, a list as Stripe's API gives it, or a subscription a line
//! (NDJSON). Computed on every core, handed over in the input's order. Of NDJSON, only a few blocks are
//! in memory at a time.

use std::io::{self, BufRead, Read as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cc_devops_revenue::figure::{ErrorCode, Figure};
use cc_devops_revenue::model::Catalog;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::objects::{Terms, figure_of, read_coupon, read_price};

/// The input a worker takes at once, in bytes: small, so that nobody waits long for the one before.
const BLOCK: usize = 128 << 10;
/// The longest line, in bytes. Stripe's largest subscriptions have some hundred kilobytes.
const LINE: u64 = 64 << 20;

/// Why nothing was computed, or not all.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// The input could not be read, or the figures not be taken.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The input is not JSON.
    #[error("the input is not JSON; give an array or a list of Stripe's objects, or one object a line")]
    NotJson(#[source] serde_json::Error),
    /// A line does not end.
    #[error("a line of the input is longer than 64 MiB; give one object a line")]
    LineTooLong,
    /// A price or a coupon is not one.
    #[error("the {what} number {number} of the file cannot be read")]
    Entry {
        /// `price` or `coupon`.
        what: &'static str,
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A worker stopped.
    #[error("the computation stopped halfway; report this")]
    Stopped,
}

/// Computes every subscription of `input` and hands its figure to `each`, in the input's order. A
/// subscription that cannot be read or computed is a figure with an error.
///
/// # Errors
/// [`ComputeError`] if the input cannot be read as a whole, or with what `each` failed.
pub fn compute<R, F>(mut input: R, terms: Terms<'_>, each: F) -> Result<(), ComputeError>
where
    R: BufRead + Send,
    F: FnMut(&Figure<'_>) -> io::Result<()> + Send,
{
    let mut held = Vec::new();
    match first_line(&mut input, &mut held)? {
        Form::Lines => work(&Mutex::new(Source::Lines { input, held }), terms, each),
        Form::Document => {
            input.read_to_end(&mut held)?;
            let values = values(&held)?;
            let source: Source<'_, R> = Source::Values(&values);
            work(&Mutex::new(source), terms, each)
        }
    }
}

/// Adds the prices of a file, in the same forms, to a catalog.
///
/// # Errors
/// [`ComputeError`].
pub fn read_prices(mut input: impl BufRead, catalog: &mut Catalog) -> Result<(), ComputeError> {
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    for (place, value) in values(&text)?.into_iter().enumerate() {
        let price = read_price(value.get().as_bytes()).map_err(|source| entry("price", place, source))?;
        catalog.add_price(price);
    }
    Ok(())
}

/// Adds the coupons of a file, in the same forms, to a catalog.
///
/// # Errors
/// [`ComputeError`].
pub fn read_coupons(mut input: impl BufRead, catalog: &mut Catalog) -> Result<(), ComputeError> {
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    for (place, value) in values(&text)?.into_iter().enumerate() {
        let coupon = read_coupon(value.get().as_bytes()).map_err(|source| entry("coupon", place, source))?;
        catalog.add_coupon(coupon);
    }
    Ok(())
}

fn entry(what: &'static str, place: usize, source: serde_json::Error) -> ComputeError {
    let number = place + 1;
    ComputeError::Entry { what, number, source }
}

enum Form {
    Lines,
    Document,
}

/// Reads the first line that is not empty, and tells the input's form from it.
fn first_line(input: &mut impl BufRead, held: &mut Vec<u8>) -> Result<Form, ComputeError> {
    while held.trim_ascii().is_empty() {
        held.clear();
        if input.by_ref().take(LINE + 1).read_until(b'\n', held)? == 0 {
            return Ok(Form::Lines);
        }
        if held.starts_with(b"\xef\xbb\xbf") {
            held.drain(..3);
        }
    }
    let line = held.trim_ascii();
    let form = match (line.first(), serde_json::from_slice::<IgnoredAny>(line)) {
        (Some(b'['), _) => Form::Document,
        // A line that goes on is the beginning of a document; one that is wrong is a wrong line.
        (_, Err(error)) if error.is_eof() => Form::Document,
        _ => Form::Lines,
    };
    Ok(form)
}

/// The objects of a document: of arrays and of lists, or one after the other.
fn values(text: &[u8]) -> Result<Vec<&RawValue>, ComputeError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        let value = value.map_err(ComputeError::NotJson)?;
        match several(value.get().as_bytes()) {
            Some(values) => found.extend(values),
            None => found.push(value),
        }
    }
    Ok(found)
}

/// The objects of an array or a list; `None` if it is neither.
fn several(text: &[u8]) -> Option<Vec<&RawValue>> {
    #[derive(Deserialize)]
    struct List<'a> {
        object: &'a str,
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    if text.first() == Some(&b'[') {
        return serde_json::from_slice(text).ok();
    }
    let list: List<'_> = serde_json::from_slice(text).ok()?;
    (list.object == "list").then_some(list.data)
}

/// Where blocks of input come from.
enum Source<'i, R> {
    Lines {
        input: R,
        /// What was read to tell the form.
        held: Vec<u8>,
    },
    Values(&'i [&'i RawValue]),
}

/// What a worker takes at once.
#[derive(Default)]
struct Block<'i> {
    /// Lines, or nothing.
    lines: Vec<u8>,
    values: &'i [&'i RawValue],
}

impl<'i, R: BufRead> Source<'i, R> {
    /// Fills the block; `false` at the end of the input.
    fn fill(&mut self, block: &mut Block<'i>) -> Result<bool, ComputeError> {
        match self {
            Self::Lines { input, held } => {
                let lines = &mut block.lines;
                lines.clear();
                lines.append(held);
                while lines.len() < BLOCK {
                    let read = input.by_ref().take(LINE + 1).read_until(b'\n', lines)?;
                    if read as u64 > LINE {
                        return Err(ComputeError::LineTooLong);
                    }
                    if read == 0 {
                        break;
                    }
                }
                Ok(!lines.is_empty())
            }
            Self::Values(rest) => {
                let count = rest.len().min(64);
                (block.values, *rest) = rest.split_at(count);
                Ok(count > 0)
            }
        }
    }
}

impl Block<'_> {
    fn figures<'s>(&'s self, terms: Terms<'_>, figures: &mut Vec<Figure<'s>>) {
        for line in self.lines.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            if !line.is_empty() {
                figures_of(line, terms, figures);
            }
        }
        for value in self.values {
            figures.push(figure_of(value.get().as_bytes(), &[], terms));
        }
    }
}

/// The figure of a line, or the figures, if it is a page of a list.
fn figures_of<'s>(line: &'s [u8], terms: Terms<'_>, figures: &mut Vec<Figure<'s>>) {
    let figure = figure_of(line, &[], terms);
    let unreadable = matches!(&figure.mrr, Err(error) if error.code == ErrorCode::Unreadable);
    match unreadable.then(|| several(line)).flatten() {
        Some(values) => {
            figures.extend(
                values
                    .into_iter()
                    .map(|value| figure_of(value.get().as_bytes(), &[], terms)),
            );
        }
        None => figures.push(figure),
    }
}

/// Whose turn it is to hand over.
struct Turn<F> {
    next: u64,
    each: F,
    ended: Option<Result<(), ComputeError>>,
}

/// Computes block after block on every core. Each worker takes the next block, computes it, waits until
/// those before it were handed over, and hands over its own.
fn work<R, F>(source: &Mutex<Source<'_, R>>, terms: Terms<'_>, each: F) -> Result<(), ComputeError>
where
    R: BufRead + Send,
    F: FnMut(&Figure<'_>) -> io::Result<()> + Send,
{
    let (taken, changed) = (Mutex::new(0_u64), Condvar::new());
    let turn = Mutex::new(Turn {
        next: 0,
        each,
        ended: None,
    });
    let worker = || {
        let _stop = Stop(&turn, &changed);
        let mut block = Block::default();
        loop {
            let number = {
                let mut taken = lock(&taken);
                let filled = lock(source).fill(&mut block);
                match filled {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => return end(&turn, &changed, Err(error)),
                }
                *taken += 1;
                *taken - 1
            };
            let mut figures = Vec::new();
            block.figures(terms, &mut figures);
            let not_yet = |turn: &mut Turn<F>| turn.next != number && turn.ended.is_none();
            let mut turn_now = changed
                .wait_while(lock(&turn), not_yet)
                .unwrap_or_else(PoisonError::into_inner);
            if turn_now.ended.is_some() {
                return;
            }
            let handed = figures.iter().try_for_each(|figure| (turn_now.each)(figure));
            drop(figures);
            if let Err(error) = handed {
                drop(turn_now);
                return end(&turn, &changed, Err(error.into()));
            }
            turn_now.next += 1;
            drop(turn_now);
            changed.notify_all();
        }
    };
    // One more than cores: while one waits for its turn, another computes.
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(worker);
        }
    });
    let turn = turn.into_inner().unwrap_or_else(PoisonError::into_inner);
    turn.ended.unwrap_or(Ok(()))
}

fn end<F>(turn: &Mutex<Turn<F>>, changed: &Condvar, how: Result<(), ComputeError>) {
    lock(turn).ended.get_or_insert(how);
    changed.notify_all();
}

/// Ends the others if a worker panics: they would wait for its turn for ever.
struct Stop<'s, F>(&'s Mutex<Turn<F>>, &'s Condvar);

impl<F> Drop for Stop<'_, F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            end(self.0, self.1, Err(ComputeError::Stopped));
        }
    }
}

/// What a lock guards is whole at every moment, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
