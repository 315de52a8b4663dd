//! A moment's MRR in groups, which add up exactly to the whole.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::currency::Currency;
use super::figure::Figure;
use super::money::{Exact, OutOfRange, Sum, Total};
use super::rates::Rates;
use super::shares::Share;

/// By what MRR is grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// The product of an item's price.
    Product,
    /// The price of an item.
    Price,
    /// How often a price is charged.
    Interval,
    /// The subscription's currency.
    Currency,
    /// The customer's country.
    Country,
    /// What customers choose, whatever it cost when they did: the product and how often it is charged.
    Plan,
}

/// A name that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("choose product, price, interval, currency, country or plan")]
pub struct NoKey;

/// Only what has this value counts: `country=DE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    key: Key,
    value: String,
}

/// A text that is no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoFilter {
    /// No `=`.
    #[error("write it as key=value, such as country=DE")]
    NotAnAssignment,
    /// No such key.
    #[error(transparent)]
    Key(#[from] NoKey),
}

/// What is not told has this name.
pub const UNKNOWN: &str = "unknown";

impl Key {
    /// Every key.
    pub const ALL: [Self; 6] = [
        Self::Product,
        Self::Price,
        Self::Interval,
        Self::Currency,
        Self::Country,
        Self::Plan,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Price => "price",
            Self::Interval => "interval",
            Self::Currency => "currency",
            Self::Country => "country",
            Self::Plan => "plan",
        }
    }

    /// The group that an item of a figure is in.
    fn of(self, figure: &Figure<'_>, currency: Currency, share: Option<&Share>) -> String {
        let known = |text: &str| if text.is_empty() { UNKNOWN } else { text }.to_owned();
        let told = |text: fn(&Share) -> &str| share.map_or_else(|| UNKNOWN.to_owned(), |share| known(text(share)));
        match self {
            Self::Product => told(|share| &share.product),
            Self::Price => told(|share| &share.price),
            Self::Interval => told(|share| &share.interval),
            Self::Currency => currency.to_string(),
            Self::Country => figure.country.as_deref().map_or_else(|| UNKNOWN.to_owned(), known),
            Self::Plan => format!("{}/{}", told(|share| &share.product), told(|share| &share.interval)),
        }
    }
}

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        Self::ALL.into_iter().find(|key| key.as_str() == text).ok_or(NoKey)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Filter {
    type Err = NoFilter;

    fn from_str(text: &str) -> Result<Self, NoFilter> {
        let (key, value) = text.split_once('=').ok_or(NoFilter::NotAnAssignment)?;
        Ok(Self {
            key: key.trim().parse()?,
            value: value.trim().to_owned(),
        })
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}={}", self.key, self.value))
    }
}

/// Adds up figures in groups. Figures must have their shares.
#[derive(Debug)]
pub struct Breakdown {
    by: Key,
    filters: Vec<Filter>,
    groups: BTreeMap<String, Group>,
    errors: u64,
    list_incomplete: bool,
}

#[derive(Debug, Default)]
struct Group {
    sums: BTreeMap<Currency, Sum>,
    subscriptions: u64,
}

impl Breakdown {
    /// Groups by `by` what passes every filter.
    pub fn new(by: Key, filters: Vec<Filter>) -> Self {
        Self {
            by,
            filters,
            groups: BTreeMap::new(),
            errors: 0,
            list_incomplete: false,
        }
    }

    /// Notes that what is added is only a part of a list.
    pub fn list_incomplete(&mut self) {
        self.list_incomplete = true;
    }

    /// Takes a figure.
    pub fn add(&mut self, figure: &Figure<'_>) {
        let (mrr, currency) = match (&figure.mrr, figure.currency) {
            (Ok(mrr), Some(currency)) => (*mrr, currency),
            (Ok(_), None) => return,
            (Err(_), _) => {
                self.errors += 1;
                return;
            }
        };
        // What no item has, if anything, is in no item's group, and is not lost.
        let shared = figure
            .shares
            .iter()
            .try_fold(mrr, |rest, share| rest.minus(share.amount));
        let parts: Vec<(Option<&Share>, Exact)> = match shared {
            Ok(rest) => {
                let rest = (!rest.is_zero()).then_some((None, rest));
                figure
                    .shares
                    .iter()
                    .map(|share| (Some(share), share.amount))
                    .chain(rest)
                    .collect()
            }
            Err(OutOfRange) => vec![(None, mrr)],
        };
        let mut seen: Vec<String> = Vec::new();
        for (share, amount) in parts {
            let passes = |filter: &Filter| {
                filter
                    .key
                    .of(figure, currency, share)
                    .eq_ignore_ascii_case(&filter.value)
            };
            if amount.is_zero() || !self.filters.iter().all(passes) {
                continue;
            }
            let name = self.by.of(figure, currency, share);
            let group = self.groups.entry(name.clone()).or_default();
            group.sums.entry(currency).or_default().add(amount);
            if !seen.contains(&name) {
                group.subscriptions += 1;
                seen.push(name);
            }
        }
    }

    /// The groups, the largest first, and what they come to.
    pub fn finish(self, rates: &Rates, currency: Currency) -> Groups {
        let incomplete = (self.errors, self.list_incomplete);
        let kept: Vec<KeptGroup> = self.groups.into_iter().map(KeptGroup::from).collect();
        Groups::of((self.by, self.filters), &kept, incomplete, (rates, currency))
    }

