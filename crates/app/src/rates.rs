//! Exchange rates: the European Central Bank's, or a table.

use std::sync::Arc;

use cc_devops_kernel::ports::{Clock, PortResult};
use cc_devops_rates::{Ecb, EcbSettings, Fixed};
use cc_devops_revenue::ports::RateSource;

use crate::settings::RatesFrom;

/// Where exchange rates are from.
///
/// # Errors
/// An address that is none, or would be reached in the clear.
pub fn rates(from: &RatesFrom, clock: Arc<dyn Clock>) -> PortResult<Arc<dyn RateSource>> {
    Ok(match from {
        RatesFrom::Fixed(rates) => Arc::new(Fixed::new(rates.clone())),
        RatesFrom::Ecb(url) => {
            let settings = EcbSettings {
                url: url.clone(),
                ..EcbSettings::default()
            };
            Arc::new(Ecb::new(&settings, clock)?)
        }
    })
}
