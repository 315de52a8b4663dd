//! Currencies, amounts and codes, as people and programs write them, and what several commands say.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::money::Total;
use jiff::civil::Date;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;

/// An exact amount of minor units, in units of its currency and with its code.
pub(super) fn money(total: &Total, currency: Currency) -> String {
    format!("{} {}", currency.exact(total), currency.code())
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
