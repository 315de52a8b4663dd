//! Totals of a run: per currency, exact; in one currency by rates; and how many subscriptions did not
//! count, and why.

use std::collections::BTreeMap;

use super::currency::Currency;
use super::figure::{ErrorCode, Excluded, Figure};
use super::money::{OutOfRange, Sum, Total};
use super::outlook::{Outlook, Outlooks};
use super::rates::Rates;

/// The totals of a run.
#[derive(Debug, Default)]
pub struct Totals {
    currencies: BTreeMap<Currency, InCurrency>,
    subscriptions: u64,
    excluded: BTreeMap<Excluded, u64>,
    errors: BTreeMap<ErrorCode, u64>,
    tax_unknown: u64,
    customer_discounts_unknown: u64,
    duplicates: u64,
    outlooks: Outlooks,
}

/// The totals in one currency.
#[derive(Debug, Default)]
pub struct InCurrency {
    mrr: Sum,
    collection_paused: Sum,
    counted: u64,
}

impl InCurrency {
    /// The MRR, in minor units.
    pub fn mrr(&self) -> Total {
        self.mrr.total()
    }

    /// The part of the MRR whose collection is paused, in minor units.
    pub fn collection_paused(&self) -> Total {
        self.collection_paused.total()
    }

    /// How many subscriptions are worth more than 0.
    pub fn counted(&self) -> u64 {
        self.counted
    }
}

impl Totals {
    /// Takes a figure.
    pub fn add(&mut self, figure: &Figure<'_>) {
        self.outlooks.add(figure);
        self.subscriptions += 1;
        self.tax_unknown += u64::from(figure.tax_unknown);
        self.customer_discounts_unknown += u64::from(figure.customer_discount_unknown);
        if let Some(reason) = figure.excluded {
            *self.excluded.entry(reason).or_default() += 1;
        }
        let mrr = match &figure.mrr {
            Ok(mrr) => *mrr,
            Err(error) => {
                *self.errors.entry(error.code).or_default() += 1;
                return;
            }
        };
        // A subscription that counts has a currency.
        if let Some(currency) = figure.currency {
            let total = self.currencies.entry(currency).or_default();
            if !mrr.is_zero() {
                total.counted += 1;
                total.mrr.add(mrr);
                if figure.collection_paused {
                    total.collection_paused.add(mrr);
                }
            }
        }
    }

    /// Notes that the list of subscriptions was only a part.
    pub fn list_incomplete(&mut self) {
        *self.errors.entry(ErrorCode::ListIncomplete).or_default() += 1;
    }

    /// Notes that so many copies of subscriptions were left out.
    pub fn add_duplicates(&mut self, count: u64) {
        self.duplicates += count;
    }

    /// The totals of each currency that occurred.
    pub fn per_currency(&self) -> impl Iterator<Item = (Currency, &InCurrency)> {
        self.currencies.iter().map(|(currency, total)| (*currency, total))
    }

    /// The MRR in a currency, in minor units.
    pub fn mrr(&self, currency: Currency) -> Total {
        self.currencies.get(&currency).map(InCurrency::mrr).unwrap_or_default()
    }

    /// The MRR of all currencies in minor units of `to`: each currency's total converted, rounded once,
    /// then added. `Ok(None)` if a currency with something in it has no rate.
    ///
    /// # Errors
    /// [`OutOfRange`] beyond 128 bits.
    pub fn converted(&self, to: Currency, rates: &Rates) -> Result<Option<i128>, OutOfRange> {
        converted(
            self.currencies.iter().map(|(from, total)| (*from, total.mrr())),
            to,
            rates,
        )
    }

    /// The currencies with something in them that cannot be converted to `to`.
    pub fn without_rate(&self, to: Currency, rates: &Rates) -> Vec<Currency> {
        let missing = |(from, total): (&Currency, &InCurrency)| rates.convert(&total.mrr(), *from, to).is_none();
        let currencies = self.currencies.iter().filter(|pair| missing(*pair));
        currencies.map(|(currency, _)| *currency).collect()
    }

    /// What stands beside the MRR; trials that were cancelled are not in it.
    pub fn outlook(&self) -> Outlook {
        self.outlooks.outlook()
    }

    /// How many trials ended within 30 days and became paying, of subscriptions that go on.
    pub fn converted_trials(&self) -> u64 {
        self.outlooks.converted()
    }

    /// How many subscriptions were looked at.
    pub fn subscriptions(&self) -> u64 {
        self.subscriptions
    }

    /// How many did not count, by reason.
    pub fn excluded(&self) -> &BTreeMap<Excluded, u64> {
        &self.excluded
    }

    /// How many nobody can say anything about, by what is wrong.
    pub fn errors(&self) -> &BTreeMap<ErrorCode, u64> {
        &self.errors
    }

    /// How many count with taxes in them that the subscription does not tell.
    pub fn tax_unknown(&self) -> u64 {
        self.tax_unknown
    }

    /// How many count although nobody knows whether their customer has a discount.
    pub fn customer_discounts_unknown(&self) -> u64 {
        self.customer_discounts_unknown
    }

    /// How many copies of subscriptions were left out.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }
}

/// Totals by currency in minor units of `to`: each converted, rounded once, then added. `Ok(None)` if a
/// rate is missing.
pub(super) fn converted(
    totals: impl IntoIterator<Item = (Currency, Total)>,
    to: Currency,
    rates: &Rates,
) -> Result<Option<i128>, OutOfRange> {
    let mut sum = 0_i128;
    for (from, total) in totals {
        let Some(converted) = rates.convert(&total, from, to) else {
            return Ok(None);
        };
        sum = sum.checked_add(converted.rounded()?).ok_or(OutOfRange)?;
    }
    Ok(Some(sum))
}
