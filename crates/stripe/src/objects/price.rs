//! Prices, and the plans they were called before.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cc_devops_revenue::model::{Charge, Interval, Packages, Price, Tier};
use cc_devops_revenue::money::Exact;
use serde::Deserialize;

use super::wire::{Expandable, IdOf, Number, Text, amount, currency};

/// A price as it is sent.
#[derive(Debug, Deserialize)]
pub(super) struct WirePrice<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    product: Option<IdOf<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    recurring: Option<Recurring<'a>>,
    #[serde(borrow)]
    billing_scheme: Option<Text<'a>>,
    #[serde(borrow)]
    tiers_mode: Option<Text<'a>>,
    #[serde(borrow)]
    tiers: Option<Vec<WireTier<'a>>>,
    #[serde(borrow)]
    transform_quantity: Option<Transform<'a>>,
    #[serde(borrow)]
    unit_amount: Option<Number<'a>>,
    #[serde(borrow)]
    unit_amount_decimal: Option<Number<'a>>,
    #[serde(borrow)]
    tax_behavior: Option<Text<'a>>,
    #[serde(borrow)]
    currency_options: Option<BTreeMap<String, CurrencyOption<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Recurring<'a> {
    #[serde(borrow)]
    interval: Text<'a>,
    interval_count: Option<u32>,
    #[serde(borrow)]
    usage_type: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct WireTier<'a> {
    #[serde(borrow)]
    up_to: Option<Number<'a>>,
    #[serde(borrow)]
    unit_amount: Option<Number<'a>>,
    #[serde(borrow)]
    unit_amount_decimal: Option<Number<'a>>,
    #[serde(borrow)]
    flat_amount: Option<Number<'a>>,
    #[serde(borrow)]
    flat_amount_decimal: Option<Number<'a>>,
}

#[derive(Debug, Deserialize)]
struct Transform<'a> {
    divide_by: u64,
    #[serde(borrow)]
    round: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct CurrencyOption<'a> {
    #[serde(borrow)]
    unit_amount: Option<Number<'a>>,
    #[serde(borrow)]
    unit_amount_decimal: Option<Number<'a>>,
    #[serde(borrow)]
    tiers: Option<Vec<WireTier<'a>>>,
}

/// A plan: what a price was before 2020, and what old shapes have in its place.
#[derive(Debug, Deserialize)]
pub(super) struct WirePlan<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    product: Option<IdOf<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    interval: Text<'a>,
    interval_count: Option<u32>,
    #[serde(borrow)]
    usage_type: Option<Text<'a>>,
    #[serde(borrow)]
    billing_scheme: Option<Text<'a>>,
    #[serde(borrow)]
    tiers_mode: Option<Text<'a>>,
    #[serde(borrow)]
    tiers: Option<Vec<WireTier<'a>>>,
    #[serde(borrow)]
    transform_usage: Option<Transform<'a>>,
    #[serde(borrow)]
    amount: Option<Number<'a>>,
    #[serde(borrow)]
    amount_decimal: Option<Number<'a>>,
}

/// Reads a price, or a plan, from its JSON.
///
/// # Errors
/// If it is neither.
pub fn read_price(json: &[u8]) -> Result<Price<'_>, serde_json::Error> {
    let price: WirePrice<'_> = serde_json::from_slice(json)?;
    if price.recurring.is_none()
        && let Ok(plan) = serde_json::from_slice::<WirePlan<'_>>(json)
    {
        return Ok(plan.into());
    }
    Ok(price.into())
}

impl WirePrice<'_> {
    pub(super) fn recurs(&self) -> bool {
        self.recurring.is_some()
    }
}

