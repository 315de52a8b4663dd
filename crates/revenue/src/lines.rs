//! The lines that lead to a figure, in words and numbers. They are made only when asked for.

use serde::Serialize;

use super::model::Price;
use super::money::Exact;
use super::shares::Share;

/// One step. The steps of a subscription add up exactly to its figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What kind of step it is.
    pub kind: LineKind,
    /// The item it belongs to; `None` if to the subscription.
    pub item: Option<String>,
    /// The step in words.
    pub text: String,
    /// What it adds a month, in minor units; negative if it takes away.
    pub amount: Exact,
}

/// The kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// An item at its price.
    Item,
    /// A tier of an item's price.
    Tier,
    /// A discount of an item.
    ItemDiscount,
    /// An item's share of a discount of the subscription.
    SubscriptionDiscount,
    /// An item's share of a discount of the customer.
    CustomerDiscount,
    /// Tax within the price.
    InclusiveTax,
    /// What goes to a platform.
    ApplicationFee,
    /// What does not count, and why.
    Excluded,
    /// What changes nothing, but may be asked about.
    Note,
}

/// Whether lines are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// Only the figure.
    No,
    /// The figure, its lines, and the share that each item has in it.
    Yes,
    /// The figure and the share that each item has in it.
    Shares,
}

/// Takes the lines or the shares, if they are asked for.
#[derive(Debug)]
pub(super) struct Trace {
    explain: Explain,
    lines: Vec<Line>,
    shares: Vec<Share>,
}

impl Trace {
    pub(super) fn new(explain: Explain) -> Self {
        Self {
            explain,
            lines: Vec::new(),
            shares: Vec::new(),
        }
    }

    pub(super) fn line(&mut self, kind: LineKind, item: &str, amount: Exact, text: impl FnOnce() -> String) {
        if self.wanted() {
            self.lines.push(Line {
                kind,
                item: (!item.is_empty()).then(|| item.to_owned()),
                text: text(),
                amount,
            });
        }
    }

    /// Notes what an item comes to in the end.
    pub(super) fn share<'p>(&mut self, amount: Exact, price: impl FnOnce() -> Option<&'p Price<'p>>) {
        if self.explain != Explain::No {
            self.shares.push(Share::new(amount, price()));
        }
    }

    /// Whether lines are wanted.
    pub(super) fn wanted(&self) -> bool {
        self.explain == Explain::Yes
    }

    pub(super) fn into_parts(self) -> (Vec<Line>, Vec<Share>) {
        (self.lines, self.shares)
    }
}
