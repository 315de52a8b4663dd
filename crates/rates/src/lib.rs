#![doc = include_str!("../README.md")]

mod daily_file;
mod ecb;

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::ports::RateSource;
use cc_devops_revenue::rates::Rates;

pub use cc_devops_outbound::Retries;
pub use daily_file::{Unreadable, read};
pub use ecb::{ECB_URL, Ecb, EcbSettings};

/// A table that never changes.
#[derive(Debug, Clone)]
pub struct Fixed(Rates);

impl Fixed {
    /// These rates.
    pub fn new(rates: Rates) -> Self {
        Self(rates)
    }
}

#[async_trait]
impl RateSource for Fixed {
    async fn newest(&self) -> PortResult<Rates> {
        Ok(self.0.clone())
    }
}
