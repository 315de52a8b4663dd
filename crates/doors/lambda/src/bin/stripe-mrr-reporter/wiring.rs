//! Builds the real adapters and wires them to the function. The one place where that is done.

use std::sync::Arc;

use cc_devops_aws::{self as aws, Backend, Clients};
use cc_devops_core::ports::{Clock, PortResult, RateSource, SystemClock};
use cc_devops_core::revenue::reporting::{self, Reporter};
use cc_devops_lambda::revenue::{MrrFunction, RatesFrom, Settings};
use cc_devops_rates::{Ecb, Fixed};
use cc_devops_stripe::account::{Account, KeySource};
use cc_devops_stripe::client;

/// The function on AWS and Stripe. Makes no call but where credentials need one.
///
/// # Errors
/// An address that is none, or would be reached in the clear.
pub(crate) async fn function(settings: Settings) -> PortResult<MrrFunction> {
    // The first choice holds; a second one changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    let clients = Clients::connect(&aws::Account::default()).await;
    let backend = Backend::new(
        clients,
        settings.resources,
        settings.installation.clone(),
        Arc::new(SystemClock),
    );
    let ports = backend.ports();
    let key = KeySource::Kept {
        secrets: Arc::clone(&ports.secrets),
        name: settings.key.clone(),
    };
    let stripe = client::Settings {
        api_url: settings.stripe_url.unwrap_or_else(|| client::API_URL.to_owned()),
        ..client::Settings::default()
    };
    let how = reporting::Settings {
        installation: settings.installation,
        policy: settings.policy,
        reader: settings.reader,
    };
    let clock = Arc::clone(&ports.clock);
    let account = Arc::new(Account::new(key, stripe, Arc::clone(&clock)));
    let rates = rates(settings.rates, Arc::clone(&clock))?;
    let reporter = Reporter::new(account, rates, ports, how);
    Ok(MrrFunction::new(reporter, clock, settings.key))
}

fn rates(from: RatesFrom, clock: Arc<dyn Clock>) -> PortResult<Arc<dyn RateSource>> {
    let mut settings = cc_devops_rates::Settings::default();
    match from {
        RatesFrom::Fixed(rates) => return Ok(Arc::new(Fixed::new(rates))),
        RatesFrom::Bank(None) => {}
        RatesFrom::Bank(Some(url)) => settings.url = url,
    }
    Ok(Arc::new(Ecb::new(&settings, clock)?))
}
