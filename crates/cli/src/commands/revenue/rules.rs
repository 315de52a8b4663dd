//! By which rules MRR is computed: flags, over the configuration.

use cc_devops_app::settings::{RatesFrom, RevenueSettings, rate, table_of};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::CliError;

/// By which rules.
#[derive(Debug, clap::Args)]
pub(super) struct Rules {
    /// Moment the figures are of: Unix seconds, a day (its end in UTC), or RFC 3339; without it, now
    #[arg(long, value_name = "WHEN", allow_negative_numbers = true, value_parser = moment)]
    pub(super) as_of: Option<i64>,
    /// Which definition of MRR; stripe-default, unless the configuration says otherwise
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Change an option of the policy; may be given more than once
    #[arg(long = "set", value_name = "OPTION=VALUE")]
    options: Vec<String>,
    /// How many US dollars a unit of a currency is worth; may be given more than once
    #[arg(long = "rate", value_name = "CURRENCY=DOLLARS")]
    rates: Vec<String>,
}

/// A moment in Unix seconds: from seconds, from a day, of which it is the last second in UTC, or from a time of day
/// with its offset. Source: <https://www.rfc-editor.org/rfc/rfc3339>.
fn moment(text: &str) -> Result<i64, String> {
    const EXPECTED: &str = "give Unix seconds, a day such as 2026-06-30, or a moment such as 2026-06-30T12:00:00Z";
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let at: Result<Timestamp, jiff::Error> = if text.len() == "2026-06-30".len() {
        let last = text.parse().map(|day: Date| day.at(23, 59, 59, 0));
        last.and_then(|last| last.to_zoned(TimeZone::UTC))
            .map(|last| last.timestamp())
    } else {
        text.parse()
    };
    // Beneath the epoch the second is the one before, too.
    let seconds = |at: Timestamp| at.as_second() - i64::from(at.subsec_nanosecond() < 0);
    at.map(seconds).map_err(|error| format!("{error}; {EXPECTED}"))
}

impl Rules {
    /// The policy: the one that is named, else `standing`; then the options that are set.
    pub(super) fn policy(&self, standing: Policy) -> Result<Policy, CliError> {
        let usage = |error: &dyn std::fmt::Display| CliError::Usage(error.to_string());
        let mut policy = match &self.policy {
            Some(name) => Policy::named(name).map_err(|error| usage(&error))?,
            None => standing,
        };
        for option in &self.options {
            policy.assign(option).map_err(|error| usage(&error))?;
        }
        Ok(policy)
    }

    /// The rates, if any are given.
    pub(super) fn rates(&self) -> Result<Option<Rates>, CliError> {
        if self.rates.is_empty() {
            return Ok(None);
        }
        let per_dollar = self.rates.iter().map(|text| {
            let (currency, dollars) = text
                .split_once('=')
                .ok_or_else(|| format!("write a rate as currency=dollars, such as eur=1.08, not `{text}`"))?;
            rate(currency, dollars)
        });
        let per_dollar: Result<Vec<(Currency, Exact)>, String> = per_dollar.collect();
        let table = per_dollar.and_then(|per_dollar| table_of("command line", per_dollar));
        table.map(Some).map_err(CliError::Usage)
    }

    /// The configuration with the flags laid over it.
    pub(super) fn over(&self, config: &RevenueSettings) -> Result<RevenueSettings, CliError> {
        Ok(RevenueSettings {
            policy: self.policy(config.policy)?,
            rates: self.rates()?.map_or_else(|| config.rates.clone(), RatesFrom::Fixed),
            ..config.clone()
        })
    }
}
