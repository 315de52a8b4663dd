//! Days in a reporting currency other than the US dollar, from the same rates.

use super::currency::Currency;
use super::day::Day;
use super::figures::Days;
use super::movements::{Converted, Kind};

use std::collections::BTreeMap;

impl Day {
    /// The MRR of its subscriptions in minor units of a currency: each currency's converted, rounded once, then added.
    /// In US dollars it is `mrrUSD`, whatever figure that follows. `None` where a currency has no rate.
    pub fn mrr_in(&self, currency: Currency) -> Option<i128> {
        if currency == Currency::USD {
            return self.summary.mrr_usd.map(|usd| usd.0);
        }
        self.summary.totals.iter().try_fold(0_i128, |sum, total| {
            let converted = self.rates.convert(&total.mrr_exact, total.currency, currency)?;
            sum.checked_add(converted.rounded().ok()?)
        })
    }

    /// What moved since the day before, in minor units of a currency: the opening at that day's rates. `None` where a
    /// currency has no rate, or that day is not among `days`.
    pub fn moved_in(&self, days: &Days<'_>, currency: Currency) -> Option<Converted> {
        if currency == Currency::USD {
            return self.movements_usd.clone();
        }
        let before = match self.compared_with {
            Some(date) => &days.newest(date, date)?.rates,
            None => &self.rates,
        };
        self.movements.converted(currency, before, &self.rates).ok()
    }
}

/// What moved MRR over a period, in minor units of one currency: opening and all steps make closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// The MRR that the first day was compared with.
    pub opening: i128,
    /// What moved it, of each kind, all days together.
    pub moved: BTreeMap<Kind, i128>,
    /// What exchange rates did.
    pub currency_effects: i128,
    /// What lies between days of which one is missing or could not be converted.
    pub gaps: i128,
    /// The MRR of the last day.
    pub closing: i128,
}

impl Steps {
    /// Adds up days, which come oldest first. `None` for none, or beyond 128 bits.
    pub fn of<'c>(days: impl IntoIterator<Item = &'c Converted>) -> Option<Self> {
        let mut days = days.into_iter();
        let first = days.next()?;
        let mut whole = Self {
            opening: first.opening,
            moved: BTreeMap::new(),
            currency_effects: 0,
            gaps: 0,
            closing: first.opening,
        };
        for day in std::iter::once(first).chain(days) {
            whole.gaps = whole.gaps.checked_add(day.opening.checked_sub(whole.closing)?)?;
            for (kind, amount) in &day.moved {
                let sum = whole.moved.entry(*kind).or_insert(0);
                *sum = sum.checked_add(*amount)?;
            }
            whole.currency_effects = whole.currency_effects.checked_add(day.currency_effects)?;
            whole.closing = day.closing;
        }
        Some(whole)
    }
}
