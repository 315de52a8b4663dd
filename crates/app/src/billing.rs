//! The billing source: Stripe.

use std::sync::Arc;

use cc_devops_kernel::ports::Clock;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::ports::Ports;
use cc_devops_revenue::ports::BillingNotices;
use cc_devops_stripe::account::{Account, KeySource};
use cc_devops_stripe::client;
use cc_devops_stripe::notices::Notices;

use crate::settings::RevenueSettings;

/// The account at Stripe; `given` counts more than the secret. No request is made yet.
pub fn billing(settings: &RevenueSettings, ports: &Ports, given: Option<SecretValue>) -> Arc<Account> {
    let key = match given {
        Some(key) => KeySource::Given(key),
        None => KeySource::Kept {
            secrets: Arc::clone(&ports.secrets),
            name: settings.key.clone(),
        },
    };
    account(settings, key, Arc::clone(&ports.clock))
}

/// The account at Stripe that a key opens: no control plane is needed. No request is made yet.
pub fn billing_with(settings: &RevenueSettings, key: SecretValue, clock: Arc<dyn Clock>) -> Arc<Account> {
    account(settings, KeySource::Given(key), clock)
}

fn account(settings: &RevenueSettings, key: KeySource, clock: Arc<dyn Clock>) -> Arc<Account> {
    let reached = client::StripeSettings {
        api_url: settings.api_url.clone(),
        ..client::StripeSettings::default()
    };
    Arc::new(Account::new(key, reached, clock))
}

/// Who understands what Stripe sends; none where no signing secret is named.
pub fn billing_notices(settings: &RevenueSettings, ports: &Ports) -> Option<Arc<dyn BillingNotices>> {
    let name = settings.webhook.clone()?;
    let notices = Notices::new(Arc::clone(&ports.secrets), name, Arc::clone(&ports.clock));
    Some(Arc::new(notices))
}
