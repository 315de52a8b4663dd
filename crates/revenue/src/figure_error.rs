//! Why a subscription has no figure.

use serde::{Deserialize, Serialize};

use super::money::OutOfRange;

/// Why nobody can say what a subscription comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct FigureError {
    /// What is wrong, for programs.
    pub code: ErrorCode,
    /// What is wrong and what to do, for people.
    pub message: String,
}

/// What may be wrong with a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// It is not a subscription in any known shape.
    Unreadable,
    /// A discount whose coupon is not known.
    UnresolvedDiscount,
    /// A price that was not sent along.
    UnresolvedPrice,
    /// A tax rate that was not sent along.
    UnresolvedTaxRate,
    /// A price by tiers without its tiers.
    TiersUnavailable,
    /// A price without its amount in the subscription's currency.
    PriceCurrencyUnavailable,
    /// More items than were sent.
    ItemsIncomplete,
    /// It counts, and has no items.
    NoItems,
    /// An interval that is not known.
    UnknownInterval,
    /// A price without an amount.
    UnknownAmount,
    /// A status that is not known.
    UnknownStatus,
    /// A coupon that lasts nobody knows how long.
    UnknownDuration,
    /// A price whose quantity means nobody knows what.
    UnknownUsageType,
    /// A coupon that takes off what no coupon can.
    InvalidDiscount,
    /// No currency.
    UnknownCurrency,
    /// The same subscription more than once, with different values.
    ConflictingDuplicates,
    /// Of a whole run: the list of subscriptions is only a part.
    ListIncomplete,
    /// An amount too large for exact arithmetic.
    AmountOutOfRange,
}

impl FigureError {
    /// An error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<OutOfRange> for FigureError {
    fn from(error: OutOfRange) -> Self {
        Self::new(ErrorCode::AmountOutOfRange, error.to_string())
    }
}