    /// What is kept of the groups: the largest at the newest rates, and all others together behind them.
    pub fn kept(self, rates: &Rates) -> Kept {
        let errors = self.errors;
        let mut groups: Vec<KeptGroup> = self.groups.into_iter().map(KeptGroup::from).collect();
        let worth = |group: &KeptGroup| converted(&group.totals, rates, Currency::USD);
        groups.sort_by_cached_key(|group| std::cmp::Reverse(worth(group)));
        let others = groups.split_off(groups.len().min(MOST_KEPT));
        let rest = others
            .into_iter()
            .reduce(KeptGroup::and)
            .map(|rest| KeptGroup { name: None, ..rest });
        groups.extend(rest);
        Kept { groups, errors }
    }
}

/// How many groups are kept of a day by name.
const MOST_KEPT: usize = 50;

/// What those are called that are not kept by name.
const OTHERS: &str = "all others";

/// A day's MRR in groups, as it is kept with the day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    groups: Vec<KeptGroup>,
    /// How many subscriptions could not be computed, and are in no group.
    #[serde(default)]
    errors: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptGroup {
    /// None where it is of those that are not kept by name.
    name: Option<String>,
    subscriptions: u64,
    totals: BTreeMap<Currency, Total>,
}

impl From<(String, Group)> for KeptGroup {
    fn from((name, group): (String, Group)) -> Self {
        Self {
            name: Some(name),
            subscriptions: group.subscriptions,
            totals: group.sums.iter().map(|(from, sum)| (*from, sum.total())).collect(),
        }
    }
}

impl KeptGroup {
    /// Both together. A subscription that is in both counts twice.
    fn and(mut self, other: Self) -> Self {
        self.subscriptions = self.subscriptions.saturating_add(other.subscriptions);
        for (currency, amount) in other.totals {
            let sum = self.totals.entry(currency).or_default();
            *sum = sum.plus(&amount);
        }
        self
    }
}

impl Kept {
    /// The groups in a currency, at these rates.
    pub fn groups(&self, by: Key, rates: &Rates, currency: Currency) -> Groups {
        Groups::of((by, Vec::new()), &self.groups, (self.errors, false), (rates, currency))
    }
}

impl Groups {
    fn of(
        (by, filters): (Key, Vec<Filter>),
        kept: &[KeptGroup],
        (errors, list_incomplete): (u64, bool),
        (rates, currency): (&Rates, Currency),
    ) -> Self {
        let mut groups: Vec<GroupTotal> = kept.iter().map(|kept| GroupTotal::new(kept, rates, currency)).collect();
        let mut totals = BTreeMap::<Currency, Total>::new();
        for (from, amount) in groups.iter().flat_map(|group| &group.totals) {
            let sum = totals.entry(*from).or_default();
            *sum = sum.plus(amount);
        }
        let mrr = converted(&totals, rates, currency);
        for group in &mut groups {
            let share = group.mrr.as_ref().zip(mrr.as_ref());
            group.share = share.and_then(|(part, whole)| part.over(whole));
        }
        // Those that cannot be converted come last.
        groups.sort_by(|one, other| other.mrr.cmp(&one.mrr).then_with(|| one.group.cmp(&other.group)));
        let missing = totals
            .iter()
            .filter(|(from, amount)| rates.convert(amount, **from, currency).is_none());
        let without_rate: Vec<Currency> = missing.map(|(from, _)| *from).collect();
        Self {
            by,
            filters,
            currency,
            complete: errors == 0 && !list_incomplete && without_rate.is_empty(),
            groups,
            totals,
            mrr,
            without_rate,
            errors,
            list_incomplete,
        }
    }
}

fn converted(totals: &BTreeMap<Currency, Total>, rates: &Rates, currency: Currency) -> Option<Total> {
    let totals = totals.iter().map(|(from, amount)| (*from, amount));
    rates.convert_all(totals, currency).ok()
}

/// A moment's MRR in groups. Amounts are exact, in minor units a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Groups {
    /// By what.
    pub by: Key,
    /// What counted.
    #[serde(rename = "where")]
    pub filters: Vec<Filter>,
    /// The currency that `mrr` is in.
    pub currency: Currency,
    /// Whether everything was there, could be computed and converted.
    pub complete: bool,
    /// The groups, the largest first.
    pub groups: Vec<GroupTotal>,
    /// All groups together, by currency.
    pub totals: BTreeMap<Currency, Total>,
    /// All groups together; `null` where a currency has no rate.
    pub mrr: Option<Total>,
    /// The currencies that cannot be converted.
    pub without_rate: Vec<Currency>,
    /// How many subscriptions could not be computed: they are in no group.
    pub errors: u64,
    /// Whether the list of subscriptions is only a part.
    pub list_incomplete: bool,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupTotal {
    /// Its name.
    pub group: String,
    /// How many subscriptions have an item in it that is worth anything.
    pub subscriptions: u64,
    /// Its MRR by currency.
    pub totals: BTreeMap<Currency, Total>,
    /// Its MRR in one currency; `null` where a currency has no rate.
    pub mrr: Option<Total>,
    /// Its part of all groups.
    pub share: Option<Total>,
}

impl GroupTotal {
    fn new(kept: &KeptGroup, rates: &Rates, currency: Currency) -> Self {
        Self {
            group: kept.name.clone().unwrap_or_else(|| OTHERS.to_owned()),
            subscriptions: kept.subscriptions,
            mrr: converted(&kept.totals, rates, currency),
            totals: kept.totals.clone(),
            share: None,
        }
    }
}

#[cfg(test)]
#[path = "breakdown_tests.rs"]
mod tests;
