//! What this crate needs of the world beside HTTP, mail and the store.

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;

/// Topics that people subscribe to (Amazon SNS).
#[async_trait]
pub trait Topics: Send + Sync {
    /// Publishes to a topic: a subject of at most 100 ASCII characters, a body of at most 262,144 bytes. The same may
    /// be published twice.
    async fn publish(&self, topic_arn: &str, subject: &str, body: &str) -> PortResult<()>;
}

/// Where it is noted that a channel fails, and that it works again.
#[async_trait]
pub trait Conditions: Send + Sync {
    /// Notes what became of conditions. The same may be noted twice.
    async fn note(&self, changes: &[cc_devops_alerts::ConditionChange], now: jiff::Timestamp) -> PortResult<()>;
}

#[async_trait]
impl Conditions for cc_devops_alerts::Conditions {
    async fn note(&self, changes: &[cc_devops_alerts::ConditionChange], now: jiff::Timestamp) -> PortResult<()> {
        Self::note(self, changes, now).await
    }
}
