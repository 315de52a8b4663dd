//! What is kept of a run: the day's record, and each customer's last figure.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::breakdown::{self, Groups, Key};
use super::currency::Currency;
pub use super::customers::CustomerKey;
use super::money::Exact;
use super::movements::{Converted, Kind, Previous, Statement};
use super::rates::Rates;
use super::report::{Summary, Usd};
use super::subscription_amounts::SubscriptionAmounts;

/// How many days the transactions' figure looks back.
pub const PERIOD_DAYS: u32 = 30;

/// A day's MRR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// The day, UTC.
    pub date: Date,
    /// When the run ended.
    pub at: Timestamp,
    /// The run as it is shown.
    pub summary: Summary,
    /// The rates it used.
    pub rates: Rates,
    /// Where the transactions' period begins and ends, both inclusive, in Unix seconds.
    pub period: (i64, i64),
    /// The day its movements start from; none for the first.
    pub compared_with: Option<Date>,
    /// Whether that day followed another policy: then movements show the change of policy, too.
    pub policy_changed: bool,
    /// What moved since then, exact, by currency.
    pub movements: Statement,
    /// The same in US cents; none where a currency has no rate.
    pub movements_usd: Option<Converted>,
    /// How many movements of customers are kept of it; none for a day that was kept before they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_movements: Option<u32>,
    /// Where the day was computed afterwards, from what the billing source still knew of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconstructed: Option<Reconstructed>,
    /// What each product came to; none for a day that was reconstructed, or kept before products were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_product: Option<breakdown::Kept>,
}

/// How a day came to be that no report was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconstructed {
    /// When it was computed.
    pub at: Timestamp,
    /// Whether the customers' last figures are those of this day, so that a report can be compared with it.
    pub continues: bool,
}

/// A customer's last figure. It is kept when it changes, also when it falls to 0: that tells a
/// reactivation from a new customer.
///
/// It holds what it was before the day it changed, so that a run that is made again that day, or that
/// ended halfway, is compared with the same figures as the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRow {
    /// Whose.
    #[serde(flatten)]
    pub key: CustomerKey,
    /// The MRR in minor units; none for a customer that turned out not to be one.
    pub figure: Option<Exact>,
    /// The day it changed.
    pub day: Date,
    /// What it was before that day; none where the customer was not known.
    pub opening: Option<Exact>,
    /// What its subscriptions are worth one by one, now and before that day.
    #[serde(default)]
    pub subscriptions: SubscriptionFigures,
}

/// A customer's figure, subscription by subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFigures {
    /// What they come to now; none where that was not kept.
    pub now: Option<SubscriptionAmounts>,
    /// What they came to before the day the figure changed.
    pub opening: Option<SubscriptionAmounts>,
}

impl CustomerRow {
    /// The row of a customer that turned out not to be one, on the day that said so.
    pub(super) fn of_nobody(key: CustomerKey, day: Date) -> Self {
        Self {
            key,
            figure: None,
            day,
            opening: None,
            subscriptions: SubscriptionFigures::default(),
        }
    }

    /// What the figure was at the end of a day; at the end of none, nothing was known.
    pub fn at_end_of(&self, day: Option<Date>) -> Option<Exact> {
        match day {
            Some(day) if self.day <= day => self.figure,
            Some(_) => self.opening,
            None => None,
        }
    }

    /// What its subscriptions were worth at the end of a day.
    pub fn subscriptions_at_end_of(&self, day: Option<Date>) -> Option<&SubscriptionAmounts> {
        match day {
            Some(day) if self.day <= day => self.subscriptions.now.as_ref(),
            Some(_) => self.subscriptions.opening.as_ref(),
            None => None,
        }
    }

    /// The figure as the movements take it.
    pub(super) fn previous(&self, amount: Exact) -> Previous<'_> {
        Previous {
            customer: &self.key.customer,
            currency: self.key.currency,
            amount,
        }
    }
}

/// The transactions' period of a moment, both ends inclusive, in Unix seconds.
pub(super) fn period_until(moment: i64) -> (i64, i64) {
    (moment - i64::from(PERIOD_DAYS) * 86_400 + 1, moment)
}

impl Day {
    /// MRR in US cents; none where it cannot be known.
    pub fn mrr_usd(&self) -> Option<Usd> {
        self.summary.mrr_usd
    }

    /// Whether the customers' last figures are those of this day or of a later one: only then can a report be compared
    /// with it.
    pub fn holds_customers(&self) -> bool {
        let reconstructed = self.reconstructed.as_ref();
        reconstructed.is_none_or(|reconstructed| reconstructed.continues)
    }

    /// Its MRR by product, the largest first, in a currency at the day's rates; none where that is not kept.
    pub fn by_product(&self, currency: Currency) -> Option<Groups> {
        let kept = self.by_product.as_ref()?;
        Some(kept.groups(Key::Product, &self.rates, currency))
    }

    /// How many customers moved so, all currencies together.
    pub fn moved(&self, kind: Kind) -> u64 {
        let sheets = self.movements.currencies.values();
        sheets
            .filter_map(|sheet| sheet.moved.get(&kind))
            .map(|moved| moved.customers)
            .sum()
    }
}
