//! What each item adds to a subscription's figure, for breakdowns.

use super::model::Price;
use super::money::Exact;

/// An item's share in its subscription's figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The price's id.
    pub price: String,
    /// The product's id; empty if it is not told.
    pub product: String,
    /// How often the price is charged: `month`, `3 months`, `year`.
    pub interval: String,
    /// What it adds a month, in minor units.
    pub amount: Exact,
}

impl Share {
    pub(super) fn new(amount: Exact, price: Option<&Price<'_>>) -> Self {
        let text = |text: fn(&Price<'_>) -> String| price.map(text).unwrap_or_default();
        Self {
            price: text(|price| price.id.clone().into_owned()),
            product: text(|price| price.product.clone().into_owned()),
            interval: text(|price| match price.interval_count {
                0 | 1 => price.interval.as_str().to_owned(),
                count => format!("{count} {}s", price.interval.as_str()),
            }),
            amount,
        }
    }
}

/// Makes the shares add up to the figure, where something was taken from the whole and not from an item: each bears its
/// part of it.
pub(super) fn settle(shares: &mut Vec<Share>, mrr: Exact) {
    let sum = shares.iter().try_fold(Exact::ZERO, |sum, share| sum.plus(share.amount));
    let Ok(sum) = sum else {
        shares.clear();
        return;
    };
    if sum == mrr {
        return;
    }
    for share in shares.iter_mut() {
        let settled = share.amount.times(mrr).and_then(|amount| amount.over(sum));
        // What cannot be divided is left to whoever adds up: the difference shows there.
        share.amount = settled.unwrap_or(share.amount);
    }
}
