//! Currencies, amounts and codes, as people and programs write them, and what several commands say.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::money::Total;
use jiff::civil::Date;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;

/// A currency, as people write it.
pub(super) fn upper(currency: Currency) -> String {
    currency.code()
}

/// An amount in minor units, as people write it.
pub(super) fn amount_of(minor: i128, currency: Currency) -> String {
    currency.amount(minor)
}

/// An exact amount of minor units, in units of its currency.
pub(super) fn decimal(total: &Total, currency: Currency) -> String {
    currency.exact(total)
}

/// The same with its currency.
pub(super) fn money(total: &Total, currency: Currency) -> String {
    format!("{} {}", decimal(total, currency), upper(currency))
}

/// A code as programs see it.
pub(super) fn code_of<T: Serialize>(code: &T) -> String {
    let value = serde_json::to_value(code).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// The currency that was asked for, or the configuration's.
pub(super) fn reporting_currency(context: &Context, wanted: Option<Currency>) -> Result<Currency, CliError> {
    match wanted {
        Some(currency) => Ok(currency),
        None => Ok(context.load_settings()?.settings.revenue.currency),
    }
}

/// There are no days of which anything could be shown.
pub(super) fn nothing_kept(from: Date, until: Date) -> CliError {
    CliError::Failed(format!(
        "no MRR is kept from {from} until {until}: `cc-devops revenue report` keeps today's"
    ))
}
