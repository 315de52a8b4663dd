//! Alerts without a messenger: they stand in the log, where they can be found and watched for.

use async_trait::async_trait;
use cc_devops_kernel::alerts::Alert;
use cc_devops_kernel::ports::{Alerts, PortResult};

/// Writes alerts to the log, as errors.
pub(crate) struct LogAlerts;

#[async_trait]
impl Alerts for LogAlerts {
    async fn raise(&self, alert: &Alert) -> PortResult<()> {
        tracing::error!(alert = alert.key, text = alert.text, "{}", alert.title);
        Ok(())
    }
}
