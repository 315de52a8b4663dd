//! The account at Stripe, for commands that ask it and keep nothing.

use std::sync::Arc;

use cc_devops_app::billing::{billing, billing_with};
use cc_devops_app::settings::RevenueSettings;
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_stripe::account::Account;

use crate::context::Context;
use crate::credentials::{self, STRIPE_KEY};
use crate::error::CliError;
use crate::store::{self, Opened};

/// The account, and time.
pub(super) struct Reached {
    pub(super) account: Arc<Account>,
    pub(super) clock: Arc<dyn Clock>,
    /// Where the key is read from: open as long as the account is used.
    _opened: Option<Opened>,
}

/// The account; with a key in the environment it needs no control plane.
pub(super) async fn reach(context: &Context, config: &RevenueSettings) -> Result<Reached, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (account, opened) = if let Some(key) = credentials::given(STRIPE_KEY, &config.key, context.output) {
        (billing_with(config, key, Arc::clone(&clock)), None)
    } else {
        let opened = store::open(context).await?;
        (billing(config, &opened.ports, None), Some(opened))
    };
    Ok(Reached {
        account,
        clock,
        _opened: opened,
    })
}
