//! Figures from a file or a pipe: a JSON array, a list as Stripe's API gives it, or a subscription a line
//! (NDJSON). Computed on every core, handed over in the input's order. Only a few blocks of the input are in
//! memory at a time.

mod beside;
mod document;
mod duplicates;
mod form;
mod input;
mod source;
mod work;

use std::io::{self, BufRead};

use cc_devops_revenue::figure::Figure;

pub use self::beside::{read_coupons, read_customers, read_prices};
pub use self::input::{Checked, Duplicates, Input};
use self::source::{Block, Source, Taken};
use self::work::{Job, work};
use crate::objects::Terms;

/// Why nothing was computed, or not all.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// The input could not be read, or the figures not be taken.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Nothing was given: an export that failed is no month without revenue.
    #[error("the input is empty; an account without subscriptions is `[]` or an empty list")]
    Empty,
    /// The input is something else than JSON.
    #[error("the input is {0}; give JSON in UTF-8, as Stripe's API answers it")]
    OtherFormat(&'static str),
    /// The input is not JSON.
    #[error("the input is not JSON: {0}; give an array or a list of Stripe's objects, or one object a line")]
    NotJson(String),
    /// A line does not end.
    #[error("a line of the input is longer than 64 MiB; give one object a line")]
    LineTooLong,
    /// A price, a coupon or a customer is not one.
    #[error("the {what} {place} cannot be read: {why}")]
    Entry {
        /// `price`, `coupon` or `customer`.
        what: &'static str,
        /// Where it stands: `on line 3`, or `number 3 of the file`.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A worker stopped.
    #[error("the computation stopped halfway; report this")]
    Stopped,
}

/// What was read besides figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Whether the list of subscriptions says that it has more: the figures are those of a part.
    pub list_incomplete: bool,
}

/// Computes every subscription of `input` and hands its figure to `each`, in the input's order, copies of one
/// subscription too: [`Input`] leaves those out. A subscription that cannot be read or computed is a figure
/// with an error.
///
/// # Errors
/// [`ComputeError`] if the input cannot be read as a whole, or with what `each` failed.
pub fn compute<R, F>(input: R, terms: Terms<'_>, mut each: F) -> Result<Outcome, ComputeError>
where
    R: BufRead + Send,
    F: FnMut(&Figure<'_>) -> io::Result<()> + Send,
{
    let source = Source::open(input)?;
    let figures = Figures { terms };
    let hand_over = |made: &[Figure<'_>]| made.iter().try_for_each(&mut each).map_err(ComputeError::Io);
    let more = work(source, &figures, Handing(hand_over))?;
    Ok(Outcome {
        list_incomplete: more.unwrap_or(false),
    })
}

/// Computes the figures of blocks.
struct Figures<'t> {
    terms: Terms<'t>,
}

impl Job for Figures<'_> {
    type Made<'b> = Vec<Figure<'b>>;

    fn make<'b>(&self, block: &'b Block) -> Result<Taken<Vec<Figure<'b>>>, ComputeError> {
        Ok(block.figures(self.terms))
    }
}

/// Takes figures block by block.
struct Handing<F>(F);

impl<F> work::Take<Figures<'_>> for Handing<F>
where
    F: for<'b> FnMut(&[Figure<'b>]) -> Result<(), ComputeError> + Send,
{
    fn take(&mut self, made: Vec<Figure<'_>>) -> Result<(), ComputeError> {
        (self.0)(&made)
    }
}
