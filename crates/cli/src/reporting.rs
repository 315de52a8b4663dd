//! Builds what reports MRR: Stripe, exchange rates, and where it is kept.

use std::sync::Arc;

use cc_devops_core::Installation;
use cc_devops_core::ports::{BillingNotices, Ports, RateSource};
use cc_devops_core::revenue::reporting::{Reporter, Settings};
use cc_devops_core::secret::SecretValue;
use cc_devops_rates::{Ecb, Fixed};
use cc_devops_stripe::account::{Account, KeySource};
use cc_devops_stripe::client;
use cc_devops_stripe::notices::Notices;

use crate::config::{RatesFrom, Revenue};
use crate::error::CliError;

/// The account at Stripe; `given` counts more than the secret.
pub(crate) fn account(config: &Revenue, ports: &Ports, given: Option<SecretValue>) -> Arc<Account> {
    // The first choice holds; a second one changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    let key = match given {
        Some(key) => KeySource::Given(key),
        None => KeySource::Kept {
            secrets: Arc::clone(&ports.secrets),
            name: config.key.clone(),
        },
    };
    let settings = client::Settings {
        api_url: config.api_url.clone(),
        ..client::Settings::default()
    };
    Arc::new(Account::new(key, settings))
}

/// Where exchange rates are from.
pub(crate) fn rates(config: &Revenue) -> Result<Arc<dyn RateSource>, CliError> {
    Ok(match &config.rates {
        RatesFrom::Fixed(rates) => Arc::new(Fixed::new(rates.clone())),
        RatesFrom::Ecb(url) => {
            let settings = cc_devops_rates::Settings {
                url: url.clone(),
                ..cc_devops_rates::Settings::default()
            };
            Arc::new(Ecb::new(&settings).map_err(CliError::Port)?)
        }
    })
}

/// What computes MRR, keeps it and tells it.
pub(crate) fn reporter(
    config: &Revenue,
    installation: Installation,
    account: Arc<Account>,
    ports: Ports,
) -> Result<Reporter, CliError> {
    let settings = Settings {
        installation,
        policy: config.policy,
        reader: config.cost_control.clone(),
    };
    Ok(Reporter::new(account, rates(config)?, ports, settings))
}

/// What `serve` is given.
pub(crate) fn capability(
    config: &Revenue,
    installation: Installation,
    ports: &Ports,
) -> Result<cc_devops_server::Revenue, CliError> {
    let account = account(config, ports, None);
    let notices = config.webhook.clone().map(|name| {
        let notices = Notices::new(Arc::clone(&ports.secrets), name);
        Arc::new(notices) as Arc<dyn BillingNotices>
    });
    Ok(cc_devops_server::Revenue {
        reporter: Arc::new(reporter(config, installation, account, ports.clone())?),
        notices,
        refresh_after: config.refresh_after,
    })
}
