//! Why a figure is not there.

use jiff::civil::Date;

use crate::currency::Currency;
use crate::money::OutOfRange;

/// Why a figure is not there: its ground is missing. It is never 0 in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// No day was kept.
    #[error("no day from {from} until {until} was kept")]
    Day {
        /// The first.
        from: Date,
        /// The last.
        until: Date,
    },
    /// Nothing was kept before the figure begins.
    #[error("{0} was compared with no day before it, and what the figure begins with lies before it")]
    KeptSince(Date),
    /// A day in between was not kept.
    #[error("{0} was not kept, and the figure begins with its end")]
    Opening(Date),
    /// A currency cannot be converted.
    #[error("there is no rate for {0}; add it to the rates")]
    Rate(Currency),
    /// It would be divided by 0.
    #[error("it would be divided by 0: {0}")]
    Zero(&'static str),
    /// The day was kept by a version that did not compute it.
    #[error("the day was kept before this was computed; a later day has it")]
    NotComputed,
    /// Nobody knows what was planned or overdue then.
    #[error("the day was reconstructed, and what was overdue, paused or planned then is not known")]
    Reconstructed,
    /// Subscriptions in trial that could not be computed.
    #[error("{0} subscriptions in trial could not be computed")]
    InTrial(u64),
    /// Subscriptions of which nobody can say what they come to later.
    #[error("what {0} subscriptions come to later is not known: expand `schedule`, and give the prices of its phases")]
    Later(u64),
    /// Trials that were cancelled are not known.
    #[error(
        "trials that were cancelled are not known: Stripe's events could not be read, for which the key needs read on Events"
    )]
    Trials,
    /// An amount beyond 128 bits.
    #[error("an amount is too large to be shown")]
    OutOfRange,
}

impl From<OutOfRange> for Missing {
    fn from(_: OutOfRange) -> Self {
        Self::OutOfRange
    }
}
