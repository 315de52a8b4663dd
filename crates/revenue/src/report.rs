//! What a run is shown as: the JSON of `revenue report` and `revenue compute`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::currency::Currency;
use super::figure::{ErrorCode, Excluded, Figure, FigureError};
use super::lines::Line;
use super::money::{Exact, NotANumber, OutOfRange, Total};
use super::outlook::Outlook;
use super::policy::{Options, Policy, Preset};
use super::rates::Rates;
use super::run::Run;
use super::transactions::TransactionsFigure;

/// An amount of US dollars, in cents. As text and in JSON it is a decimal number of two places, made from
/// the whole number and never from a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub i128);

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, cents) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Serialize for Usd {
    /// JSON only: a number's text is kept as it is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = RawValue::from_string(self.to_string()).map_err(S::Error::custom)?;
        text.serialize(serializer)
    }
}

impl FromStr for Usd {
    type Err = NotANumber;

    /// Takes what `Display` writes: dollars with two places.
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let (dollars, cents) = text.rsplit_once('.').ok_or(NotANumber)?;
        if cents.len() != 2 || !cents.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NotANumber);
        }
        format!("{dollars}{cents}").parse().map(Self).map_err(|_| NotANumber)
    }
}

impl<'de> Deserialize<'de> for Usd {
    /// JSON only, as it was written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        text.get().parse().map_err(D::Error::custom)
    }
}

/// A run as a whole. `subscriptions` are beside it in a [`Report`], or are written one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The policy's name.
    pub policy: Preset,
    /// Its options.
    pub options: Options,
    /// The moment the figures are of, in Unix seconds.
    pub as_of: i64,
    /// Whether every subscription could be computed and every currency converted. If not, `mrrUSD` and
    /// the totals are only a part.
    pub complete: bool,
    /// The MRR of each currency.
    pub totals: Vec<CurrencyTotal>,
    /// The policy's figure in US dollars. `null` if it cannot be known: a currency has no rate, or the
    /// policy needs transactions and there are none.
    #[serde(rename = "mrrUSD")]
    pub mrr_usd: Option<Usd>,
    /// How many customers pay more than 0.
    pub subscribers: u64,
    /// The subscriptions' MRR in US dollars by subscriber; `null` without subscribers or rates.
    #[serde(rename = "arpaUSD")]
    pub arpa_usd: Option<Usd>,
    /// How many subscriptions were looked at.
    pub subscription_count: u64,
    /// How many of them did not count, by reason.
    pub excluded: BTreeMap<Excluded, u64>,
    /// How many of them could not be computed, by what is wrong; and a list that was only a part.
    pub errors: BTreeMap<ErrorCode, u64>,
    /// How many count with taxes that may be in them: Stripe works them out invoice by invoice.
    pub tax_unknown: u64,
    /// How many count although nobody knows whether their customer has a discount.
    #[serde(default)]
    pub customer_discounts_unknown: u64,
    /// How many copies of subscriptions were left out.
    #[serde(default)]
    pub duplicates: u64,
    /// The currencies without a rate.
    pub without_rate: Vec<Currency>,
    /// Where the rates are from.
    pub rates_source: String,
    /// The day they are of; `null` for a fixed table.
    pub rates_date: Option<Date>,
    /// Charges and refunds of the period before, if they were read.
    pub transactions: Option<TransactionsFigure>,
    /// What stands beside MRR: trials, what is agreed for later, what may not be paid. Days that were kept before it was
    /// computed have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
}

/// The total of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrencyTotal {
    /// The currency.
    pub currency: Currency,
    /// The MRR in minor units, rounded once, halves away from zero.
    pub mrr_minor: i128,
    /// The exact MRR in minor units: an integer or a fraction.
    pub mrr_exact: Total,
    /// How many subscriptions are worth more than 0.
    pub subscriptions: u64,
    /// The part of it whose collection is paused, in minor units, rounded.
    pub collection_paused_minor: i128,
}

