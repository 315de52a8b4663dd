//! Customers, as far as figures need them.

use std::borrow::Cow;

use serde::Deserialize;

use super::wire::Text;

/// A customer as it is sent.
#[derive(Debug, Deserialize)]
pub(super) struct WireCustomer<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
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
    /// The country of the address; without one, that of the place where Stripe taxes the customer.
    pub(super) fn take_country(&mut self) -> Option<Cow<'a, str>> {
        let address = self.address.take().and_then(|place| place.country);
        let taxed = || self.tax.take()?.location?.country;
        let country = address.filter(|country| !country.0.is_empty()).or_else(taxed);
        country.map(|country| country.0)
    }
}
