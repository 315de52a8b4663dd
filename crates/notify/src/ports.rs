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