/// A subscription in a report.
#[derive(Debug, Clone, Serialize)]
pub struct Entry<'a> {
    /// The subscription's id; empty if it could not be read.
    pub id: &'a str,
    /// The customer's id.
    pub customer: &'a str,
    /// The currency; `null` if it is not known.
    pub currency: Option<Currency>,
    /// The MRR in minor units, rounded, halves away from zero; `null` with an error.
    pub mrr_minor: Option<i128>,
    /// The exact MRR in minor units: an integer or a fraction; `null` with an error.
    pub mrr_exact: Option<Exact>,
    /// Why it counts nothing.
    pub excluded: Option<Excluded>,
    /// Why nobody can say what it comes to.
    pub error: Option<&'a FigureError>,
    /// Whether it counts although its collection is paused.
    pub collection_paused: bool,
    /// The lines that led to it, if they were asked for.
    pub lines: &'a [Line],
}

impl<'a> From<&'a Figure<'_>> for Entry<'a> {
    fn from(figure: &'a Figure<'_>) -> Self {
        let mrr = figure.mrr.as_ref();
        Self {
            id: &figure.id,
            customer: &figure.customer,
            currency: figure.currency,
            mrr_minor: mrr.ok().map(Exact::rounded),
            mrr_exact: mrr.ok().copied(),
            excluded: figure.excluded,
            error: mrr.err(),
            collection_paused: figure.collection_paused,
            lines: &figure.lines,
        }
    }
}

/// A run with its subscriptions.
#[derive(Debug, Clone, Serialize)]
pub struct Report<'a> {
    /// The run as a whole.
    #[serde(flatten)]
    pub summary: Summary,
    /// Its subscriptions.
    pub subscriptions: Vec<Entry<'a>>,
}

impl Summary {
    /// The summary of a run.
    ///
    /// # Errors
    /// [`OutOfRange`] if a total does not fit 128 bits.
    pub fn new(
        run: &Run,
        policy: &Policy,
        as_of: i64,
        rates: &Rates,
        transactions: Option<TransactionsFigure>,
    ) -> Result<Self, OutOfRange> {
        let totals = run.totals();
        let subscriptions_usd = totals.converted(Currency::USD, rates)?;
        let mrr_usd = match policy.preset {
            Preset::StripeDefault => subscriptions_usd,
            Preset::Transactions => transactions.and_then(|figure| figure.net()),
        };
        let subscribers = run.customers().paying();
        let per_currency = |(currency, total): (Currency, &super::totals::InCurrency)| {
            let mrr = total.mrr();
            Ok(CurrencyTotal {
                currency,
                mrr_minor: mrr.rounded()?,
                mrr_exact: mrr,
                subscriptions: total.counted(),
                collection_paused_minor: total.collection_paused().rounded()?,
            })
        };
        let without_rate = totals.without_rate(Currency::USD, rates);
        Ok(Self {
            policy: policy.preset,
            options: policy.options,
            as_of,
            complete: totals.errors().is_empty() && without_rate.is_empty() && mrr_usd.is_some(),
            totals: totals
                .per_currency()
                .map(per_currency)
                .collect::<Result<_, OutOfRange>>()?,
            mrr_usd: mrr_usd.map(Usd),
            subscribers,
            arpa_usd: arpa(totals, rates, subscribers)?,
            subscription_count: totals.subscriptions(),
            excluded: totals.excluded().clone(),
            errors: totals.errors().clone(),
            tax_unknown: totals.tax_unknown(),
            customer_discounts_unknown: totals.customer_discounts_unknown(),
            duplicates: totals.duplicates(),
            without_rate,
            rates_source: rates.source().to_owned(),
            rates_date: rates.date(),
            transactions,
            outlook: Some(totals.outlook()),
        })
    }
}

/// The average per subscriber, from the exact totals, rounded once.
fn arpa(totals: &super::totals::Totals, rates: &Rates, subscribers: u64) -> Result<Option<Usd>, OutOfRange> {
    let mut sum = Total::default();
    for (currency, total) in totals.per_currency() {
        match rates.convert(&total.mrr(), currency, Currency::USD) {
            Some(converted) => sum = sum.plus(&converted),
            None => return Ok(None),
        }
    }
    let average = sum.over(&Total::from(subscribers));
    average.map(|average| average.rounded().map(Usd)).transpose()
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
