//! What the template tells the function that reports MRR, in environment variables.

use cc_devops_aws::Resources;
use cc_devops_core::Installation;
use cc_devops_core::names::{AgentName, SecretName};
use cc_devops_core::revenue::currency::Currency;
use cc_devops_core::revenue::money::Exact;
use cc_devops_core::revenue::policy::{Policy, PolicyError};
use cc_devops_core::revenue::rates::Rates;

use crate::settings::{BadVariable, STRIPE_KEY, bad, resources, secret};

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What this installation is called.
    pub installation: Installation,
    /// What everything is called.
    pub resources: Resources,
    /// The definition of MRR.
    pub policy: Policy,
    /// The agent that the day's event is for.
    pub reader: AgentName,
    /// The secret that holds Stripe's key.
    pub key: SecretName,
    /// Where Stripe answers; none where it is Stripe's own address.
    pub stripe_url: Option<String>,
    /// Where exchange rates are from.
    pub rates: RatesFrom,
}

/// Where exchange rates are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RatesFrom {
    /// The European Central Bank's daily file; at this address, where it is not the Bank's own.
    Bank(Option<String>),
    /// A table.
    Fixed(Rates),
}

impl Settings {
    /// Reads the variables; those that are missing have the wire contract's defaults.
    ///
    /// # Errors
    /// A variable that is missing or cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        let get = |name: &str| variable(name).filter(|text| !text.is_empty());
        let (installation, resources) = resources(&get)?;
        let policy = get("REVENUE_POLICY").map_or(Ok(Policy::default()), |text| policy(&text));
        let reader = get("COST_CONTROL_AGENT").unwrap_or_else(|| "CostSentinel".to_owned());
        let key = secret(&get, &installation.namespace, STRIPE_KEY)?;
        let rates = match (get("REVENUE_RATES"), get("RATES_URL")) {
            (None, url) => RatesFrom::Bank(url),
            (Some(table), None) => RatesFrom::Fixed(fixed(&table).map_err(|error| bad("REVENUE_RATES", &error))?),
            (Some(_), Some(_)) => return Err(bad("RATES_URL", &"counts only without REVENUE_RATES")),
        };
        Ok(Self {
            policy: policy.map_err(|error| bad("REVENUE_POLICY", &error))?,
            reader: AgentName::new(reader).map_err(|error| bad("COST_CONTROL_AGENT", &error))?,
            key,
            stripe_url: get("STRIPE_API_URL"),
            rates,
            installation,
            resources,
        })
    }
}

/// The parts of a list with commas.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A preset, options, or both: `transactions`, `stripe-default,day_factor=30`.
fn policy(text: &str) -> Result<Policy, PolicyError> {
    let mut parts = parts(text).peekable();
    let mut policy = match parts.next_if(|part| !part.contains('=')) {
        Some(preset) => Policy::named(preset)?,
        None => Policy::default(),
    };
    parts.try_for_each(|option| policy.assign(option))?;
    Ok(policy)
}

/// What one unit of each currency is worth in dollars: `eur=1.08,jpy=0.0067`.
fn fixed(text: &str) -> Result<Rates, String> {
    let rate = |part: &str| {
        let (currency, dollars) = part.split_once('=')?;
        let currency: Currency = currency.trim().parse().ok()?;
        let dollars: Exact = dollars.trim().parse().ok()?;
        Some((currency, Exact::ONE.over(dollars).ok()?))
    };
    let rates = parts(text).map(|part| {
        rate(part)
            .ok_or_else(|| format!("write a rate as the dollars that one unit is worth, such as eur=1.08, not {part}"))
    });
    let rates = rates.collect::<Result<Vec<_>, _>>()?;
    Rates::new(Currency::USD, "configuration", None, rates).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variable = |name: &str| {
            let all = variables.iter().chain(&[("STAGE", "dev")]);
            let found = all.into_iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        Settings::read(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn the_stage_alone_is_enough() {
        let settings = read(&[("STAGE", "prod"), ("STRIPE_API_URL", ""), ("REVENUE_RATES", "")]).unwrap();
        assert_eq!(settings.resources.billing_table, "BillingMetrics-prod");
        assert_eq!(settings.resources.ledger_table, "DevOpsLedger-prod");
        assert_eq!(settings.key.as_str(), "/contentcraft/stripe/reporting_api_key");
        assert_eq!(settings.policy, Policy::default());
        assert_eq!(settings.reader.as_str(), "CostSentinel");
        assert_eq!((settings.stripe_url, settings.rates), (None, RatesFrom::Bank(None)));
    }

    #[test]
    fn what_is_said_counts() {
        let settings = read(&[
            ("NAMESPACE", "acme"),
            ("BILLING_TABLE", "Mrr"),
            ("STRIPE_API_URL", "http://127.0.0.1:1"),
            (
                "REVENUE_POLICY",
                "transactions, day_factor = 30,churn_timing=period_end",
            ),
            ("REVENUE_RATES", "eur=1.25, JPY = 0.01"),
            ("COST_CONTROL_AGENT", "Frugal"),
        ])
        .unwrap();
        assert_eq!(settings.resources.billing_table, "Mrr");
        assert_eq!(settings.key.as_str(), "/acme/stripe/reporting_api_key");
        assert_eq!(settings.stripe_url.as_deref(), Some("http://127.0.0.1:1"));
        let mut policy = Policy::named("transactions").unwrap();
        policy.assign("day_factor=30").unwrap();
        policy.assign("churn_timing=period_end").unwrap();
        assert_eq!(settings.policy, policy);
        let RatesFrom::Fixed(rates) = settings.rates else {
            panic!("a table was given")
        };
        let worth: Vec<String> = rates.per_base().map(|(of, rate)| format!("{of} {rate}")).collect();
        assert_eq!(worth, ["eur 4/5", "jpy 100", "usd 1"]);
        assert_eq!(settings.reader.as_str(), "Frugal");

        let key = |name| read(&[("STRIPE_KEY_SECRET", name)]).unwrap().key;
        assert_eq!(key("/contentcraft/billing/key").as_str(), "/contentcraft/billing/key");
        assert_eq!(key("billing/key").as_str(), "/contentcraft/billing/key");
        let options = read(&[("REVENUE_POLICY", "day_factor=30")]).unwrap().policy;
        assert_eq!(options.preset, Policy::default().preset);
        assert_ne!(options, Policy::default());
    }

    #[test]
    fn a_bad_variable_is_named() {
        let named = |variables: &[(&str, &str)]| read(variables).unwrap_err();
        for (name, text, says) in [
            ("STAGE", "test", "STAGES"),
            ("REVENUE_POLICY", "mine", "stripe-default or transactions"),
            ("REVENUE_POLICY", "day_factor=30,transactions", "option=value"),
            ("REVENUE_RATES", "eur", "eur=1.08, not eur"),
            ("REVENUE_RATES", "eur=0", "not eur=0"),
            ("REVENUE_RATES", "eur=-1", "more than 0"),
            ("STRIPE_KEY_SECRET", "a b", ""),
            ("COST_CONTROL_AGENT", "9lives", ""),
        ] {
            let said = named(&[(name, text)]);
            assert!(
                said.contains(&format!("variable {name}")) && said.contains(says),
                "{said}"
            );
        }
        let both = named(&[("REVENUE_RATES", "eur=1"), ("RATES_URL", "https://x")]);
        assert!(both.contains("RATES_URL"), "{both}");
    }
}
