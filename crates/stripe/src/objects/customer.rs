//! Customers, of whom only the discounts matter.

use std::borrow::Cow;

use cc_devops_revenue::model::Discount;
use serde::Deserialize;

use super::coupon::{WireDiscount, discounts};
use super::wire::{Expandable, Text};

/// A customer as it is sent. A deleted one has an id and nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct WireCustomer<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    discount: Option<Expandable<'a, WireDiscount<'a>>>,
    #[serde(borrow)]
    discounts: Option<Vec<Expandable<'a, WireDiscount<'a>>>>,
}

impl<'a> WireCustomer<'a> {
    pub(super) fn read(self) -> (Cow<'a, str>, Vec<Discount<'a>>) {
        (self.id.0, discounts(self.discounts, self.discount))
    }
}

/// A customer's id and own discounts.
#[derive(Debug, Clone)]
pub struct OwnDiscounts<'a> {
    /// The customer's id.
    pub customer: Cow<'a, str>,
    /// The discounts, none for most.
    pub discounts: Vec<Discount<'a>>,
}

/// Reads a customer's id and discounts from its JSON.
///
/// # Errors
/// If it is not a customer.
pub fn read_customer(json: &[u8]) -> Result<OwnDiscounts<'_>, serde_json::Error> {
    let customer: WireCustomer<'_> = serde_json::from_slice(json)?;
    let (customer, discounts) = customer.read();
    Ok(OwnDiscounts { customer, discounts })
}
