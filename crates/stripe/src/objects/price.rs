//! Prices, and the plans they were called before.

use std::collections::BTreeMap;

use cc_devops_revenue::model::{Charge, Interval, Packages, Price, TaxBehavior, Tier, Usage};
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
    #[serde(borrow)]
    tax_behavior: Option<Text<'a>>,
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

impl<'a> WirePrice<'a> {
    pub(super) fn recurs(&self) -> bool {
        self.recurring.is_some()
    }

    /// The price with the tiers of the plan beside it, where it came without its own. The plan is the same
    /// price under its older name: one in another currency is not.
    pub(super) fn with_tiers_of(self, plan: impl FnOnce() -> Option<WirePlan<'a>>) -> Price<'a> {
        let mode = self.tiers_mode.as_ref().map(|mode| mode.0.clone());
        let mut price = Price::from(self);
        if price.charge == Charge::TiersMissing
            && let Some(mut plan) = plan()
            && currency(plan.currency.as_ref()) == price.currency
        {
            plan.tiers_mode = plan.tiers_mode.or(mode.map(Text));
            let charge = Price::from(plan).charge;
            if matches!(charge, Charge::Graduated(_) | Charge::Volume(_)) {
                price.charge = charge;
            }
        }
        price
    }
}

impl<'a> From<WirePrice<'a>> for Price<'a> {
    fn from(sent: WirePrice<'a>) -> Self {
        let scheme = Scheme {
            billing: sent.billing_scheme,
            tiers: sent.tiers_mode,
        };
        let (mut currency_options, mut currency_taxes) = (Vec::new(), Vec::new());
        for (code, option) in sent.currency_options.unwrap_or_default() {
            let Ok(currency) = code.parse() else { continue };
            if let Some(tax) = &option.tax_behavior {
                currency_taxes.push((currency, tax_behavior(Some(tax))));
            }
            let charge = scheme.charge(option.tiers, option.unit_amount_decimal, option.unit_amount);
            currency_options.push((currency, charge));
        }
        let recurring = sent.recurring.as_ref();
        Self {
            id: sent.id.0,
            product: sent.product.map(Expandable::into_id).unwrap_or_default(),
            currency: currency(sent.currency.as_ref()),
            interval: recurring.map_or(Interval::Other("".into()), |recurring| {
                Interval::from(&*recurring.interval.0)
            }),
            interval_count: recurring.map_or(0, |recurring| recurring.interval_count.unwrap_or(1)),
            usage: usage(recurring.and_then(|recurring| recurring.usage_type.as_ref())),
            tax: tax_behavior(sent.tax_behavior.as_ref()),
            charge: scheme.charge(sent.tiers, sent.unit_amount_decimal, sent.unit_amount),
            currency_options,
            currency_taxes,
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
            usage: usage(sent.usage_type.as_ref()),
            tax: TaxBehavior::Exclusive,
            charge: scheme.charge(sent.tiers, sent.amount_decimal, sent.amount),
            currency_options: Vec::new(),
            currency_taxes: Vec::new(),
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

/// The oldest prices and plans do not say it: they are licensed.
fn usage(text: Option<&Text<'_>>) -> Usage {
    text.map_or(Usage::Licensed, |text| Usage::from(&*text.0))
}

fn tax_behavior(text: Option<&Text<'_>>) -> TaxBehavior {
    match text.map(|text| &*text.0) {
        Some("inclusive") => TaxBehavior::Inclusive,
        Some("unspecified") => TaxBehavior::Unspecified,
        _ => TaxBehavior::Exclusive,
    }
}
