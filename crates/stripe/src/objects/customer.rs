//! Customers, of whom the discounts and the country matter.

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
    #[serde(borrow)]
    address: Option<Place<'a>>,
    #[serde(borrow)]
    tax: Option<Tax<'a>>,
}

/// Something that is in a country.
#[derive(Debug, Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    country: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Tax<'a> {
    #[serde(borrow)]
    location: Option<Place<'a>>,
}

impl<'a> WireCustomer<'a> {
    pub(super) fn read(self) -> Customer<'a> {
        let address = self.address.and_then(|place| place.country);
        let taxed = self.tax.and_then(|tax| tax.location?.country);
        let country = address.filter(|country| !country.0.is_empty()).or(taxed);
        Customer {
            id: self.id.0,
            discounts: discounts(self.discounts, self.discount),
            country: country.map(|country| country.0),
        }
    }
}

/// A customer, as far as figures need one.
#[derive(Debug, Clone)]
pub struct Customer<'a> {
    /// The id.
    pub id: Cow<'a, str>,
    /// The customer's own discounts, none for most.
    pub discounts: Vec<Discount<'a>>,
    /// The country of the address; without one, that of the place where Stripe taxes the customer.
    pub country: Option<Cow<'a, str>>,
}

/// Reads a customer from its JSON.
///
/// # Errors
/// If it is not a customer.
pub fn read_customer(json: &[u8]) -> Result<Customer<'_>, serde_json::Error> {
    serde_json::from_slice(json).map(WireCustomer::read)
}
