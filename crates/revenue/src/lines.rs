//! The lines that lead to a figure, in words and numbers. They are made only when asked for.

use serde::Serialize;

use super::money::Exact;

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
    /// The figure and its lines.
    Yes,
}

/// Takes the lines, if they are asked for.
#[derive(Debug)]
pub(super) struct Trace(Option<Vec<Line>>);

impl Trace {
    pub(super) fn new(explain: Explain) -> Self {
        Self((explain == Explain::Yes).then(Vec::new))
    }

    pub(super) fn line(&mut self, kind: LineKind, item: &str, amount: Exact, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(Line {
                kind,
                item: (!item.is_empty()).then(|| item.to_owned()),
                text: text(),
                amount,
            });
        }
    }

    pub(super) fn wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn into_lines(self) -> Vec<Line> {
        self.0.unwrap_or_default()
    }
}
