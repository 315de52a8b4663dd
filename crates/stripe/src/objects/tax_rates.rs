//! Lists of tax rates, of a subscription, an item or a phase.

use cc_devops_revenue::model::TaxRate;

use super::wire::{Expandable, WireTaxRate};

/// The rates as they are sent: whole, or as their ids.
pub(super) type TaxRates<'a> = Vec<Expandable<'a, WireTaxRate<'a>>>;

pub(super) fn tax_rates(sent: Option<TaxRates<'_>>) -> Vec<TaxRate> {
    sent.unwrap_or_default().into_iter().map(TaxRate::from).collect()
}
