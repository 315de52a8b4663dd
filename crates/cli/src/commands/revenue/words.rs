//! Currencies, amounts and codes, as people and programs write them.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::money::Exact;
use serde::Serialize;

/// A currency, as people write it.
pub(super) fn upper(currency: Currency) -> String {
    currency.as_str().to_ascii_uppercase()
}

/// An amount in minor units, as people write it.
pub(super) fn amount_of(minor: i128, currency: Currency) -> String {
    let whole = i64::try_from(minor).map_or(Exact::ZERO, Exact::whole);
    whole.decimal(currency.exponent())
}

/// A code as programs see it.
pub(super) fn code_of<T: Serialize>(code: &T) -> String {
    let value = serde_json::to_value(code).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
