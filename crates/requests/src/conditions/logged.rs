//! Conditions where no alerts are set up: they stand in the log, where they can be found and watched for.

use async_trait::async_trait;
use cc_devops_alerts::{ConditionChange, ConditionSink};
use jiff::Timestamp;

use crate::ports::PortResult;

/// Writes conditions to the log, those that open as errors.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoggedConditions;

#[async_trait]
impl ConditionSink for LoggedConditions {
    async fn note(&self, changes: &[ConditionChange], _: Timestamp) -> PortResult<()> {
        for change in changes {
            match change {
                ConditionChange::Opened(open) => {
                    tracing::error!(alert = open.key, text = open.text, "{}", open.title);
                }
                ConditionChange::Resolved { key, title, .. } => tracing::debug!(alert = key, "{title}"),
                ConditionChange::Closed { key, why, .. } => tracing::debug!(alert = key, "{why}"),
            }
        }
        Ok(())
    }
}
