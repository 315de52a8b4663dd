//! The older figure: charges minus refunds of a period, in the currencies they were settled in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::money::{Exact, OutOfRange, Sum};
use super::rates::Rates;
use super::totals::converted;

/// What a balance transaction is, by its `reporting_category`.
/// Source: <https://docs.stripe.com/reports/reporting-categories>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Money from a customer: `charge`; and what of it failed later, `charge_failure`.
    Charge,
    /// Money back to a customer: `refund`, `partial_capture_reversal`; and what of it failed,
    /// `refund_failure`.
    Refund,
    /// Money a bank took back for a customer, or gave again: `dispute`, `dispute_reversal`. In the API
    /// these are of the type `adjustment`.
    Dispute,
    /// Payouts, fees and all else: no revenue.
    Other,
}

impl From<&str> for Category {
    fn from(text: &str) -> Self {
        match text {
            "charge" | "charge_failure" => Self::Charge,
            "refund" | "refund_failure" | "partial_capture_reversal" => Self::Refund,
            "dispute" | "dispute_reversal" => Self::Dispute,
            _ => Self::Other,
        }
    }
}

/// Adds up balance transactions.
#[derive(Debug, Default)]
pub struct Transactions {
    charges: Side,
    refunds: Side,
    disputes: Side,
}

#[derive(Debug, Default)]
struct Side {
    sums: BTreeMap<Currency, Sum>,
    count: u64,
}

/// What the transactions of a period come to, in cents of US dollars. `None` where a rate is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionsFigure {
    /// Charges, less those that failed later.
    pub charges: Option<i128>,
    /// Refunds, less those that failed, as a positive number.
    pub refunds: Option<i128>,
    /// Disputes, less those that were won, as a positive number. They are no part of the figure: it is
    /// charges minus refunds, as it always was.
    pub disputes: Option<i128>,
    /// How many charges.
    pub charge_count: u64,
    /// How many refunds.
    pub refund_count: u64,
    /// How many disputes.
    pub dispute_count: u64,
    /// Charges and refunds together.
    pub total_transactions: u64,
}

impl TransactionsFigure {
    /// Charges minus refunds, in cents; `None` where a rate is missing.
    pub fn net(&self) -> Option<i128> {
        self.charges?.checked_sub(self.refunds?)
    }
}

impl Transactions {
    /// Takes a transaction: its amount in minor units of the currency it was settled in, negative if
    /// money left.
    pub fn add(&mut self, category: Category, amount: i64, currency: Currency) {
        let side = match category {
            Category::Charge => &mut self.charges,
            Category::Refund => &mut self.refunds,
            Category::Dispute => &mut self.disputes,
            Category::Other => return,
        };
        side.sums.entry(currency).or_default().add(Exact::whole(amount));
        side.count += 1;
    }

    /// What they come to in US dollars: each currency's sum converted, rounded once, then added.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn figure(&self, rates: &Rates) -> Result<TransactionsFigure, OutOfRange> {
        let in_usd = |side: &Side| {
            let sums = side.sums.iter().map(|(currency, sum)| (*currency, sum.total()));
            converted(sums, Currency::USD, rates)
        };
        let negated = |amount: Option<i128>| amount.map(|amount| amount.checked_neg().ok_or(OutOfRange)).transpose();
        Ok(TransactionsFigure {
            charges: in_usd(&self.charges)?,
            refunds: negated(in_usd(&self.refunds)?)?,
            disputes: negated(in_usd(&self.disputes)?)?,
            charge_count: self.charges.count,
            refund_count: self.refunds.count,
            dispute_count: self.disputes.count,
            total_transactions: self.charges.count + self.refunds.count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_minus_refunds() {
        let mut transactions = Transactions::default();
        for (category, amount) in [
            ("charge", 1000),
            ("charge", 500),
            ("charge_failure", -500),
            ("refund", -300),
            ("refund_failure", 100),
            ("dispute", -200),
            ("payout", -5000),
            ("fee", -40),
            ("something_new", 7),
        ] {
            transactions.add(category.into(), amount, Currency::USD);
        }
        let figure = transactions.figure(&Rates::none()).unwrap();
        assert_eq!(
            (figure.charges, figure.refunds, figure.disputes),
            (Some(1000), Some(200), Some(200))
        );
        assert_eq!(
            (figure.charge_count, figure.refund_count, figure.dispute_count),
            (3, 2, 1)
        );
        assert_eq!((figure.net(), figure.total_transactions), (Some(800), 5));
    }

    #[test]
    fn without_a_rate_there_is_no_figure() {
        let mut transactions = Transactions::default();
        transactions.add(Category::Charge, 1000, Currency::EUR);
        let figure = transactions.figure(&Rates::none()).unwrap();
        assert_eq!((figure.charges, figure.refunds, figure.net()), (None, Some(0), None));
    }
}
