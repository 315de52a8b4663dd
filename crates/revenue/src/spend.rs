//! What is spent, held against MRR: both by month.

use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::day::Day;
use crate::money::{Exact, OutOfRange, Total};
use crate::report::Usd;

/// The days of a period, both inclusive. As text it is a day (`2026-11-25`), a month (`2026-11`), or the first and the last
/// day (`2026-11-01/2026-11-25`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

/// A text that is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period is a day, a month, or its first and its last day: 2026-11-25, 2026-11, 2026-11-01/2026-11-25")]
pub struct NoPeriod;

impl FromStr for Period {
    type Err = NoPeriod;

    fn from_str(text: &str) -> Result<Self, NoPeriod> {
        let date = |text: &str| text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        let (from, to) = match text.split_once('/') {
            Some((from, to)) => (date(from).ok_or(NoPeriod)?, date(to).ok_or(NoPeriod)?),
            None => {
                if let Some(day) = date(text) {
                    (day, day)
                } else {
                    let first = date(&format!("{text}-01")).ok_or(NoPeriod)?;
                    (first, first.last_of_month())
                }
            }
        };
        if from > to {
            return Err(NoPeriod);
        }
        Ok(Self { from, to })
    }
}

impl Period {
    /// How many days it has until `today`, that day among them; those that are still to come do not count. One at least.
    pub fn days_until(self, today: Date) -> i64 {
        let to = self.to.min(today);
        i64::from((to - self.from).get_days().max(0)) + 1
    }
}

/// What was reported to be spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spend {
    /// How much, in minor units of the currency.
    pub minor: Exact,
    /// The currency.
    pub currency: Currency,
    /// When.
    pub period: Period,
}

/// What is spent by month, against what comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ratio {
    /// The spend of a month of 365/12 days.
    pub spend_usd: Usd,
    /// MRR.
    pub mrr_usd: Usd,
    /// Spend as a share of MRR, in per cent, rounded down; none where MRR is not more than 0.
    pub percent: Option<i128>,
}

impl Spend {
    /// What is spent by month, by the days that have been by `today`.
    ///
    /// # Errors
    /// Beyond 128 bits.
    pub fn monthly(&self, today: Date) -> Result<Exact, OutOfRange> {
        let month = Exact::fraction(365, 12).ok_or(OutOfRange)?;
        let days = Exact::whole(self.period.days_until(today));
        self.minor.over(days)?.times(month)
    }
}

/// What all of it comes to, against a day's MRR at that day's rates. `None` where MRR is not known, or a currency has no
/// rate.
///
/// # Errors
/// Beyond 128 bits.
pub fn ratio(spends: &[Spend], today: Date, day: &Day) -> Result<Option<Ratio>, OutOfRange> {
    let Some(mrr_usd) = day.mrr_usd() else {
        return Ok(None);
    };
    let mut all = Total::default();
    for spend in spends {
        let monthly = Total::from(spend.monthly(today)?);
        match day.rates.convert(&monthly, spend.currency, Currency::USD) {
            Some(dollars) => all = all.plus(&dollars),
            None => return Ok(None),
        }
    }
    let spend_usd = Usd(all.rounded()?);
    let percent = (mrr_usd.0 > 0).then(|| spend_usd.0.saturating_mul(100) / mrr_usd.0);
    Ok(Some(Ratio {
        spend_usd,
        mrr_usd,
        percent,
    }))
}

/// The days that a ratio is kept for.
pub const KEPT_DAYS: i64 = 400;

/// The first day that is kept on `today`.
pub fn kept_since(today: Date) -> Date {
    today.saturating_sub(KEPT_DAYS.days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_a_day_a_month_or_two_days() {
        let days = |text: &str| period(text).days_until(date("2030-01-01"));
        assert_eq!(days("2026-11-25"), 1);
        assert_eq!(days("2026-11"), 30);
        assert_eq!(days("2024-02"), 29);
        assert_eq!(days("2026-11-01/2026-11-25"), 25);
        assert_eq!(days("2025-12-31/2026-01-01"), 2);
        for none in [
            "",
            "2026",
            "2026-13",
            "2026-02-30",
            "2026-11-25/2026-11-01",
            "x/y",
            "20261125",
            "2026-11/2026-12",
        ] {
            assert_eq!(none.parse::<Period>(), Err(NoPeriod), "{none}");
        }
    }

    #[test]
    fn a_month_that_goes_on_counts_by_the_days_that_have_been() {
        assert_eq!(period("2026-11").days_until(date("2026-11-10")), 10);
        assert_eq!(period("2026-11").days_until(date("2026-10-10")), 1, "never by none");
        let spend = Spend {
            minor: "100000".parse().unwrap(),
            currency: Currency::USD,
            period: period("2026-11"),
        };
        let monthly = |today| spend.monthly(date(today)).unwrap().rounded();
        assert_eq!(monthly("2026-11-10"), 304_167, "1,000 dollars in ten days");
        assert_eq!(monthly("2026-12-10"), 101_389, "1,000 dollars in thirty");
    }
}
