//! What `[revenue]` and `[stripe]` mean.

use std::collections::BTreeMap;

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{AgentName, SecretName};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;
use jiff::SignedDuration;

use super::file::{ConfigFile, RatesName};
use super::problems::Findings;

/// How MRR is computed and reported.
#[derive(Debug, Clone)]
pub struct RevenueSettings {
    /// The definition.
    pub policy: Policy,
    /// Where exchange rates are from.
    pub rates: RatesFrom,
    /// The currency that figures and texts are in.
    pub currency: Currency,
    /// The agent that the day's event is for.
    pub cost_control: AgentName,
    /// How long after a change at Stripe the report is made anew.
    pub refresh_after: SignedDuration,
    /// By more than how many per cent MRR falls in a day when people are told; 0 is never.
    pub told_falls_over: u8,
    /// Where Stripe answers.
    pub api_url: String,
    /// The secret that holds Stripe's key.
    pub key: SecretName,
    /// The secret that holds the signing secret of Stripe's webhook endpoint.
    pub webhook: Option<SecretName>,
}

/// Where exchange rates are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RatesFrom {
    /// The European Central Bank's daily file at this address.
    Ecb(String),
    /// A table.
    Fixed(Rates),
}

/// Checks both sections.
pub(crate) fn check(
    file: &ConfigFile,
    installation: &Installation,
    findings: &mut Findings<'_>,
) -> Option<RevenueSettings> {
    let (section, stripe) = (&file.revenue, &file.stripe);
    let mut policy = findings.take("revenue.policy", Policy::named(&section.policy));
    if let Some(policy) = &mut policy {
        for (option, value) in &section.options {
            findings.take(format!("revenue.options.{option}"), policy.set(option, value));
        }
    }
    let fixed = fixed(&section.fixed_rates, findings);
    let rates = match section.rates {
        RatesName::Ecb => {
            if !section.fixed_rates.is_empty() {
                findings.add("revenue.fixed_rates", "counts only with revenue.rates = \"fixed\"");
            }
            Some(RatesFrom::Ecb(section.rates_url.clone()))
        }
        RatesName::Fixed => fixed.map(RatesFrom::Fixed),
    };
    let namespace = &installation.namespace;
    let key = findings.secret("stripe.key_secret", namespace, &stripe.key_secret);
    let webhook = match &stripe.webhook_secret {
        Some(name) => Some(findings.secret("stripe.webhook_secret", namespace, name)?),
        None => None,
    };
    Some(RevenueSettings {
        policy: policy?,
        rates: rates?,
        currency: findings.take("revenue.currency", section.currency.parse::<Currency>())?,
        cost_control: findings.take("revenue.cost_control", AgentName::new(&section.cost_control))?,
        refresh_after: SignedDuration::from_mins(section.refresh_minutes.into()),
        // `[alerts.conditions]` says it.
        told_falls_over: 0,
        api_url: stripe.api_url.clone(),
        key: key?,
        webhook,
    })
}

fn fixed(table: &BTreeMap<String, String>, findings: &mut Findings<'_>) -> Option<Rates> {
    let mut per_dollar = Vec::with_capacity(table.len());
    for (currency, dollars) in table {
        per_dollar.push(findings.take(format!("revenue.fixed_rates.{currency}"), rate(currency, dollars))?);
    }
    findings.take("revenue.fixed_rates", table_of("configuration", per_dollar))
}

/// Rates that a person gave.
pub fn table_of(source: &str, per_dollar: Vec<(Currency, Exact)>) -> Result<Rates, String> {
    Rates::new(Currency::USD, source, None, per_dollar).map_err(|error| error.to_string())
}

/// A rate as a person gives it: the dollars that one unit of a currency is worth, as what one dollar is
/// worth in it.
pub fn rate(currency: &str, dollars: &str) -> Result<(Currency, Exact), String> {
    let bad = || {
        format!(
            "write a rate as the dollars that one unit is worth, such as eur and 1.08, not {currency} and {dollars}"
        )
    };
    let currency: Currency = currency.trim().parse().map_err(|_| bad())?;
    let dollars: Exact = dollars.trim().parse().map_err(|_| bad())?;
    Ok((currency, Exact::ONE.over(dollars).map_err(|_| bad())?))
}
