//! Exchange rates of one day, and converting with them exactly.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::money::{Exact, Total};

/// What one unit of a base currency was worth on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    base: Currency,
    source: String,
    date: Option<Date>,
    per_base: BTreeMap<Currency, Exact>,
}

/// A rate that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rate of {0} must be more than 0")]
pub struct BadRate(Currency);

impl Rates {
    /// Rates against `base`: how much of each currency one unit of it was worth, in whole units of both.
    /// `source` and `date` are reported with every figure they were used for; `date` is `None` for a
    /// fixed table.
    ///
    /// # Errors
    /// [`BadRate`] for one that is not positive.
    pub fn new(
        base: Currency,
        source: impl Into<String>,
        date: Option<Date>,
        per_base: impl IntoIterator<Item = (Currency, Exact)>,
    ) -> Result<Self, BadRate> {
        let mut rates: BTreeMap<_, _> = per_base.into_iter().collect();
        if let Some((currency, _)) = rates.iter().find(|(_, rate)| !rate.is_positive()) {
            return Err(BadRate(*currency));
        }
        rates.insert(base, Exact::ONE);
        Ok(Self {
            base,
            source: source.into(),
            date,
            per_base: rates,
        })
    }

    /// No rates: US dollars stay US dollars, all else cannot be converted.
    pub fn none() -> Self {
        Self {
            base: Currency::USD,
            source: "none".to_owned(),
            date: None,
            per_base: BTreeMap::from([(Currency::USD, Exact::ONE)]),
        }
    }

    /// The base currency.
    pub fn base(&self) -> Currency {
        self.base
    }

    /// Where the rates are from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The day they are of.
    pub fn date(&self) -> Option<Date> {
        self.date
    }

    /// The rates, each as the worth of one unit of the base currency.
    pub fn per_base(&self) -> impl Iterator<Item = (Currency, Exact)> {
        self.per_base.iter().map(|(currency, rate)| (*currency, *rate))
    }

    /// Minor units of `from` as minor units of `to`, not rounded; `None` without a rate for either. What
    /// stays in its currency and what is 0 needs no rate.
    pub fn convert(&self, amount: &Total, from: Currency, to: Currency) -> Option<Total> {
        if from == to || amount.is_zero() {
            return Some(amount.clone());
        }
        let rate = Total::from(*self.per_base.get(&to)?).over(&Total::from(*self.per_base.get(&from)?))?;
        let digits = i32::try_from(to.exponent()).ok()? - i32::try_from(from.exponent()).ok()?;
        Some(amount.scaled(&rate, digits))
    }

    /// Amounts of several currencies in one, added up, not rounded.
    ///
    /// # Errors
    /// The first currency that cannot be converted.
    pub fn convert_all<'a>(
        &self,
        amounts: impl IntoIterator<Item = (Currency, &'a Total)>,
        to: Currency,
    ) -> Result<Total, Currency> {
        amounts.into_iter().try_fold(Total::default(), |sum, (from, amount)| {
            Ok(sum.plus(&self.convert(amount, from, to).ok_or(from)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(text: &str) -> Currency {
        text.parse().unwrap()
    }

    #[test]
    fn conversion_is_exact_and_knows_minor_units() {
        let rates = Rates::new(
            Currency::EUR,
            "a table",
            None,
            [
                (Currency::USD, "1.1".parse().unwrap()),
                (currency("jpy"), "160".parse().unwrap()),
                (currency("kwd"), "0.33".parse().unwrap()),
            ],
        )
        .unwrap();
        let converted = |amount: i64, from: &str, to: &str| {
            let amount = Total::from(Exact::whole(amount));
            let found = rates.convert(&amount, currency(from), currency(to));
            found.map(|total| total.to_string())
        };
        assert_eq!(converted(1000, "eur", "usd").as_deref(), Some("1100"));
        assert_eq!(converted(160, "jpy", "usd").as_deref(), Some("110"));
        assert_eq!(converted(330, "kwd", "usd").as_deref(), Some("110"));
        assert_eq!(converted(110, "usd", "jpy").as_deref(), Some("160"));
        assert_eq!(converted(1, "jpy", "usd").as_deref(), Some("11/16"));
        assert_eq!(converted(1, "gbp", "usd"), None);
        assert_eq!(converted(1, "gbp", "gbp").as_deref(), Some("1"));
        assert_eq!(
            Rates::none().convert(&Total::default(), currency("gbp"), Currency::USD),
            Some(Total::default())
        );
    }

    #[test]
    fn a_rate_is_positive() {
        assert!(Rates::new(Currency::EUR, "a table", None, [(Currency::USD, Exact::ZERO)]).is_err());
    }
}