impl<'a> From<WirePrice<'a>> for Price<'a> {
    fn from(sent: WirePrice<'a>) -> Self {
        let scheme = Scheme {
            billing: sent.billing_scheme,
            tiers: sent.tiers_mode,
        };
        let currency_options = sent.currency_options.unwrap_or_default();
        let currency_options = currency_options.into_iter().filter_map(|(code, option)| {
            let charge = scheme.charge(option.tiers, option.unit_amount_decimal, option.unit_amount);
            Some((code.parse().ok()?, charge))
        });
        let recurring = sent.recurring.as_ref();
        Self {
            id: sent.id.0,
            product: sent.product.map(Expandable::into_id).unwrap_or_default(),
            currency: currency(sent.currency.as_ref()),
            interval: recurring.map_or(Interval::Other("".into()), |recurring| {
                Interval::from(&*recurring.interval.0)
            }),
            interval_count: recurring.map_or(0, |recurring| recurring.interval_count.unwrap_or(1)),
            metered: is(recurring.and_then(|recurring| recurring.usage_type.as_ref()), "metered"),
            includes_tax: is(sent.tax_behavior.as_ref(), "inclusive"),
            charge: scheme.charge(sent.tiers, sent.unit_amount_decimal, sent.unit_amount),
            currency_options: currency_options.collect(),
            packages: sent.transform_quantity.map(Packages::from),
        }
    }
}

impl<'a> From<WirePlan<'a>> for Price<'a> {
    fn from(sent: WirePlan<'a>) -> Self {
        let scheme = Scheme {
            billing: sent.billing_scheme,
            tiers: sent.tiers_mode,
        };
        Self {
            id: sent.id.0,
            product: sent.product.map(Expandable::into_id).unwrap_or_default(),
            currency: currency(sent.currency.as_ref()),
            interval: Interval::from(&*sent.interval.0),
            interval_count: sent.interval_count.unwrap_or(1),
            metered: is(sent.usage_type.as_ref(), "metered"),
            includes_tax: false,
            charge: scheme.charge(sent.tiers, sent.amount_decimal, sent.amount),
            currency_options: Vec::new(),
            packages: sent.transform_usage.map(Packages::from),
        }
    }
}

struct Scheme<'a> {
    billing: Option<Text<'a>>,
    tiers: Option<Text<'a>>,
}

impl Scheme<'_> {
    fn charge(
        &self,
        tiers: Option<Vec<WireTier<'_>>>,
        decimal: Option<Number<'_>>,
        whole: Option<Number<'_>>,
    ) -> Charge {
        match self.billing.as_ref().map_or("per_unit", |billing| &*billing.0) {
            "per_unit" => match amount(decimal, whole) {
                Ok(Some(unit)) => Charge::PerUnit(unit),
                _ => Charge::Unknown,
            },
            "tiered" => {
                let sent = tiers.filter(|tiers| !tiers.is_empty());
                let Some(sent) = sent else {
                    return Charge::TiersMissing;
                };
                let tiers: Option<Vec<Tier>> = sent.into_iter().map(WireTier::read).collect();
                match (tiers, self.tiers.as_ref().map(|mode| &*mode.0)) {
                    (Some(tiers), Some("graduated")) => Charge::Graduated(tiers),
                    (Some(tiers), Some("volume")) => Charge::Volume(tiers),
                    _ => Charge::Unknown,
                }
            }
            _ => Charge::Unknown,
        }
    }
}

impl WireTier<'_> {
    /// The tier; `None` if it cannot be read.
    fn read(self) -> Option<Tier> {
        let up_to = match self.up_to.as_ref().map(Number::text) {
            None | Some("inf") => None,
            Some(bound) => Some(bound.parse().ok()?),
        };
        let unit = amount(self.unit_amount_decimal, self.unit_amount).ok()?;
        let flat = amount(self.flat_amount_decimal, self.flat_amount).ok()?;
        if unit.is_none() && flat.is_none() {
            return None;
        }
        Some(Tier {
            up_to,
            unit: unit.unwrap_or(Exact::ZERO),
            flat: flat.unwrap_or(Exact::ZERO),
        })
    }
}

impl From<Transform<'_>> for Packages {
    fn from(sent: Transform<'_>) -> Self {
        // A rounding that is not known cannot be computed with, and neither can packages of nothing.
        let (size, round_up) = match &*sent.round.0 {
            "up" => (sent.divide_by, true),
            "down" => (sent.divide_by, false),
            _ => (0, false),
        };
        Self { size, round_up }
    }
}

fn is(text: Option<&Text<'_>>, expected: &str) -> bool {
    text.is_some_and(|text| text.0 == Cow::Borrowed(expected))
}
